"""Plumbing: the operating system, settings, breakers, logs, monitoring and reports."""
