"""The part of the contract that is about tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.feature_tasks import tasks_of
from cde_orchestrator.domain.tasks import TEXT_LIMIT, unnamed
from cde_orchestrator.domain.workflow import Workflow

SHOWN_LIMIT = 6_000
"""Characters of all tasks; of those after them, only the id and the state are shown."""


class TaskView(TypedDict):
    """A part of the work, the files and criteria that it names, and whether it is done."""

    id: str
    text: str
    files: list[str]
    criteria: list[str]
    done: bool


class TasksDone(TypedDict):
    """The ids of the tasks that are done, and of those that are open."""

    done: list[str]
    open: list[str]


def task_views(feature: Feature, workflow: Workflow) -> list[TaskView]:
    """The tasks as the contract has them, in the order in which they are listed."""
    views, room = list[TaskView](), SHOWN_LIMIT
    for each in tasks_of(feature, workflow):
        task = each.task
        room -= len(task.text) + sum(map(len, task.files + task.criteria))
        fits = room >= 0
        views.append(
            {
                "id": task.id,
                "text": task.text if fits else "",
                "files": list(task.files) if fits else [],
                "criteria": list(task.criteria) if fits else [],
                "done": each.done,
            }
        )
    return views


def tasks_done(feature: Feature, workflow: Workflow) -> TasksDone | None:
    """Which tasks are done; None where none are listed."""
    tasks = tasks_of(feature, workflow)
    if not tasks:
        return None
    return {
        "done": [each.task.id for each in tasks if each.done],
        "open": [each.task.id for each in tasks if not each.done],
    }


def tasks_words(tasks: TasksDone | None) -> str:
    """How many tasks are done and which are open, for people and agents; empty without tasks."""
    if tasks is None:
        return ""
    total = len(tasks["done"]) + len(tasks["open"])
    left = f"; open: {', '.join(tasks['open'])}" if tasks["open"] else ""
    return f"Tasks: {len(tasks['done'])} of {total} done{left}."


def task_line(task: TaskView) -> str:
    """A task in one line, with those of its files and criteria that its text does not name."""
    text = plain(task["text"] or "in the file", TEXT_LIMIT)
    more = unnamed(text, task["files"], task["criteria"])
    rest = f" ({plain(', '.join(more))})" if more else ""
    return f"{task['id']}: {text}{rest}"


def task_lines(tasks: Sequence[TaskView]) -> list[str]:
    """The tasks as a list with boxes, for an agent."""
    return [f"- [{'x' if each['done'] else ' '}] {task_line(each)}" for each in tasks]
