"""Git: every command goes through ``git_process.Git``."""
