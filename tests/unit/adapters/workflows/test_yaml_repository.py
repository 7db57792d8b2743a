"""Workflow files are read as they are meant, and every mistake is named with its place."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from cde_orchestrator.adapters.workflows import yaml_repository
from cde_orchestrator.adapters.workflows.yaml_reader import DEPTH_LIMIT
from cde_orchestrator.adapters.workflows.yaml_repository import (
    PACKAGED_FILE,
    SIZE_LIMIT_BYTES,
    YamlWorkflowRepository,
)
from cde_orchestrator.domain.exceptions import StateError, ValidationError
from cde_orchestrator.domain.workflow import (
    Output,
    Phase,
    RunnerSetting,
    Workflow,
    WorkflowCatalog,
)
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps

BASE = """\
version: 1
default: main
workflows:
  main:
    description: Two phases.
    max_attempts: 5
    phases:
      - id: plan
        prompt: plan.md
        outputs:
          - id: plan
            path: docs/{feature}/plan.md
            min_bytes: 10
            must_contain: ["## Goal", 're:\\bAC1\\b']
      - id: build
        description: Build it.
        handler: human_input
        prompt: own/build.md
        inputs: [plan]
        outputs:
          - id: the_result
            path: docs/{feature}/result.json
            type: json
            required: false
        check: ["make", "test"]
        check_timeout_seconds: 30
        check_directory: ./sub/
        status: building_it
"""


@pytest.fixture(autouse=True, params=["CSafeLoader", "SafeLoader"])
def yaml_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with the parser in C and with the one in Python."""
    yaml_repository._parse.cache_clear()
    if request.param == "SafeLoader":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)


def load(root: Path, content: str | bytes) -> WorkflowCatalog:
    """Put the content into the project's workflow file and load it."""
    path = root / ".cde" / "workflow.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return YamlWorkflowRepository().load(root)


def refusal(root: Path, content: str | bytes) -> ValidationError:
    """The error that loading this content raises."""
    with pytest.raises(ValidationError) as raised:
        load(root, content)
    assert raised.value.context["path"] == str(root / ".cde" / "workflow.yml")
    return raised.value


def changed(old: str, new: str) -> str:
    """The base file with one place changed."""
    assert BASE.count(old) == 1, old
    return BASE.replace(old, new)


def test_a_project_without_a_file_has_the_packaged_workflows(tmp_path: Path) -> None:
    catalog = YamlWorkflowRepository().load(tmp_path)

    assert catalog.packaged
    assert catalog.source == str(PACKAGED_FILE)
    assert list(catalog.workflows) == [
        "standard",
        "standard-approved",
        "lean",
        "quick-fix",
        "research",
        "docs",
    ]
    assert [phase.feature_status for phase in catalog.get().phases] == [
        "defining",
        "decomposing",
        "designing",
        "implementing",
        "testing",
        "reviewing",
    ]


def test_where_a_person_approves_it_is_the_standard_with_two_phases_more() -> None:
    known = YamlWorkflowRepository().load_packaged().workflows
    approved = known["standard-approved"]
    persons = [phase for phase in approved.phases if phase.handler == "human_input"]

    assert [phase.id for phase in persons] == ["approve-spec", "approve-review"]
    assert {phase.feature_status for phase in persons} == {"waits_for_person"}
    agents = [phase for phase in approved.phases if phase.handler == "agent"]
    assert agents == list(known["standard"].phases)
    assert approved.after("define") == persons[0]
    assert approved.phases[-1] == persons[1]
    assert approved.judged_phase("approve-spec").id == "define"
    assert approved.judged_phase("approve-review").id == "implement"
    same = (approved.proof, approved.runner, approved.max_attempts)
    assert same == (known["standard"].proof, known["standard"].runner, 3)


def test_a_phase_may_name_its_agent(tmp_path: Path) -> None:
    named = changed("handler: human_input", "agent: other").replace(
        "prompt: plan.md", "prompt: plan.md\n        agent: claude"
    )
    workflow = load(tmp_path, named).get()

    assert [phase.agent for phase in workflow.phases] == ["claude", "other"]
    assert workflow.named_agents() == ["claude"]
    kept = json.loads(json.dumps(workflow.to_kept()))
    assert Workflow.from_dict(kept) == workflow
    YamlWorkflowRepository().require_usable(kept)


