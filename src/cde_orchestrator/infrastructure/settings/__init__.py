"""The settings of a project and where each comes from."""
