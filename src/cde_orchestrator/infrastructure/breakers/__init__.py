"""Circuit breakers that all processes of a project share."""
