"""The part of a feature's record that says under which rules it was completed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from cde_orchestrator.domain.demands import PhaseApproval, PhaseDemand, Rules
from cde_orchestrator.domain.value import completed


def plain_rules(rules: Rules | None) -> dict[str, Any]:
    """The member of the record; none where nothing is known."""
    return {"rules": asdict(rules)} if rules else {}


def read_rules(data: object) -> Rules | None:
    """The rules that a record has.

    Raises:
        KeyError: a member is missing.
        TypeError: one is of another type.
        ValueError: one has another value.
    """
    if data is None:
        return None
    found = _mapping(data)
    return Rules(
        workflow=_text(found["workflow"]),
        phases=tuple(_demand(_mapping(each)) for each in _list(found["phases"])),
        approvals=tuple(_approval(_mapping(each)) for each in _list(found["approvals"])),
    )


def _demand(found: Mapping[str, Any]) -> PhaseDemand:
    handler, changes = found["handler"], found["changes"]
    if handler not in ("agent", "human_input") or not isinstance(changes, bool):
        raise ValueError("a phase demands what no workflow does")
    return PhaseDemand(
        id=_text(found["id"]),
        handler=handler,
        changes=changes,
        paths=_texts(found["paths"]),
        exclude=_texts(found["exclude"]),
        proves=_text(found["proves"]),
        verdicts=_texts(found["verdicts"]),
    )


def _approval(found: Mapping[str, Any]) -> PhaseApproval:
    names = [each.name for each in fields(completed(PhaseApproval))]
    return PhaseApproval(**{name: _text(found[name]) for name in names})


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not a mapping"[:80])
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is not a list"[:80])
    return list(value)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text"[:80])
    return value
