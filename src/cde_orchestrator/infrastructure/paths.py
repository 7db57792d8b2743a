"""Folders of a project that belong to the product."""

from __future__ import annotations

FOLDER = ".cde"
"""The folder in the project that everything of the product is in."""

STATE = "state.json"
"""In ``FOLDER``: the newest checkpoint of the state, as far as files keep it."""

JOURNAL = "journal.jsonl"
"""In ``FOLDER``: the changes since the checkpoint before, one a line."""

RUNS = "runs"
"""In ``FOLDER``: what runs of agents and checks need, as locks and prompts in files."""
