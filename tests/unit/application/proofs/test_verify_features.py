"""What is committed is proven again, and everything that was tampered with is said."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from cde_orchestrator.adapters.workflows.yaml_reader import read_document
from cde_orchestrator.application.proofs.prove_criteria import Claim
from cde_orchestrator.application.proofs.record_rules import read_rules
from cde_orchestrator.application.proofs.records import (
    FeatureRecord,
    digest_of,
    read_record,
    written_record,
)
from cde_orchestrator.application.proofs.verify_features import (
    VerifiedFeature,
    VerifyFeatures,
)
from cde_orchestrator.application.proofs.verifying import Verifying
from cde_orchestrator.domain.command_line import CommandLine
from cde_orchestrator.domain.criteria import criteria_in
from cde_orchestrator.domain.demands import NOBODY, UNKNOWN, PhaseApproval, PhaseDemand, Rules
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.proofs import Proof
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.workflow import Phase, Workflow
from cde_orchestrator.testing import ManualClock
from tests.fakes import NOON, ROOT
from tests.phase_fakes import InMemoryTrust
from tests.proving_fakes import (
    MemoryCommits,
    MemoryCopies,
    MemoryCopy,
    MemoryTrees,
    NotLoadedError,
    Test,
    TinyKnockOuts,
    TinyRunner,
    TinyRunners,
)

SPEC, PROOFS, RECORD = (f"specs/fees/{name}" for name in ("spec.md", "proofs.yml", "record.json"))
FEE, TAX = "tests/pay.t::fee", "tests/pay.t::tax"
BASE = {"src/pay": "old = 1\n"}
WORK = {
    "src/pay": "old = 1\nfee = 7\ntax = 19\n",
    "tests/pay.t": "\nfee\n\ntax\n",
    SPEC: "# Fees\n\n- AC1: It charges a fee.\n- AC2: It adds the tax.\n",
    PROOFS: f"AC1: {FEE}\nAC2: {TAX}\n",
}


def gives(name: str, value: str) -> Test:
    def test(copy: MemoryCopy) -> None:
        assert copy.values().get(name) == value

    return test


PACKAGED = Workflow(
    id="standard", phases=(Phase(id="build", changes="required"), Phase(id="test", proves="spec"))
)
YES = PhaseApproval(
    phase="review",
    at="2026-01-01",
    user="ada",
    host="desk",
    channel="terminal",
    place="",
    digest="0" * 64,
)
DEMANDED = (PhaseDemand(id="build", changes=True), PhaseDemand(id="test", proves="spec"))


class Repository:
    """A repository with a feature that was completed and committed, and a clone to verify in."""

    def __init__(self) -> None:
        self.trees = MemoryTrees()
        self.commits = MemoryCommits(self.trees)
        self.copies = MemoryCopies(self.trees)
        self.tests: dict[str, Test] = {FEE: gives("fee", "7"), TAX: gives("tax", "19")}
        self.runner = TinyRunner(self.copies, self.tests)
        commands = TinyRunner(self.copies, self.tests, "commands", ())
        self.trust = InMemoryTrust()
        self.verifying = Verifying(
            root=ROOT,
            trees=self.trees,
            committed=self.commits,
            copies=self.copies,
            knock_outs=TinyKnockOuts(),
            runners=TinyRunners([self.runner], commands),
            read=read_document,
            trust=self.trust,
            clock=ManualClock(NOON),
            standing=Standing(kind="unset"),
            packaged=lambda: {"standard": PACKAGED},
        )
        self.base = self.commits.commit(BASE)
        self.files = {**BASE, **WORK}
        self.files[RECORD] = self.record().decode()
        self.commits.commit(self.files)

    def record(
        self, previous: bytes | None = None, rules: Rules | None = None, **changes: Any
    ) -> bytes:
        """The record of the feature as its files are."""
        criteria = criteria_in(self.files[SPEC])
        proofs = {"AC1": [Proof(test=FEE)], "AC2": [Proof(test=TAX)]}
        known: dict[str, Any] = {"criteria": criteria, "proofs": proofs, "seconds": 60.0}
        claim = Claim(feature="fees", phase="test", covered=(SPEC, PROOFS), **{**known, **changes})
        now = self.trees.add(self.files)
        evidence = self.verifying.prover("tiny").require(claim, self.base, now)
        record = FeatureRecord(
            feature="fees",
            workflow="standard",
            goal="Fees",
            runner="tiny",
            specification=SPEC,
            proofs_file=PROOFS,
            outputs=(SPEC, PROOFS),
            seconds=60.0,
            proofs=claim.proofs,
            evidence=evidence,
            rules=rules,
        )
        return written_record(record, previous)

    def commit(self, **changes: str | None) -> None:
        """Commit changes, by names of files."""
        names = {"spec": SPEC, "proofs": PROOFS, "record": RECORD, "src": "src/pay"}
        for name, text in changes.items():
            path = names.get(name, name)
            if text is None:
                del self.files[path]
            else:
                self.files[path] = text
        self.commits.commit(self.files)

    def verify(self, **asked: Any) -> VerifiedFeature:
        """What is found of the only feature."""
        (found,) = VerifyFeatures(**{"trust": True, **asked})(verifying=self.verifying)["features"]
        return found


@pytest.fixture
def repository() -> Repository:
    return Repository()


def written(repository: Repository, **changes: Any) -> bytes:
    """The record of the feature with other members."""
    return written_record(replace(read_record(repository.files[RECORD].encode()), **changes))


def reasons(found: VerifiedFeature) -> dict[str, str]:
    """Verdicts with their reasons, by the criterion."""
    return {each["id"]: f"{each['verdict']}: {each['reason']}" for each in found["criteria"]}


def test_a_feature_is_proven_again(repository: Repository) -> None:
    assert repository.verify() == {
        "name": "fees",
        "verdict": "proven",
        "required": True,
        "reason": "",
        "criteria": [
            {
                "id": "AC1",
                "verdict": "proven",
                "proofs": [FEE],
                "sees": ["src/pay:fee", "src/pay:tax"],
                "reason": "",
                "path": "tests/pay.t",
                "line": 2,
            },
            {
                "id": "AC2",
                "verdict": "proven",
                "proofs": [TAX],
                "sees": ["src/pay:fee", "src/pay:tax"],
                "reason": "",
                "path": "tests/pay.t",
                "line": 4,
            },
        ],
        "changed": [],
        "approved_by": [UNKNOWN],
        "notes": [],
        "runs": 8,
    }
    assert repository.verify(features=("fees",), at="HEAD")["verdict"] == "proven"


def test_code_that_does_not_do_it_any_more_is_broken(repository: Repository) -> None:
    repository.commit(src="old = 1\nfee = 8\ntax = 19\n")

    found = repository.verify()

    assert found["verdict"] == "broken"
    assert found["changed"] == ["src/pay"]
    assert reasons(found)["AC1"].startswith("broken: tests/pay.t::fee does not pass now")
    assert reasons(found)["AC2"] == "proven: "


def test_what_is_not_installed_is_no_fault_of_the_code(repository: Repository) -> None:
    def lacking(_: MemoryCopy) -> None:
        raise NotLoadedError("No module named 'yaml'")

    repository.tests[FEE] = lacking
    found = repository.verify()

    assert found["verdict"] == "unproven"
    assert reasons(found)["AC1"].startswith(
        "unproven: tests/pay.t::fee cannot be loaded: yaml is not installed where the tests run"
    )
    assert "fix the code" not in reasons(found)["AC1"]


@pytest.mark.parametrize("program", ["python3", "python", ".venv/bin/python"])
def test_a_python_on_path_is_named_where_something_is_not_proven(
    repository: Repository, program: str
) -> None:
    repository.runner.command = (program, "-m", "pytest")
    assert repository.verify()["notes"] == []
    repository.commit(src="old = 1\nfee = 8\ntax = 19\n")

    notes = repository.verify()["notes"]
    assert [f"{program} -m pytest, with the Python on PATH" in each for each in notes] == (
        [] if "/" in program else [True]
    )


def test_a_test_that_was_hollowed_is_broken(repository: Repository) -> None:
    repository.tests[FEE] = lambda copy: None

    assert "passes on the base already" in reasons(repository.verify())["AC1"]


def test_code_that_changed_and_still_does_it_is_proven(repository: Repository) -> None:
    repository.commit(src="old = 2\nfee = 7\ntax = 19\nnew = 1\n")

    found = repository.verify()

    assert (found["verdict"], found["changed"]) == ("proven", ["src/pay"])


def test_a_feature_without_a_record_is_unproven(repository: Repository) -> None:
    found = repository.verify(features=("taxes",))

    assert (found["name"], found["verdict"], found["criteria"]) == ("taxes", "unproven", [])
    assert "it has no record in this commit" in found["reason"]


WORKFLOW = ".cde/workflow.yml"


def unrecorded(*history: dict[str, str]) -> VerifiedFeature:
    """What is found of a feature without a record, by what was committed one after another."""
    repository = Repository()
    repository.commits.history.clear()
    for files in history:
        repository.commits.commit(files)
    return repository.verify()


@pytest.mark.parametrize(
    ("before", "then", "later", "required"),
    [
        ([], "recorded", [], False),
        ([], "recorded", ["required"], False),
        (["recorded"], "recorded", ["required"], False),
        ([], "required", ["recorded"], True),
        (["required"], "recorded", ["required"], True),
        (["required"], "recorded", [], True),
        ([], "", [], True),
    ],
)
def test_proof_is_not_required_of_what_came_while_it_was_only_recorded(
    before: list[str], then: str, later: list[str], required: bool
) -> None:
    def said(rule: str) -> dict[str, str]:
        return {WORKFLOW: f"version: 1\nproof: {rule}\n" if rule else "version: 1\n"}

    found = unrecorded(
        *({**BASE, **said(each)} for each in before),
        *({**BASE, **WORK, **said(each)} for each in (then, *later)),
    )

    assert (found["verdict"], found["required"]) == ("unproven", required)
    assert ("proof was not required" in found["reason"]) is not required


def test_proof_is_required_where_no_workflow_file_says_otherwise() -> None:
    files = {**BASE, **WORK}

    never, broken, words = (
        unrecorded(files),
        unrecorded({**files, WORKFLOW: "proof: [recorded"}),
        unrecorded({**files, WORKFLOW: "recorded"}),
    )

    assert [each["required"] for each in (never, broken, words)] == [True, True, True]


def test_proof_is_required_where_not_all_of_the_workflow_file_s_history_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {**BASE, **WORK, WORKFLOW: "version: 1\nproof: recorded\n"}
    assert unrecorded(files)["required"] is False
    versions = MemoryCommits.versions
    monkeypatch.setattr(
        MemoryCommits,
        "versions",
        lambda *asked, not_after=None: [] if not_after else versions(*asked),
    )

    assert unrecorded(files)["required"] is True


def test_what_had_a_record_is_required_to_have_one(repository: Repository) -> None:
    repository.commits.history.clear()
    files = {**repository.files, WORKFLOW: "proof: recorded\n"}
    repository.commits.commit(files)
    repository.commits.commit({path: text for path, text in files.items() if path != RECORD})

    found = repository.verify()

    assert (found["required"], found["verdict"]) == (True, "unproven")
    assert "its record was removed" in found["reason"]


def test_a_record_that_was_removed_is_noticed(repository: Repository) -> None:
    repository.commit(record=None, proofs=None)

    found = repository.verify()

    assert found["verdict"] == "unproven"
    assert "its record was removed" in found["reason"]


def test_a_record_that_was_altered_is_noticed(repository: Repository) -> None:
    repository.commit(record=repository.files[RECORD].replace("19", "20"))

    assert "digest" in repository.verify()["reason"]


def test_a_record_with_another_digest_is_noticed_by_the_history(repository: Repository) -> None:
    repository.files[SPEC] = "- AC1: It charges a fee.\n"
    repository.files[PROOFS] = f"AC1: {FEE}\n"
    repository.commit(record=repository.record().decode())

    found = repository.verify()

    assert found["verdict"] == "broken"
    assert "altered since it was first committed" in found["reason"]
    assert found["notes"] == ["AC2 was proven by an earlier record, and is not in this one"]
    assert reasons(found) == {"AC1": "proven: "}


def test_a_record_that_names_the_one_before_it_is_its_successor(repository: Repository) -> None:
    before = repository.files[RECORD].encode()
    repository.commit(src="old = 1\nfee = 7\ntax = 19\nnew = 1\n")
    repository.commit(record=repository.record(before).decode())

    assert repository.verify()["verdict"] == "proven"


def test_a_record_whose_forerunner_was_never_committed_is_a_successor(
    repository: Repository,
) -> None:
    before = repository.files[RECORD].encode()
    between = repository.record(before, criteria=criteria_in("- AC1: It charges a fee.\n"))
    repository.commit(record=repository.record(between).decode())

    assert repository.verify()["verdict"] == "proven"


def test_a_chain_of_records_is_followed(repository: Repository) -> None:
    first = repository.files[RECORD].encode()
    second = written(repository, replaces=(digest_of(first),), goal="Second")
    third = written(repository, replaces=(digest_of(second),), goal="Third")
    repository.commit(record=second.decode())
    repository.commit(record=third.decode())

    assert repository.verify()["verdict"] == "proven"


def test_what_was_committed_in_between_does_not_matter(repository: Repository) -> None:
    before = repository.files[RECORD].encode()
    repository.commit(record="{}")
    repository.commit(record=repository.record(before).decode())

    assert repository.verify()["verdict"] == "proven"


def test_a_record_that_names_one_that_nobody_committed_is_noticed(repository: Repository) -> None:
    other = repository.record(written(repository, goal="Other"))
    repository.commit(record=other.decode())

    assert "altered" in repository.verify()["reason"]


def test_a_chain_that_leads_through_what_is_no_record_is_noticed(repository: Repository) -> None:
    middle = '{"digest": "1"}'
    repository.commit(record=middle)
    repository.commit(record=repository.record(middle.encode()).decode())

    assert "altered" in repository.verify()["reason"]


def test_the_record_of_another_feature_is_noticed(repository: Repository) -> None:
    repository.commit(**{"specs/taxes/record.json": repository.files[RECORD]})

    found = repository.verify(features=("taxes",))

    assert (found["verdict"], "record of 'fees'" in found["reason"]) == ("broken", True)


def test_criteria_that_went_came_or_changed_are_named(repository: Repository) -> None:
    repository.commit(spec="- AC2: It adds a tax.\n- AC3: It is fast.\n")

    found = reasons(repository.verify())

    assert found["AC1"] == f"broken: is no longer in {SPEC}"
    assert found["AC2"].startswith("broken: says something else than when it was proven")
    assert found["AC3"].startswith("unproven: came to the specification after")


def test_all_words_of_a_criterion_are_compared(repository: Repository) -> None:
    long = f"- AC1: {'word ' * 200}"
    repository.files[SPEC] = f"{long}so\n- AC2: It adds the tax.\n"
    record = repository.record()
    repository.commits.history.clear()
    repository.commits.commit(BASE)
    repository.commit(record=record.decode())
    before = repository.verify()
    repository.commit(spec=f"{long}else\n- AC2: It adds the tax.\n")

    assert before["verdict"] == "proven"
    assert "says something else" in reasons(repository.verify())["AC1"]


def test_a_record_from_before_digests_were_kept_is_compared_by_its_text(
    repository: Repository,
) -> None:
    evidence = read_record(repository.files[RECORD].encode()).evidence
    criteria = tuple(replace(each, digest="") for each in evidence.criteria)
    old = written(repository, evidence=replace(evidence, criteria=criteria))
    repository.commits.history.clear()
    repository.commits.commit(BASE)
    repository.commit(record=old.decode())
    before = repository.verify()
    repository.commit(spec="- AC1: It charges no fee.\n- AC2: It adds the tax.\n")

    assert before["verdict"] == "proven"
    assert "says something else" in reasons(repository.verify())["AC1"]


def test_a_proof_that_points_elsewhere_is_named(repository: Repository) -> None:
    repository.commit(proofs=f"AC1: {TAX}\nAC2: {TAX}\n")

    found = reasons(repository.verify())

    assert found["AC1"] == f"broken: its proof points elsewhere: {TAX}, not {FEE}"
    assert found["AC2"] == "proven: "


def test_a_command_with_other_words_is_another_proof(repository: Repository) -> None:
    command = Proof(command=("shop", "fee 7"))
    repository.tests[command.id] = gives("fee", "7")
    record = repository.record(proofs={"AC1": [command], "AC2": [Proof(test=TAX)]})
    repository.commits.history.clear()
    repository.commits.commit(BASE)
    repository.commit(record=record.decode(), proofs=f"AC1: {{command: [shop, fee 7]}}\nAC2: {TAX}")
    before = repository.verify()
    repository.commit(proofs=f"AC1: {{command: [shop, fee, '7']}}\nAC2: {TAX}")

    found = reasons(repository.verify())

    assert before["verdict"] == "proven"
    assert found["AC1"] == "broken: its proof points elsewhere: $ shop fee 7, not $ shop 'fee 7'"


@pytest.mark.parametrize(
    ("proofs", "said"),
    [
        ("AC1: waived\nAC2: tests/pay.t::tax\n", "AC1"),
        ("- x\n", "record"),
        ("AC1: [", "record"),
        (None, "record"),
    ],
)
def test_proofs_that_cannot_be_used_are_named(
    repository: Repository, proofs: str | None, said: str
) -> None:
    repository.commit(proofs=proofs)

    found = repository.verify()

    assert found["verdict"] == "broken"
    assert found["reason"] if said == "record" else "only a person" in reasons(found)["AC1"]


def test_a_base_that_is_not_in_the_clone_is_said_with_what_to_do(repository: Repository) -> None:
    del repository.trees.trees[repository.base.id]
    repository.commits.history.pop(0)

    found = repository.verify()

    assert found["verdict"] == "unproven"
    assert "fetch-depth: 0" in reasons(found)["AC1"]


def test_a_base_of_a_rewritten_history_is_said_as_what_it_is(repository: Repository) -> None:
    repository.trees.rewritten = {repository.base.id}
    there = repository.verify()
    del repository.trees.trees[repository.base.id]
    repository.commits.history.pop(0)
    gone = repository.verify()

    assert (there["verdict"], gone["verdict"]) == ("proven", "unproven")
    assert "is no ancestor of" in there["notes"][0]
    assert "is no ancestor of" in reasons(gone)["AC1"]
    assert "fetch-depth" not in reasons(gone)["AC1"]


def test_what_a_person_waived_is_said(repository: Repository) -> None:
    record = repository.record(waived={"AC2": "Ada: seen by eye"})
    fresh = {**repository.files, RECORD: record.decode()}
    repository.commits.history.clear()
    repository.commits.commit(fresh)

    found = repository.verify()

    assert found["verdict"] == "waived"
    assert reasons(found) == {
        "AC1": "proven: ",
        "AC2": "waived: as the record claims: Ada: seen by eye",
    }


def test_a_record_that_claims_a_waiver_of_what_was_proven_is_not_believed(
    repository: Repository,
) -> None:
    before = repository.files[RECORD].encode()
    first, second = read_record(before).evidence.criteria
    claimed = replace(first, proofs=(), waived="seen by eye (Ada)")
    evidence = replace(read_record(before).evidence, criteria=(claimed, second))
    forged = written(repository, evidence=evidence, replaces=(digest_of(before),))
    repository.commit(record=forged.decode(), src="old = 1\nfee = 8\ntax = 19\n")

    found = repository.verify()

    assert found["verdict"] == "waived"
    assert reasons(found)["AC1"] == "waived: as the record claims: seen by eye (Ada)"
    assert found["notes"] == ["AC1 was proven by an earlier record, and is waived in this one"]


def test_a_record_without_criteria_is_unproven(repository: Repository) -> None:
    before = repository.files[RECORD].encode()
    evidence = replace(read_record(before).evidence, criteria=())
    empty = written(repository, evidence=evidence, proofs={}, replaces=(digest_of(before),))
    repository.commit(record=empty.decode(), spec="# Fees\n", proofs="{}\n")

    found = repository.verify()

    assert (found["verdict"], found["reason"]) == ("unproven", "it has no criteria")


def test_nothing_is_run_where_every_criterion_is_waived(repository: Repository) -> None:
    waived = {"AC1": "Ada: yes", "AC2": "Ada: yes"}
    fresh = {**repository.files, RECORD: repository.record(waived=waived).decode()}
    repository.commits.history.clear()
    repository.commits.commit(fresh)

    found = repository.verify(trust=False)

    assert (found["verdict"], found["runs"]) == ("waived", 0)


def test_a_criterion_that_was_recorded_without_a_proof_is_unproven(
    repository: Repository,
) -> None:
    record = repository.record(proofs={"AC1": [Proof(test=FEE)]}, waived={"AC2": "Ada: yes"})
    files = {**repository.files, PROOFS: f"AC1: {FEE}\n", RECORD: record.decode()}
    repository.commits.history.clear()
    repository.commits.commit(files)

    assert repository.verify()["verdict"] == "waived"


def test_a_run_that_takes_too_long_is_no_verdict_against_the_code(repository: Repository) -> None:
    repository.runner.fails = {len(repository.runner.asked) + 1: _error("E119")}

    found = repository.verify()

    assert reasons(found)["AC1"].startswith("unproven: E119")


def test_a_runner_that_cannot_run_is_an_error(repository: Repository) -> None:
    repository.runner.fails = {len(repository.runner.asked) + 1: _error("E137")}

    with pytest.raises(FeatureError) as refused:
        repository.verify()

    assert refused.value.code == "E137"


def test_nothing_to_verify_is_an_error() -> None:
    empty = Repository()
    empty.commits.history.clear()
    empty.commits.commit(BASE)

    with pytest.raises(FeatureError) as refused:
        empty.verify()

    assert refused.value.code == "E143"


def test_records_of_projects_below_are_named(repository: Repository) -> None:
    files = repository.trees.trees[repository.commits.history[-1]]
    below = {f"shop/{path}": data.decode() for path, data in files.items()}
    repository.commits.history.clear()
    repository.commits.commit({**below, "api/specs/x/record.json": "{}", "record.json": "{}"})

    with pytest.raises(FeatureError) as refused:
        repository.verify()

    assert refused.value.code == "E143"
    assert refused.value.message.endswith("; projects with records are in api, shop.")
    assert refused.value.context["folder"] == str(ROOT / "api")
    assert [each.command for each in refused.value.fixes] == [
        ("cde", "verify", "--project", "{folder}")
    ]


def test_what_is_no_commit_is_an_error(repository: Repository) -> None:
    with pytest.raises(FeatureError) as refused:
        repository.verify(at="gone")

    assert refused.value.code == "E144"


def test_commands_are_run_only_when_a_person_trusts_them(repository: Repository) -> None:
    repository.trust.careful = True
    with pytest.raises(FeatureError) as refused:
        repository.verify(trust=False)
    line = CommandLine(kind="check", words=("tiny", "test"))
    repository.trust.grant(ROOT, [line], NOON)

    assert refused.value.code == "E120"
    assert "cde verify --trust" in refused.value.message, "cde trust may not list it"
    assert repository.verify(trust=False)["verdict"] == "proven"


@pytest.mark.parametrize(
    ("said", "is_noted"),
    [
        ("runner: tiny", False),
        ("runner: [tiny]", False),
        ("runner: [tiny, go]", True),
        ("runner: {command: [x], junit: j, tests: [t]}", True),
        ("runner: 7", True),
        ("version: 1", False),
        ("- runner", False),
        ("runner: [", False),
    ],
)
def test_a_record_that_names_another_runner_than_the_workflow_is_noted(
    repository: Repository, said: str, is_noted: bool
) -> None:
    repository.commit(**{WORKFLOW: f"{said}\n"})
    words = "another runner proves it than .cde/workflow.yml names now: see its record"

    assert repository.verify()["notes"] == ([words] if is_noted else [])


def test_a_folder_that_nobody_trusts_needs_the_option(repository: Repository) -> None:
    untrusted = replace(repository.verifying, standing=Standing(kind="not_yet", path="/x"))

    with pytest.raises(CDEError) as refused:
        VerifyFeatures()(verifying=untrusted)

    assert refused.value.code == "E325"
    found = VerifyFeatures(trust=True)(verifying=untrusted)
    assert found["features"][0]["verdict"] == "proven"


def _error(code: str) -> FeatureError:
    return FeatureError("failed", code, {"tail": ""})


def test_a_record_of_an_earlier_release_is_read_and_says_nothing_of_people() -> None:
    repository = Repository()
    assert read_record(repository.record()).rules is None
    found = repository.verify()

    assert found["verdict"] == "proven"
    assert (found["approved_by"], found["notes"]) == ([UNKNOWN], [])
    assert [each["sees"] for each in found["criteria"]] == [["src/pay:fee", "src/pay:tax"]] * 2


@pytest.mark.parametrize(
    ("rules", "approved_by", "notes"),
    [
        (Rules(workflow="d", phases=DEMANDED, approvals=()), [NOBODY], []),
        (
            Rules(
                workflow="d",
                phases=(*DEMANDED, PhaseDemand(id="review", handler="human_input")),
                approvals=(YES,),
            ),
            ["review approved by ada@desk at a terminal"],
            [],
        ),
        (
            Rules(workflow="d", phases=DEMANDED[1:], approvals=()),
            [NOBODY],
            ["demanded less than the packaged workflow 'standard': no phase build"],
        ),
    ],
)
def test_the_rules_of_a_feature_are_said_and_are_no_failure(
    rules: Rules, approved_by: list[str], notes: list[str]
) -> None:
    repository = Repository()
    data = repository.record(repository.files[RECORD].encode(), rules)
    assert read_record(data).rules == rules
    repository.commit(record=data.decode())
    found = repository.verify()

    assert (found["verdict"], found["reason"]) == ("proven", "")
    assert (found["approved_by"], found["notes"]) == (approved_by, notes)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("rules", []),
        ("phases", {}),
        ("approvals", [[]]),
        ("workflow", 7),
        ("handler", "nobody"),
        ("changes", "no"),
        ("paths", [7]),
        ("channel", None),
    ],
)
def test_what_are_no_rules_are_refused(member: str, value: object) -> None:
    rules = asdict(Rules(workflow="d", phases=DEMANDED[:1], approvals=(YES,)))
    if member in rules:
        rules[member] = value
    elif member != "rules":
        rules["approvals" if member == "channel" else "phases"][0][member] = value
    with pytest.raises((TypeError, ValueError)):
        read_rules(value if member == "rules" else rules)


class _WithoutNames(TinyKnockOuts):
    supplies = False


def test_what_could_not_be_run_on_the_base_is_said_once() -> None:
    def loaded(copy: MemoryCopy) -> None:
        if "fee" not in copy.values():
            raise NotLoadedError("pay_test.go:9: undefined: fee")
        gives("fee", "7")(copy)

    repository = Repository()
    repository.tests[FEE] = loaded
    repository.verifying = replace(repository.verifying, knock_outs=_WithoutNames())
    previous = repository.files[RECORD].encode()
    repository.commit(record=repository.record(previous).decode())

    found = repository.verify()

    assert found["verdict"] == "proven"
    assert [note.partition("; that")[0] for note in found["notes"]] == [
        f"on the base {FEE} could not be run: loading fails, undefined: fee"
    ]