def test_the_judges_of_packaged_workflows_are_other_readers() -> None:
    known = YamlWorkflowRepository().load_packaged().workflows
    judges = {
        (name, phase.id, each.judged_phase(phase.id).id)
        for name, each in known.items()
        for phase in each.phases
        if phase.agent == "other"
    }

    assert judges == {
        ("standard", "review", "implement"),
        ("standard-approved", "review", "implement"),
        ("lean", "verify", "build"),
    }


def test_the_packaged_workflows_demand_a_change_and_a_verdict() -> None:
    known = YamlWorkflowRepository().load_packaged().workflows
    changing = {
        (name, phase.id) for name, each in known.items() for phase in each.phases if phase.changes
    }
    verdicts = {
        (name, phase.id): output.verdict
        for name, each in known.items()
        for phase in each.phases
        for output in phase.outputs
        if output.verdict
    }

    assert changing == {
        *(("standard", "implement"), ("standard-approved", "implement"), ("lean", "build")),
        *(("quick-fix", "fix"), ("docs", "write")),
    }
    approved = ("approved", "approved with follow-ups")
    assert verdicts == {
        ("standard", "review"): approved,
        ("standard-approved", "review"): approved,
        ("lean", "verify"): approved,
        ("quick-fix", "verify"): ("fixed",),
        ("research", "report"): ("answered", "answered in part"),
        ("docs", "proofread"): ("ready", "ready with open points"),
    }


def test_the_project_s_own_file_takes_the_place_of_the_packaged_one(tmp_path: Path) -> None:
    plan = Output(
        id="plan",
        path="docs/{feature}/plan.md",
        min_bytes=10,
        must_contain=("## Goal", r"re:\bAC1\b"),
    )
    result = Output(id="the_result", path="docs/{feature}/result.json", type="json", required=False)

    catalog = load(tmp_path, BASE)

    assert catalog == WorkflowCatalog(
        default="main",
        source=str(tmp_path / ".cde" / "workflow.yml"),
        packaged=False,
        workflows={
            "main": Workflow(
                id="main",
                description="Two phases.",
                max_attempts=5,
                phases=(
                    Phase(id="plan", prompt="plan.md", outputs=(plan,)),
                    Phase(
                        id="build",
                        description="Build it.",
                        handler="human_input",
                        prompt="own/build.md",
                        inputs=("plan",),
                        outputs=(result,),
                        check=("make", "test"),
                        check_timeout_seconds=30.0,
                        check_directory="sub",
                        status="building_it",
                    ),
                ),
            )
        },
    )
    assert isinstance(catalog.get().phases[1].check_timeout_seconds, float)


def test_a_workflow_that_was_read_comes_back_from_plain_data(tmp_path: Path) -> None:
    workflow = load(tmp_path, BASE).get()

    assert Workflow.from_dict(workflow.to_dict()) == workflow


def test_without_a_default_the_first_workflow_is_it(tmp_path: Path) -> None:
    assert load(tmp_path, changed("default: main\n", "")).default == "main"


def test_what_is_allowed_but_unusual_is_read(tmp_path: Path) -> None:
    minimal = '{"version": 1, "workflows": {"a": {"phases": [{"id": "b", "prompt": "b.md"}]}}}'

    assert load(tmp_path, b"\xef\xbb\xbf" + minimal.encode()).get().first.id == "b"
    assert load(tmp_path, BASE.replace("\n", "\r\n")).get().first.id == "plan"
    assert load(tmp_path, changed("./sub/", ".")).get().phases[1].check_directory == "."
    assert load(tmp_path, changed('["make", "test"]', "[]")).get().phases[1].check == ()
    hexadecimal = load(tmp_path, changed("min_bytes: 10", "min_bytes: 0x10")).get()
    assert hexadecimal.first.output("plan", "login").min_bytes == 16
    fraction = load(tmp_path, changed("seconds: 30", "seconds: 1.5")).get()
    assert fraction.phases[1].check_timeout_seconds == 1.5


