"""``cde verify`` in clones without any state: what holds is proven, what was tampered with said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from cde_orchestrator.application.proofs.records import read_record, written_record
from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.command_line import CDE, cde
from tests.integration.proving.claims import with_this_python
from tests.integration.proving.committed_feature import (
    HOLLOW,
    PROOFS,
    RECORD,
    SPEC,
    TEST,
    WORK,
    CommittedFeature,
    committed_feature,
)
from tests.repository import git

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository, once for all tests."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        with_this_python(monkeypatch)
        return committed_feature(tmp_path_factory.mktemp("made") / "shop").root


@pytest.fixture
def feature(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommittedFeature:
    """A repository of the test's own."""
    with_this_python(monkeypatch)
    shutil.copytree(made, tmp_path / "shop")
    return CommittedFeature(tmp_path / "shop")


def verified(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the answer in JSON."""
    done = cde("verify", "--json", *words, cwd=folder)
    assert b"Traceback" not in done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, answer


def found_in(feature: CommittedFeature, folder: Path, *words: str) -> dict[str, Any]:
    """What is found in a clone that is trusted by the option; the exit code fits the verdict."""
    code, answer = verified(feature.clone(folder / "clone"), "--trust", *words)
    (found,) = answer["features"]
    assert code == (found["verdict"] != "proven")
    verdicts: dict[str, Any] = found
    return verdicts


def reasons(found: Mapping[str, Any]) -> dict[str, str]:
    """Verdicts with their reasons, by the criterion."""
    return {each["id"]: f"{each['verdict']}: {each['reason']}" for each in found["criteria"]}


def test_a_feature_is_proven_in_a_clone_that_stays_as_it_is(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    clone = feature.clone(tmp_path / "clone")

    code, answer = verified(clone, "--all", "--trust")

    assert code == 0
    (found,) = answer["features"]
    assert (found["name"], found["verdict"]) == ("fees", "proven")
    assert [(each["id"], each["verdict"]) for each in found["criteria"]] == [
        ("AC1", "proven"),
        ("AC2", "proven"),
    ]
    assert found["criteria"][0]["proofs"] == [TEST]
    assert (found["criteria"][0]["path"], found["criteria"][0]["line"]) == ("tests/test_fee.py", 7)
    assert git(clone, "status", "--porcelain", "--ignored") == ""


def test_a_clone_is_verified_without_any_network(feature: CommittedFeature, tmp_path: Path) -> None:
    apart = ["unshare", "--user", "--map-root-user", "--net"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], check=False).returncode:
        pytest.skip("no process can be kept from the network here")
    clone = feature.clone(tmp_path / "clone")

    words = [*apart, *CDE, "verify", "--trust", "--json"]
    done = subprocess.run(words, cwd=clone, capture_output=True, timeout=280, check=False)

    assert done.returncode == 0
    assert json.loads(done.stdout)["features"][0]["verdict"] == "proven"


def test_whoever_says_that_commands_run_is_not_asked_to_trust_them(
    feature: CommittedFeature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    clone = feature.clone(tmp_path / "clone")
    (clone / ".cde").mkdir()
    (clone / ".cde" / "config.toml").write_text("")

    asked, trusted = (cde("verify", *words, cwd=clone) for words in ((), ("--trust",)))

    assert (asked.returncode, trusted.returncode) == (1, 0)
    assert b"E325" in asked.stderr
    assert b"only viewed" not in trusted.stderr


def test_what_is_not_committed_does_not_count(feature: CommittedFeature) -> None:
    feature.write({"shop/pay.py": "def total(amount):\n    return amount\n"})

    code, _ = verified(feature.root, "fees", "--trust")

    assert code == 0


def test_code_and_tests_that_were_hollowed_are_broken(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    feature.commit({"tests/test_fee.py": HOLLOW})

    found = found_in(feature, tmp_path)

    assert found["verdict"] == "broken"
    assert "passes on the base already" in reasons(found)["AC1"]
    assert reasons(found)["AC2"] == "proven: "
    assert found["changed"] == ["tests/test_fee.py"]


def test_code_that_was_changed_back_is_broken(feature: CommittedFeature, tmp_path: Path) -> None:
    feature.commit({"shop/pay.py": WORK["shop/pay.py"].replace("* 7", "* 8")})

    assert "does not pass now" in reasons(found_in(feature, tmp_path))["AC1"]


@pytest.mark.parametrize(
    ("changes", "criterion", "said"),
    [
        ({RECORD: None}, "", "its record was removed"),
        ({RECORD: "{}"}, "", "schema version"),
        ({SPEC: "- AC1: It charges seven percent.\n"}, "AC2", "is no longer in"),
        ({SPEC: f"{WORK[SPEC]}- AC3: More.\n"}, "AC3", "came to the specification after"),
        ({SPEC: WORK[SPEC].replace("seven", "five")}, "AC1", "says something else"),
        ({PROOFS: WORK[PROOFS].replace("test_fee\n", "test_it\n")}, "AC1", "points elsewhere"),
        ({PROOFS: "AC1: waived\n"}, "AC1", "only a person can do"),
        ({PROOFS: None}, "", "there is no file"),
    ],
)
def test_what_was_tampered_with_is_said(
    feature: CommittedFeature,
    tmp_path: Path,
    changes: dict[str, str | None],
    criterion: str,
    said: str,
) -> None:
    feature.commit(changes)

    found = found_in(feature, tmp_path)

    assert found["verdict"] != "proven"
    assert said in (reasons(found)[criterion] if criterion else found["reason"])


def test_a_record_that_was_altered_is_said(feature: CommittedFeature, tmp_path: Path) -> None:
    record = json.loads((feature.root / RECORD).read_text())
    record["criteria"].pop()
    feature.commit({RECORD: json.dumps(record), SPEC: "- AC1: It charges seven percent.\n"})

    assert "was altered: its digest" in found_in(feature, tmp_path)["reason"]


def test_a_record_that_was_made_again_without_a_criterion_is_said(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    feature.write({SPEC: "- AC1: It charges seven percent.\n", PROOFS: f"AC1: {TEST}\n"})
    feature.commit({RECORD: feature.record().decode()})

    assert "altered since it was first committed" in found_in(feature, tmp_path)["reason"]


def test_a_record_that_claims_waivers_is_accepted_with_an_option_alone(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    before = (feature.root / RECORD).read_bytes()
    record = read_record(before)
    criteria = tuple(
        replace(each, proofs=(), waived="seen by eye (Ada)") for each in record.evidence.criteria
    )
    forged = replace(record, evidence=replace(record.evidence, criteria=criteria))
    feature.commit({RECORD: written_record(forged, before).decode()})

    code, answer = verified(feature.root, "--trust")

    (found,) = answer["features"]
    assert (code, found["verdict"], found["runs"]) == (1, "waived", 0)
    assert [(each["id"], each["verdict"]) for each in found["criteria"]] == [
        ("AC1", "waived"),
        ("AC2", "waived"),
    ]
    done = cde("verify", "--trust", "--allow-waived", cwd=feature.root)
    assert done.returncode == 0
    assert "AC1 waived: as the record claims: seen by eye (Ada)" in done.stdout.decode()


def test_an_unrelated_change_does_not_matter(feature: CommittedFeature, tmp_path: Path) -> None:
    feature.commit({"shop/stock.py": "def count():\n    return 1\n", "README.md": "more\n"})

    found = found_in(feature, tmp_path)

    assert (found["verdict"], found["changed"]) == ("proven", [])


def test_an_earlier_commit_can_be_verified(feature: CommittedFeature) -> None:
    git(feature.root, "tag", "good")
    feature.commit({"tests/test_fee.py": HOLLOW})

    assert verified(feature.root, "--trust")[0] == 1
    assert verified(feature.root, "--trust", "--at", "good")[0] == 0


def test_a_clone_without_the_base_says_what_to_fetch(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    clone = feature.clone(tmp_path / "clone", "--depth=1")

    code, answer = verified(clone, "--trust")

    assert code == 1
    assert answer["features"][0]["verdict"] == "unproven"
    assert "fetch-depth: 0" in answer["features"][0]["criteria"][0]["reason"]


def test_a_history_that_was_rewritten_is_said_as_what_it_is(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    git(feature.root, "checkout", "--quiet", "--orphan", "squashed")
    git(feature.root, "commit", "--quiet", "--message=All of it")
    clone = feature.clone(tmp_path / "clone", "--branch=squashed", "--single-branch")

    (there,) = verified(feature.root, "--trust")[1]["features"]
    code, answer = verified(clone, "--trust")

    base = git(feature.root, "rev-parse", "base")
    now = git(feature.root, "rev-parse", "squashed")
    said = f"the commit {base[:12]} at which the feature started is no ancestor of {now[:12]}, "
    assert there["verdict"] == "proven"
    assert there["notes"][0].startswith(said)
    assert (code, answer["features"][0]["verdict"]) == (1, "unproven")
    reason = answer["features"][0]["criteria"][0]["reason"]
    assert "is no ancestor of" in reason
    assert "fetch-depth" not in reason
    tag = f"cde-base-{base[:12]}"
    assert reason.endswith(f"git tag {tag} {base[:12]}")
    git(feature.root, "tag", tag, base)
    git(clone, "fetch", "--quiet", "origin", "tag", tag)
    assert verified(clone, "--trust")[0] == 0


def test_nothing_of_a_clone_is_run_without_a_person_s_word(
    feature: CommittedFeature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    feature.commit({".cde/workflow.yml": "version: 1\n"})
    clone = feature.clone(tmp_path / "clone")

    code, answer = verified(clone)

    assert code == 1
    assert answer["error"]["code"] == "E325"
    assert verified(clone, "--trust")[0] == 0
    assert git(clone, "status", "--porcelain", "--ignored") == ""


def test_commands_are_run_only_when_they_are_trusted(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    code, answer = verified(feature.clone(tmp_path / "clone"))

    assert code == 1
    assert answer["error"]["code"] == "E120"


def test_other_programs_can_read_the_verdicts(feature: CommittedFeature, tmp_path: Path) -> None:
    feature.commit({"tests/test_fee.py": HOLLOW})
    junit, sarif = tmp_path / "verify.xml", tmp_path / "verify.sarif"

    done = cde(
        *("verify", "--trust", "--markdown", "--junit", str(junit), "--sarif", str(sarif)),
        cwd=feature.root,
    )

    assert done.returncode == 1
    assert "| fees | AC1 | broken | tests/test" in done.stdout.decode().replace("\\", "")
    cases = ElementTree.parse(junit).findall("testsuite/testcase")
    assert [(each.get("name"), each.find("failure") is None) for each in cases] == [
        ("AC1", False),
        ("AC2", True),
    ]
    document = json.loads(sarif.read_text())
    (result,) = document["runs"][0]["results"]
    assert (document["version"], result["ruleId"], result["level"]) == ("2.1.0", "broken", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "tests/test_fee.py"
    assert place["region"]["startLine"] == 5


def test_what_was_only_recorded_is_said_and_decides_where_it_is_asked_for(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    rule, proofs = ".cde/workflow.yml", "specs/tips/proofs.yml"
    feature.commit({rule: "version: 1\nproof: recorded\n"})
    feature.commit({proofs: "AC1: tests/test_tips.py::test_tips\n"})
    feature.commit({rule: "version: 1\nproof: required\n"})
    clone = feature.clone(tmp_path / "clone")
    junit, sarif = tmp_path / "verify.xml", tmp_path / "verify.sarif"

    plain, answer = verified(clone, "--trust", "--junit", str(junit), "--sarif", str(sarif))
    every, _ = verified(clone, "--trust", "--all")
    named, _ = verified(clone, "--trust", "tips")

    assert (plain, every, named) == (0, 1, 1)
    shown = {each["name"]: (each["verdict"], each["required"]) for each in answer["features"]}
    assert shown == {"fees": ("proven", True), "tips": ("unproven", False)}
    suites = {each.get("name"): each for each in ElementTree.parse(junit).findall("testsuite")}
    assert (suites["tips"].get("failures"), suites["tips"].get("skipped")) == ("0", "1")
    (result,) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("unproven", "note")
    feature.commit({"specs/late/proofs.yml": "AC1: tests/test_late.py::test_late\n"})
    late, answer = verified(feature.root, "--trust", "--at", "HEAD")
    assert (late, answer["features"][1]["required"]) == (1, True)


def test_a_branch_from_before_the_rule_does_not_evade_it(feature: CommittedFeature) -> None:
    rule, root = ".cde/workflow.yml", feature.root
    feature.commit({rule: "version: 1\nproof: recorded\n"})
    feature.commit({"specs/tips/proofs.yml": "AC1: tests/test_tips.py::test_tips\n"})
    old = git(root, "rev-parse", "HEAD")
    feature.commit({rule: "version: 1\nproof: required\n"})
    git(root, "switch", "--quiet", "--create", "side", old)
    feature.commit({"specs/evil/proofs.yml": "AC1: tests/test_evil.py::test_evil\n"})
    alone, _ = verified(root, "--trust")
    git(root, "switch", "--quiet", "main")
    git(root, "merge", "--quiet", "--message=Merge", "side")

    merged, answer = verified(root, "--trust")

    assert (alone, merged) == (0, 1)
    required = {each["name"]: each["required"] for each in answer["features"]}
    assert required == {"evil": True, "fees": True, "tips": False}


@pytest.mark.parametrize(
    "words", [["fees", "--all"], ["--json", "--markdown"], ["--unknown"], ["--at"]]
)
def test_wrong_usage_has_an_exit_code_of_its_own(tmp_path: Path, words: list[str]) -> None:
    assert cde("verify", *words, cwd=tmp_path).returncode == 2


def test_where_there_is_nothing_that_is_said(feature: CommittedFeature) -> None:
    nowhere = verified(feature.root, "--trust", "--at", "nowhere")
    nothing = verified(feature.root, "--trust", "--at", "base")

    assert [(code, answer["error"]["code"]) for code, answer in (nowhere, nothing)] == [
        (1, "E144"),
        (1, "E143"),
    ]


def test_a_repository_that_cannot_be_verified_where_one_is_says_where(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    bare = feature.clone(tmp_path / "bare.git", "--bare")
    git(tmp_path, "init", "--quiet", "mono")
    mono = CommittedFeature(tmp_path / "mono")
    shutil.copytree(feature.root, mono.root / "shop", ignore=shutil.ignore_patterns(".git"))
    mono.commit({"README.md": "two projects\n"})

    in_bare, every, one = (
        verified(folder, "--trust", *words)[1]["error"]
        for folder, words in ((bare, ()), (mono.root, ()), (mono.root, ("fees",)))
    )

    assert in_bare["code"] == "E136"
    assert "it is a bare repository" in in_bare["message"]
    assert (every["code"], one["code"]) == ("E143", "E143")
    assert "projects with records are in shop." in every["message"]
    assert every["fixes"][0]["command"] == f"cde verify --project {mono.root / 'shop'}"
    inside = verified(mono.root, "--trust", "--project", "shop")[1]["features"]
    assert [each["name"] for each in inside] == ["fees"]


def test_the_action_verifies_writes_a_summary_and_hands_sarif_on(
    feature: CommittedFeature, tmp_path: Path
) -> None:
    feature.commit({"tests/test_fee.py": HOLLOW})
    action = yaml.safe_load((REPOSITORY / "action.yml").read_text())
    (step,) = (each for each in action["runs"]["steps"] if each.get("id") == "verify")
    runner, summary, output = (tmp_path / name for name in ("temp", "summary.md", "output"))
    program = runner / "cde-verify" / "bin" / "cde"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cde_orchestrator "$@"\n')
    program.chmod(0o755)

    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=feature.root,
        env={
            **os.environ,
            "FEATURES": "",
            "ALLOW_WAIVED": action["inputs"]["allow-waived"]["default"],
            "AT": action["inputs"]["at"]["default"],
            "RUNNER_TEMP": str(runner),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_OUTPUT": str(output),
        },
        check=False,
        capture_output=True,
    )

    assert done.returncode == 1, done.stderr
    assert "| fees | AC1 | broken |" in summary.read_text()
    assert output.read_text() == "written=true\n"
    assert json.loads((runner / "cde-verify.sarif").read_text())["version"] == "2.1.0"


def test_the_template_for_gitlab_runs_a_command_that_there_is() -> None:
    template = yaml.safe_load((REPOSITORY / "templates" / "gitlab" / "verify.yml").read_text())
    job = template["cde-verify"]
    words = job["script"][-1].split()
    options = {word for word in words if word.startswith("--")}

    assert options == {"--at", "--trust", "--junit"}
    assert template["cde-verify"]["variables"]["CDE_OPTIONS"] == ""
    assert job["artifacts"]["reports"]["junit"] == words[words.index("--junit") + 1]
    assert job["variables"]["GIT_DEPTH"] == "0"
