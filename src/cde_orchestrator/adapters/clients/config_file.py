"""A client's configuration file, with its entry for cde."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from cde_orchestrator.adapters.clients import json_text, toml_text
from cde_orchestrator.adapters.clients.careful_file import CarefulFile
from cde_orchestrator.application.ports.clients import PlannedFile
from cde_orchestrator.domain.clients import NAME, Entry, is_own, started_words
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.text import why_unreadable

_BOM = "\ufeff"

Edit = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file with an entry in one of its sections.

    Attributes:
        file: where it is, and how it may be changed.
        section: the member that has the servers.
    """

    file: CarefulFile
    section: str

    def entry(self) -> dict[str, Any] | None:
        """The entry; None where there is none.

        Raises:
            ValidationError: E330, the file cannot be read or understood, or the entry is another
                program's.
        """
        return self._understood(self.file.read().before)

    def snippet(self, entry: Entry) -> str:
        """The file's content, had it nothing but the entry."""
        return self._with("", entry, entry)

    def connected(self, entry: Entry, own: Collection[str]) -> PlannedFile:
        """The file with the entry; E330 as ``entry``."""
        return self._changed(lambda text: self._with(text, entry, own), {**entry}, own)

    def disconnected(self) -> PlannedFile:
        """The file without the entry, as it was before where it was not changed since."""
        plan = self.file.read()
        data = plan.before
        entry = self._understood(data)
        if data is None or entry is None:
            return plan
        for earlier in (self.file.copied(), None):
            if self._becomes(earlier, entry) == data:
                return replace(plan, after=earlier)
        return self._changed(
            lambda text: str(self._form.without_entry(text, self.section, NAME)), None, ()
        )

    @property
    def _form(self) -> ModuleType:
        return toml_text if self.file.path.suffix == ".toml" else json_text

    def _with(self, text: str, entry: Entry, own: Collection[str]) -> str:
        return str(self._form.with_entry(text, self.section, NAME, entry, own))

    def _becomes(self, earlier: bytes | None, entry: Entry) -> bytes | None:
        """What the entry makes of an earlier content; None where it had one before."""
        try:
            if self._understood(earlier) is not None:
                return None
            text = "" if earlier is None else earlier.decode()
            return _bom(text, lambda each: self._with(each, entry, entry)).encode()
        except (CDEError, ValueError):
            return None

    def _changed(
        self, edit: Edit, entry: dict[str, Any] | None, own: Collection[str]
    ) -> PlannedFile:
        plan = self.file.read()
        before = self._understood(plan.before)
        if entry is not None:
            kept = {key: value for key, value in (before or {}).items() if key not in own}
            entry = {**kept, **entry}
        try:
            text = "" if plan.before is None else plan.before.decode()
            after = _bom(text, edit)
            if self._others(text) != self._others(after):
                raise ValueError("cde could not change it without changing more")
            if self._form.parsed(_plain(after)).get(self.section, {}).get(NAME) != entry:
                raise ValueError("its entry is in a form that cde does not change")
        except (ValueError, AttributeError) as error:
            raise self.file.refusal(why_unreadable(error)) from error
        return replace(plan, after=after.encode(), entry=entry)

    def _others(self, text: str) -> Mapping[str, Any]:
        """What the file says in addition to the entry."""
        content = self._form.parsed(_plain(text))
        servers = {**content.get(self.section, {})}
        servers.pop(NAME, None)
        return {**content, self.section: servers}

    def _understood(self, data: bytes | None) -> dict[str, Any] | None:
        """The entry in the content of the file."""
        if data is None:
            return None
        try:
            content = self._form.parsed(_plain(data.decode()))
        except (ValueError, RecursionError) as error:
            raise self.file.refusal(why_unreadable(error)) from error
        servers = content.get(self.section, {})
        found = servers.get(NAME) if isinstance(servers, dict) else servers
        if found is None and isinstance(servers, dict) and NAME not in servers:
            return None
        if not isinstance(found, dict):
            raise self.file.refusal(
                f"its '{self.section}' has no servers in the form that it should"
            )
        if not is_own(found):
            program = started_words(found)[0]
            raise self.file.refusal(
                f"its entry '{NAME}' starts another program, {program}: rename it"
            )
        return found


def _bom(text: str, edit: Edit) -> str:
    """The edited text; a mark of the byte order at its beginning stays."""
    mark = _BOM if text.startswith(_BOM) else ""
    return mark + edit(_plain(text))


def _plain(text: str) -> str:
    return text.removeprefix(_BOM)
