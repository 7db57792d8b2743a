"""Use cases of health, alerts and the dashboard."""
