"""Workflows from YAML, prompts from Jinja templates."""
