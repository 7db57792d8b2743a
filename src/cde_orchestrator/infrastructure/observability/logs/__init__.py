"""The log: set up, rendered, written, rotated and read."""
