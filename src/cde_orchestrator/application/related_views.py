"""The part of the contract that is about features on the same files."""

from __future__ import annotations

from typing import TypedDict

COMPLETED = "completed"


class RelatedView(TypedDict):
    """A feature on the same files.

    ``files`` are at most five of them, of ``total``; there are none where only the words of its
    goal are alike. ``open_points`` are those of its review, the file ``review``.
    """

    feature: str
    status: str
    files: list[str]
    total: int
    review: str | None
    open_points: list[str]


def related_words(each: RelatedView) -> str:
    """A feature on the same files, in one sentence for people and agents."""
    more = each["total"] - len(each["files"])
    where = ", ".join(each["files"]) + (f" and {more} more" if more else "")
    if each["status"] != COMPLETED:
        about = f"changes {where}, too" if where else "is about something alike"
        return f"Feature {each['feature']} is open and {about}: agree on who goes first."
    about = f"changed {where}" if where else "was about something alike"
    count = len(each["open_points"])
    points = f"; open in its review {each['review']}: {count}" if count else ""
    return f"Earlier feature {each['feature']} {about}{points}."
