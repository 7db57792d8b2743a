"""Cuts the channels of an answer, structured content and text, so that each fits alone.

A client shows its model one of the two: each has the whole answer, and a limit of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

REPLY_LIMIT = 25_000
"""Characters of a channel of an answer: of the structured content as JSON, and of the text."""

RESERVE = 1_000
"""Of these, for what is added to every answer: a notice, and what comes around the content."""

GOAL_REST = "goal_rest"
"""What the prompt does not quote of a goal: of all other texts, it is cut last."""

_ROOM = REPLY_LIMIT - RESERVE
_SHORTEST_CUT = 200
_RECORD = 24
"""Members of a mapping that is a record; one with more is a collection."""


def excess_of(structured: Mapping[str, Any], text: str) -> float:
    """The longer channel as a multiple of what fits: above 1 it has to be cut."""
    return max(length(structured), len(text)) / (_ROOM - RESERVE)


def length(value: object) -> int:
    """Characters of a value as JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def fitted(structured: dict[str, Any], whole: str, taken: int = 0) -> dict[str, Any]:
    """Cut the longest texts, then the longest lists, until it fits; say where all of it is.

    A phase's prompt is what the caller works by: it is cut when nothing else could be shorter,
    and then in its middle, for it ends with what the phase's outputs have to fulfil.

    Args:
        structured: the content, which may be changed.
        whole: where the full content is.
        taken: characters that something else of the channel takes.
    """
    marker, room = _marker(whole), _ROOM - taken
    phase = structured.get("phase")
    prompt = phase.get("prompt") if isinstance(phase, dict) else None
    if not isinstance(phase, dict) or not isinstance(prompt, str):
        return structured if _shorten(structured, room, marker, whole) else {"cut": whole}
    phase["prompt"] = ""
    if not _shorten(structured, room - length(prompt), marker, whole):
        surplus = length(structured) + length(prompt) - room
        prompt = _cut_middle(prompt, _unescaped(surplus, prompt), marker)
    phase["prompt"] = prompt
    return structured if length(structured) <= room else {"cut": whole}


def fitted_text(text: str, prompt: str, end: str, whole: str) -> str:
    """The text with its end, cut before the prompt, then after it, then in the prompt's middle."""
    marker, room = _marker(whole), _ROOM - len(end)
    if len(text) <= room:
        return text + end
    before, prompt, after = text.partition(prompt) if prompt else (text, "", "")
    before = _cut(before, len(text) - room, f"{marker}\n\n" if prompt else marker)
    after = _cut(after, len(before + prompt + after) - room, marker)
    return before + _cut_middle(prompt, len(before + prompt + after) - room, marker) + after + end


def _marker(whole: str) -> str:
    return f"\n[cut; in full: {whole}]"


def _shorten(structured: dict[str, Any], room: int, marker: str, whole: str) -> bool:
    """Shorten what there is in addition to the prompt; whether it has become short enough."""
    while (surplus := length(structured) - room) > 0:
        cuts = [
            (key != GOAL_REST, length(holder[key]), holder, key, after)
            for holder, key in _texts(structured)
            if len(after := _cut(holder[key], _unescaped(surplus, holder[key]), marker))
            < len(holder[key])
        ]
        if cuts:
            *_, holder, key, after = max(cuts, key=lambda cut: cut[:2])
            holder[key] = after
        elif _halve_longest(structured):
            structured["cut"] = whole
        else:  # nothing is left that could be shorter in part
            return False
    return True


def _halve_longest(structured: dict[str, Any]) -> bool:
    """Omit the end of the longest list, or of a long mapping; whether there was one."""
    longest = max(_collections(structured), key=length, default=None)
    if isinstance(longest, list):
        del longest[len(longest) // 2 :]
    elif longest is not None:
        for key in list(longest)[len(longest) // 2 :]:
            del longest[key]
    return longest is not None


def _collections(value: Any) -> Iterator[Any]:
    """Every list with items and every long mapping in nested data, but what a phase demands."""
    if isinstance(value, (list, dict)) and len(value) > (_RECORD if isinstance(value, dict) else 0):
        yield value
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in {"phase", "next"}:
                yield from _collections(item)
    elif isinstance(value, list):
        for item in value:
            yield from _collections(item)


def _cut(text: str, surplus: int, marker: str) -> str:
    if surplus <= 0:
        return text
    shorter = text[: max(len(text) - surplus - len(marker), _SHORTEST_CUT)] + marker
    return shorter if len(shorter) < len(text) else text


def _cut_middle(text: str, surplus: int, marker: str) -> str:
    """The beginning of the text and twice as much of its end."""
    if surplus <= 0:
        return text
    kept = max(len(text) - surplus - len(marker) - 1, _SHORTEST_CUT)
    beginning, end = text[: kept // 3], text[len(text) - (kept - kept // 3) :]
    shorter = f"{beginning}{marker}\n{end}"
    return shorter if len(shorter) < len(text) else text


def _unescaped(surplus: int, text: str) -> int:
    """As many characters of a text as make up the surplus as JSON, where escapes are longer."""
    return int(surplus / max(length(text) / max(len(text), 1), 1.0)) + 16


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every text in nested data, as its container and its key."""
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in list(items):
        if isinstance(item, str):
            yield value, key
        else:
            yield from _texts(item)
