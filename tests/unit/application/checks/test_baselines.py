"""Checks and runners are tried before the work, where trusted, once and for a bounded time."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from cde_orchestrator.application.checks import unready as unready_module
from cde_orchestrator.application.checks.baselines import TRIALS, keep_trials, kept_trials
from cde_orchestrator.application.checks.show_baseline import ShowBaseline, TryChecks
from cde_orchestrator.application.checks.trial_views import noteworthy
from cde_orchestrator.application.checks.unready import unready
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.prompt_facts import baseline
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.ports.proving import UNKNOWN_VERSION, TestRun
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.proofs import TestResult
from cde_orchestrator.domain.trial import FAILING_KEPT, Trial
from cde_orchestrator.domain.workflow import Output, Phase, RunnerSetting, Workflow
from tests.fakes import ROOT, World, catalog
from tests.phase_fakes import NOT_TRIED

CHECK = ("make", "test")
RED = "FAILED a.py::test_old - no\n1 failed, 2 passed in 0.1s\n"


def checked(**changes: Any) -> Workflow:
    """A workflow with one check in two phases, the criteria of which may have to be proven."""
    spec = Output(id="spec", path="specs/{feature}/spec.md")
    proofs = Output(id="proofs", path="specs/{feature}/proofs.yml", type="yaml")
    return Workflow(
        id="checked",
        phases=(
            Phase(id="define", prompt="p.md", outputs=(spec,)),
            Phase(id="test", prompt="p.md", proves="spec", outputs=(proofs,), check=CHECK),
            Phase(id="review", prompt="p.md", check=CHECK, check_timeout_seconds=900.0),
        ),
        **changes,
    )


@pytest.fixture
def world() -> World:
    """A project whose default workflow has a check, and in which a start may try it."""
    world = World.active()
    world.workflows.own = catalog(checked(), packaged=False)
    world.baseline_seconds = 20.0
    return world


def start(world: World, name: str = "login", **given: Any) -> dict[str, Any]:
    """What a start says of the check."""
    reply = world.run(StartFeature(prompt="Add login", name=name, **given))
    (found, *_) = reply["baseline"]
    return dict(found)


def trials(world: World, name: str = "login") -> list[Trial]:
    return world.project.feature(name).trials


def test_a_check_is_tried_once_before_the_work(world: World) -> None:
    world.checks.printed = "3 passed in 0.5s\n"
    found = start(world)

    assert found["outcome"] == "passed"
    assert found["words"] == "The check `make test` passed before the work: 3 passed, in 1.0 s"
    assert (found["used_by"], found["counts"]) == (["test", "review"], {"passed": 3})
    (run,) = world.checks.run_checks
    assert (run.command, 19 < run.timeout_seconds <= 20) == (CHECK, True)
    (trial,) = trials(world)
    assert (trial.outcome, trial.exit_code) == ("passed", 0)
    assert kept_trials(world.project) == [trial]


def test_the_feature_is_there_while_its_check_is_tried(world: World) -> None:
    seen: list[str] = []
    world.checks.meanwhile = lambda: seen.extend(
        each.name for each in world.project.features.summaries()
    )
    start(world)

    assert seen == ["login"]


def test_the_same_start_twice_at_once_is_one_feature_though_a_trial_takes_long(
    world: World,
) -> None:
    again = StartFeature(prompt="Add login", name="login")
    replies: list[Any] = []

    def later() -> None:
        world.checks.meanwhile = None
        replies.append(world.run(again))

    world.checks.meanwhile = later
    replies.append(world.run(again))

    assert len({reply["feature"]["id"] for reply in replies}) == 1
    assert len(world.checks.run_checks) == 1
    assert replies[0]["baseline"][0]["outcome"] == "not_tried"


def test_what_fails_already_is_named_and_a_second_run_says_that_it_is_so(world: World) -> None:
    world.checks.printed, world.checks.exit_codes = RED, [1, 1]
    found = start(world)

    assert (found["outcome"], found["failing"]) == ("failed", ["a.py::test_old"])
    assert found["words"] == (
        "The check `make test` failed before the work: 1 failed, 2 passed, exit code 1, "
        "in 1.0 s: a.py::test_old"
    )
    assert len(world.checks.run_checks) == 2


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("# pass 0\n# fail 0\n", ", but ran no test"),
        ("?   \texample.com/pay\t[no test files]\n", ", but ran no test"),
        ("# pass 1\n# fail 0\n", None),
        ("Built.\n", None),
    ],
)
def test_a_check_that_ran_no_test_is_worth_a_note(
    world: World, printed: str, said: str | None
) -> None:
    world.checks.printed = printed
    start(world)
    views = world.run(GetFeatureStatus(feature_id="login"))["baseline"]

    expected = [f"The check `make test` passed before the work{said}, in 1.0 s."] if said else []
    assert noteworthy(views) == expected


def test_what_passes_the_second_time_is_flaky(world: World) -> None:
    world.checks.printed, world.checks.exit_codes = RED, [1, 0]
    found = start(world)

    assert (found["outcome"], found["waits"]) == ("flaky", False)
    assert "passed when repeated at once: a.py::test_old" in found["words"]


def test_a_check_that_does_not_end_lets_the_feature_start(world: World) -> None:
    world.checks.exit_codes = [None]
    found = start(world)

    assert found["outcome"] == "too_slow"
    assert "did not end within 20 s" in found["words"]
    assert world.project.feature("login").is_open
    assert start(world, "next")["outcome"] == "too_slow"
    assert len(world.checks.run_checks) == 1, "it is not waited for again"


def test_a_check_that_installs_first_is_no_slow_one_and_is_tried_again(world: World) -> None:
    world.checks.exit_codes = [None, None]
    world.checks.printed = "Using CPython 3.12.1\nCreating virtual environment at: .venv\n"
    found = start(world)

    assert found["outcome"] == "too_slow"
    assert found["words"] == (
        "The check `make test` spent its 20 s before the work on installing what it needs "
        "(Creating virtual environment at: .venv), so it is not known what fails already "
        "(cde check run lets it finish; the next start tries it again)"
    )
    world.checks.exit_codes, world.checks.printed = [0], "3 passed in 0.1s\n"
    assert start(world, "next")["outcome"] == "passed"


def test_what_ended_on_the_same_source_is_not_run_again(world: World) -> None:
    world.workflows.own = catalog(checked(proof="recorded"), packaged=False)
    world.git.commit = "c0ffee"
    world.proofs.source["a.py"] = "x = 1\n"
    start(world)
    assert start(world, "next")["outcome"] == "passed"
    assert len(world.checks.run_checks) == 1

    world.proofs.source["a.py"] = "x = 2\n"
    start(world, "third")
    assert len(world.checks.run_checks) == 2


def test_what_a_check_leaves_behind_is_no_work_of_the_feature(world: World) -> None:
    world.workflows.own = catalog(checked(proof="recorded"), packaged=False)
    world.git.commit = "c0ffee"
    world.checks.meanwhile = lambda: world.proofs.source.update({"coverage.xml": "<x/>\n"})
    start(world)
    base = world.project.feature("login").base

    assert base is not None
    assert base.tree == world.proofs.trees.now(world.root).id


def test_a_base_that_somebody_works_on_already_stays(world: World) -> None:
    world.workflows.own = catalog(checked(proof="recorded"), packaged=False)
    world.git.commit = "c0ffee"

    def work() -> None:
        world.checks.meanwhile = None
        world.clock.advance(5)
        world.proofs.source["a.py"] = "x = 1\n"
        world.run(SubmitWork(feature_id="login", phase_id="define", results={"spec": "A\n"}))

    before = world.proofs.trees.now(world.root).id
    world.checks.meanwhile = work
    start(world)
    base = world.project.feature("login").base

    assert base is not None
    assert base.tree == before
    assert trials(world)[0].outcome == "passed"


def test_an_untrusted_check_is_not_run_and_waits_for_a_person(world: World) -> None:
    world.trust.careful = True
    found = start(world)

    assert (found["outcome"], found["waits"]) == ("untrusted", True)
    assert found["words"].endswith("waits for a person: nobody has trusted it yet (cde trust)")
    assert world.checks.run_checks == []
    world.run(SubmitWork(feature_id="login", phase_id="define", results={"spec": "A\n"}))
    (told,) = world.prompts.variables["baseline"]
    assert told["words"] == (
        "The check `make test` was not tried before the work: nobody had trusted it."
    )

    world.trust.careful = False
    reply = world.run(GetFeatureStatus(feature_id="login"))
    assert reply["baseline"][0]["outcome"] == "not_tried"
    world.run(TryChecks())
    reply = world.run(GetFeatureStatus(feature_id="login"))
    assert reply["baseline"][0]["words"].startswith("The check `make test` passed when it was")


def test_a_program_that_is_missing_is_named_though_nobody_trusts_it(world: World) -> None:
    world.trust.careful, world.checks.absent = True, {"make"}
    found = start(world)

    assert (found["outcome"], found["waits"]) == ("cannot_run", True)
    assert "there is no program make on PATH" in found["words"]
    assert world.checks.run_checks == []


@pytest.mark.parametrize("code", [126, 127])
def test_what_a_shell_says_could_not_be_run_was_not_run(world: World, code: int) -> None:
    world.checks.printed, world.checks.exit_codes = "sh: pytest: not found\n", [code]
    found = start(world)

    assert found["outcome"] == "cannot_run"
    assert "pytest: not found" in found["words"]
    assert len(world.checks.run_checks) == 1


def test_nothing_is_tried_where_nobody_wants_it(world: World) -> None:
    assert start(world, baseline=False) == {**NOT_TRIED, "used_by": ["test", "review"]}
    world.baseline_seconds = 0
    assert start(world, "next")["outcome"] == "not_tried"
    assert world.checks.run_checks == []


def test_a_runner_of_tests_is_asked_for_its_version(world: World) -> None:
    world.workflows.own = catalog(
        checked(proof="required", runner=RunnerSetting(names=("pytest",))), packaged=False
    )
    reply = world.run(StartFeature(prompt="Add login", name="login"))

    assert [each["kind"] for each in reply["baseline"]] == ["check", "runner"]
    assert reply["baseline"][1]["words"] == "The runner of tests `tiny test` works: 1.0"


def test_a_check_that_takes_all_the_time_takes_none_from_a_runner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.workflows.own = catalog(checked(proof="required"), packaged=False)
    tried: list[str] = []
    world.checks.meanwhile = lambda: tried.append("check")

    def version(*_: Any) -> str:
        tried.append("runner")
        return "1.0"

    monkeypatch.setattr(type(world.proofs.runner), "version", version)
    reply = world.run(StartFeature(prompt="Add login", name="login"))

    assert tried == ["runner", "check"]
    assert [each["kind"] for each in reply["baseline"]] == ["check", "runner"]


def test_a_runner_that_is_not_there_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.workflows.own = catalog(checked(proof="required"), packaged=False)

    def refuse(*_: Any) -> Any:
        raise FeatureError.of("E137", runner="tiny", command="tiny test", reason="no tiny here")

    monkeypatch.setattr(type(world.proofs.runner), "version", refuse)
    reply = world.run(StartFeature(prompt="Add login", name="login"))
    assert reply["baseline"][1]["words"].endswith("could not be run before the work: no tiny here")

    monkeypatch.setattr(type(world.proofs.runners), "named", refuse)
    reply = world.run(StartFeature(prompt="Add logout", name="logout"))
    assert reply["baseline"][1]["outcome"] == "cannot_run"


TOO_LONG = {"feature": "?", "phase": "?", "command": "tiny test", "seconds": 2}
NO_GIT = {"path": "shop", "reason": "there is no repository"}


def try_own(world: World, monkeypatch: pytest.MonkeyPatch, ended: object) -> dict[str, Any]:
    """What a start says of a runner of the project's own whose run ends so."""
    world.workflows.own = catalog(checked(proof="required"), packaged=False)

    def run(*_: object) -> object:
        if isinstance(ended, Exception):
            raise ended
        return ended

    copy = lambda *_: nullcontext(SimpleNamespace(folder=ROOT))  # noqa: E731
    monkeypatch.setattr(Proving, "copy", copy)
    monkeypatch.setattr(type(world.proofs.runner), "version", lambda *_: UNKNOWN_VERSION)
    monkeypatch.setattr(type(world.proofs.runner), "run", run)
    found = world.run(StartFeature(prompt="Add login", name="login"))["baseline"][1]
    return dict(found)


