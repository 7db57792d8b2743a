"""What of a change is kept for ever."""

from __future__ import annotations

from typing import Any

import orjson

from cde_orchestrator.adapters.repositories.refusing import refusing_unstorable
from cde_orchestrator.domain.secrets import data_without_secrets, may_hold_secret
from cde_orchestrator.storage.format.json_patch import Patch


def patch_without_secrets(changes: Patch) -> Patch:
    """The changes with each secret of a known make replaced, before they are kept for ever.

    Workflows stay as they are: they are code, which would no longer do what it says.

    Raises:
        ValidationError: E305, they are not JSON.
    """
    with refusing_unstorable():
        text = orjson.dumps(changes).decode()
    if not may_hold_secret(text):
        return changes
    return [
        operation
        if operation["path"].startswith("/workflows") or "value" not in operation
        else {**operation, "value": _kept(operation)}
        for operation in changes
    ]


def _kept(operation: dict[str, Any]) -> Any:
    value = operation["value"]
    clean = data_without_secrets(value)
    if operation["path"] == "" and "workflows" in value:
        clean["workflows"] = value["workflows"]
    return clean
