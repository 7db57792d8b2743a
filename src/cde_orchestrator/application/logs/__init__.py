"""Use cases that look into logs, traces and error reports."""
