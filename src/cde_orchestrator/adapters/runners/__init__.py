"""Programs that are started for a project, and who may start them."""