@pytest.mark.parametrize(
    ("ended", "outcome", "words"),
    [
        (TestRun({}, ""), "passed", "passed before the work, but ran no test, in"),
        (FeatureError.of("E119", **TOO_LONG, tail=""), "too_slow", "did not end within 20 s"),
        (
            FeatureError.of("E119", **TOO_LONG, tail="Collecting pay\n"),
            "too_slow",
            "on installing what it needs (Collecting pay)",
        ),
        (FeatureError.of("E136", **NO_GIT), "cannot_run", "there is no repository"),
    ],
)
def test_a_runner_of_the_projects_own_is_run_in_a_copy(
    world: World, monkeypatch: pytest.MonkeyPatch, ended: object, outcome: str, words: str
) -> None:
    found = try_own(world, monkeypatch, ended)

    assert found["outcome"] == outcome
    assert words in found["words"]


def test_what_a_report_says_is_kept_in_bounds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = TestResult(outcome="failed")
    key = "sk-ant-api03-" + "a" * 80
    names = ["tests/a::\x1b[31m" + "x" * 2_000_000, f"tests/a::{key}"]
    found = try_own(world, monkeypatch, TestRun(dict.fromkeys(names, failed), ""))

    assert found["counts"] == {"passed": 0, "failed": 2}
    assert len(str(found["failing"])) < 1_000
    assert key not in str(found)
    assert "\x1b" not in found["words"]


