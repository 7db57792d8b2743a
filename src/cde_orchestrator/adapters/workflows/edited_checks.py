"""Changes checks in the text of a workflow file; every other character stays."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence

import yaml

_Edit = tuple[int, int, str]
"""From where to where, and what is there instead."""


def with_checks(text: str, phases: Mapping[str, Collection[str]], command: Sequence[str]) -> str:
    """The text of a valid file, in which this command gates the phases.

    Args:
        text: of the file.
        phases: ids by workflow.
        command: its words.
    """
    words = json.dumps(list(command), ensure_ascii=False)
    workflows = _entries(_entries(yaml.compose(text, Loader=yaml.SafeLoader))["workflows"])
    edits = [
        _edit(text, phase, words)
        for name, ids in phases.items()
        for phase in _entries(workflows[name])["phases"].value
        if _entries(phase)["id"].value in ids
    ]
    for start, end, instead in sorted(edits, reverse=True):
        text = text[:start] + instead + text[end:]
    return text


def _entries(node: yaml.Node | None) -> dict[str, yaml.Node]:
    return dict(_pairs(node))


def _pairs(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), value


def _edit(text: str, phase: yaml.Node, words: str) -> _Edit:
    """Replace what the check is, or add it below the phase's id."""
    entries = _entries(phase)
    check, named = entries.get("check"), entries["id"]
    if check is not None:
        is_block = isinstance(check, yaml.SequenceNode) and not check.flow_style and check.value
        end = check.value[-1].end_mark.index if is_block else check.end_mark.index
        start = check.start_mark.index
        return start, end, words if end > start else f" {words}"
    if getattr(phase, "flow_style", False):
        return named.end_mark.index, named.end_mark.index, f", check: {words}"
    line_end = text.find("\n", named.end_mark.index)
    at = len(text) if line_end < 0 else line_end - (text[line_end - 1] == "\r")
    end = "\r\n" if text[at : at + 1] == "\r" else "\n"
    indent = " " * phase.value[0][0].start_mark.column
    return at, at, f"{end}{indent}check: {words}"
