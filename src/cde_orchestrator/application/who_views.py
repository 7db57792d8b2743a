"""The part of the contract that is about who did or decided something."""

from __future__ import annotations

from typing import TypedDict


class ApprovalView(TypedDict):
    """A person's yes: who, where, by which channel, and to what, by digests."""

    at: str
    user: str
    host: str
    channel: str
    place: str
    digest: str
    outputs: dict[str, str | None]


class WaiverView(TypedDict):
    """A person's word that a criterion, as ``text`` has it, counts without a proof."""

    at: str
    user: str
    host: str
    channel: str
    reason: str
    text: str


class ReaderView(TypedDict):
    """Who did a phase for which the workflow names an agent; ``as_wanted`` None: not known."""

    agent: str
    as_wanted: bool | None
    words: str
