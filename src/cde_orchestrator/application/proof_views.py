"""The part of the contract that is about changes and proofs, and what speaks against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from cde_orchestrator.application.task_views import tasks_words
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.proofs import ProofEvidence
from cde_orchestrator.domain.text import counted

if TYPE_CHECKING:
    from cde_orchestrator.application.views import SubmitReply
    from cde_orchestrator.domain.workflow import Workflow


LINES_SHOWN = 20
PLACES_SHOWN = 10


class DifferenceView(TypedDict):
    """How much of the source changed since the feature began: files, and lines of them."""

    files: int
    added: int
    removed: int


class ProofView(TypedDict):
    """What the orchestrator saw when criteria were proven.

    ``tests`` is how many tests and commands showed them, ``waived`` the criteria that a person
    waived, ``runs`` how many runs it took, ``notes`` what proves or was counted more than once.
    ``sees`` names, by criterion, the places that were knocked out when its proofs turned red,
    ``path:name``.
    """

    at: str
    criteria: list[str]
    sees: dict[str, list[str]]
    tests: int
    waived: list[str]
    runs: int
    tree: str
    notes: list[str]


class CaveatView(TypedDict):
    """What speaks against what is shown, or may, in sentences.

    ``kind`` says of what: a ``proof``, a ``check`` or a ``review``, a verdict or a person's yes, is
    of another source than there is now, or was when the feature was completed; the ``goal`` was
    changed after outputs were accepted for it; the ``reviewer`` did the work, or may have; the
    ``commit`` has other code than was accepted. ``phase`` is the one that it is about; None for
    the goal and the commit.
    """

    kind: Literal["proof", "check", "review", "goal", "reviewer", "commit"]
    phase: str | None
    words: str


def proof_view(proof: ProofEvidence | None) -> ProofView | None:
    """What was seen when criteria were proven, in short."""
    if proof is None:
        return None
    shown = {each.id for criterion in proof.criteria for each in criterion.proofs}
    return {
        "at": proof.at.isoformat(),
        "criteria": [criterion.id for criterion in proof.criteria],
        "sees": {each.id: list(each.sees) for each in proof.criteria if each.sees},
        "tests": len(shown),
        "waived": [*proof.waived],
        "runs": proof.runs,
        "tree": proof.tree,
        "notes": list(proof.notes),
    }


def unproven_words(
    workflow: Workflow, *, has_base: bool, criteria: Sequence[str] | None = None
) -> str | None:
    """What nothing proves of a feature, as proof is only recorded or its workflow asks for none.

    Args:
        workflow: the one that it follows.
        has_base: whether git knows how it began.
        criteria: those of a completed feature; None for one that starts.
    """
    if all(phase.proves is None for phase in workflow.phases):
        ends = f"its workflow {plain(workflow.id)} asks for no proof, so it is unproven"
        return None if criteria is None else ends
    if workflow.proof != "recorded":
        return None
    which = ", ".join(map(plain, criteria or ())) or "its criteria"
    ends = f"nothing {'will prove' if criteria is None else 'proved'} {which}"
    needed = "proof: required in .cde/workflow.yml" + ("" if has_base else ", in a git repository")
    if workflow.runner is None:
        needed += (
            ", and under runner: a known runner, or any other as {command: [...], junit: FILE, "
            "tests: [PATTERN]}, with a command that writes a JUnit file"
        )
    return (
        f"{ends}, since its workflow says proof: recorded, so it "
        f"{'ends' if criteria is None else 'is'} unproven; to have later features proven, a person "
        f"writes {needed}"
    )


def proof_remarks(reply: SubmitReply) -> list[str]:
    """What was seen of the work that a phase asks for, for people and agents."""
    remarks = []
    if tasks := tasks_words(reply.get("tasks")):
        remarks.append(tasks)
    if (changed := reply.get("difference")) is not None:
        remarks.append(f"Changed since the feature started: {difference_words(changed)}.")
    if (proof := reply.get("proof")) is not None:
        shown = [each for each in proof["criteria"] if each not in proof["waived"]]
        proven = ", ".join(shown) or "none"
        waived = f"; waived: {', '.join(proof['waived'])}" if proof["waived"] else ""
        seen = f"{counted(proof['tests'], 'test')}, {counted(proof['runs'], 'run')}"
        remarks.append(f"Criteria proven: {proven} ({seen}){waived}.")
        remarks += [f"Note: {plain(note)}." for note in proof["notes"]]
        remarks += [f"{each}." for each in seen_lines(proof["sees"])]
    if record := reply.get("record"):
        remarks.append(f"What was proven is in {plain(record)}: commit it.")
    return remarks


def seen_lines(sees: Mapping[str, Sequence[str]]) -> list[str]:
    """Which changed places the proofs of each criterion see, for people and agents.

    ``sees`` has the places by criterion; criteria with the same places are one line.
    """
    alike: dict[str, list[str]] = {}
    for key, places in sees.items():
        alike.setdefault(places_in_words(places), []).append(plain(key))
    lines = [
        f"{', '.join(keys)} {'sees' if len(keys) == 1 else 'see'} {words}"
        for words, keys in alike.items()
    ]
    more = len(lines) - LINES_SHOWN
    criteria = counted(more, "more criterion", "more criteria")
    return lines if more <= 0 else [*lines[:LINES_SHOWN], f"and {criteria} see places"]


def places_in_words(places: Sequence[str]) -> str:
    """Places by their files, as ``shop/pay.py: charge``.

    They were knocked out together, so of several nobody knows which of them are seen.
    """
    files: dict[str, list[str]] = {}
    for place in places[:PLACES_SHOWN]:
        path, _, name = place.partition(":")
        files.setdefault(path, []).append(name)
    shown = "; ".join(f"{plain(path)}: {plain(', '.join(files[path]))}" for path in files)
    more = len(places) - PLACES_SHOWN
    shown = f"{shown} and {more} more" if more > 0 else shown
    return places_seen(shown, len(places))


def places_seen(shown: str, count: int) -> str:
    """As many places, as they are shown, after "sees"."""
    return shown if count == 1 else f"the change in one or more of these places: {shown}"


def caveat_lines(caveats: Iterable[CaveatView]) -> list[str]:
    """What they say, of programs and people who may write in it whatever they like."""
    return [plain(each["words"], limit=2_000) for each in caveats]


def difference_words(changed: DifferenceView) -> str:
    """How much changed, in words."""
    files = counted(changed["files"], "file")
    lines = lines_words(changed["added"], changed["removed"])
    return f"{files}, {lines}" if lines else files


def lines_words(added: int | None, removed: int | None) -> str:
    """How many lines a change has, as ``+3 -1 lines``; empty where it has none."""
    counts = [(sign, count) for sign, count in (("+", added), ("-", removed)) if count]
    signed = " ".join(f"{sign}{count}" for sign, count in counts)
    return (
        f"{signed} {'line' if sum(count for _, count in counts) == 1 else 'lines'}"
        if signed
        else ""
    )
