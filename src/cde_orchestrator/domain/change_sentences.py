"""What a change of the state was, as a sentence for people: "judge accepted after 2 attempts"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

from cde_orchestrator.domain.feature import CANCELLED, COMPLETED, FAILED, OUTPUTS_RESTORED
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.value import Value


class Member(Value):
    """A member of the state that a change set or removed.

    Attributes:
        keys: where it is: below a feature, the keys from there on; none for the whole.
        value: what it became; None where it was removed.
    """

    keys: tuple[str, ...]
    value: Any = None


class Changed(Value):
    """What a change is made of.

    Attributes:
        operation: the use case that made it.
        members: what was set or removed; all of one feature, or all of the project.
        feature: the feature's name; None where it is the project.
        attempts: by phase, the attempts until now that count, as far as they are known.
    """

    operation: str
    members: Sequence[Member]
    feature: str | None = None
    attempts: Mapping[str, int] = field(default_factory=dict)

    def value(self, *keys: str) -> Any:
        """What a member became; None where the change did not set it."""
        return next((each.value for each in self.members if each.keys == keys), None)

    def touches(self, *keys: str) -> bool:
        """Whether it set or removed a member, or something below it."""
        return any(each.keys[: len(keys)] == keys for each in self.members)

    def phases(self, *keys: str) -> list[str]:
        """The phases in which it set a member, or something below it."""
        found = (
            each.keys[1]
            for each in self.members
            if each.keys[:1] == ("phases",) and each.keys[2 : 2 + len(keys)] == keys
        )
        return list(dict.fromkeys(found))

    def phases_that_became(self, status: PhaseStatus) -> list[str]:
        """The phases that have this status since."""
        return [each for each in self.phases("status") if self._status(each) == status]

    def _status(self, phase: str) -> Any:
        return self.value("phases", phase, "status")


def sentence(changed: Changed) -> str | None:
    """What the change was, in a few words; None where it has no member that this release knows."""
    if changed.operation in _WHOLE:
        return _WHOLE[changed.operation]
    rules = _OF_PROJECT if changed.feature is None else _OF_FEATURE
    return next((words for rule in rules if (words := rule(changed))), None)


_WHOLE = {
    "restore_state": "an earlier state restored",
    "salvage_state": "state salvaged from what was intact",
    "move_state": "state moved",
    "rejoin_history": "changes that the files lacked made again",
    "repair_state": "state repaired",
}
"""Operations whose changes are about the state as a whole."""


def _created(changed: Changed) -> str | None:
    return "project created" if _is_whole(changed) else None


def _is_whole(changed: Changed) -> bool:
    return any(not each.keys for each in changed.members)


def _project_status(changed: Changed) -> str | None:
    status = changed.value("status")
    if status == "active" and changed.operation == "onboard_project":
        return "project set up"
    return {"active": "project activated", "archived": "project archived"}.get(str(status))


def _trials(changed: Changed) -> str | None:
    return "checks tried" if changed.touches("metadata", "trials") else None


def _started(changed: Changed) -> str | None:
    added = changed.value()
    if not isinstance(added, Mapping):
        return "feature removed" if _is_whole(changed) else None
    return f"feature {changed.feature} started with {added.get('workflow_type')}"


def _accepted(changed: Changed) -> str | None:
    phases = changed.phases_that_became(PhaseStatus.COMPLETED)
    if not phases:
        return None
    words = [f"{each} {_how(changed, each)}" for each in phases]
    ended = ["feature completed"] if changed.value("status") == COMPLETED else []
    return ", ".join([*words, *ended])


def _how(changed: Changed, phase: str) -> str:
    number = changed.attempts.get(phase, 1)
    approved = "approved" if changed.value("phases", phase, "work", "approval") else "accepted"
    return f"{approved} after {counted(number, 'attempt')}" if number > 1 else approved


def _closed(changed: Changed) -> str | None:
    status = changed.value("status")
    if status == FAILED:
        failed = ", ".join(changed.phases("work", "failures"))
        return f"{failed} failed, feature failed" if failed else "feature failed"
    return "feature cancelled" if status == CANCELLED else None


def _went_back(changed: Changed) -> str | None:
    returned = [
        each
        for each in changed.phases("work", "returned")
        if changed.value("phases", each, "work", "returned")
        or changed.value("phases", each, "work", "returned", "at")
    ]
    if returned:
        how = "reopened at" if changed.operation == "reopen_feature" else "back to"
        return f"{how} {returned[0]}"
    if not changed.touches("work", "events"):
        return None
    return _NOTED.get(changed.operation)


_NOTED = {
    "rollback_feature": "rollback begun",
    "send_back": "rollback begun",
    "reopen_feature": "rollback begun",
    "finish_feature": "committed",
    "start_run": "run of agents started",
    "stop_run": "run of agents stopped",
}


def _failed_attempt(changed: Changed) -> str | None:
    phases = changed.phases("work", "failures")
    return f"attempt at {', '.join(phases)} failed" if phases else None


def _resumed(changed: Changed) -> str | None:
    begun = changed.phases_that_became(PhaseStatus.IN_PROGRESS)
    if changed.operation == "resume_feature" and begun:
        return f"resumed at {begun[0]}"
    return None


def _continued(changed: Changed) -> str | None:
    workflow = changed.value("workflow_type")
    return f"continued in the workflow {workflow}" if workflow else None


def _renamed(changed: Changed) -> str | None:
    name = changed.value("name")
    if name:
        return f"renamed to {name}"
    return "goal edited" if changed.value("prompt") else None


def _waived(changed: Changed) -> str | None:
    return "waivers of criteria changed" if changed.touches("work", "waivers") else None


def _checked(changed: Changed) -> str | None:
    phases = changed.phases("work", "evidence")
    if not phases:
        return None
    kept = changed.value("phases", phases[0], "work", "evidence")
    code = changed.value("phases", phases[0], "work", "evidence", "exit_code")
    if isinstance(kept, Mapping):
        code = kept.get("exit_code")
    how = {None: "ended", 0: "passed"}.get(code, "failed")
    return f"check of {phases[0]} {how}"


def _refused(changed: Changed) -> str | None:
    for phase in changed.phases("work", "refused"):
        keys = ("phases", phase, "work", "refused")
        if changed.value(*keys) or changed.value(*keys, "at"):
            return f"submission of {phase} refused"
    return None


def _saved(changed: Changed) -> str | None:
    phases = changed.phases("work", "progress")
    return f"notes saved in {phases[0]}" if phases else None


def _ticked(changed: Changed) -> str | None:
    phases = changed.phases("work", "ticks")
    return f"tasks ticked in {phases[0]}" if phases else None


def _ran(changed: Changed) -> str | None:
    phases = changed.phases("work", "runs")
    return f"run of an agent recorded in {phases[0]}" if phases else None


def _claimed(changed: Changed) -> str | None:
    if not changed.touches("work", "claim"):
        return None
    claim = [each for each in changed.members if each.keys[:2] == ("work", "claim")]
    if all(each.keys[2:] == ("until",) for each in claim):
        return "work continued"
    return "work claimed" if any(each.value is not None for each in claim) else "work released"


def _looked(changed: Changed) -> str | None:
    begun = changed.phases("work", "start_source")
    if begun:
        return f"source recorded at the start of {begun[0]}"
    return "source compared" if changed.touches("work", "seen_source") else None


def _restored(changed: Changed) -> str | None:
    events = changed.value("work", "events")
    is_last = isinstance(events, list) and events and events[-1].get("event") == OUTPUTS_RESTORED
    return "outputs put back as they were accepted" if is_last else None


def _verified(changed: Changed) -> str | None:
    if not changed.touches("work", "verified"):
        return None
    kept = changed.value("work", "verified")
    red = changed.value("work", "verified", "criteria")
    if isinstance(kept, Mapping):
        red = kept.get("criteria")
    return f"proven again with red {', '.join(map(str, red))}" if red else "proven again"


def _otherwise(changed: Changed) -> str | None:
    """Which members changed, by the names that people have for them; None where none is known."""
    from cde_orchestrator.domain.member_names import UPDATED, member_name  # few need them

    named = [(name, each.value) for each in changed.members if (name := member_name(each.keys))]
    more = [each for each in named if each[0] != UPDATED] or named
    if not more:
        return None
    is_gone = all(value is None for _, value in more)
    names = ", ".join(dict.fromkeys(name for name, _ in more))
    return f"{names} {'removed' if is_gone else 'recorded'}"


_Rule = Callable[[Changed], str | None]
_OF_PROJECT: tuple[_Rule, ...] = (_created, _project_status, _trials, _otherwise)
_OF_FEATURE: tuple[_Rule, ...] = (
    *(_started, _went_back, _accepted, _closed, _resumed, _failed_attempt, _continued, _renamed),
    *(_waived, _restored, _verified, _refused, _checked, _saved, _ticked, _ran, _claimed, _looked),
    _otherwise,
)
"""Rules by how much their news is worth; the first with words speaks."""
