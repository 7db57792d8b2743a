"""The tools that agents call: each parses, runs one use case and shapes the reply."""
