"""What an agent that asks may do without a person: what its phase needs, within the project."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acp.schema import FileEditToolCallContent, ToolCall, ToolCallUpdate

from cde_orchestrator.adapters.runners.output.reader import member, text
from cde_orchestrator.domain.agent_flags import is_asked_for, plain_words
from cde_orchestrator.domain.executed_places import TOOLS_OF_A_PROJECT, executed_by
from cde_orchestrator.domain.project_paths import parts_problem
from cde_orchestrator.infrastructure.system.protected_files import Accepted, edit_refusal, is_below

_READS = frozenset({"read", "search"})
_EDITS = frozenset({"edit", "delete", "move"})
_COMMAND = "execute"
_FILE = ("file_path", "path")
_FOLDER = ("cwd", "workdir", "dir_path", "directory")
"""Members of what a tool is called with that are paths, in the known programs."""
_CUT = ("...", "…")


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of the call of a tool, which comes in several updates.

    Attributes:
        command: the command line that it runs; empty where it runs none.
        paths: those that it names, wherever it does.
    """

    kind: str = "other"
    title: str = ""
    command: str = ""
    paths: tuple[str, ...] = ()

    def updated(self, update: ToolCall | ToolCallUpdate) -> Call:
        """The same call with what an update adds to it."""
        given, kind = update.raw_input, update.kind or self.kind
        diffs = (each for each in update.content or () if isinstance(each, FileEditToolCallContent))
        named = (
            *self.paths,
            *(each.path for each in update.locations or ()),
            *(each.path for each in diffs),
            *(text(member(given, name)) for name in _FILE),
            *(text(member(given, name)) for name in _FOLDER if kind == _COMMAND),
        )
        return replace(
            self,
            kind=kind,
            title=update.title or self.title,
            command=_command_line(member(given, "command")) or self.command,
            paths=tuple(dict.fromkeys(filter(None, named))),
        )

    @property
    def command_line(self) -> str:
        """The command line; its title where a program says it nowhere else."""
        if self.kind != _COMMAND or self.command or self.title.endswith(_CUT):
            return self.command
        return self.title

    @property
    def words(self) -> str:
        """What it does, for a line; empty as long as that is not known."""
        if self.kind == _COMMAND:
            return f"$ {self.command}" if self.command else ""
        is_known = self.kind in _READS | _EDITS and self.paths
        return f"{self.kind} {', '.join(self.paths)}" if is_known else ""

    @property
    def telling(self) -> str:
        """What it does, as well as that is known."""
        return self.words or self.title or self.kind


@dataclass(frozen=True, slots=True)
class Policy:
    """What needs no person.

    Attributes:
        folder: of the project, or a worktree of it.
        accepted: outputs that stay as they are.
        commands: what the phase asks for.
    """

    folder: Path
    accepted: Accepted
    commands: Sequence[Sequence[str]]

    def allows(self, call: Call) -> bool:
        """Whether the call is one that the phase needs."""
        if call.kind in _EDITS:
            refused = (self.edit_refusal(path) for path in call.paths)
            return bool(call.paths) and not any(refused) and not self._holds_accepted(call)
        if any(not self.is_inside(path) for path in call.paths):
            return False
        words = plain_words(call.command_line) if call.kind == _COMMAND else ()
        return (
            call.kind in _READS or is_asked_for(words, self.commands) or self._makes_folders(words)
        )

    def _makes_folders(self, words: Sequence[str]) -> bool:
        """Whether the words are a command that makes folders of the project, and no more."""
        made = [each for each in words[1:] if each != "-p"]
        is_for_folders = bool(made) and words[0] == "mkdir"
        return is_for_folders and not any(map(self.edit_refusal, made))

    def edit_refusal(self, path: str) -> str | None:
        """Why the file is not to be edited; None where it may be."""
        leads_to, folder = self._leads_to(path), self._leads_to(".")
        if not is_below(leads_to, folder):
            return f"{path} is not a file of the project."
        within = Path(os.path.relpath(leads_to, folder))
        if reason := parts_problem(within.parts):
            return f"{path} is not to be edited: {reason}."
        who = executed_by(within.as_posix())
        if who is not None and who not in TOOLS_OF_A_PROJECT:
            return f"{path} is executed by {who}: only a person allows it to be edited."
        return edit_refusal(self.folder / path, self.folder, self.accepted)

    def is_inside(self, path: str) -> bool:
        """Whether the path leads into the project, or to its folder."""
        folder, leads_to = self._leads_to("."), self._leads_to(path)
        return leads_to == folder or is_below(leads_to, folder)

    def _leads_to(self, path: str) -> str:
        try:
            return os.path.realpath(self.folder / path)
        except ValueError:  # it is none: it has a zero byte, or half of a letter
            return ""

    def _holds_accepted(self, call: Call) -> bool:
        """Whether what is removed or moved is a folder with outputs that stay."""
        kept = [self._leads_to(each) for each in self.accepted]
        return any(is_below(each, self._leads_to(path)) for each in kept for path in call.paths)


def _command_line(command: Any) -> str:
    """The command as one line: a shell's, where it is a list with a shell in front."""
    if isinstance(command, list) and len(command) == 3 and command[1] in {"-c", "-lc"}:
        return text(command[2])
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return shlex.join(command)
    return text(command)
