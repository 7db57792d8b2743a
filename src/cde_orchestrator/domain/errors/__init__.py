"""The catalogue of errors and how they are worded."""
