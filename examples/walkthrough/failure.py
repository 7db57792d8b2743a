"""How the demo fails."""

from __future__ import annotations


class DemoError(Exception):
    """The demo cannot go on; its words are for the person who started it."""
