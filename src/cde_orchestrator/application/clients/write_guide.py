"""Explain the phases to agents in files of the project that clients read by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, TypedDict

from cde_orchestrator.application.ports.clients import ClientPrograms, PlannedFile
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.client_guide import (
    AGENTS_FILE,
    command_file,
    with_command,
    with_paragraph,
    without_command,
    without_paragraph,
)


class GuideFile(TypedDict):
    """A file of the project, and what was done about it."""

    path: str
    outcome: Literal["written", "removed", "unchanged"]


class GuideReply(TypedDict):
    """The files that explain the phases to agents."""

    files: list[GuideFile]


class WriteGuide(UseCase[GuideReply], operation="write_guide", tolerant=True):
    """Write a paragraph into ``AGENTS.md``, and the command ``/cde`` of clients that have such.

    Attributes:
        clients_named: whose commands.
        remove: take both away again.
    """

    clients_named: Sequence[str]
    remove: bool = False

    def __call__(self, *, clients: ClientPrograms) -> GuideReply:
        """Raises E330."""
        edits: list[tuple[str, Callable[[str], str]]] = [
            (AGENTS_FILE, without_paragraph if self.remove else with_paragraph)
        ]
        for name in self.clients_named:
            if (file := command_file(name)) is not None:
                edit = without_command if self.remove else partial(with_command, name)
                edits.append((file, edit))
        planned = [clients.guided(file, edit) for file, edit in edits]  # all, or none is written
        return {"files": written(planned, clients, remove=self.remove)}


def written(
    planned: Sequence[PlannedFile], clients: ClientPrograms, *, remove: bool
) -> list[GuideFile]:
    """The files, once they are written; raises E330."""
    files: list[GuideFile] = []
    for each in planned:
        clients.write(each)
        changed: Literal["written", "removed"] = "removed" if remove else "written"
        outcome = changed if each.after != each.before else "unchanged"
        files.append({"path": str(each.path), "outcome": outcome})
    return files