def test_of_more_failures_than_are_kept_none_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = TestResult(outcome="failed")
    many = {f"tests/a::{number}": failed for number in range(FAILING_KEPT + 1)}
    found = try_own(world, monkeypatch, TestRun(many, ""))

    assert (found["outcome"], found["failing"]) == ("failed", [])


def test_any_failure_of_another_kind_in_a_copy_is_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FeatureError.of("E129", feature="login", phase="test", holder="nobody")
    with pytest.raises(FeatureError) as caught:
        try_own(world, monkeypatch, other)
    assert caught.value.code == "E129"


def test_a_trial_of_a_runner_that_read_another_report_is_not_its_own(world: World) -> None:
    earlier = Trial(
        at=world.clock(),
        kind="runner",
        command=("tiny", "test"),
        outcome="cannot_run",
        says="no report",
        reads=("out.xml", "tests/*"),
    )
    world.workflows.own = catalog(checked(proof="required"), packaged=False)
    with world.repository.transaction(ROOT) as project:
        keep_trials(project, [earlier])
    assert list(unready(world.project, world.features, world.baselines)) == []
    with world.repository.transaction(ROOT) as project:
        keep_trials(project, [replace(earlier, reads=())])
    [found] = unready(world.project, world.features, world.baselines)
    assert (found.code, "no report" in found.message) == ("E137", True)


