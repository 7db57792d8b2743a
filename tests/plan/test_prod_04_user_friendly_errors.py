"""PROD-04: errors that say what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cde_orchestrator.domain.errors.entry import Reader
from cde_orchestrator.domain.errors.formatter import ErrorFormatter
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import FeatureError, ProjectError
from cde_orchestrator.domain.project import Project


def test_errors_are_user_friendly(project: Project) -> None:
    try:
        project.start_feature("...")
    except FeatureError as e:
        message = ErrorFormatter.format(e)
        assert "💡 Suggestions:" in message
        assert "📖 More info:" in message
        assert e.code in message
    else:
        pytest.fail("a project that is not active started a feature")


def test_suggestions_are_actionable(project: Project) -> None:
    with pytest.raises(FeatureError) as caught:
        project.start_feature("...")
    error = caught.value

    formatted = ErrorFormatter.format(error)
    assert "project.activate()" in formatted
    assert "cde_getProjectInfo()" in ErrorFormatter.format(error, Reader.AGENT)


def test_templates_are_read_as_the_plan_writes_them() -> None:
    entry = ERROR_MESSAGES["E001"]

    assert entry["title"] == "Project Not Found"
    assert entry["suggestions"] == [
        "Verify the path is correct",
        "Check file permissions",
        "Create the project directory: mkdir -p {path}",
    ]
    assert "{path}" in entry["description"]
    assert entry["docs"]
    assert ERROR_MESSAGES["E101"]["title"] == "Feature Creation Failed"
    with pytest.raises(KeyError):
        entry["colour"]


def test_the_planned_formatter_can_be_written_with_them() -> None:
    error = ProjectError.of("E001", path="/invalid")
    template: Mapping[str, Any] = ERROR_MESSAGES.get(error.code, {})

    text = f"""
❌ {template.get("title", "Error")}

{template.get("description", str(error)).format(**error.context)}

💡 Suggestions:
{chr(10).join(f"  • {s.format(**error.context)}" for s in template.get("suggestions", []))}

📖 More info: {template.get("docs", "https://cde.dev/docs/errors")}
        """.strip()

    assert "mkdir -p /invalid" in text
    assert text.startswith("❌ Project Not Found")


@pytest.mark.parametrize("code", sorted(ERROR_MESSAGES))
def test_each_error_has_three_suggestions_and_its_docs(code: str) -> None:
    entry = ERROR_MESSAGES[code]

    assert len(set(entry["suggestions"])) >= 3
    assert code in entry["docs"]
    assert entry["severity"] in {"INFO", "WARNING", "ERROR", "CRITICAL"}
