"""Runners of tests, a module for each."""
