"""Use cases of a feature, from its start to its end."""