def test_any_other_failure_of_a_trial_is_one(world: World) -> None:
    def refuse() -> None:
        raise FeatureError.of("E129", feature="login", phase="test", holder="nobody")

    world.checks.meanwhile = refuse
    with pytest.raises(FeatureError) as caught:
        start(world)
    assert caught.value.code == "E129"
    assert world.project.feature("login").is_open


def test_a_failure_that_was_there_before_is_distinguished_when_the_check_refuses(
    world: World,
) -> None:
    world.checks.printed, world.checks.exit_codes = RED, [1, 1]
    start(world)
    world.run(SubmitWork(feature_id="login", phase_id="define", results={"spec": "A\n"}))
    world.checks.printed = f"FAILED a.py::test_new - no\n{RED}".replace("1 failed", "2 failed")
    world.checks.exit_codes = [1]
    with pytest.raises(FeatureError) as caught:
        world.run(SubmitWork(feature_id="login", phase_id="test", results={"proofs": "AC1: a\n"}))

    assert caught.value.code == "E118"
    assert caught.value.message.endswith(
        "; failed already when the feature started: a.py::test_old; new since then: a.py::test_new."
    )


def test_setting_a_project_up_tries_what_is_trusted() -> None:
    world = World.empty()
    world.baseline_seconds = 20.0
    reply = world.run(OnboardProject())
    assert reply["baseline"][0]["outcome"] == "passed"
    assert world.run(GetProjectInfo())["baseline"][0]["outcome"] == "passed"
    assert TRIALS not in world.run(GetProjectInfo())["facts"]
    runs = len(world.checks.run_checks)
    world.run(OnboardProject())
    assert len(world.checks.run_checks) == runs, "done twice, it changes nothing"


def test_the_checks_of_new_and_open_features_are_shown(world: World) -> None:
    start(world)
    world.run(StartFeature(prompt="Add logout", name="logout", baseline=False))
    world.run(CloseFeature(feature_id="logout", outcome="cancelled", reason="No"))
    rows = world.run(ShowBaseline())["rows"]

    assert [(row["workflow"], row["feature"]) for row in rows] == [
        ("checked", None),
        ("checked", "login"),
    ]


