"""The clients as they are on this machine, for one project."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from cde_orchestrator.adapters.clients import json_text
from cde_orchestrator.adapters.clients.careful_file import CarefulFile
from cde_orchestrator.adapters.clients.config_file import ConfigFile
from cde_orchestrator.adapters.clients.own_command import own_command
from cde_orchestrator.adapters.clients.server_trial import (
    TrialError,
    tools_reached,
    tools_started,
)
from cde_orchestrator.application.ports.clients import PlannedFile
from cde_orchestrator.domain.clients import (
    NAME,
    TOKEN_VARIABLE,
    WORKSPACE,
    Client,
    Entry,
    Scope,
    started_words,
)
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.text import why_unreadable
from cde_orchestrator.infrastructure.paths import FOLDER, user_state_folder
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.tree import guard, kind_of

_HOOKS = "hooks"


class InstalledClients:
    """Reads and writes the clients' files; a file of a project is reached without any link.

    Args:
        root: the project's folder.
        home: the user's; that of this process when None.
        platform: as ``sys.platform``.
        environment: where programs and folders are named.
    """

    def __init__(
        self,
        root: Path,
        home: Path | None = None,
        platform: str = sys.platform,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._root, self._platform, self._environment = root, platform, environment
        usual = Path(os.path.expanduser("~"))  # noqa: PTH111 - which never fails
        self._home = usual if home is None else home
        self._tried: dict[tuple[str, ...], int] = {}

    def is_present(self, client: Client) -> bool:
        """Whether its program is on ``PATH``, or its file or the folder of it exists."""
        if any(programs.found(each, self._environment) for each in client.programs):
            return True
        if not self._home.is_absolute():
            return False
        file = self._user_file(client)
        return bool(kind_of(file)) or (file.parent != self._home and file.parent.is_dir())

    def path(self, client: Client, scope: Scope) -> Path:
        """Its file; E332 where it has none."""
        if scope == "project":
            if client.project is None:
                raise _refusal(client, "it reads no file of a project, only the user's own")
            return _or_with_comments(client, self._root / client.project)
        if not self._home.is_absolute():
            raise _refusal(client, "this user has no home")
        return self._user_file(client)

    def command(self, scope: Scope) -> str:
        """What colleagues have on their ``PATH``, or the path of this installation's own."""
        return NAME if scope == "project" else own_command(self._environment)

    def entry(self, client: Client, scope: Scope) -> Entry | None:
        """Its entry; E330, E332."""
        return self._file(client, scope).entry()

    def connected(self, client: Client, scope: Scope, entry: Entry) -> PlannedFile:
        """The file with the entry; E330, E332."""
        if client.session == "pinned" and not kind_of(self._root / FOLDER):
            reason = f"it serves one project, and {self._root} is not set up (cde init)"
            raise _refusal(client, reason)
        return self._file(client, scope).connected(entry, client.own_keys)

    def disconnected(self, client: Client, scope: Scope) -> PlannedFile:
        """The file without the entry; E330, E332."""
        return self._file(client, scope).disconnected()

    def count_tools(self, client: Client, scope: Scope, entry: Entry) -> int:
        """How many tools the server of the entry has; E331.

        What a file of the project sets in addition may be a stranger's: it is not used.
        """
        address = entry.get(str(client.address))
        words = started_words(entry)
        try:
            if address is not None:
                return tools_reached(str(address), self._environment.get(TOKEN_VARIABLE))
            more = entry.get("env") if scope == "user" else None
            more = more if isinstance(more, dict) else {}
            set_by_it = {str(name): str(value) for name, value in more.items()}
            shown = [each.replace(WORKSPACE, str(self._root)) for each in words]
            key = (*shown, *(f"{name}={value}" for name, value in set_by_it.items()))
            if key not in self._tried:  # several clients start the very same
                self._tried[key] = tools_started(shown, set_by_it, self._environment)
            return self._tried[key]
        except TrialError as error:
            started = address if address is not None else " ".join(words)
            raise ValidationError.of(
                "E331", client=client.title, started=started, reason=str(error).rstrip(".")
            ) from error

    def write(self, planned: PlannedFile) -> Path | None:
        """Write the file; E330."""
        return CarefulFile(planned.path, self._copies).write(planned)

    def snippet(self, client: Client, entry: Entry) -> str:
        """The file, had it nothing but the entry."""
        file = CarefulFile(self._user_file(client), None)
        return ConfigFile(file, client.section).snippet(entry)

    def guided(self, name: str, edit: Callable[[str], str]) -> PlannedFile:
        """A file of the project after an edit; E330."""
        guard(self._root)
        file = CarefulFile(self._root / name, self._copies, private=False)
        plan = file.read()
        try:
            text = edit("" if plan.before is None else plan.before.decode())
        except ValueError as error:
            raise file.refusal(why_unreadable(error)) from error
        return replace(plan, after=text.encode() or None)

    def hooked(
        self, name: str, change: Callable[[Entry], Entry], own: Collection[str]
    ) -> PlannedFile:
        """A file of the project with other hooks; E330."""

        def edit(text: str) -> str:
            present = json_text.parsed(text).get(_HOOKS) or {}
            if not isinstance(present, dict):
                raise ValueError(f"its '{_HOOKS}' is not an object")
            return json_text.with_members(text, _HOOKS, change(present), own)

        return self.guided(name, edit)

    def _file(self, client: Client, scope: Scope) -> ConfigFile:
        if scope == "project":
            guard(self._root)
        path, private = self.path(client, scope), scope == "user"
        return ConfigFile(CarefulFile(path, self._copies, private=private), client.section)

    @property
    def _copies(self) -> Path | None:
        folder = user_state_folder()
        return folder and folder / "clients"

    def _user_file(self, client: Client) -> Path:
        path = Path(client.user_file(self._home, self._platform, self._environment))
        return _or_with_comments(client, path)


def _or_with_comments(client: Client, path: Path) -> Path:
    """The file of the other name, where the client reads two and that one is there."""
    other = path.with_suffix(client.other_suffix or path.suffix)
    return other if kind_of(other) else path


def _refusal(client: Client, reason: str) -> ValidationError:
    return ValidationError.of("E332", client=client.title, reason=reason)
