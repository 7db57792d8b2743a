"""A table of the settings file that describes a command to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.text import hidden_character
from cde_orchestrator.infrastructure.settings.settings import settings_document, settings_file


@dataclass(frozen=True, slots=True)
class CommandTable:
    """A table as it was found; whatever is not valid in it is refused with E314.

    Attributes:
        name: in full, as ``agents.claude``.
        source: the settings file.
    """

    name: str
    values: Mapping[str, Any]
    source: Path

    @classmethod
    def read(cls, name: str, root: Path) -> CommandTable:
        """The table of that name in the settings of the project at ``root``.

        Raises:
            ValidationError: E314, it is something else than a table; E320, the file cannot be
                read.
        """
        path = settings_file(root)
        return cls.of(name, settings_document(path)[1].get(name, {}), path)

    @classmethod
    def of(cls, name: str, values: object, source: Path) -> CommandTable:
        """What is in the file by that name; E314 where it is something else than a table."""
        if not isinstance(values, dict):
            raise _refusal(name, source, "it must be a table")
        return cls(name, values, source)

    def require_keys(self, *known: str) -> None:
        """Refuse a table that holds any other key."""
        unknown = sorted(self.values.keys() - set(known))
        if unknown:
            self.refuse(unknown[0], f"there are only {', '.join(known)}")

    def words(self, key: str) -> tuple[str, ...]:
        """A list of strings, as a command line is one; empty where there is none."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(_is_word(word) for word in value):
            self.refuse(key, "it must be a list of strings")
        if hidden := next(filter(None, map(hidden_character, value)), None):
            self.refuse(key, f"it has the character {hidden}, which is not seen")
        return tuple(value)

    def flag(self, key: str) -> bool:
        """Whether it is switched on; off where it is not named."""
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, "it must be true or false")
        return value

    def seconds(self, key: str, most: float, default: float = 0.0) -> float:
        """A time above 0 that is at most ``most``."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, "it must be a number")
        if not 0 < value <= most:
            self.refuse(key, f"it must be between 0 and {most:.0f}")
        return float(value)

    def refuse(self, key: str, reason: str) -> NoReturn:
        """Refuse the value of a key with E314."""
        raise _refusal(f"{self.name}.{key}", self.source, reason)


def _refusal(setting: str, source: Path, reason: str) -> ValidationError:
    return ValidationError.of("E314", setting=setting, source=str(source), reason=reason)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value
