"""The health status: facts, and a verdict on each."""
