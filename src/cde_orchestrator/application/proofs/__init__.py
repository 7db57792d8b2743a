"""Proving that what a feature promises is done: what shows it, and what was seen."""
