"""What goes on when a part fails, row by row of ``docs/reliability.md``."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import ValidationError
from tests.integration.deliverables import deliverable

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
ROW = re.compile(r"^\| .*`(tests/[\w/.]+)::(\w+)` \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_the_table_has_rows() -> None:
    table = PAGE.read_text(encoding="utf-8").split("\n\n")[2]
    assert len(ROWS) == len(table.splitlines()) - 2


@pytest.mark.parametrize(("file", "name"), ROWS)
def test_every_row_names_a_test_that_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_missing_prompts_are_replaced_by_the_packaged_ones(project: Path) -> None:
    (project / ".cde" / "prompts").mkdir(exist_ok=True)
    application = build_application(project)
    reply = application.handle(StartFeature(prompt="Add a column", name="column"))
    assert reply["phase"] is not None
    assert "specs/column/spec.md" in reply["phase"]["prompt"]
    application.close()


def test_a_feature_goes_on_when_the_workflow_file_breaks(project: Path) -> None:
    application = build_application(project)
    application.handle(StartFeature(prompt="Add a column", name="column"))
    (project / ".cde" / "workflow.yml").write_text("workflows: [", encoding="utf-8")
    with pytest.raises(ValidationError) as refusal:
        application.handle(StartFeature(prompt="Another one"))
    assert refusal.value.code == "E310"
    done = []
    while (phase := application.handle(GetFeatureStatus(feature_id="column"))["phase"]) is not None:
        results = {output["id"]: deliverable(output) for output in phase["outputs"]}
        application.handle(SubmitWork(feature_id="column", phase_id=phase["id"], results=results))
        done.append(phase["id"])
    assert done == ["define", "decompose", "design", "implement", "test", "review"]
    application.close()


def test_git_that_does_not_work_costs_branch_and_commits_and_is_said_once(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".git").mkdir()
    workflow = project / ".cde" / "workflow.yml"
    text = workflow.read_text(encoding="utf-8")
    workflow.write_text(text.replace("max_attempts: 3", "max_attempts: 3\n    branch: true"))
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    application = build_application(project)
    with capture_logs() as logs:
        phase = application.handle(StartFeature(prompt="Add a column", name="column"))["phase"]
        assert phase is not None
        results = {output["id"]: deliverable(output) for output in phase["outputs"]}
        application.handle(SubmitWork(feature_id="column", phase_id="define", results=results))
    application.close()
    feature = FilesystemProjectRepository().get(project).feature("column")
    assert (feature.branch, feature.current_phase) == (None, "decompose")
    assert feature.phases["define"].end_commit is None
    said = [each["log_level"] for each in logs if each["event"] == "git_failed"]
    assert said.count("warning") == 1
    assert len(said) > 1
