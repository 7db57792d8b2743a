"""A feature under way follows another runner of tests once a person trusts all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.checks.show_baseline import ShowBaseline
from cde_orchestrator.application.checks.unready import unready
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.remarks import submit_remarks
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.workflow import RunnerSetting, Workflow
from tests.fakes import World, catalog
from tests.unit.application.features.test_phase_proof import SPEC, proving_workflow

OWN = RunnerSetting(command=("sh", "tests.sh"), junit="out.xml", tests=("tests/**",))
LINE = CommandLine(kind="check", words=OWN.command, reads=("out.xml", "tests/**"))


def proved_by(runner: RunnerSetting | None) -> Workflow:
    return replace(proving_workflow(), runner=runner)


@pytest.fixture
def under_way(world: World) -> World:
    """A feature ``shop`` whose workflow names no runner; nobody trusts what is not granted."""
    world.workflows.own = catalog(proved_by(None), packaged=False)
    world.git.commit = "c0ffee"
    world.baseline_seconds = 20
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.trust.careful = True
    world.trust.grants = [CommandLine(kind="check", words=("tiny", "test"))]
    return world


def name_runner(world: World, runner: RunnerSetting | None) -> None:
    """Another runner in the workflow file."""
    world.workflows.own = catalog(proved_by(runner), packaged=False)
    world.proofs.runner.command, world.proofs.runner.reads = LINE.words, LINE.reads


def followed(world: World) -> RunnerSetting | None:
    """The runner of its next submission."""
    return world.features.followed(world.project, "shop")[1].runner


def test_it_is_followed_once_its_command_and_what_it_reads_are_trusted(under_way: World) -> None:
    name_runner(under_way, OWN)
    assert followed(under_way) is None

    under_way.trust.grants = [CommandLine(kind="check", words=OWN.command)]
    assert followed(under_way) is None, "the same command may read another file"

    under_way.trust.grants = [LINE]
    assert followed(under_way) == OWN
    under_way.run(SaveProgress(feature_id="shop", note="half"))
    (event,) = under_way.project.feature("shop").events
    assert (event["event"], event["runner"]) == ("check_changed", OWN.plain())


def test_who_is_waited_for_is_said(under_way: World) -> None:
    name_runner(under_way, OWN)
    words = (
        "The runner of tests `sh tests.sh` (reads out.xml, tests/**) of the changed "
        ".cde/workflow.yml waits for a person: nobody has trusted it yet (cde trust); until then "
        "the feature keeps its own"
    )
    status = under_way.run(GetFeatureStatus(feature_id="shop"))
    checks = under_way.run(ShowBaseline())["rows"][1]["baseline"]
    resumed = under_way.run(ResumeFeature(feature_id="shop"))
    work = SubmitWork(feature_id="shop", phase_id="define", results={"spec": SPEC})
    submitted = under_way.run(work)
    found = [*unready(under_way.project, under_way.features, under_way.baselines)]

    assert [each["words"] for each in (status["baseline"][-1], checks[-1])] == [words, words]
    assert (status["baseline"][-1]["outcome"], status["baseline"][-1]["waits"]) == (
        "untrusted",
        True,
    )
    assert resumed["waiting"] == f"{words}."
    assert f"{words}." in submit_remarks(submitted)
    assert [each.code for each in found if "also" in each.context] == ["E120"]


def test_none_at_all_takes_no_runner_away(under_way: World) -> None:
    name_runner(under_way, OWN)
    under_way.trust.grants = [LINE]
    under_way.run(SaveProgress(feature_id="shop", note="half"))
    under_way.proofs.runners.runners = []
    name_runner(under_way, None)

    assert followed(under_way) == OWN


def test_how_a_runner_ended_is_not_said_of_another_one(under_way: World) -> None:
    assert [each.kind for each in under_way.project.feature("shop").trials] == ["runner"]
    name_runner(under_way, OWN)
    under_way.trust.grants = [LINE]
    under_way.run(SaveProgress(feature_id="shop", note="half"))
    (row,) = under_way.run(GetFeatureStatus(feature_id="shop"))["baseline"]

    assert under_way.project.feature("shop").trials == []
    assert (row["command"], row["outcome"]) == (["sh", "tests.sh"], "not_tried")


def reads(world: World, runner: RunnerSetting | None, digest: str) -> None:
    """A workflow file with this runner and digest."""
    workflow = replace(proved_by(runner), file_digest=digest)
    world.workflows.own = catalog(workflow, packaged=False)


def remembered(world: World) -> list[str]:
    """The digests of files that have what is kept with the feature."""
    return [each for each in ("f1", "f2") if world.project.feature("shop").is_of_file(each)]


def test_a_file_that_is_as_it_was_is_not_read_until_it_changes(world: World) -> None:
    reads(world, None, "f1")
    world.run(StartFeature(prompt="Sell", name="shop"))
    assert remembered(world) == ["f1"]

    reads(world, OWN, "f1")
    assert followed(world) is None
    reads(world, OWN, "f2")
    world.proofs.runner.command, world.proofs.runner.reads = LINE.words, LINE.reads
    assert followed(world) == OWN
    assert remembered(world) == ["f1"], "whoever asks changes nothing"

    world.run(SaveProgress(feature_id="shop", note="half"))
    assert remembered(world) == ["f2"]


def test_a_file_that_changed_in_words_alone_is_remembered_with_the_next_change(
    world: World,
) -> None:
    reads(world, None, "f1")
    world.run(StartFeature(prompt="Sell", name="shop"))
    reads(world, None, "f2")
    world.run(SaveProgress(feature_id="shop", note="half"))

    assert remembered(world) == ["f2"]
    assert world.project.feature("shop").events == []


def test_a_digest_counts_for_the_workflow_that_it_was_seen_with(world: World) -> None:
    reads(world, None, "f1")
    world.run(StartFeature(prompt="Sell", name="shop"))
    feature = world.project.feature("shop")
    assert feature.is_of_file("f1")
    assert not feature.is_of_file("")

    feature.workflow_digest = "of another"
    assert not feature.is_of_file("f1")
