"""The Agent Client Protocol: what is said to an agent that speaks it, and what it may do."""
