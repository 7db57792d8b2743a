"""What the plan shows, run as it is written there, against the package as it is installed."""
