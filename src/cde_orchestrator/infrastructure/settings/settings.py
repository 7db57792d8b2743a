"""Settings of a project: ``.cde/config.toml``, and ``CDE_*`` in the environment, which wins.

A key ``log_level`` of the file is ``CDE_LOG_LEVEL`` in the environment. A setting is one field
of ``Settings``; nothing else has to be changed to add one. Secrets are no settings: the file is
versioned with the project.
"""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.secrets import REDACTED, redacted
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import read_bounded

_EFFECTIVE = os.access in os.supports_effective_ids

FILE = "config.toml"
PREFIX = "CDE_"
ENVIRONMENT = "the environment"
DEFAULT = "default"
TABLES = frozenset({"agents", "alerts"})
"""Tables of the file that are no settings; whoever uses them judges them."""
SIZE_LIMIT = 1024 * 1024
_ADDRESS = re.compile(r"(https?://)([^\s/?#@]*@)?([^\s/?#@]+)([/?#][!-~]*)?")

DATABASES = ("postgresql", "postgres")
URL_PASSWORD = re.compile(r"[a-z]+://[^/@?:]*:[^@/?][^/?]*@", re.IGNORECASE)
LOG_FORMATS = ("auto", "json", "text")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def number(default: float, least: float, most: float, about: str) -> Any:
    """A setting that is a number; a whole one when its default is."""
    return field(default=default, metadata={"least": least, "most": most, "about": about})


def choice(default: str, choices: tuple[str, ...], about: str) -> Any:
    """A setting that is one of several words; case does not matter."""
    return field(default=default, metadata={"choices": choices, "about": about})


def text(default: str, about: str) -> Any:
    """A setting that is any one line of text; an empty one means that there is none."""
    return field(default=default, metadata={"about": about})


def logger_levels(default: str, about: str) -> Any:
    """A setting that gives loggers levels, as ``mcp=DEBUG, uvicorn=INFO``."""
    return field(default=default, metadata={"about": about, "levels": True})


def web_address(about: str) -> Any:
    """A setting that is an ``http`` or ``https`` URL, or empty; it is shown without its path."""
    return field(default="", metadata={"about": about, "address": True})


