"""What phases are given where only their rules matter; it loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def deliverable(output: Mapping[str, Any]) -> str:
    """A text that passes the gate of a declared output."""
    asked = [heading for heading in output["must_contain"] if not heading.startswith("re:")]
    words = (
        "AC1, T1, F1, S1: what was done, and how anybody sees that it works. Confidence: high.\n"
    )
    body: str = "\n\n".join(f"{heading}\n\n{words}" for heading in asked or ["# Result"])
    body += "".join(f"\n\nVerdict: {verdict}\n" for verdict in output["verdict"][:1])
    return body + "\n" + words * (int(output["min_bytes"]) // len(words) + 1)
