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
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import Field, dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.secrets import REDACTED, redacted
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.system.file_ops import read_bounded
from cde_orchestrator.infrastructure.system.project_home import shared_file
from cde_orchestrator.infrastructure.system.toml import parse_toml
from cde_orchestrator.infrastructure.system.viewing import applies

_EFFECTIVE = os.access in os.supports_effective_ids

FILE = "config.toml"
PREFIX = "CDE_"
ENVIRONMENT = "the environment"
DEFAULT = "default"
TABLES = frozenset({"agents", "alerts"})
"""Tables of the file that are no settings; whoever uses them judges them."""
SIZE_LIMIT = 1024 * 1024
DEPTH_LIMIT = 20
"""Levels of tables and lists; the settings have four."""
_ADDRESS = re.compile(r"(https?://)([^\s/?#@]*@)?([^\s/?#@]+)([/?#][!-~]*)?")

DATABASES = ("postgresql", "postgres")
URL_PASSWORD = re.compile(r"[a-z]+://[^/@?:]*:[^@/?][^/?]*@", re.IGNORECASE)
_OUTWARD = {"alert_webhook_url": "POST", "state_url": "connect"}
LOG_FORMATS = ("auto", "json", "text")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def number(default: float, least: float, most: float, about: str) -> Any:
    """A setting that is a number; a whole one when its default is."""
    whole = isinstance(default, int)

    def accept(given: Any) -> float:
        kinds = int if whole else (int, float)
        if isinstance(given, bool) or not isinstance(given, kinds) or not math.isfinite(given):
            raise ValueError(f"{given!r} is not a {'whole number' if whole else 'number'}")
        if not least <= given <= most:
            raise ValueError(f"{given} is not between {least} and {most}")
        return type(default)(given)

    return setting(default, about, accept, f"{least} to {most}")


def choice(default: str, choices: tuple[str, ...], about: str) -> Any:
    """A setting that is one of several words; case does not matter."""

    def accept(given: Any) -> str:
        wanted = _line(given).strip().lower()
        for each in choices:
            if each.lower() == wanted:
                return each
        raise ValueError(f"{given!r} is not one of {', '.join(choices)}")

    return setting(default, about, accept, ", ".join(f"`{each}`" for each in choices))


def _line(given: object) -> str:
    """One line of text; an empty one means that there is none."""
    if not isinstance(given, str) or not given.isprintable():
        raise ValueError(f"{given!r} must be a single line")
    return given


def _levels(given: object) -> str:
    """What gives loggers levels, as ``mcp=DEBUG, uvicorn=INFO``."""
    line = _line(given)
    levels_by_logger(line)
    return line


def _address(given: object) -> str:
    """An ``http`` or ``https`` URL, or nothing; it is shown without its path."""
    if not given:
        return _line(given)
    if isinstance(given, str) and _ADDRESS.fullmatch(given):
        return given
    raise ValueError("it must be an http:// or https:// address")


def _database_url(given: object) -> str:
    """The URL of a database; what is wrong is said without it, for it may hold a password."""
    if not isinstance(given, str) or not given.isprintable():
        raise ValueError("it must be a single line")
    given = given.strip()
    scheme, found, _ = given.partition("://")
    if given and (not found or scheme.lower() not in DATABASES):
        raise ValueError(f"it must begin with {DATABASES[0]}://")
    return given


