"""What the known agent programs print, as lines for people and as a report."""
