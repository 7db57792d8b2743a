"""What a person decides on, as they see it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.approvals.judged import judged_lines
from cde_orchestrator.application.approvals.shown import (
    ApprovalReply,
    ShownOutput,
    ShownView,
    refusal_lines,
)
from cde_orchestrator.application.approvals.waive import WaiverReply
from cde_orchestrator.application.proof_views import (
    caveat_lines,
    lines_words,
    places_in_words,
)
from cde_orchestrator.cli.console.layout import done, notes, spaced
from cde_orchestrator.cli.console.wording import (
    RenderTarget,
    clean,
    clean_lines,
    size,
)
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.domain.text import counted

DIGEST_SHOWN = 12
"""Characters of a digest that are shown; the answer is bound to all of it."""


def to_decide(reply: ApprovalReply, back_to: str | None = None) -> RenderableType:
    """All that the answer is for; ``back_to`` is where the feature is to be sent back to."""
    shown = reply["approval"]
    head = Text.assemble(
        (clean(reply["feature"]["name"]), "bold"),
        " waits for a person: ",
        (clean(shown["phase"]), "bold"),
    )
    if shown["description"]:
        head.append(f"\n{clean(shown['description'])}")
    what = f"Send it back to {clean(back_to)}" if back_to else "Approve"
    bound = Text(f"{what}, exactly as shown: {shown['digest'][:DIGEST_SHOWN]}", style="dim")
    goal = Text.assemble(("Goal\n", "dim"), clean_lines(shown["goal"]))
    caveats = notes([*caveat_lines(shown["caveats"]), *refusal_lines(shown)])
    said = [_said(each) for each in shown["outputs"]]
    parts = (_criteria(shown), _notes(shown), _outputs(shown), bound)
    back = Text(clean_lines(shown["returned"])) if shown["returned"] else None
    return spaced(head, goal, back, _judged(shown), caveats, _source(shown), *said, *parts)


def _judged(shown: ShownView) -> RenderableType | None:
    """Whether it is good."""
    lines = judged_lines(shown["judged"])
    return Group(*map(Text, lines)) if lines else None


def _notes(shown: ShownView) -> RenderableType | None:
    """What was noted meanwhile, which is no part of what is approved."""
    if not shown["notes"]:
        return None
    more = shown["notes_total"] - len(shown["notes"])
    head = f"Notes, the newest of {shown['notes_total']}" if more else "Notes"
    lines = []
    for each in shown["notes"]:
        said = f"  {to_the_second(each['at'])} {clean(by_words(each['by']))}"
        lines += [Text(said, "dim"), *(Text(f"    {line}") for line in _lines(each["note"]))]
    return Group(Text(head, style="dim"), *lines)


def _lines(text: str) -> list[str]:
    return clean_lines(text).split("\n")


def to_waive(reply: WaiverReply, reason: str | None) -> RenderableType:
    """The criterion that a person is asked about."""
    criterion = reply["criterion"]
    head = Text.assemble(
        (clean(criterion["id"]), "bold"), f" of {clean(reply['feature']['name'])}: "
    )
    head.append(clean(criterion["text"]))
    why = Text(f"Reason: {clean(reason or criterion['waived'] or '')}", style="dim")
    return spaced(head, why)


def waived(reply: WaiverReply, _look: RenderTarget) -> RenderableType:
    """What is known of the criterion now."""
    criterion = reply["criterion"]
    words = "counts without a proof" if criterion["waived"] else "must be proven again"
    return done((clean(criterion["id"]), "bold"), f" {words}")


def _criteria(shown: ShownView) -> RenderableType | None:
    if not shown["criteria"]:
        return None
    lines: list[RenderableType] = []
    for each in shown["criteria"]:
        state = f"waived: {each['waived']}" if each["waived"] else each["state"]
        words = f"  {clean(each['id'])} {clean(each['text'])}"
        lines.append(Text.assemble(words, (f"  {clean(state)}", "dim")))
        lines += [Text(f"    {clean(proof)}", style="dim") for proof in each["proofs"]]
        if each["sees"]:
            seen = f"    sees {clean(places_in_words(each['sees']))}"
            lines.append(Text(seen, style="dim"))
    return Group(Text("Criteria", style="dim"), *lines)


def _outputs(shown: ShownView) -> RenderableType | None:
    if not shown["outputs"]:
        return None
    lines = [_output(each, shown["phase"]) for each in shown["outputs"]]
    return Group(Text("Files", style="dim"), *lines)


def _output(output: ShownOutput, phase: str) -> Text:
    line = Text.assemble(("  " + clean(output["path"]), "bold"))
    if output["sha256"] is None:
        missing = "missing" if output["required"] else "not there"
        line.append(f"  {missing}", "red" if output["required"] else "dim")
    else:
        line.append(f"  {size(output['size'] or 0)}, {output['sha256'][:DIGEST_SHOWN]}", "dim")
    if output["phase"] != phase:
        line.append(f"  from {clean(output['phase'])}", "dim")
    if output["changed"]:
        line.append("  not as accepted: it cannot be approved like this", "yellow")
    return line


def _said(output: ShownOutput) -> RenderableType | None:
    """What a person weighs in an output, by heading."""
    if not output["sections"]:
        return None
    lines = [Text(f"From {clean(output['path'])}, which has the rest", style="dim")]
    for each in output["sections"]:
        if each["heading"]:
            lines.append(Text(f"  {clean(each['heading'])}", style="bold"))
        lines += [Text(f"    {line}") for line in _lines(each["text"])]
        if each["more"]:
            lines.append(Text(f"    and {counted(each['more'], 'more line')}", style="dim"))
    return Group(*lines)


def _source(shown: ShownView) -> RenderableType | None:
    source = shown["source"]
    if source is None:
        return None
    since = f"since {clean(source['commit'][:DIGEST_SHOWN])}"
    head = Text(f"{counted(source['total'], 'file')} changed {since}", style="dim")
    if changed := lines_words(source["added"], source["removed"]):
        head.append(f": {changed}")
    lines = [Text(f"  {clean(path)}") for path in source["files"]]
    more = source["total"] - len(source["files"])
    return Group(head, *lines, *([Text(f"  and {more} more", style="dim")] if more else []))
