"""Who was given what of a feature, in the connection that they keep or by their commands."""

from __future__ import annotations

import hashlib
from dataclasses import field

from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.lease import Caller
from cde_orchestrator.domain.project_facts import NO_RULES, OwnRules
from cde_orchestrator.domain.value import Value

FEATURES_KEPT = 100

_Who = tuple[str, str, str | None]
_Where = tuple[str, str | None, int, str]


class Briefings(Value, frozen=False):
    """The last caller of each feature that was given its present phase, as long as this process.

    A command ends at once, so that the phase's record keeps whom it gave the phase.
    Whoever was given it and submits it knows the feature, so that only what is new is said next.
    Anybody else, and anybody after somebody else, is given everything.
    """

    _given: dict[str, tuple[_Who, _Where, OwnRules | None]] = field(default_factory=dict)

    def knows(self, caller: Caller, feature: Feature, rules: OwnRules | None = None) -> bool:
        """Whether this caller was the last one that was given the phase and the rules as now.

        Whom a command gave it stays known while others merely ask for it.
        """
        record = feature.phases.get(feature.current_phase or "")
        given = self._given.get(feature.id) == (_who(caller), _where(feature), rules)
        by_command = record is not None and record.given == _by_command(caller, rules)
        return bool(caller.connection) and (given or by_command)

    def give(self, caller: Caller, feature: Feature, rules: OwnRules | None = None) -> None:
        """Note that the caller is given the feature's present phase, in full or as what is new."""
        self._given.pop(feature.id, None)
        if caller.connection and feature.is_open:
            self._given[feature.id] = _who(caller), _where(feature), rules
        for oldest in list(self._given)[:-FEATURES_KEPT]:
            self._given.pop(oldest, None)


def keep_given(caller: Caller | None, feature: Feature, rules: OwnRules | None = None) -> None:
    """Keep with the feature that a command gives its caller the present phase, in a change.

    Whoever was given it by a command before is forgotten, also where the caller has a connection.
    """
    record = feature.phases.get(feature.current_phase or "")
    if record is not None and caller is not None:
        record.given = _by_command(caller, rules) if caller.channel == "shell" else ""


def _by_command(caller: Caller, rules: OwnRules | None) -> str:
    """Who calls by commands, and the rules that they are given; empty for nobody in particular."""
    if not caller.connection or rules is None or rules == NO_RULES:
        return caller.connection
    return f"{caller.connection} {hashlib.sha256(repr(rules).encode()).hexdigest()[:16]}"


def _who(caller: Caller) -> _Who:
    return caller.connection, caller.client, caller.agent


def _where(feature: Feature) -> _Where:
    """Goal, phase and attempt; an edit, a rollback or another one's submission makes it another."""
    record = feature.phases.get(feature.current_phase or "")
    begun = record.started_at if record else None
    return feature.prompt, feature.current_phase, record.attempts if record else 0, str(begun)
