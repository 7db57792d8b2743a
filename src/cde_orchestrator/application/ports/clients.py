"""The programs that agents run in, as they are configured on this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cde_orchestrator.domain.clients import Client, Entry, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedFile:
    """What a client's configuration file is to become; nothing was written yet.

    Attributes:
        before: its content; None where there is no such file.
        after: its content then; None where it is to be removed.
        stamp: of the file that was read.
        mode: its permissions; None for those of any file of the project.
        entry: the entry as a client's file will have it; None: none.
    """

    path: Path
    before: bytes | None
    after: bytes | None
    stamp: tuple[int, ...] | None
    mode: int | None
    entry: Mapping[str, Any] | None = None


class ClientPrograms(Protocol):
    """Knows the clients' files, and starts what their entries start."""

    def is_present(self, client: Client) -> bool:
        """Whether the client seems to be installed for this user."""

    def path(self, client: Client, scope: Scope) -> Path:
        """Its configuration file.

        Raises:
            ValidationError: E332, it has none of that scope, or there is no home.
        """

    def entry(self, client: Client, scope: Scope) -> Entry | None:
        """Its entry, as the file has it.

        Raises:
            ValidationError: E330, the file cannot be read; E332 as ``path``.
        """

    def command(self, scope: Scope) -> str:
        """The program ``cde`` as an entry names it."""

    def snippet(self, client: Client, entry: Entry) -> str:
        """The file, had it nothing but the entry."""

    def connected(self, client: Client, scope: Scope, entry: Entry) -> PlannedFile:
        """The file with the entry; raises as ``entry``."""

    def disconnected(self, client: Client, scope: Scope) -> PlannedFile:
        """The file without it; raises as ``entry``."""

    def count_tools(self, client: Client, scope: Scope, entry: Entry) -> int:
        """How many tools the server has that the entry starts or reaches.

        Raises:
            ValidationError: E331, it has none, cannot be started or does not answer.
        """

    def guided(self, name: str, edit: Callable[[str], str]) -> PlannedFile:
        """A file of the project after an edit; one that becomes empty is removed.

        Raises:
            ValidationError: E330, it cannot be read, or the edit has a ``ValueError`` against it.
        """

    def hooked(
        self, name: str, change: Callable[[Entry], Entry], own: Collection[str]
    ) -> PlannedFile:
        """A file of the project with other hooks; raises as ``guided``.

        Args:
            name: its path in the project.
            change: from the hooks that there are, by event, to those that are wanted.
            own: events that go where they are not wanted.
        """

    def write(self, planned: PlannedFile) -> Path | None:
        """Write the file, if it is to be another; where its earlier content was copied to.

        Raises:
            ValidationError: E330, it changed meanwhile, or cannot be written.
        """
