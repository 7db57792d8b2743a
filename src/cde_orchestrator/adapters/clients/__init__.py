"""The configuration files of the programs that agents run in, and what their entries start."""
