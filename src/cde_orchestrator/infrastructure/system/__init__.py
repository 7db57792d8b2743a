"""The operating system: files, locks, processes, retries."""
