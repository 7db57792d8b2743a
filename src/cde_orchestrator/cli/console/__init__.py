"""The terminal: output, input, layout and wording."""
