"""The tasks of a feature with their state, as its accepted outputs and its agents left them.

The list is the newest that was accepted; a new one begins with all tasks open. Ticks belong to
the phase in which they were made, so that a rollback of the phase takes them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.tasks import TASKS_LIMIT, Task, tasks_in, ticks_in
from cde_orchestrator.domain.text import harmless
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Phase, Workflow

_ID_SHOWN = 40


class TaskState(Value):
    """A task, and whether it is done."""

    task: Task
    done: bool


def tasks_of(feature: Feature, workflow: Workflow) -> list[TaskState]:
    """The tasks that count now; none where no accepted output lists any."""
    listed: Sequence[Task] = ()
    ticks: dict[str, bool] = {}
    for phase in workflow.phases:
        record = feature.phases[phase.id]
        if record.tasks:
            listed, ticks = record.tasks, {}
        else:
            ticks |= record.ticks
    return [TaskState(task, ticks.get(task.id, False)) for task in listed]


def accepted_tasks(
    feature: Feature, workflow: Workflow, phase: Phase, contents: Mapping[str, bytes]
) -> tuple[list[Task], dict[str, bool]]:
    """What the record of a phase has of tasks once its outputs, by id, are accepted.

    They list the tasks, where the workflow says so, or tick those that were listed before.
    """
    known = {each.task.id for each in tasks_of(feature, workflow)}
    tasks, ticks = list[Task](), {**feature.phases[phase.id].ticks}
    for output in phase.outputs:
        if output.type != "markdown" or output.id not in contents:
            continue
        if output.covers or known:
            lines = markdown.read(contents[output.id].decode("utf-8-sig", "replace"))
            found = tasks_in(lines)[:TASKS_LIMIT] if output.covers else []
            tasks += [replace(task, text=_storable(task.text)) for task in found]
            ticks |= ticks_in(lines, known)
    return tasks, ticks


def tick(
    feature: Feature,
    workflow: Workflow,
    phase: Phase,
    done: Iterable[str],
    undone: Iterable[str],
) -> None:
    """Note in the current phase which tasks are done, and which are not after all.

    Each word is the id of a task, or several ids with commas between them.

    Raises:
        FeatureError: E153, there is no such task; nothing was noted.
        ValidationError: E305, a task is said to be both; nothing was noted.
    """
    known = [each.task.id for each in tasks_of(feature, workflow)]
    ticks = {_known(key, known, feature): True for key in _ids(done)}
    unticks = {_known(key, known, feature): False for key in _ids(undone)}
    if both := ", ".join(key for key in unticks if key in ticks):
        raise ValidationError.of("E305", argument="undone", reason=f"done has {both}, too")
    feature.phases[phase.id].ticks |= ticks | unticks


def keep_ticks(before: Sequence[TaskState], feature: Feature, workflow: Workflow) -> None:
    """Let what was done in another workflow count for the tasks that are the same here."""
    done = {each.task for each in before if each.done}
    same = {each.task.id: True for each in tasks_of(feature, workflow) if each.task in done}
    feature.phases[feature.current_phase or ""].ticks |= same


def _ids(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield from filter(str.strip, word.split(",")) if word.strip(" ,") else [word]


def _known(key: str, known: Sequence[str], feature: Feature) -> str:
    found = key.strip().upper()
    if found not in known:
        tasks = ", ".join(known) or "none so far"
        raise FeatureError.of("E153", feature=feature.name, task=key[:_ID_SHOWN], tasks=tasks)
    return found


def _storable(text: str) -> str:
    return harmless(without_secrets(text))
