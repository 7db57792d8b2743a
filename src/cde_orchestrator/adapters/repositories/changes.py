"""What of a change is kept for ever."""

from __future__ import annotations

from typing import Any

import orjson

from cde_orchestrator.adapters.repositories.refusing import refusing_unstorable
from cde_orchestrator.domain.secrets import data_without_secrets, may_hold_secret
from cde_orchestrator.storage.format.json_patch import Patch


def encoded_without_secrets(changes: Patch) -> tuple[Patch, bytes]:
    """The changes with each secret of a known make replaced, and the JSON that is kept for ever.

    Secrets are searched for in those very bytes. Workflows stay as they are: they are code, which
    would no longer do what it says.

    Raises:
        ValidationError: E305, they are not JSON.
    """
    with refusing_unstorable():
        encoded = orjson.dumps(changes)
    if not may_hold_secret(encoded.decode()):
        return changes, encoded
    clean = [
        operation
        if operation["path"].startswith("/workflows") or "value" not in operation
        else {**operation, "value": _kept(operation)}
        for operation in changes
    ]
    return clean, orjson.dumps(clean)


def _kept(operation: dict[str, Any]) -> Any:
    value = operation["value"]
    clean = data_without_secrets(value)
    if operation["path"] == "" and "workflows" in value:
        clean["workflows"] = value["workflows"]
    return clean
