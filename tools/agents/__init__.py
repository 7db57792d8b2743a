"""Real agent programs, driven through features by a model that follows a script."""
