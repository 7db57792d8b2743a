"""Connect the programs that agents run in."""