def test_a_link_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared.yml").write_text(BASE, encoding="utf-8")
    (tmp_path / ".cde").mkdir()
    (tmp_path / ".cde" / "workflow.yml").symlink_to(tmp_path / "shared.yml")

    with pytest.raises(ValidationError, match="a link is in its place"):
        YamlWorkflowRepository().load(tmp_path)


def test_an_unchanged_file_is_not_parsed_again(tmp_path: Path) -> None:
    catalog = load(tmp_path, BASE)

    assert load(tmp_path, BASE) is catalog


def test_a_file_is_known_by_its_digest_without_being_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = YamlWorkflowRepository()
    packaged = repository.digest(tmp_path)
    assert {each.file_digest for each in repository.load(tmp_path).workflows.values()} == {packaged}

    own = tmp_path / ".cde" / "workflow.yml"
    assert {each.file_digest for each in load(tmp_path, BASE).workflows.values()} == {
        digest := repository.digest(tmp_path)
    }
    monkeypatch.setattr(yaml_repository, "__version__", "another release")
    assert repository.digest(tmp_path) not in {"", digest}, "it may read the file otherwise"
    own.write_text("no: [workflows")
    assert repository.digest(tmp_path) not in {"", packaged}
    own.write_text("x" * (SIZE_LIMIT_BYTES + 1))
    with pytest.raises(ValidationError) as refused:
        repository.digest(tmp_path)
    assert refused.value.code == "E311"


