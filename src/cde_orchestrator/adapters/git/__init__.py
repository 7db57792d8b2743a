"""Git: every command goes through ``command.Git``."""
