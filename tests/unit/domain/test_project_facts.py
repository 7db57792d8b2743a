"""Facts become values that JSON can hold."""

from __future__ import annotations

import json

from tests.fakes import python_facts


def test_facts_as_metadata_survive_json() -> None:
    metadata = python_facts().to_metadata()

    assert json.loads(json.dumps(metadata)) == metadata
    assert metadata == {
        "languages": ["Python", "TypeScript"],
        "package_manager": "uv",
        "test_command": ["uv", "run", "pytest", "-q"],
        "git": True,
        "evidence": ["pyproject.toml", "uv.lock"],
    }
