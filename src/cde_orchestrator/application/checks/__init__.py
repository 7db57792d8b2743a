"""The commands that gate phases: tried before work begins, shown, and changed by a person."""