def setting(
    default: Any,
    about: str,
    accept: Callable[[Any], Any] = _line,
    accepted: str = "text",
    **options: Any,
) -> Any:
    """A setting; ``accept`` gives the value in force, or says in a ``ValueError`` why not."""
    metadata = {"about": about, "accept": accept, "accepted": accepted}
    return field(default=default, metadata=metadata, **options)


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
    backup_bytes: int = number(2**28, 1_000_000, 10**13, "Total bytes that backups may use")
    elicitation: str = choice("allowed", ("allowed", "trust", "refused"), "Questions by clients")
    call_timeout_seconds: float = number(
        600.0, 0.1, 86_400.0, "How long a tool's caller waits for the answer"
    )
    baseline_seconds: float = number(20.0, 0.0, 600.0, "How long a start tries checks; 0: not")
    error_reports_kept: int = number(200, 1, 10_000, "Reports of failures kept, the newest ones")
    error_reports_bytes: int = number(
        20_000_000, 100_000, 1_000_000_000, "Total bytes that reports of failures may use"
    )
    refusal_reports_kept: int = number(20, 1, 1_000, "Reports of refusals kept of each error code")
    refusal_reports_bytes: int = number(
        5_000_000, 100_000, 1_000_000_000, "Total bytes that reports of refusals may use"
    )
    log_levels: str = setting("", 'Levels by logger, such as "mcp=DEBUG, uvicorn=INFO"', _levels)
    log_format: str = choice("auto", LOG_FORMATS, "The format of events on standard error")
    log_file_bytes: int = number(
        10 * 1024 * 1024, 10_000, 1_000_000_000, "Bytes at which the log file is rotated"
    )
    log_retention_days: int = number(7, 1, 3_650, "Days for which rotated log files are kept")
    log_files_kept: int = number(100, 1, 10_000, "Rotated log files kept, the newest ones")
    log_total_bytes: int = number(
        256 * 1024 * 1024, 100_000, 10**13, "Total bytes that rotated log files may use"
    )
    telemetry_bytes: int = number(
        32_000_000, 200_000, 1_000_000_000, "Bytes that the history of the metrics may use"
    )
    alerts_off: str = setting("", 'Alerts switched off, such as "memory_high, claims_expired"')
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
    alert_webhook_url: str = setting(
        "",
        "Where alerts are sent, by HTTP POST, as JSON",
        _address,
        "an `http://` or `https://` address",
    )
    state_url: str = setting(
        "",
        "The state's database, such as postgresql://user@host/name; empty keeps it in .cde",
        _database_url,
        repr=False,
    )
    state_project: str = setting("", "The project's name in that database; written by cde init")


class SettingState(Value):
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
    return shared_file(root, FILE)


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
    states: dict[str, SettingState] = {}
    for setting in fields(Settings):
        key, variable = setting.name, variable_of(setting.name)
        if variables.get(variable, "").strip():
            given, source = _worded(setting.default, variables[variable].strip()), ENVIRONMENT
        elif key in document:
            given, source = document[key], f"{path}, line {_line_of(key, content)}"
        else:
            given, source = setting.default, DEFAULT
        states[key] = _judged(setting, given, source)
    states["state_url"] = _database_judged(states["state_url"], states["state_project"])
    return [*states.values(), *_unknown(path, content, document, states)]


def _database_judged(url: SettingState, project: SettingState) -> SettingState:
    """The database, as far as it depends on the rest whether its setting is accepted."""
    if url.value == "" and project.value:
        # No machine may keep a state of its own in files where the others share one.
        problem = (
            f"it is empty, but {project.key} says that the state is in a shared database; set "
            f"{url.variable}, or delete {project.key}"
        )
        return replace(url, source=project.source, problem=problem)
    address = url.value or ""
    has_password = URL_PASSWORD.match(address) or "password=" in address.lower()
    if has_password and url.source not in {ENVIRONMENT, DEFAULT}:
        where = f"give the URL as {url.variable}, or the password in ~/.pgpass"
        problem = f"this file is kept by git and must not contain a password; {where}"
        return replace(url, value=None, problem=problem)
    return url


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
    """The text of a settings file, and what it says; both empty where none applies.

    Raises:
        ValidationError: E320, it is no TOML, is too long, or no ordinary file that can be read.
    """
    if not applies(path):
        return "", {}
    try:
        data = io.BytesIO(read_bounded(path, SIZE_LIMIT))
        content = io.TextIOWrapper(data, encoding="utf-8-sig").read()
        return content, parse_toml(content, DEPTH_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        return "", {}
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and not os.access(
            path.parent.parent, os.X_OK, effective_ids=_EFFECTIVE
        ):
            return "", {}  # the whole project may not be read: not for the settings to report
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, UnicodeDecodeError):
            reason = "it is not UTF-8"
        raise ValidationError.of("E320", path=str(path), reason=reason) from error


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
    value, problem = None, None
    try:
        value = setting.metadata["accept"](given)
    except ValueError as error:
        problem = str(error)
    key, about = setting.name, setting.metadata["about"]
    return SettingState(key, variable_of(key), value, setting.default, source, about, problem)


def _worded(default: Any, word: str) -> Any:
    """What a variable says, as the file would say it; the word itself where it cannot."""
    if isinstance(default, int | float):
        with suppress(ValueError):
            return type(default)(word)
    return word


def outward(settings: Settings, key: str) -> Check | None:
    """What a person trusts to reach the place that a setting names; None for nothing to trust.

    The file may have come with a clone. What is in the environment is the person's own.
    """
    place = getattr(settings, key)
    own = os.environ.get(variable_of(key), "").strip()
    return Check((_OUTWARD[key], place), ".", 0.0) if place and place != own else None
