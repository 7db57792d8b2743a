"""Examine a project from the outside: `cde doctor` and what it repairs."""
