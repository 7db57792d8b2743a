"""What a workflow file may say of changes, proofs and runners."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.workflow import RunnerSetting, Workflow

BASE = """\
version: 1
proof: required
runner: pytest
workflows:
  main:
    phases:
      - id: define
        prompt: define.md
        outputs:
          - id: spec
            path: docs/{feature}/spec.md
      - id: build
        prompt: build.md
        changes: required
      - id: test
        prompt: test.md
        proves: spec
        outputs:
          - id: proofs
            path: docs/{feature}/proofs.yml
            type: yaml
            required: false
"""


def load(root: Path, content: str) -> Workflow:
    """The one workflow of a file."""
    path = root / ".cde" / "workflow.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return YamlWorkflowRepository().load(root).get()


def changed(old: str, new: str) -> str:
    """The base with one passage replaced."""
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


def test_what_a_file_says_of_proof_is_of_each_workflow(tmp_path: Path) -> None:
    workflow = load(tmp_path, BASE)
    define, build, test = workflow.phases

    assert (workflow.proof, workflow.runner) == ("required", RunnerSetting(names=("pytest",)))
    assert (build.changes, build.change_paths, build.change_exclude) == ("required", (), ())
    assert test.proves == "spec"
    assert workflow.must_prove(test)
    assert not workflow.must_prove(build)
    assert define.proves is None


def test_where_proof_is_required_its_outputs_are(tmp_path: Path) -> None:
    define, _, test = load(tmp_path, BASE).phases

    assert test.outputs[0].required
    assert define.outputs[0].must_contain == (r"re:\bAC1\b",)


@pytest.mark.parametrize("said", ["proof: recorded\n", ""])
def test_elsewhere_nothing_of_it_is(tmp_path: Path, said: str) -> None:
    workflow = load(tmp_path, changed("proof: required\n", said))
    define, _, test = workflow.phases

    assert not test.outputs[0].required
    assert define.outputs[0].must_contain == ()
    assert not workflow.must_prove(test)


def test_a_criterion_that_the_file_demands_is_not_demanded_twice(tmp_path: Path) -> None:
    own = "path: docs/{feature}/spec.md\n            must_contain: ['re:AC1']"
    define, *_ = load(tmp_path, changed("path: docs/{feature}/spec.md", own)).phases

    assert define.outputs[0].must_contain == ("re:AC1",)


def test_changes_may_be_of_some_files(tmp_path: Path) -> None:
    some = "changes: {required: true, paths: [src/**, '*.go'], exclude: [src/gen/]}"
    _, build, _ = load(tmp_path, changed("changes: required", some)).phases

    assert build.changes == "required"
    assert build.change_paths == ("src/**", "*.go")
    assert build.change_exclude == ("src/gen/",)


@pytest.mark.parametrize(
    ("written", "runner"),
    [
        ("go", RunnerSetting(names=("go",))),
        ("[pytest, vitest]", RunnerSetting(names=("pytest", "vitest"))),
        (
            "{command: [make, check], junit: out/junit.xml, tests: ['*_test.c']}",
            RunnerSetting(command=("make", "check"), junit="out/junit.xml", tests=("*_test.c",)),
        ),
    ],
)
def test_a_runner_is_a_name_or_names_or_a_command(
    tmp_path: Path, written: str, runner: RunnerSetting
) -> None:
    workflow = load(tmp_path, changed("runner: pytest", f"runner: {written}"))

    assert workflow.runner == runner
    assert RunnerSetting.of(runner.plain()) == runner


@pytest.mark.parametrize(
    ("old", "new", "remedy", "key"),
    [
        ("proof: required", "proof: yes", "quotes", "proof"),
        ("proof: required", "proof: demanded", "required, recorded", "proof"),
        ("runner: pytest", "runner: pytst", "pytest", "runner"),
        ("runner: pytest", "runner: []", "Name one of", "runner"),
        ("runner: pytest", "runner: [go, 3]", "quotes", "runner[1]"),
        ("runner: pytest", "runner: {command: [make]}", "junit", "runner.junit"),
        (
            "runner: pytest",
            "runner: {command: [], junit: a.xml, tests: [a]}",
            "at least one",
            "runner.command",
        ),
        (
            "runner: pytest",
            "runner: {command: [make], junit: ../a.xml, tests: [a]}",
            "junit.xml",
            "runner.junit",
        ),
        ("changes: required", "changes: {}", "required", "phases[1].changes.required"),
        ("changes: required", "changes: {required: false}", "true", "phases[1].changes.required"),
        (
            "changes: required",
            "changes: {required: true, paths: [../src]}",
            "src/**",
            "phases[1].changes.paths[0]",
        ),
        ("proves: spec", "proves: spce", "spec", "phases[2].proves"),
        ("proves: spec", "proves: proofs", "Name one of: spec", "phases[2].proves"),
        ("type: yaml", "type: json", "id: proofs", "phases[2].proves"),
        ("id: proofs", "id: proof", "id: proofs", "phases[2].proves"),
    ],
)
def test_a_mistake_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, remedy: str, key: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        load(tmp_path, changed(old, new))

    assert caught.value.code == "E311"
    assert str(caught.value.context["key"]).endswith(key)
    assert remedy in str(caught.value.context["remedy"])


def test_what_is_kept_of_it_can_be_read_and_judged(tmp_path: Path) -> None:
    some = "changes: {required: true, paths: [src/**]}"
    workflow = load(tmp_path, changed("changes: required", some))
    kept = json.loads(json.dumps(workflow.to_kept()))

    assert Workflow.from_dict(kept) == workflow
    YamlWorkflowRepository().require_usable(kept)


def test_an_output_may_list_the_tasks_for_criteria_of_its_own_or_an_earlier_phase(
    tmp_path: Path,
) -> None:
    text = changed("      - id: build\n", "      - id: build\n        outputs: [TASKS]\n")
    output = "{id: tasks, path: t.md, covers: spec}"
    workflow = load(tmp_path, text.replace("TASKS", output))

    assert [each.covers for phase in workflow.phases for each in phase.outputs] == [
        None,
        "spec",
        None,
    ]
    assert Workflow.from_dict(json.loads(json.dumps(workflow.to_kept()))) == workflow
    own = changed("spec.md\n", "spec.md\n            covers: spec\n")
    assert load(tmp_path, own).phases[0].outputs[0].covers == "spec"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("{id: tasks, path: t.md, covers: spce}", "neither this output"),
        ("{id: tasks, path: t.md, covers: proofs}", "neither this output"),
        ("{id: tasks, path: t.md, covers: [spec]}", "covers"),
        ("{id: tasks, path: t.txt, type: text, covers: spec}", "cannot list tasks"),
    ],
)
def test_no_other_output_lists_tasks(tmp_path: Path, output: str, reason: str) -> None:
    text = changed("      - id: build\n", f"      - id: build\n        outputs: [{output}]\n")
    with pytest.raises(ValidationError, match=reason) as refused:
        load(tmp_path, text)
    assert refused.value.code == "E311"


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("standard", {"tasks": "spec", "design": "spec"}),
        ("standard-approved", {"tasks": "spec", "design": "spec"}),
        ("lean", {"plan": "plan"}),
        ("quick-fix", {}),
        ("research", {}),
        ("docs", {}),
    ],
)
def test_packaged_workflows_that_list_tasks(name: str, covered: dict[str, str]) -> None:
    workflow = YamlWorkflowRepository().load_packaged().get(name)
    outputs = [output for phase in workflow.phases for output in phase.outputs]
    assert {each.id: each.covers for each in outputs if each.covers} == covered
