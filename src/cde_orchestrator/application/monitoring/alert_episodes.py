"""The events of alerts as episodes: from when one began to when it was resolved, in one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from cde_orchestrator.application.ports.health import AlertEvent, AlertState


class AlertEpisode(TypedDict):
    """An alert from its first event to its last.

    ``state`` and ``message`` are those of the last event, ``at`` its time; ``began`` is the time
    of the first one that is known, and ``events`` how many there are.
    """

    name: str
    title: str
    severity: str
    state: AlertState
    began: str
    at: str
    message: str
    events: int


def episodes(history: Sequence[AlertEvent]) -> list[AlertEpisode]:
    """The episodes of events, which come newest first; the one that changed last is first."""
    found: list[AlertEpisode] = []
    present: dict[str, AlertEpisode] = {}
    for event in reversed(history):
        name = event["name"]
        episode = present.get(name)
        if episode is None:
            episode = {
                "name": name,
                "title": event["title"],
                "severity": event["severity"],
                "state": event["state"],
                "began": event["at"],
                "at": event["at"],
                "message": "",
                "events": 0,
            }
            found.append(episode)
            present[name] = episode
        # What it was about is said as it fires; that it is over says no more.
        said = event["message"] if event["state"] in {"pending", "firing"} else ""
        episode["message"] = said or episode["message"] or event["message"]
        episode["state"], episode["at"] = event["state"], event["at"]
        episode["severity"] = event["severity"]
        episode["events"] += 1
        if event["state"] in {"resolved", "inactive"}:
            del present[name]
    return sorted(found, key=lambda each: each["at"], reverse=True)
