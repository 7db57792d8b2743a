"""Alerts: rules, their state, and who is notified."""