def test_a_changed_file_is_seen_even_if_its_size_and_time_stay(tmp_path: Path) -> None:
    load(tmp_path, BASE)
    path = tmp_path / ".cde" / "workflow.yml"
    before = path.stat()
    path.write_text(changed("Two phases.", "Two stages."), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert YamlWorkflowRepository().load(tmp_path).get().description == "Two stages."
    path.unlink()
    assert YamlWorkflowRepository().load(tmp_path).packaged


NOT_YAML: list[tuple[str, str | bytes, int]] = [
    # what it is, the file, the line that is named
    ("an open bracket", changed("[plan]", "[plan"), 20),
    ("a tab as indentation", changed("        prompt: plan.md", "\tprompt: plan.md"), 9),
    ("a control character", changed("Build it.", "Build\x01it."), 16),
    ("bytes that are not UTF-8", changed("Build it.", "Build §").encode("latin-1"), 16),
    ("UTF-16", BASE.encode("utf-16"), 1),
    ("a second document", BASE + "---\nversion: 1\n", 29),
    ("an unknown escape", changed("Build it.", '"\\z"'), 16),
    ("deep lists", "version: " + "[" * 100_000, 1),
    ("deep mappings", "".join(f"{' ' * n}a:\n" for n in range(400)), DEPTH_LIMIT + 2),
    ("nothing before a document", "---\n---\nversion: 1\n", 2),
]


@pytest.mark.parametrize(
    ("content", "line"), [case[1:] for case in NOT_YAML], ids=[case[0] for case in NOT_YAML]
)
def test_a_file_that_is_not_yaml_is_refused_with_the_line(
    tmp_path: Path, content: str | bytes, line: int
) -> None:
    error = refusal(tmp_path, content)

    assert (error.code, error.context["line"]) == ("E310", line)


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U00110000"])
def test_an_escape_that_is_no_character_is_refused(tmp_path: Path, escape: str) -> None:
    assert refusal(tmp_path, changed("Build it.", f'"{escape}"')).code == "E310"


MAIN = "workflows.main"
PLAN = f"{MAIN}.phases[0]"
BUILD = f"{MAIN}.phases[1]"
OUTPUT = f"{PLAN}.outputs[0]"
BUILT = f"{BUILD}.outputs[0]"

NOT_VALID: list[tuple[str, str, str, int, str]] = [
    # old text, new text, what the remedy must say, line, key
    ("version: 1\n", "", "version", 1, "version"),
    ("version: 1", "version: 2", "pip install --upgrade", 1, "version"),
    ("version: 1", "version: 0", "1", 1, "version"),
    ("version: 1", "version: true", "1", 1, "version"),
    ("version: 1", "version: '1'", "1", 1, "version"),
    ("default: main", "default: mian", "main", 2, "default"),
    ("default: main", "default: zzz", "Name one of: main", 2, "default"),
    ("default: main", "default: 2024-01-01", "quotes", 2, "default"),
    ("default: main", "defalt: main", "Write default instead of defalt", 2, "defalt"),
    ("default: main", "<<: {default: main}", "version", 2, "<<"),
    ("default: main", "version: 1", "the first is on line 1", 2, "version"),
    ("default: main", '"version": 1', "the first is on line 1", 2, "version"),
    ("default: main", "? [default]\n: main", "key: value", 2, "(top level)"),
    ("default: main", "default: &name main\n*name : 1", "key: value", 3, "(top level)"),
    ("  main:", "  Main_1:", "lower-case", 4, "workflows.Main_1"),
    ("  main:", f"  {'a' * 41}:", "lower-case", 4, f"workflows.{'a' * 41}"),
    ("description: Two phases.", "description: 5", "quotes", 5, f"{MAIN}.description"),
    ("description: Two phases.", "descripton: x", "description", 5, f"{MAIN}.descripton"),
    ("Build it.", '"Build \\0 it."', "control", 16, f"{BUILD}.description"),
    ("result.json", "Plan.md/result.json", "another", 22, f"{BUILD}.outputs[0].path"),
    ("/plan.md", "/result.json/plan.md", "another", 22, f"{BUILD}.outputs[0].path"),
    ("max_attempts: 5", "max_attempts: 0", "1 to 100", 6, f"{MAIN}.max_attempts"),
    ("max_attempts: 5", "max_attempts: 101", "1 to 100", 6, f"{MAIN}.max_attempts"),
    ("max_attempts: 5", "max_attempts: true", "1 to 100", 6, f"{MAIN}.max_attempts"),
    ("max_attempts: 5", "max_attempts: 2.5", "1 to 100", 6, f"{MAIN}.max_attempts"),
    ("max_attempts: 5", "max_attempts: 0b_", "1 to 100", 6, f"{MAIN}.max_attempts"),
    ("max_attempts: 5", f"max_attempts: {'9' * 5000}", "1", 6, f"{MAIN}.max_attempts"),
    ("max_attempts: 5", f"max_attempts: 1{':1' * 100}", "1", 6, f"{MAIN}.max_attempts"),
    ("- id: plan\n        prompt", "- prompt", "id", 8, f"{PLAN}.id"),
    ("- id: build", "- id: plan", "another", 15, f"{BUILD}.id"),
    ("- id: build", "- id: Build", "lower-case", 15, f"{BUILD}.id"),
    ("- id: build", "- id: build_it", "hyphens", 15, f"{BUILD}.id"),
    ("- id: build", "- id: build--it", "hyphens", 15, f"{BUILD}.id"),
    ("- id: build", "- id: 5", "quotes", 15, f"{BUILD}.id"),
    ("- id: build", "- id:", "quotes", 15, f"{BUILD}.id"),
    ("- id: build", f"- id: {'b' * 41}", "40", 15, f"{BUILD}.id"),
    ("- id: build", '- id: "build\\n"', "lower-case", 15, f"{BUILD}.id"),
    ("handler: human_input", "handler: human", "human_input", 17, f"{BUILD}.handler"),
    ("handler: human_input", "handler: yes", "quotes", 17, f"{BUILD}.handler"),
    ("        prompt: plan.md\n", "", "prompt", 8, f"{PLAN}.prompt"),
    ("own/build.md", "''", "text", 18, f"{BUILD}.prompt"),
    ("own/build.md", "/own/build.md", ".cde/prompts", 18, f"{BUILD}.prompt"),
    ("own/build.md", "../build.md", ".cde/prompts", 18, f"{BUILD}.prompt"),
    ("own/build.md", ".cde/prompts/own/build.md", ".cde/prompts", 18, f"{BUILD}.prompt"),
    ("own/build.md", "own/build.txt", ".cde/prompts", 18, f"{BUILD}.prompt"),
    ("inputs: [plan]", "inputs: plan", "list", 19, f"{BUILD}.inputs"),
    ("inputs: [plan]", "inputs: [plan, plna]", "plan", 19, f"{BUILD}.inputs[1]"),
    ("inputs: [plan]", "inputs: [the_result]", "Name one of: plan", 19, f"{BUILD}.inputs[0]"),
    ("prompt: plan.md", "prompt: plan.md\n        inputs: [x]", "Remove", 10, f"{PLAN}.inputs[0]"),
    ("inputs: [plan]", "inputs: [1]", "quotes", 19, f"{BUILD}.inputs[0]"),
    ("            path: docs/{feature}/plan.md\n", "", "path", 11, f"{OUTPUT}.path"),
    ("id: the_result", "id: plan", "another", 21, f"{BUILD}.outputs[0].id"),
    ("id: the_result", "id: the__result", "hyphens", 21, f"{BUILD}.outputs[0].id"),
    ("{feature}/result.json", "{feature}/PLAN.md", "another", 22, f"{BUILD}.outputs[0].path"),
    ("type: json", "type: jsn", "json", 23, f"{BUILD}.outputs[0].type"),
    ("type: json", "type: json\n            verdict: [ok]", "markdown", 24, f"{BUILT}.verdict"),
    ("min_bytes: 10", 'verdict: ["**ok**"]', "only words", 13, f"{OUTPUT}.verdict[0]"),
    ("min_bytes: 10", "verdict: approved", "list", 13, f"{OUTPUT}.verdict"),
    ("inputs: [plan]", "changes: requird", "required", 19, f"{BUILD}.changes"),
    ("inputs: [plan]", "changes: true", "quotes", 19, f"{BUILD}.changes"),
    ("required: false", "required: 'false'", "quotes", 24, f"{BUILD}.outputs[0].required"),
    ("min_bytes: 10", "min_bytes: true", "10000000", 13, f"{OUTPUT}.min_bytes"),
    ("min_bytes: 10", "min_bytes: -1", "10000000", 13, f"{OUTPUT}.min_bytes"),
    ("min_bytes: 10", "min_bytes: 10000001", "10000000", 13, f"{OUTPUT}.min_bytes"),
    ("min_bytes: 10", "min_bytes: [1]", "10000000", 13, f"{OUTPUT}.min_bytes"),
    ('["## Goal", ', '["", ', "text", 14, f"{OUTPUT}.must_contain[0]"),
    ('["## Goal", ', '["## Goal", "re:(", ', "single quotes", 14, f"{OUTPUT}.must_contain[1]"),
    ('["## Goal", ', "[{a: b}, ", "text", 14, f"{OUTPUT}.must_contain[0]"),
    ('["make", "test"]', "make test", '["npm", "test"]', 25, f"{BUILD}.check"),
    ('["make", "test"]', "", '["npm", "test"]', 25, f"{BUILD}.check"),
    ('["make", "test"]', '["make", " "]', "text", 25, f"{BUILD}.check[1]"),
    ('["make", "test"]', "[sleep, 5]", "quotes", 25, f"{BUILD}.check[1]"),
    ("seconds: 30", "seconds: 0.5", "86400", 26, f"{BUILD}.check_timeout_seconds"),
    ("seconds: 30", "seconds: .inf", "86400", 26, f"{BUILD}.check_timeout_seconds"),
    ("seconds: 30", "seconds: .nan", "86400", 26, f"{BUILD}.check_timeout_seconds"),
    ("seconds: 30", "seconds: true", "86400", 26, f"{BUILD}.check_timeout_seconds"),
    ("seconds: 30", "seconds: 30s", "86400", 26, f"{BUILD}.check_timeout_seconds"),
    ("./sub/", "../sub", "folder", 27, f"{BUILD}.check_directory"),
    ("./sub/", "/", "folder", 27, f"{BUILD}.check_directory"),
    ("./sub/", ".git/hooks", "folder", 27, f"{BUILD}.check_directory"),
    ("status: building_it", "status: Building", "lower-case", 28, f"{BUILD}.status"),
    ("status: building_it", "status: completed", "reviewing", 28, f"{BUILD}.status"),
    ("status: building_it", "state: building_it", "status", 28, f"{BUILD}.state"),
    ("status: building_it", "agent: claude", "handler: agent", 28, f"{BUILD}.agent"),
    ("prompt: plan.md", "prompt: plan.md\n        agent: other", "such as", 10, f"{PLAN}.agent"),
    ("prompt: plan.md", "prompt: plan.md\n        agent: A B", "cde agents", 10, f"{PLAN}.agent"),
    ("prompt: plan.md", "prompt: plan.md\n        agent: 1", "quotes", 10, f"{PLAN}.agent"),
    ("Build it.", "!!python/object/apply:os.abort []", "!", 16, f"{BUILD}.description"),
    ("Build it.", "!secret it", "!", 16, f"{BUILD}.description"),
    ("[plan]", "&a [plan]\n        status: *a", "place", 20, f"{BUILD}.status"),
    ("Build it.", "&a [*a]", "place", 16, f"{BUILD}.description[0]"),
]


@pytest.mark.parametrize(
    ("old", "new", "remedy", "line", "key"),
    NOT_VALID,
    ids=[f"{case[4]} {case[1][:30]!r}" for case in NOT_VALID],
)
def test_a_mistake_is_refused_with_line_key_and_remedy(
    tmp_path: Path, old: str, new: str, remedy: str, line: int, key: str
) -> None:
    error = refusal(tmp_path, changed(old, new))

    assert (error.code, error.context["line"], error.context["key"]) == ("E311", line, key)
    assert remedy in error.context["remedy"]


HOLLOW: list[tuple[str, str, int, str]] = [
    # what it is, the file, line, key
    ("an empty file", "", 1, "(top level)"),
    ("comments alone", "# nothing\n\n", 1, "(top level)"),
    ("text alone", "\nworkflows\n", 2, "(top level)"),
    ("a list", "- version\n", 1, "(top level)"),
    ("no workflows at all", "version: 1\n", 1, "workflows"),
    ("an empty mapping of them", "version: 1\nworkflows: {}\n", 2, "workflows"),
    ("a list of them", "version: 1\nworkflows:\n  - a\n", 3, "workflows"),
    ("an empty workflow", "version: 1\nworkflows:\n  a:\n", 3, "workflows.a"),
    ("no phases", "version: 1\nworkflows:\n  a: {}\n", 3, "workflows.a.phases"),
    ("an empty list", "version: 1\nworkflows:\n  a:\n    phases: []\n", 4, "workflows.a.phases"),
    ("a mapping of them", "version: 1\nworkflows:\n  a: {phases: {}}\n", 3, "workflows.a.phases"),
    ("a word", "version: 1\nworkflows:\n  a: {phases: [b]}\n", 3, "workflows.a.phases[0]"),
]


@pytest.mark.parametrize(
    ("content", "line", "key"), [case[1:] for case in HOLLOW], ids=[case[0] for case in HOLLOW]
)
def test_a_file_without_phases_is_refused(
    tmp_path: Path, content: str, line: int, key: str
) -> None:
    error = refusal(tmp_path, content)

    assert (error.code, error.context["line"], error.context["key"]) == ("E311", line, key)


BAD_PATHS = [
    "/etc/passwd",
    "../{feature}.md",
    "docs/../../x.md",
    "docs/./x.md",
    "docs//x.md",
    "docs/",
    "docs\\x.md",
    "C:/x.md",
    ".cde/state.json",
    ".CDE/state.json",
    ".git/config",
    "sub/.git/hooks/pre-commit",
    "docs/\u202ex.md",
    "docs/{name}.md",
    "docs/{feature.md",
    "docs/{feature!r}.md",
    "",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_an_output_that_is_no_file_of_the_project_is_refused(tmp_path: Path, path: str) -> None:
    error = refusal(tmp_path, changed("docs/{feature}/plan.md", f"'{path}'"))

    assert error.code == "E311"
    assert (error.context["line"], error.context["key"]) == (12, f"{OUTPUT}.path")


def test_an_output_with_a_nul_in_its_path_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, changed("docs/{feature}/plan.md", '"docs/\\0.md"'))

    assert error.context["key"] == f"{OUTPUT}.path"


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, BASE + "#" * SIZE_LIMIT_BYTES)

    assert (error.code, error.context["line"]) == ("E311", 1)


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_never_counts_as_none(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    (tmp_path / ".cde").mkdir()
    make(tmp_path / ".cde" / "workflow.yml")

    with pytest.raises(ValidationError) as raised:
        YamlWorkflowRepository().load(tmp_path)

    assert (raised.value.code, raised.value.context["line"]) == ("E311", 1)


def test_a_file_in_place_of_the_folder_never_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / ".cde").touch()

    with pytest.raises(ValidationError) as raised:
        YamlWorkflowRepository().load(tmp_path)

    assert (raised.value.code, raised.value.context["line"]) == ("E311", 1)


