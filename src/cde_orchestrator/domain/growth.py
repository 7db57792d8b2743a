"""How a feature continues in another workflow, with what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.phase_record import PhaseStatus
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

_DEMANDS: tuple[tuple[str, Callable[[Workflow, Phase], bool]], ...] = (
    ("changes files", lambda _, phase: phase.changes is not None),
    ("runs a check", lambda _, phase: bool(phase.check)),
    ("proves criteria", lambda workflow, phase: workflow.must_prove(phase)),
)


def change_problem(feature: Feature, present: Workflow, wanted: Workflow) -> str | None:
    """Why the feature cannot continue in that workflow; None where it can.

    Before anything was submitted it can in any that asks people no less often; later in a larger
    one alone, that demands no less.
    """
    if _answers(wanted) < _answers(present):
        return "it has fewer phases that wait for a person"
    if is_untouched(feature, present):
        return None
    if len(wanted.phases) <= len(present.phases):
        return f"it is not larger than {present.id}, and work was submitted already"
    lost = [
        words
        for words, asks in _DEMANDS
        if any(asks(present, phase) for phase in present.phases)
        and not any(asks(wanted, phase) for phase in wanted.phases)
    ]
    return f"no phase of it {lost[0]}" if lost else None


def require_change(feature: Feature, present: Workflow, wanted: Workflow) -> None:
    """Refuse a workflow that the feature cannot continue in.

    Raises:
        FeatureError: E105 the feature is closed, E151 the workflow is not larger or demands less.
    """
    if not feature.is_open:
        raise feature.closed()
    if reason := change_problem(feature, present, wanted):
        raise FeatureError.of(
            "E151", feature=feature.name, workflow=wanted.id, follows=present.id, reason=reason
        )


def is_untouched(feature: Feature, workflow: Workflow) -> bool:
    """Whether nothing was submitted so far, nor was anything rolled back."""
    first, *later = (feature.phases[phase.id] for phase in workflow.phases)
    is_first = first.status is PhaseStatus.IN_PROGRESS and not first.past
    return is_first and all(each.status is PhaseStatus.PENDING for each in later)


def carried_phases(workflow: Workflow) -> Iterable[Phase]:
    """The first phases that ask for texts alone, which may be there already; never the last one.

    What changes, runs or proves something, gives a verdict or waits for somebody is done again.
    """
    for phase in workflow.phases[:-1]:
        asked = (phase.changes, phase.check, phase.proves, phase.agent)
        if any(asked) or phase.handler != "agent" or not phase.outputs:
            return
        if any(output.verdict or output.is_shared for output in phase.outputs):
            return
        yield phase


def text_for(
    output: Output, feature_name: str, accepted: Sequence[tuple[str, bytes]]
) -> tuple[str, bool]:
    """What accepted outputs, by path, hold of another output; and whether that is all of it.

    It is made of the sections that the output must contain, word for word.
    """
    wanted = [each for each in output.must_contain if not each.startswith("re:")]
    if output.type != "markdown" or not wanted:
        return "", False
    documents = [(path, data.decode("utf-8-sig", "replace")) for path, data in accepted]
    found = [(path, _section(text, heading)) for heading in wanted for path, text in documents]
    parts = [(path, section) for path, section in found if section]
    sources = ", ".join(dict.fromkeys(f"`{path}`" for path, _ in parts))
    title = f"# {output.id.capitalize()}: {feature_name}\n\nTaken from {sources}."
    text = "\n\n".join([title, *(section for _, section in parts)])
    return (f"{text}\n" if parts else ""), len(parts) >= len(wanted)


def _section(text: str, heading: str) -> str:
    """A section with its heading, as it was written; empty where there is none."""
    lines = markdown.read(text)
    places = markdown.headings(lines).get(markdown.normal(heading))
    if not places:
        return ""
    first = lines[places[0]]
    after = (
        line.number
        for line in lines[places[0] + 1 :]
        if line.kind is markdown.Kind.HEADING and line.level <= first.level
    )
    written = text.splitlines()[first.number - 1 : next(after, len(lines) + 1) - 1]
    return "\n".join(written).strip()


def _answers(workflow: Workflow) -> int:
    return sum(phase.handler == "human_input" for phase in workflow.phases)