def database_url(about: str) -> Any:
    """A setting that is the URL of a database; a password in it is not for the file."""
    return field(default="", repr=False, metadata={"url": True, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings, each with its bounds and what it is for."""

    log_level: str = choice("INFO", LOG_LEVELS, "The lowest level of events that are logged")
    slow_operation_ms: int = number(
        1_000, 1, 3_600_000, "Milliseconds after which an operation counts as slow"
    )
    lock_timeout_seconds: float = number(
        5.0, 0.0, 600.0, "How long a change waits for another process"
    )
    backups_kept: int = number(
        10, 1, 10_000, "Checkpoints that are kept in backups, with the journal since the oldest"
    )
    backup_days: float = number(
        30.0, 0.01, 36_500.0, "Days for which checkpoints are kept; the newest is always kept"
    )
    backup_bytes: int = number(
        256 * 1024 * 1024, 1_000_000, 10**13, "Total bytes that backups may use"
    )
    call_timeout_seconds: float = number(
        600.0, 0.1, 86_400.0, "How long a tool's caller waits for the answer"
    )
    error_reports_kept: int = number(200, 1, 10_000, "Error reports kept, the newest ones")
    error_reports_bytes: int = number(
        20_000_000, 100_000, 1_000_000_000, "Total bytes that error reports may use"
    )
    log_levels: str = logger_levels("", 'Levels by logger, such as "mcp=DEBUG, uvicorn=INFO"')
    log_format: str = choice("auto", LOG_FORMATS, "The format of events on standard error")
    log_file_bytes: int = number(
        10 * 1024 * 1024, 10_000, 1_000_000_000, "Bytes at which the log file is rotated"
    )
    log_retention_days: int = number(7, 1, 3_650, "Days for which rotated log files are kept")
    telemetry_bytes: int = number(
        32_000_000, 200_000, 1_000_000_000, "Bytes that the history of the metrics may use"
    )
    alerts_off: str = text("", 'Alerts switched off, such as "memory_high, claims_expired"')
    alert_error_percent: float = number(
        5.0, 0.0, 100.0, "Alert when more than this percentage of the operations in 5 minutes fail"
    )
    alert_slow_operation_ms: float = number(
        1_000.0, 1.0, 3_600_000.0, "Alert when an operation takes longer, in milliseconds"
    )
    alert_disk_free_mb: float = number(
        100.0, 0.0, 10_000_000.0, "Alert when fewer MB are free on the project's disk"
    )
    alert_memory_percent: float = number(
        80.0, 1.0, 100.0, "Alert when more of the machine's memory is in use, in percent"
    )
    alert_backup_age_hours: float = number(
        48.0, 0.0, 10_000.0, "Alert when changes have no backup for longer, in hours"
    )
    alert_error_hold_seconds: float = number(
        30.0, 0.0, 86_400.0, "How long the error rate must stay high before the alert fires"
    )
    alert_slow_hold_seconds: float = number(
        10.0, 0.0, 86_400.0, "How long operations must stay slow before the alert fires"
    )
    alert_disk_hold_seconds: float = number(
        20.0, 0.0, 86_400.0, "How long disk space must stay low before the alert fires"
    )
    alert_memory_hold_seconds: float = number(
        120.0, 0.0, 86_400.0, "How long memory must stay low before the alert fires"
    )
    alert_event_hold_seconds: float = number(
        0.0, 0.0, 86_400.0, "The same for all other alerts, such as a read-only project"
    )
    alert_clear_seconds: float = number(
        60.0, 0.0, 86_400.0, "How long values must be normal again before an alert is resolved"
    )
    alert_webhook_url: str = web_address("Where alerts are sent, by HTTP POST, as JSON")
    state_url: str = database_url(
        "The state's database, such as postgresql://user@host/name; empty keeps it in .cde"
    )
    state_project: str = text("", "The project's name in that database; written by cde init")


@dataclass(frozen=True, slots=True)
class SettingState:
    """One setting as it stands.

    Attributes:
        value: what is in force; None while a problem stands in the way.
        source: ``default``, the file with its line, or ``the environment``.
        problem: why what the source says is not accepted.
    """

    key: str
    variable: str
    value: Any
    default: Any
    source: str
    about: str
    problem: str | None = None

    @property
    def shown(self) -> Any:
        """What is in force, without what may be a secret in it."""
        address = _ADDRESS.fullmatch(self.value) if isinstance(self.value, str) else None
        if address is None:
            return redacted(self.value)
        scheme, credentials, host, rest = address.groups()
        return f"{scheme}{host}" + (f"/{REDACTED}" if credentials or rest else "")


def settings_file(root: Path) -> Path:
    """Where the settings of the project at ``root`` stand."""
    return root / FOLDER / FILE


def load_settings(root: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of the project at ``root``; the defaults where there is no file.

    Raises:
        ValidationError: E314 names the first setting that is not accepted, its file and its
            line; E320, the file is no TOML or cannot be read.
    """
    states = settings_states(root, environment)
    for state in states:
        if state.problem is not None:
            raise refusal_of(state)
    return Settings(**{state.key: state.value for state in states})


def settings_states(root: Path, environment: Mapping[str, str] | None = None) -> list[SettingState]:
    """Every setting as it stands, and every unknown key of the file as a problem.

    Raises:
        ValidationError: E320, the file is no TOML or cannot be read.
    """
    variables = os.environ if environment is None else environment
    path = settings_file(root)
    content, document = settings_document(path)
    known = {each.name: each for each in fields(Settings)}
    states = []
    for key, setting in known.items():
        variable = variable_of(key)
        if variables.get(variable, "").strip():
            states.append(_judged(setting, _worded(setting, variables[variable]), ENVIRONMENT))
        elif key in document:
            source = f"{path}, line {_line_of(key, content)}"
            states.append(_judged(setting, document[key], source))
        else:
            states.append(_judged(setting, setting.default, DEFAULT))
    states = [_with_database(state, states) for state in states]
    states += _unknown(path, content, document, known)
    return states


def _with_database(state: SettingState, states: list[SettingState]) -> SettingState:
    """No machine may keep a state of its own in files where the others share one."""
    named = next(each for each in states if each.key == "state_project")
    if state.key != "state_url" or state.value != "" or not named.value:
        return state
    problem = (
        f"it is empty, but {named.key} says that the state is in a shared database; set "
        f"{state.variable}, or delete {named.key}"
    )
    return replace(state, source=named.source, problem=problem)


def levels_by_logger(text: str) -> dict[str, str]:
    """The levels that ``mcp=DEBUG, cde_orchestrator.adapters=INFO`` gives to loggers.

    Raises:
        ValueError: it is not of this make.
    """
    levels: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, level = (word.strip() for word in part.partition("="))
        if not name or level.upper() not in LOG_LEVELS:
            raise ValueError(f"'{part}' must be logger=LEVEL with one of {', '.join(LOG_LEVELS)}")
        levels[name] = level.upper()
    return levels


def variable_of(key: str) -> str:
    """The environment variable that wins over the key of the file."""
    return PREFIX + key.upper()


def refusal_of(state: SettingState) -> CDEError:
    """The error E314 about a setting that has a problem."""
    name = state.variable if state.source == ENVIRONMENT else state.key
    return ValidationError.of("E314", setting=name, source=state.source, reason=state.problem or "")


def settings_document(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a settings file, and what it says; both empty where there is none.

    Raises:
        ValidationError: E320, it is no TOML, is too long, or no ordinary file that can be read.
    """
    try:
        content = _text_of(read_bounded(path, SIZE_LIMIT))
    except (FileNotFoundError, NotADirectoryError):
        return "", {}
    except OSError as error:
        if not os.access(path.parent.parent, os.X_OK, effective_ids=_EFFECTIVE):
            return "", {}  # the whole project may not be read: not for the settings to tell
        reason = error.strerror or str(error)
        raise ValidationError.of("E320", path=str(path), reason=reason) from error
    except UnicodeDecodeError as error:
        raise ValidationError.of("E320", path=str(path), reason="it is not UTF-8") from error
    import tomllib

    try:
        return content, tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ValidationError.of("E320", path=str(path), reason=str(error)) from error


def _text_of(data: bytes) -> str:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()


def _line_of(key: str, content: str) -> int:
    pattern = re.compile(rf"""\s*(?:\[\[?\s*)?["']?{re.escape(key)}["']?\s*[=.\]]""")
    for line, words in enumerate(content.splitlines(), start=1):
        if pattern.match(words):
            return line
    return 1


def _unknown(
    path: Path, content: str, document: Mapping[str, Any], known: Mapping[str, object]
) -> Iterator[SettingState]:
    for key in document:
        if key not in known and key not in TABLES:
            near = get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(known)}"
            source = f"{path}, line {_line_of(key, content)}"
            problem = f"there is no such setting{hint}"
            yield SettingState(key, variable_of(key), None, None, source, "", problem)


def _judged(setting: Field[Any], given: Any, source: str) -> SettingState:
    value, problem = _accept(setting, given, source)
    return SettingState(
        setting.name,
        variable_of(setting.name),
        value,
        setting.default,
        source,
        setting.metadata["about"],
        problem,
    )


def _worded(setting: Field[Any], word: str) -> Any:
    """What a variable says, as the file would say it; the word itself where it cannot."""
    word = word.strip()
    if isinstance(setting.default, int | float):
        try:
            return int(word) if isinstance(setting.default, int) else float(word)
        except ValueError:
            return word
    return word


def _accept(setting: Field[Any], given: Any, source: str) -> tuple[Any, str | None]:
    """The value in force, or None and why ``given`` is not accepted."""
    default, bounds = setting.default, setting.metadata
    if isinstance(default, int | float):
        kinds = int if isinstance(default, int) else (int, float)
        if isinstance(given, bool) or not isinstance(given, kinds) or not math.isfinite(given):
            what = "whole number" if kinds is int else "number"
            return None, f"{given!r} is not a {what}"
        if not bounds["least"] <= given <= bounds["most"]:
            return None, f"{given} is not between {bounds['least']} and {bounds['most']}"
        return type(default)(given), None
    if bounds.get("address") and given:
        if not isinstance(given, str) or not _ADDRESS.fullmatch(given):
            return None, "it must be an http:// or https:// address"
        return given, None
    if bounds.get("url"):
        return _accept_url(given, source)
    if not isinstance(given, str) or not given.isprintable():
        return None, f"{given!r} must be a single line"
    if bounds.get("levels"):
        try:
            levels_by_logger(given)
        except ValueError as error:
            return None, str(error)
    choices = bounds.get("choices")
    if choices is None:
        return given, None
    matching = [each for each in choices if each.lower() == given.strip().lower()]
    if not matching:
        return None, f"{given!r} is not one of {', '.join(choices)}"
    return matching[0], None


def _accept_url(given: Any, source: str) -> tuple[str | None, str | None]:
    """The same for a database; what is wrong is told without the URL, for its password."""
    if not isinstance(given, str) or not given.isprintable():
        return None, "it must be a single line"
    given = given.strip()
    if not given:
        return given, None
    scheme, found, rest = given.partition("://")
    if not found or scheme.lower() not in DATABASES:
        return None, f"it must begin with {DATABASES[0]}://"
    has_password = URL_PASSWORD.match(given) or "password=" in rest.lower()
    if has_password and source not in {ENVIRONMENT, DEFAULT}:
        where = f"give the URL as {variable_of('state_url')}, or the password in ~/.pgpass"
        return None, f"this file is kept by git and must not contain a password; {where}"
    return given, None