def test_the_file_that_is_written_holds_the_packaged_workflows(tmp_path: Path) -> None:
    repository = YamlWorkflowRepository()

    assert repository.write_default(tmp_path, [], "recorded", [])

    path = tmp_path / ".cde" / "workflow.yml"
    written, packaged = path.read_text(encoding="utf-8"), PACKAGED_FILE.read_text(encoding="utf-8")
    begin, _, end = written.partition("# required:")
    assert begin.removesuffix("\n") + end.partition("proof: recorded\n")[2] == packaged
    own = {
        name: replace(workflow, proof="recorded")
        for name, workflow in repository.load_packaged().workflows.items()
    }
    assert repository.load(tmp_path) == replace(
        repository.load_packaged(), source=str(path), packaged=False, workflows=own
    )


@pytest.mark.parametrize("runners", [["pytest"], ["pytest", "vitest"]])
def test_the_file_that_is_written_demands_proofs_by_the_runners(
    tmp_path: Path, runners: list[str]
) -> None:
    repository = YamlWorkflowRepository()
    repository.write_default(tmp_path, [], "required", runners)
    workflows = repository.load(tmp_path).workflows
    text = (tmp_path / ".cde" / "workflow.yml").read_text(encoding="utf-8")

    assert "\nproof: required\nrunner: " in text
    assert workflows["standard"].runner == RunnerSetting(names=tuple(runners))
    proving = {
        (name, phase.id): phase.proves
        for name, each in workflows.items()
        for phase in each.phases
        if each.must_prove(phase)
    }
    assert proving == {
        ("standard", "test"): "spec",
        ("standard-approved", "test"): "spec",
        ("lean", "verify"): "plan",
        ("quick-fix", "verify"): "reproduction",
    }
    reproduction = workflows["quick-fix"].phases[0].outputs[0]
    assert r"re:\bAC1\b" in reproduction.must_contain


