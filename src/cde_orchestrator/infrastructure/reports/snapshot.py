"""What is known at the moment of an error: its stack, what led to it, how things stand.

Everything here is for a report and for nobody else: secrets are taken out, texts are cut, and
nothing waits for a lock that may be the very thing that failed.
"""

from __future__ import annotations

import linecache
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from traceback import walk_tb
from typing import Any

import orjson

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.core import KeptState
from cde_orchestrator.domain.exceptions import CDEError, StateError
from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.secrets import redacted, without_secrets
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.observability.logs.render import causes_of
from cde_orchestrator.infrastructure.observability.operations import recent_operations
from cde_orchestrator.infrastructure.paths import STATE
from cde_orchestrator.infrastructure.settings.settings import settings_states
from cde_orchestrator.infrastructure.system.file_ops import read_bounded
from cde_orchestrator.infrastructure.system.project_home import local_folder

JOURNAL_ENTRIES = 20
CHAIN_LIMIT = 8
FRAME_LIMIT = 40
TEXT_LIMIT = 4_000
ITEM_LIMIT = 100
CHECKPOINT_LIMIT = 4_000_000

FILES = "filesystem"
"""The repository whose state ``.cde/state.json`` pictures."""

_REDACTION_WINDOW = 100_000
_LIBRARIES = ("mcp", "orjson", "pydantic", "structlog", "typer")


def bounded(value: Any) -> Any:
    """A value as JSON has it, without secrets, long texts and long lists cut."""
    # Cut roughly first, so that looking for secrets takes no time.
    return _each_text(redacted(_each_text(value, _windowed)), _cut)


def stack_of(raised: BaseException) -> list[dict[str, Any]]:
    """The exception and those that led to it, what happened first last."""
    return [
        {
            "type": type(each).__qualname__,
            "message": bounded(str(each)),
            "frames": _frames(each),
        }
        for each in causes_of(raised, CHAIN_LIMIT)
    ]


def what_led_here(root: Path, repository: KeptState | None) -> dict[str, Any]:
    """The last operations of this process and the last changes of the project."""
    journal: Any = []
    if repository is not None:
        try:
            journal = [asdict(each) for each in repository.history(root, JOURNAL_ENTRIES)]
        except CDEError as error:
            journal = {"unavailable": f"{error.code}: {error.message}"}
    return {
        "recent_operations": [asdict(each) for each in recent_operations()],
        "journal": bounded(journal),
    }


def how_things_stand(
    root: Path,
    repository: KeptState | None,
    error: CDEError,
    arguments: Mapping[str, Any],
) -> dict[str, Any]:
    """The project and the feature concerned."""
    if repository is None or isinstance(error, StateError):
        elsewhere = _not_in_files(root, repository)
        seen = {"unavailable": elsewhere} if elsewhere else _last_checkpoint(root)
        return {"project": seen, "feature": None}
    try:
        project = repository.get(root)
    except CDEError as unavailable:
        return {"project": {"unavailable": unavailable.code}, "feature": None}
    return {
        "project": bounded(_without_features(project)),
        "feature": bounded(_feature(project, error, arguments)),
    }


@cache
def surroundings() -> dict[str, Any]:
    """Versions and platform."""
    return {
        "versions": {
            "cde-orchestrator": __version__,
            "python": sys.version.split()[0],
            **{name: _version(name) for name in _LIBRARIES},
        },
        "platform": {
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
        },
    }


def _frames(error: BaseException) -> list[dict[str, Any]]:
    frames = []
    for frame, line in walk_tb(error.__traceback__):
        code = frame.f_code
        source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        frames.append(
            {
                "file": code.co_filename,
                "line": line,
                "function": code.co_qualname,
                "code": without_secrets(source[:TEXT_LIMIT], strict=True),
            }
        )
    return frames[-FRAME_LIMIT:]


def _without_features(project: Project) -> dict[str, Any]:
    hidden = {"features", "workflows", "clock"}
    names = [each.name for each in fields(project) if each.name not in hidden]
    shown = {name: getattr(project, name) for name in names}
    return {**shown, "features": len(project.features)}


def _feature(
    project: Project, error: CDEError, arguments: Mapping[str, Any]
) -> dict[str, Any] | None:
    for reference in (arguments.get("feature_id"), error.context.get("feature")):
        if isinstance(reference, str):
            try:
                return asdict(project.feature(reference))
            except CDEError:
                continue
    return None


def _not_in_files(root: Path, repository: KeptState | None) -> str | None:
    """Why ``.cde/state.json``, where there is one, may be of another time; None when it is not."""
    if repository is not None:
        backend = repository.backend
        return None if backend == FILES else f"the state is kept in {backend}"
    try:
        values = {each.key: each.value for each in settings_states(root)}
    except CDEError as error:
        return f"{error.code}: it is not known where the state is kept"
    database = values["state_url"] or values["state_project"]
    return "the state is kept in a database" if database else None


def _last_checkpoint(root: Path) -> dict[str, Any] | None:
    """The picture of the state as it lies on the disk, read without any lock."""
    path = local_folder(root) / STATE
    try:
        content = orjson.loads(read_bounded(path, CHECKPOINT_LIMIT))
    except (OSError, ValueError) as error:
        return {"unavailable": str(error)}
    if not isinstance(content, dict):
        return {"unavailable": "not an object"}
    features = content.pop("features", [])
    content.pop("workflows", None)
    return {**bounded(content), "features": len(features) if isinstance(features, list) else None}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _each_text(value: Any, change: Callable[[str], str], depth: int = 8) -> Any:
    """The value as JSON, with every text in it changed, and the first items of what is long."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth and isinstance(value, Mapping):
        items = list(value.items())[:ITEM_LIMIT]
        return {change(str(key)): _each_text(item, change, depth - 1) for key, item in items}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_each_text(item, change, depth - 1) for item in list(value)[:ITEM_LIMIT]]
    return change(str(value))


def _windowed(text: str) -> str:
    return text[:_REDACTION_WINDOW]


def _cut(text: str) -> str:
    surplus = len(text) - TEXT_LIMIT
    return text if surplus <= 0 else f"{text[:TEXT_LIMIT]}… ({counted(surplus, 'character')} more)"