def test_a_person_runs_checks_as_long_as_they_take(world: World) -> None:
    seen: list[str] = []
    reply = world.run(TryChecks(watch=seen.append))

    assert world.checks.run_checks[0].timeout_seconds == 900.0
    assert reply["rows"][0]["baseline"][0]["outcome"] == "passed"
    assert seen == ["all well\n"]


def test_what_refuses_work_late_is_seen_now(world: World) -> None:
    def found() -> list[str]:
        run = world.run
        baselines = run(ShowBaseline())  # it is the same that is shown
        assert baselines["rows"]
        return [each.code for each in unready(world.project, world.features, world.baselines)]

    assert found() == []
    world.trust.careful = True
    assert found() == []
    start(world)
    assert found() == ["E120"]
    world.checks.absent = {"make"}
    assert found() == ["E121", "E121"]


def test_the_workflow_of_features_of_an_older_release_is_examined_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(world)
    world.run(StartFeature(prompt="Add logout", name="logout", baseline=False))
    for feature in world.project.features:
        feature.workflow_digest = None
    world.trust.careful = True
    real, examined = unready_module._refused, list[str]()

    def counting(baselines: Any, workflow: Workflow) -> Any:
        examined.append(workflow.id)
        return real(baselines, workflow)

    monkeypatch.setattr(unready_module, "_refused", counting)
    found = [*unready(world.project, world.features, world.baselines)]

    assert [each.context["feature"] for each in found] == ["login", "logout"]
    assert examined == ["checked"]


def test_a_project_keeps_the_newest_trial_of_each_command(world: World) -> None:
    start(world)
    project, trial = world.project, trials(world)[0]
    for number in range(30):
        keep_trials(project, [replace(trial, command=(str(number),))])
    keep_trials(project, [replace(trial, command=("29",), outcome="flaky")])

    kept = kept_trials(project)
    assert [each.command for each in kept] == [(str(number),) for number in range(10, 30)]
    assert kept[-1].outcome == "flaky"
    project.metadata[TRIALS] = "what somebody wrote"
    assert kept_trials(project) == []


def test_what_a_submission_ran_is_the_last_that_is_known_of_a_check(world: World) -> None:
    world.run(TryChecks())
    world.clock.advance()
    world.run(StartFeature(prompt="Add login", name="login", baseline=False))
    world.run(SubmitWork(feature_id="login", phase_id="define", results={"spec": "A\n"}))

    def shown() -> tuple[str, str]:
        (found,) = world.run(GetFeatureStatus(feature_id="login"))["baseline"]
        *_, row = world.run(ShowBaseline())["rows"]
        assert row["baseline"] == [found]
        return found["outcome"], found["words"].removeprefix("The check `make test` ")

    by_person = "passed when it was tried last by a start or cde check run, in 1.0 s"
    assert shown() == ("passed", by_person)
    world.clock.advance()
    world.checks.printed, world.checks.exit_codes = RED, [1, None]
    for outcome, words in (
        ("failed", "failed when a phase was submitted last: 1 failed, 2 passed, exit code 1"),
        ("too_slow", "did not end within 1 s when a phase was submitted last"),
        ("passed", "passed when a phase was submitted last: 1 failed, 2 passed"),
    ):
        with suppress(FeatureError):
            world.run(
                SubmitWork(feature_id="login", phase_id="test", results={"proofs": "AC1: a\n"})
            )
        seen = shown()
        assert seen[0] == outcome
        assert seen[1].startswith(words)
        world.clock.advance()
    world.run(TryChecks())
    assert shown()[1].startswith("passed when it was tried last by")


def test_a_prompt_knows_which_of_them_its_own_phase_runs(world: World) -> None:
    workflow = checked(proof="required", runner=RunnerSetting(names=("pytest",)))
    world.workflows.own = catalog(workflow, packaged=False)
    start(world)
    feature, seen = world.project.feature("login"), {}
    for phase in workflow.phases:
        found = baseline(feature, phase, workflow)
        seen[phase.id] = {each["kind"]: each["here"] for each in found}

    assert seen == {
        "define": {"check": False, "runner": False},
        "test": {"check": True, "runner": True},
        "review": {"check": True, "runner": False},
    }
