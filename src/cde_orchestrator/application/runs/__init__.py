"""Use cases that start agents."""
