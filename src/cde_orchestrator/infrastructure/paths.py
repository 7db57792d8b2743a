"""Folders of a project that belong to the product."""

from __future__ import annotations

FOLDER = ".cde"
"""The folder in the project that everything of the product is in."""

RUNS = "runs"
"""In ``FOLDER``: what runs of agents and checks need, as locks and prompts in files."""
