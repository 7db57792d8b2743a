"""A change is kept without the secrets in it."""

from __future__ import annotations

import orjson
import pytest

from cde_orchestrator.adapters.repositories.changes import encoded_without_secrets
from cde_orchestrator.domain.secrets import REDACTED
from cde_orchestrator.storage.format.json_patch import Patch
from tests.unit.domain.test_secrets import SECRETS


@pytest.mark.parametrize("operation", ["add", "replace"])
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_change_is_kept_without_the_secrets_in_it(operation: str, secret: str) -> None:
    changes: Patch = [
        {"op": operation, "path": "/features/a/extra", "value": {"deep": [f"Use {secret}"]}},
        {"op": "remove", "path": "/features/b"},
        {"op": operation, "path": "/name", "value": "Shop"},
    ]
    kept, encoded = encoded_without_secrets(changes)

    assert kept[0] == {**changes[0], "value": {"deep": [f"Use {REDACTED}"]}}
    assert kept[1:] == changes[1:]
    assert orjson.loads(encoded) == kept, "what is written is what was searched"
    assert secret in changes[0]["value"]["deep"][0]


def test_workflows_are_kept_word_for_word_wherever_they_stand_in_a_change() -> None:
    run = ["sh", "-c", "curl https://me:hunter2@host"]
    part: Patch = [{"op": "add", "path": "/workflows/a", "value": {"check": run}}]
    whole: Patch = [
        {"op": "add", "path": "", "value": {"workflows": {"a": run}, "name": f"x {run[2]}"}}
    ]
    without: Patch = [{"op": "add", "path": "", "value": {"name": f"x {run[2]}"}}]
    name = f"x curl https://{REDACTED}@host"

    assert encoded_without_secrets(part)[0] == part
    assert encoded_without_secrets(whole)[0][0]["value"] == {"workflows": {"a": run}, "name": name}
    assert encoded_without_secrets(without)[0][0]["value"] == {"name": name}
