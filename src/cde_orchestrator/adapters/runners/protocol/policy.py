"""What an agent that asks may do without a person: what its phase needs, within the project."""

from __future__ import annotations

import json
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
from cde_orchestrator.domain.text import marked_lines
from cde_orchestrator.infrastructure.system.protected_files import Accepted, edit_refusal, is_below
from cde_orchestrator.infrastructure.system.tree import is_folder

_READS = frozenset({"read", "search"})
_EDITS = frozenset({"edit", "delete", "move"})
_COMMAND = "execute"
_FILE = ("file_path", "path")
_FOLDER = ("cwd", "workdir", "dir_path", "directory")
"""Members of what a tool is called with that are paths, in the known programs."""
_CUT = ("...", "…")
_PATH_CHARACTERS = 1_024
"""What is longer is no path on some system, and makes a folder for each of its parts."""
_INPUT_KEPT = 4_000
"""Characters; a person is asked about less."""
_SHELLS = frozenset(
    f"{folder}{name}" for folder in ("", "/bin/", "/usr/bin/") for name in ("bash", "sh", "zsh")
)
_OF_EDITORS = frozenset({"create", "insert", "str_replace", "view"})
"""What tools that edit files call a command; no program has such a name and needs no more."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of the call of a tool, which comes in several updates.

    Attributes:
        command: the command line that it runs; empty where it runs none.
        input: what the tool is given, as JSON; empty where that is not said.
        paths: those that it names, wherever it does.
    """

    kind: str = "other"
    title: str = ""
    command: str = ""
    input: str = ""
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
            command=_command_line(member(given, "command")) if given else self.command,
            input=json.dumps(given, ensure_ascii=False)[:_INPUT_KEPT] if given else self.input,
            paths=tuple(dict.fromkeys(filter(None, named))),
        )

    @property
    def is_disguised(self) -> bool:
        """Whether a tool that is said to be of another kind is given a command."""
        return self.kind != _COMMAND and self.command not in {"", *_OF_EDITORS}

    @property
    def command_line(self) -> str:
        """The command line; its title where a program says nothing else of it."""
        return self.command if self.input or self.title.endswith(_CUT) else self.title

    @property
    def words(self) -> str:
        """What it does, for a line; empty as long as that is not known."""
        if self.kind == _COMMAND:
            return f"$ {self.command}" if self.command else ""
        is_known = self.kind in _READS | _EDITS and self.paths and not self.is_disguised
        return f"{self.kind} {', '.join(self.paths)}" if is_known else ""

    @property
    def telling(self) -> str:
        """What it does, as well as that is known."""
        return self.words or self.title or self.kind

    @property
    def whole(self) -> str:
        """The same for who decides about it: with what the tool is given, each line's end seen."""
        said = self.words or f"{self.title or self.kind} {self.input}"
        return marked_lines(said.strip())


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
        if call.is_disguised:
            return False
        if call.kind in _EDITS:
            refused = (self.edit_refusal(path) for path in call.paths)
            return bool(call.paths) and not any(refused) and not self._takes_folder(call)
        if any(not self.is_inside(path) for path in call.paths):
            return False
        if call.kind != _COMMAND:
            return call.kind in _READS
        words = plain_words(call.command_line)
        return is_asked_for(words, self.commands) or self._makes_folders(words, call.paths)

    def _makes_folders(self, words: Sequence[str], paths: Sequence[str]) -> bool:
        """Whether the words are a command that makes folders of the project, and no more.

        They are named from the project's folder: nowhere else is the command run.
        """
        made = [each for each in words[1:] if each != "-p"]
        is_for_folders = bool(made) and words[0] == "mkdir"
        is_here = all(self._leads_to(each) == self._leads_to(".") for each in paths)
        return is_for_folders and is_here and not any(map(self.edit_refusal, made))

    def edit_refusal(self, path: str) -> str | None:
        """Why the file is not to be edited; None where it may be."""
        leads_to, folder = self._leads_to(path), self._leads_to(".")
        if not is_below(leads_to, folder):
            return f"{path} is not a file of the project."
        within = Path(os.path.relpath(leads_to, folder))
        if reason := parts_problem(within.parts):
            return f"{path} is not to be edited: {reason}."
        name = within.as_posix()
        who = executed_by(name) or executed_by(f"{name}/")
        if who is not None and who not in TOOLS_OF_A_PROJECT:
            return f"{path} is executed by {who}: only a person allows it to be edited."
        return edit_refusal(self.folder / path, self.folder, self.accepted)

    def is_inside(self, path: str) -> bool:
        """Whether the path leads into the project, or to its folder."""
        folder, leads_to = self._leads_to("."), self._leads_to(path)
        return leads_to == folder or is_below(leads_to, folder)

    def _leads_to(self, path: str) -> str:
        if len(path) > _PATH_CHARACTERS:
            return ""
        try:
            return os.path.realpath(self.folder / path)
        except ValueError:  # it is none: it has a zero byte, or half of a letter
            return ""

    def _takes_folder(self, call: Call) -> bool:
        """Whether a whole folder is removed or moved: what is in it was not judged."""
        leads_to = (self._leads_to(each) for each in call.paths)
        return call.kind != "edit" and any(map(is_folder, leads_to))


def _command_line(command: Any) -> str:
    """The command as one line: a shell's, where it is a list with a shell in front."""
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        is_shell_line = len(command) == 3 and command[0] in _SHELLS and command[1] in {"-c", "-lc"}
        return command[2] if is_shell_line else shlex.join(command)
    return text(command)
