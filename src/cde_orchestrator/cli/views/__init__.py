"""Replies as text for people, a module for each group."""