def test_the_check_command_gates_the_test_phases(tmp_path: Path) -> None:
    repository = YamlWorkflowRepository()
    check = ("python", "-m", "pytest", 'say "hé" \\ 🙂')

    repository.write_default(tmp_path, check, "recorded", [])

    catalog = repository.load(tmp_path)
    gated = {
        (workflow.id, phase.id, phase.check)
        for workflow in catalog.workflows.values()
        for phase in workflow.phases
        if phase.check
    }
    assert gated == {
        ("standard", "test", check),
        ("standard", "review", check),
        ("standard-approved", "test", check),
        ("standard-approved", "review", check),
        ("standard-approved", "approve-review", check),
        ("lean", "build", check),
        ("lean", "verify", check),
        ("quick-fix", "verify", check),
    }
    text = (tmp_path / ".cde" / "workflow.yml").read_text(encoding="utf-8")
    assert text.count('        check: ["python", "-m", "pytest", ') == 8


def test_a_command_that_cannot_stand_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as raised:
        YamlWorkflowRepository().write_default(tmp_path, ["make", ""], "recorded", [])

    assert raised.value.code == "E311"
    assert not (tmp_path / ".cde").exists()


@pytest.mark.parametrize("target", [None, "nowhere"])
def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path, target: str | None) -> None:
    path = tmp_path / ".cde" / "workflow.yml"
    path.parent.mkdir()
    if target:
        path.symlink_to(target)
    else:
        path.write_text("mine", encoding="utf-8")

    assert not YamlWorkflowRepository().write_default(tmp_path, ["make", "test"], "recorded", [])

    assert [each.name for each in path.parent.iterdir()] == ["workflow.yml"]
    assert path.is_symlink() if target else path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "E204"), (errno.EACCES, "E203")])
def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, number: int, code: str
) -> None:
    class Refusing(OsFileOps):
        def fdatasync(self, descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

    with pytest.raises(StateError) as raised:
        YamlWorkflowRepository(Refusing()).write_default(tmp_path, [], "recorded", [])

    assert raised.value.code == code
    assert list((tmp_path / ".cde").iterdir()) == []
