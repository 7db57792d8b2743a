"""Health, metrics and alerts of a project."""
