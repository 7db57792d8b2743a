"""What the adapters stand on: files, locks, the journal, logs and operations."""
