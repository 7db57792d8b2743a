"""What a workflow demanded of a feature, and which people approved it: the rules of its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.path_patterns import matches_any
from cde_orchestrator.domain.value import Value
from cde_orchestrator.domain.workflow import Handler, Workflow

NOBODY = "no approval is asked for: the workflow has no phase of a person"
UNKNOWN = "nothing is said of what the workflow demanded, nor of who approved it"
CHANNELS: Mapping[str, str] = {
    "terminal": "at a terminal",
    "page": "on the page",
    "elicitation": "by elicitation of a client",
    "program": "by a program",
}
_A_DOCUMENT = "README.md"
_NAMED = 5


class PhaseDemand(Value, kw_only=True):
    """What a phase demanded.

    Attributes:
        changes: whether files of the project had to differ.
        paths, exclude: patterns of those that counted, and of those that did not.
        proves: the output whose criteria had to be proven; empty where none was.
        verdicts: what its outputs could say as verdict; empty where they needed none.
    """

    id: str
    handler: Handler = "agent"
    changes: bool = False
    paths: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    proves: str = ""
    verdicts: tuple[str, ...] = ()


class PhaseApproval(Value, kw_only=True):
    """A person's yes to a phase, as it is recorded.

    Attributes:
        place: the client, as it named itself, where it asked.
        digest: of all that was shown.
    """

    phase: str
    at: str
    user: str
    host: str
    channel: str
    place: str
    digest: str

    @property
    def words(self) -> str:
        """Who approved what, and how."""
        how = CHANNELS.get(self.channel, f"by {self.channel}")
        how += f" ({self.place})" if self.place else ""
        return f"{self.phase} approved by {self.user}@{self.host} {how}"


class Rules(Value, kw_only=True):
    """The rules under which a feature was completed.

    Attributes:
        workflow: digest of the workflow that it followed.
    """

    workflow: str
    phases: tuple[PhaseDemand, ...]
    approvals: tuple[PhaseApproval, ...]

    @classmethod
    def of(cls, feature: Feature, workflow: Workflow) -> Rules:
        """Those of a feature that is completed, or about to be."""
        given = ((key, record.approval) for key, record in feature.phases.items())
        approvals = tuple(
            PhaseApproval(
                phase=key,
                at=each.at.isoformat(),
                user=each.user,
                host=each.host,
                channel=each.channel,
                place=each.place if each.channel == "elicitation" else "",
                digest=each.digest,
            )
            for key, each in given
            if each is not None
        )
        digest = feature.workflow_digest or ""
        return cls(workflow=digest, phases=demands_of(workflow), approvals=approvals)

    def approved_by(self) -> list[str]:
        """Who approved each phase of a person, in words."""
        waiting = [phase.id for phase in self.phases if phase.handler == "human_input"]
        given = {each.phase: each.words for each in self.approvals}
        lines = [given.pop(phase, f"{phase} approved by nobody") for phase in waiting]
        return [*lines, *given.values()] or [NOBODY]


def demands_of(workflow: Workflow) -> tuple[PhaseDemand, ...]:
    """What each phase demands."""
    return tuple(
        PhaseDemand(
            id=phase.id,
            handler=phase.handler,
            changes=phase.changes is not None,
            paths=phase.change_paths,
            exclude=phase.change_exclude,
            proves=phase.proves or "",
            verdicts=tuple(sorted({each for output in phase.outputs for each in output.verdict})),
        )
        for phase in workflow.phases
    )


def weaker(demanded: Sequence[PhaseDemand], packaged: Workflow) -> str:
    """Where demands are weaker than those of a packaged workflow, in a line; empty: nowhere."""
    there = {each.id: each for each in demanded}
    found = [
        problem
        for wanted in demands_of(packaged)
        for problem in _weaker(wanted, there.get(wanted.id))
    ]
    if not found:
        return ""
    more = f", and {len(found) - _NAMED} more" if found[_NAMED:] else ""
    shown = ", ".join(found[:_NAMED])
    return f"demanded less than the packaged workflow '{packaged.id}': {shown}{more}"


def _weaker(wanted: PhaseDemand, phase: PhaseDemand | None) -> list[str]:
    if phase is None:
        return [f"no phase {wanted.id}"]
    extra = set(phase.verdicts) - set(wanted.verdicts)
    documents = phase.paths and matches_any(_A_DOCUMENT, phase.paths)
    problems = {
        f"no person for {wanted.id}": wanted.handler != "agent" and phase.handler == "agent",
        f"no change in {wanted.id}": wanted.changes and not phase.changes,
        f"documents as change in {wanted.id}": wanted.changes and bool(documents),
        f"nothing proven in {wanted.id}": bool(wanted.proves) and phase.proves != wanted.proves,
        f"no verdict of {wanted.id}": bool(wanted.verdicts) and not phase.verdicts,
        f"other verdicts of {wanted.id}": bool(wanted.verdicts) and bool(extra),
    }
    return [problem for problem, is_so in problems.items() if is_so]
