"""A phase that proves criteria is accepted once the orchestrator has seen the proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cde_orchestrator.application.approvals.waive import WaiveCriterion
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.trust_commands import ShowChecks
from cde_orchestrator.application.proof_views import proof_remarks
from cde_orchestrator.application.remarks import start_remarks, submit_remarks
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.domain.approval import Waiver
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.criteria import criteria_of_file
from cde_orchestrator.domain.exceptions import CDEError, FeatureError, OutputError
from cde_orchestrator.domain.phase_record import PhaseRecord
from cde_orchestrator.domain.records import Difference
from cde_orchestrator.domain.workflow import Output, Phase, ProofRule, RunnerSetting, Workflow
from cde_orchestrator.mcp_tools import _texts
from tests.fakes import World, catalog
from tests.proving_fakes import MemoryCopy

SPEC = "## Acceptance criteria\n\n- AC1: the price is 5\n- AC2: it has a name\n"
PROOFS = "AC1: tests/shop.t::price\nAC2: [tests/shop.t::name]\n"


@pytest.fixture
def world(world: World) -> World:
    """A project in a repository, without which no source is kept."""
    world.git.commit = "c0ffee"
    return world


def proving_workflow(proof: ProofRule | None = "required") -> Workflow:
    """Say what is wanted, build it, prove it."""
    spec = Output(id="spec", path="specs/{feature}/spec.md")
    proofs = Output(id="proofs", path="specs/{feature}/proofs.yml", type="yaml")
    return Workflow(
        id="standard",
        proof=proof,
        runner=RunnerSetting(names=("pytest",)),
        phases=(
            Phase(id="define", prompt="define.md", outputs=(spec,)),
            Phase(id="build", prompt="build.md", changes="required"),
            Phase(
                id="test",
                prompt="test.md",
                proves="spec",
                outputs=(replace(proofs, required=proof == "required"),),
            ),
        ),
    )


def price(copy: MemoryCopy) -> None:
    """The price is 5."""
    assert copy.values().get("price") == "5"


def name(copy: MemoryCopy) -> None:
    """It has its name."""
    assert copy.values().get("name") == "shop"


def blind(_: MemoryCopy) -> None:
    """Whatever is done, it is fine."""


def started(world: World, proof: ProofRule | None = "required") -> World:
    """A feature ``shop`` that has its specification."""
    world.workflows.own = catalog(proving_workflow(proof), packaged=False)
    world.git.commit = "c0ffee"
    world.proofs.source["src/old.s"] = "old = 1\n"
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": SPEC}))
    return world


def built(world: World, proof: ProofRule | None = "required") -> World:
    """The same, with its code and tests."""
    started(world, proof)
    world.proofs.source["src/shop.s"] = "price = 5\nname = shop\n"
    world.proofs.source["tests/shop.t"] = "price, name\n"
    world.proofs.tests |= {"tests/shop.t::price": price, "tests/shop.t::name": name}
    world.git.lines = {"src/shop.s": (2, 0), "tests/shop.t": (1, 0)}
    world.run(SubmitWork(feature_id="shop", phase_id="build"))
    return world


def prove(world: World, proofs: str = PROOFS) -> SubmitReply:
    """Submit the proofs."""
    return world.run(SubmitWork(feature_id="shop", phase_id="test", results={"proofs": proofs}))


def refused(world: World, proofs: str = PROOFS) -> CDEError:
    """The error with which the proofs are refused; the phase is still the current one."""
    with pytest.raises(CDEError) as caught:
        prove(world, proofs)
    feature = world.project.feature("shop")
    assert feature.current_phase == "test"
    assert feature.phases["test"].attempts == 1
    return caught.value


def record(world: World, phase: str = "test") -> PhaseRecord:
    """What is kept of a phase."""
    return world.project.feature("shop").phases[phase]


def test_the_source_is_kept_when_a_feature_starts(world: World) -> None:
    started(world)
    feature = world.project.feature("shop")

    assert feature.base is not None
    assert world.proofs.trees.kept[feature.id].id == feature.base.tree
    assert feature.phases["define"].proof is None


def test_without_a_rule_about_proof_it_is_not(world: World) -> None:
    started(world, None)

    assert world.project.feature("shop").base is None
    assert world.proofs.trees.asked == 0


def test_where_git_refuses_a_feature_starts_and_says_why(world: World) -> None:
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    world.proofs.trees.refusal = "there is no commit yet"
    reply = world.run(StartFeature(prompt="Sell", name="shop"))

    assert reply["proof_problem"] == "there is no commit yet"
    assert "cannot be proven: there is no commit yet." in " ".join(start_remarks(reply))
    assert world.project.feature("shop").base is None


def test_where_proofs_are_recorded_only_that_is_no_problem(world: World) -> None:
    world.workflows.own = catalog(proving_workflow("recorded"), packaged=False)
    world.proofs.trees.refusal = "there is no commit yet"

    assert world.run(StartFeature(prompt="Sell", name="shop"))["proof_problem"] is None


def test_what_is_recorded_only_says_when_it_starts_and_ends_that_nothing_proves_it(
    world: World,
) -> None:
    workflow = replace(proving_workflow("recorded"), runner=None)
    world.workflows.own = catalog(workflow, packaged=False)
    world.git.commit = "c0ffee"

    begun = world.run(StartFeature(prompt="Sell", name="shop"))
    for phase, results in (("define", {"spec": SPEC}), ("build", {})):
        earlier = world.run(SubmitWork(feature_id="shop", phase_id=phase, results=results))
    ended = world.run(SubmitWork(feature_id="shop", phase_id="test"))

    first = begun["unproven"] or ""
    assert "nothing will prove its criteria" in first
    assert "a person writes proof: required in .cde/workflow.yml, and under runner" in first
    assert "JUnit" in first
    assert "unproven" not in earlier
    assert ended["unproven"].startswith("nothing proved AC1, AC2, since its workflow says proof")
    for words, text in (
        (first, f"{start_remarks(begun)} {_texts.started(begun)}"),
        (ended["unproven"], f"{submit_remarks(ended)} {_texts.accepted(ended)}"),
    ):
        assert text.count(f"Note: {words}.") == 2


def test_what_is_missing_is_named_alone(world: World) -> None:
    world.workflows.own = catalog(proving_workflow("recorded"), packaged=False)
    world.proofs.trees.refusal = "there is no commit yet"

    words = world.run(StartFeature(prompt="Sell", name="shop"))["unproven"]

    assert words is not None
    assert words.endswith("proof: required in .cde/workflow.yml, in a git repository")


@pytest.mark.parametrize("proof", ["required", None])
def test_what_is_proven_or_never_asked_for_has_no_such_note(
    world: World, proof: ProofRule | None
) -> None:
    world.workflows.own = catalog(proving_workflow(proof), packaged=False)

    assert world.run(StartFeature(prompt="Sell", name="shop"))["unproven"] is None


def test_where_nothing_would_be_proven_anyway_there_is_no_such_note(world: World) -> None:
    phases = tuple(replace(each, proves=None) for each in proving_workflow("recorded").phases)
    workflow = replace(proving_workflow("recorded"), phases=phases)
    world.workflows.own = catalog(workflow, packaged=False)

    assert world.run(StartFeature(prompt="Sell", name="shop"))["unproven"] is None


def test_a_repeated_start_keeps_the_source_once(world: World) -> None:
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    world.run(StartFeature(prompt="Sell"))
    world.run(StartFeature(prompt="Sell"))

    assert [*world.proofs.trees.kept] == [world.project.features.summaries()[0].id]


def test_a_start_that_is_refused_keeps_no_source(world: World) -> None:
    started(world)
    with pytest.raises(FeatureError):
        world.run(StartFeature(prompt="Sell more", name="shop"))

    assert [*world.proofs.trees.kept] == [world.project.feature("shop").id]


def test_a_start_that_is_repeated_by_its_key_asks_for_no_source(world: World) -> None:
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    for _ in range(2):
        world.run(StartFeature(prompt="Sell", idempotency_key="once"))

    assert (world.proofs.trees.asked, world.source.asked) == (0, 1)
    assert len(world.proofs.trees.kept) == 1


def test_what_a_start_left_that_was_killed_is_let_go_by_the_next(world: World) -> None:
    world.proofs.trees.keep(world.root, "", "killed", "0", [])
    started(world)

    assert [*world.proofs.trees.kept] == [world.project.feature("shop").id]


@pytest.mark.parametrize("outcome", ["cancelled", "failed"])
def test_a_feature_that_is_given_up_keeps_its_source(world: World, outcome: str) -> None:
    started(world)
    world.run(CloseFeature(feature_id="shop", outcome=outcome, reason="enough"))

    assert len(world.proofs.trees.kept) == 1


def test_proven_criteria_are_accepted_with_what_was_seen(world: World) -> None:
    built(world)
    reply = prove(world)
    kept = record(world).proof

    assert reply["feature"]["status"] == "completed"
    assert kept is not None
    assert kept.is_proof
    assert [criterion.id for criterion in kept.criteria] == ["AC1", "AC2"]
    assert kept.places == ("src/shop.s:price", "src/shop.s:name")
    assert kept.covered.keys() == {
        "specs/shop/spec.md",
        "specs/shop/proofs.yml",
        "src/shop.s",
        "tests/shop.t",
    }
    changed = Difference(files=2, added=3, removed=0, paths=("src/shop.s", "tests/shop.t"))
    assert record(world).difference == record(world, "build").difference == changed


def test_a_test_that_asserts_nothing_is_refused_and_costs_no_attempt(world: World) -> None:
    built(world)
    world.proofs.tests["tests/shop.t::name"] = blind
    error = refused(world)

    assert error.code == "E135"
    assert [each["id"] for each in error.context["criteria"]] == ["AC2"]
    assert "tests/shop.t::name passes on the base" in error.context["problems"]
    assert record(world).proof is None
    assert world.files.contents["specs/shop/proofs.yml"] == PROOFS.encode()
    world.proofs.tests["tests/shop.t::name"] = name
    assert record(world).attempts == 1
    assert prove(world)["feature"]["status"] == "completed"


def test_results_that_contradict_each_other_cost_an_attempt(world: World) -> None:
    built(world)
    runs: list[bool] = []

    def by_chance(copy: MemoryCopy) -> None:
        runs.append(len(runs) % 2 == 1)
        assert runs[-1]

    world.proofs.tests["tests/shop.t::name"] = by_chance
    with pytest.raises(FeatureError) as caught:
        prove(world)

    error = caught.value
    assert error.code == "E135"
    assert error.context["flaky"] == ["tests/shop.t::name"]
    assert "An attempt at the phase was used up" in error.context["problems"]
    assert record(world).attempts == 2
    assert "different results on the same code" in record(world).failures[-1].reason
    assert world.files.contents["specs/shop/proofs.yml"] == PROOFS.encode()
    for _ in range(2):
        with pytest.raises(FeatureError):
            prove(world)
    assert world.project.feature("shop").status == "failed"
    assert record(world).refused is None, "the failure says it"


@pytest.mark.parametrize(
    ("proofs", "said"),
    [
        ("AC1: tests/shop.t::price\n", "AC2 has no proof"),
        (f"{PROOFS}AC3: tests/shop.t::price\n", "AC3 is no criterion"),
        (f"{PROOFS}AC1: tests/shop.t::price\n", "twice"),
        ("AC1: waived\nAC2: tests/shop.t::name\n", "only a person"),
        ("AC1: ../shop.t::price\nAC2: tests/shop.t::name\n", "line 1: AC1 names"),
        ("- AC1\n", "no mapping"),
        ("AC1: other.py::price\nAC2: tests/shop.t::name\n", "no test's id for tiny"),
    ],
)
def test_a_file_that_is_no_list_of_proofs_is_refused(world: World, proofs: str, said: str) -> None:
    error = refused(built(world), proofs)

    assert error.code == "E134"
    assert said in error.context["problems"]
    assert error.context["proofs"]
    assert world.proofs.runner.asked == []


def test_a_command_that_nobody_trusts_is_not_run(world: World) -> None:
    built(world)
    world.trust.careful = True
    error = refused(world)

    assert (error.code, error.context["command"]) == ("E120", "tiny test")
    assert world.proofs.runner.asked == []


def test_so_is_a_command_of_the_proofs(world: World) -> None:
    built(world)
    world.trust.careful = True
    world.trust.grants.append(CommandLine(kind="check", words=("tiny", "test")))
    error = refused(world, "AC1: {command: [shop, price]}\nAC2: tests/shop.t::name\n")

    assert (error.code, error.context["command"]) == ("E120", "shop price")


def test_a_person_sees_what_proofs_run_before_they_trust_it(world: World) -> None:
    built(world)
    proofs = "AC1: {command: [shop, price]}\nAC2: 1\n"
    world.files.contents["specs/shop/proofs.yml"] = proofs.encode()
    rows = {" ".join(row["command"]): row["used_by"] for row in world.run(ShowChecks())["checks"]}

    assert rows == {"tiny test": ["standard/test"], "shop price": ["standard/test of shop"]}


@pytest.mark.parametrize("data", [None, b"a: [", b"- 1\n", b"AC1: {command: 1}\n"])
def test_proofs_that_say_no_command_are_none_to_trust(world: World, data: bytes | None) -> None:
    built(world)
    if data is not None:
        world.files.contents["specs/shop/proofs.yml"] = data

    assert [row["command"] for row in world.run(ShowChecks())["checks"]] == [["tiny", "test"]]


def test_without_a_base_nothing_is_proven(world: World) -> None:
    world.proofs.trees.refusal = "there is no commit yet"
    started(world)
    world.proofs.trees.refusal = None
    world.git.changed = ["src/shop.s"]
    world.run(SubmitWork(feature_id="shop", phase_id="build"))

    assert refused(world).code == "E136"


def test_criteria_that_a_person_waived_need_neither_proofs_nor_a_base(world: World) -> None:
    world.proofs.trees.refusal = "there is no commit yet"
    started(world)
    world.proofs.trees.refusal = None
    world.git.changed = ["src/shop.s"]
    world.run(SubmitWork(feature_id="shop", phase_id="build"))
    project = world.project
    texts = {"AC1": "the price is 5", "AC2": "it has a name"}
    project.feature("shop").waivers = {
        criterion: Waiver(
            at=world.clock(),
            user="ada",
            host="desk",
            channel="terminal",
            reason="nobody can test it",
            text=text,
        )
        for criterion, text in texts.items()
    }
    world.repository.put(project)

    assert prove(world, "{}\n")["feature"]["status"] == "completed"
    seen = record(world).proof
    assert seen is not None
    assert seen.waived == dict.fromkeys(texts, "nobody can test it (ada@desk)")


def test_a_record_that_could_not_be_read_again_is_not_written(world: World) -> None:
    built(world)
    for number in range(1_000):
        world.proofs.source[f"{'src/' * 1_200}{number}.s"] = f"x = {number}\n"

    error = refused(world)

    assert (error.code, "4194304 are accepted" in error.message) == ("E134", True)
    assert error.context["proofs"][0]["fix"].startswith("Name fewer tests")
    assert "specs/shop/record.json" not in world.files.contents


def test_only_the_commands_of_runners_are_kept_of_what_was_run(world: World) -> None:
    built(world)
    world.proofs.tests["$ shop"] = world.proofs.tests["tests/shop.t::price"]
    prove(world, "AC1: {command: [shop]}\nAC2: tests/shop.t::name\n")

    seen = record(world).proof
    assert seen is not None
    assert ("shop",) not in seen.commands
    assert len(seen.commands) == 1


def last_refusal(world: World) -> str | None:
    """The code of what is kept of the last refusal; it is also why, in words."""
    kept = record(world).refused
    assert record(world).last_failure() == (kept.reason if kept else None)
    return kept.code if kept else None


def test_the_newest_refusal_takes_the_place_of_an_older_one(world: World) -> None:
    built(world)
    with pytest.raises(FeatureError) as caught:
        world.run(SubmitWork(feature_id="shop", phase_id="test"))
    assert (caught.value.code, last_refusal(world)) == ("E110", "E110")

    assert refused(world, "AC1: nothing such\n").code == last_refusal(world) == "E134"
    world.proofs.tests["tests/shop.t::name"] = blind
    assert refused(world).code == last_refusal(world) == "E135"
    world.proofs.tests["tests/shop.t::name"] = name
    assert prove(world)["feature"]["status"] == "completed"
    assert last_refusal(world) is None


def test_what_passed_the_gate_is_no_longer_refused_by_it(world: World) -> None:
    built(world)
    assert refused(world, "AC1: nothing such\n").code == last_refusal(world) == "E134"
    world.trust.careful = True

    assert refused(world).code == "E120"
    assert last_refusal(world) is None, "that a command waits for trust is said elsewhere"


def test_what_changed_before_it_was_accepted_is_the_last_refusal(world: World) -> None:
    built(world)
    world.proofs.trees.meanwhile = lambda asked: world.proofs.source.update(
        {"src/shop.s": f"price = 5\nname = shop\nextra = {asked}\n"}
    )

    assert refused(world).code == last_refusal(world) == "E123"


def test_source_that_changes_meanwhile_is_not_what_was_proven(world: World) -> None:
    built(world)

    def write(asked: int) -> None:
        world.proofs.source["src/shop.s"] = f"price = 5\nname = shop\nextra = {asked}\n"

    world.proofs.trees.meanwhile = write
    assert refused(world).code == "E123"


def test_records_of_other_features_may_change_meanwhile(world: World) -> None:
    built(world)

    def write(asked: int) -> None:
        world.files.contents["specs/other/notes.md"] = str(asked).encode()

    world.proofs.trees.meanwhile = write
    assert prove(world)["feature"]["status"] == "completed"


def test_a_repeated_submission_is_not_proven_again(world: World) -> None:
    built(world)
    first = prove(world)
    runs = len(world.proofs.runner.asked)

    assert prove(world) == {**first, "repeated": True}
    assert len(world.proofs.runner.asked) == runs


def test_one_submission_is_proven_at_a_time(world: World) -> None:
    built(world)
    world.checks.busy = True

    assert refused(world).code == "E129"


def test_a_check_comes_before_the_proofs(world: World) -> None:
    built(world)
    workflow = proving_workflow()
    last = replace(workflow.phases[2], check=("make", "test"))
    checked = replace(workflow, phases=(*workflow.phases[:2], last))
    project = world.project
    feature = project.feature("shop")
    feature.workflow_digest = project.keep_workflow(checked)
    world.repository.put(project)
    world.checks.exit_codes = [1]

    assert refused(world).code == "E118"
    assert world.proofs.runner.asked == []
    prove(world)
    evidence = record(world).evidence
    assert evidence is not None
    assert evidence.passed
    assert record(world).proof is not None


def test_recorded_criteria_are_not_demanded(world: World) -> None:
    started(world, "recorded")
    world.run(SubmitWork(feature_id="shop", phase_id="build"))
    reply = world.run(SubmitWork(feature_id="shop", phase_id="test"))

    assert reply["feature"]["status"] == "completed"
    assert record(world).proof is None
    assert record(world, "build").difference == Difference(0, 0, 0)


def test_a_change_of_comments_alone_is_none(world: World) -> None:
    started(world)
    world.proofs.source["src/old.s"] = "# a comment\n\nold = 1\n"
    with pytest.raises(OutputError) as caught:
        world.run(SubmitWork(feature_id="shop", phase_id="build"))

    assert caught.value.code == "E130"
    assert (
        caught.value.context["seen"]
        == "only comments, docstrings and blank lines changed: src/old.s"
    )


@pytest.mark.parametrize(
    ("paths", "exclude", "seen"),
    [
        (("lib/**",), (), "only other files differ: src/old.s"),
        ((), ("*.s",), "only other files differ: src/old.s"),
        (("src/**",), ("gen/",), None),
    ],
)
def test_only_the_files_that_count_are_a_change(
    world: World, paths: tuple[str, ...], exclude: tuple[str, ...], seen: str | None
) -> None:
    workflow = proving_workflow()
    build = replace(workflow.phases[1], change_paths=paths, change_exclude=exclude)
    phases = (workflow.phases[0], build, workflow.phases[2])
    world.workflows.own = catalog(replace(workflow, phases=phases), packaged=False)
    world.proofs.source["src/old.s"] = "old = 1\n"
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": SPEC}))
    world.proofs.source["src/old.s"] = "old = 2\n"
    if seen is None:
        world.run(SubmitWork(feature_id="shop", phase_id="build"))
        return
    with pytest.raises(OutputError) as caught:
        world.run(SubmitWork(feature_id="shop", phase_id="build"))
    assert caught.value.context["seen"] == seen


@pytest.mark.parametrize(
    ("path", "paths", "seen"),
    [
        ("README.md", (), "only documents changed: README.md"),
        ("logo.png", ("src/**",), "only other files differ: logo.png"),
        ("README.md", ("*.md",), None),
        ("tests/new.t", (), "only tests changed: tests/new.t"),
        ("tests/new.t", ("tests/**",), None),
        ("../other.s", (), "only files outside the project's folder changed: ../other.s"),
        ("../other.s", ("**",), "only files outside the project's folder changed: ../other.s"),
    ],
)
def test_documents_tests_and_files_elsewhere_alone_are_no_change_of_the_code(
    world: World, path: str, paths: tuple[str, ...], seen: str | None
) -> None:
    workflow = proving_workflow()
    build = replace(workflow.phases[1], change_paths=paths)
    phases = (workflow.phases[0], build, workflow.phases[2])
    world.workflows.own = catalog(replace(workflow, phases=phases), packaged=False)
    world.run(StartFeature(prompt="Sell", name="shop"))
    world.run(SubmitWork(feature_id="shop", phase_id="define", results={"spec": SPEC}))
    world.proofs.source[path] = "words = 1\n"
    if seen is not None:
        with pytest.raises(OutputError) as caught:
            world.run(SubmitWork(feature_id="shop", phase_id="build"))
        assert caught.value.context["seen"] == seen
        world.proofs.source["src/old.s"] = "old = 2\n"
    world.run(SubmitWork(feature_id="shop", phase_id="build"))


def test_documents_alone_count_once_a_person_waived_all_criteria(world: World) -> None:
    started(world)
    world.proofs.source["README.md"] = "words = 1\n"
    with pytest.raises(OutputError):
        world.run(SubmitWork(feature_id="shop", phase_id="build"))
    for number, criterion in enumerate(criteria_of_file(SPEC.encode())):
        if number:
            with pytest.raises(OutputError):
                world.run(SubmitWork(feature_id="shop", phase_id="build"))
        identity, text = criterion.id, criterion.text
        world.run(
            WaiveCriterion(feature_id="shop", criterion=identity, text=text, reason="For people")
        )
    world.run(SubmitWork(feature_id="shop", phase_id="build"))


def test_a_file_that_was_removed_is_a_change(world: World) -> None:
    started(world)
    del world.proofs.source["src/old.s"]
    world.git.lines = None
    world.run(SubmitWork(feature_id="shop", phase_id="build"))

    assert record(world, "build").difference is None


def test_in_a_worktree_the_base_is_what_was_committed(world: World) -> None:
    started(world)
    feature = world.project.feature("shop")
    assert feature.base is not None
    apart = replace(world.proofs.proving, in_worktree=True)

    assert world.proofs.proving.base_of(feature).id == feature.base.tree
    assert apart.base_of(feature) == world.proofs.trees.at(world.root, feature.base.commit)


def test_a_criterion_whose_only_test_shows_another_one_is_noted(world: World) -> None:
    built(world)
    reply = prove(world, "AC1: tests/shop.t::price\nAC2: tests/shop.t::price\n")
    note = "AC2 shares its only test with AC1"

    assert reply["proof"] is not None
    assert reply["proof"]["notes"] == [note]
    assert f"Note: {note}." in proof_remarks(reply)
    assert note in world.files.contents["specs/shop/record.json"].decode()


def test_a_change_that_two_open_features_count_is_noted(world: World) -> None:
    world.workflows.own = catalog(proving_workflow(), packaged=False)
    world.git.commit = "c0ffee"
    world.run(StartFeature(prompt="Sell more", name="more"))
    built(world)
    world.run(SubmitWork(feature_id="more", phase_id="define", results={"spec": SPEC}))
    world.run(SubmitWork(feature_id="more", phase_id="build"))
    results = {"proofs": PROOFS}
    more = world.run(SubmitWork(feature_id="more", phase_id="test", results=results))
    shop = prove(world)

    assert more["proof"] is not None
    assert more["proof"]["notes"] == []
    assert shop["proof"] is not None
    assert shop["proof"]["notes"] == ["its change is also counted by feature more"]
