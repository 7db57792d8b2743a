"""The commands that gate phases, as people see them."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.checks.set_check import SetCheckReply
from cde_orchestrator.application.checks.show_baseline import BaselineReply
from cde_orchestrator.cli.console.layout import done, next_steps, note, spaced
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command
from cde_orchestrator.cli.views.feature import baseline
from cde_orchestrator.domain.text import command_words, counted


def baselines(reply: BaselineReply, look: RenderTarget) -> RenderableType:
    """The checks of workflows, and how each ended when it was tried."""
    parts: list[RenderableType] = []
    for row in reply["rows"]:
        whose = f"feature {clean(row['feature'])}" if row["feature"] else "new features"
        head = Text.assemble((whose, "bold"), (f"  workflow {clean(row['workflow'])}", "dim"))
        nothing = Text("No phase runs a command.", "dim")
        parts.append(Group(head, baseline(row["baseline"]) or nothing))
    steps = []
    tried = [each for row in reply["rows"] for each in row["baseline"]]
    if any(each["waits"] for each in tried):
        steps.append((command(look, "trust"), "see the commands, and trust them"))
    if any(each["outcome"] == "cannot_run" for each in tried):
        steps.append((f"{command(look, 'check', 'set')} -- COMMAND", "let another one gate phases"))
    if any(each["outcome"] in {"not_tried", "too_slow"} for each in tried):
        steps.append((command(look, "check", "run"), "run them now"))
    return spaced(*parts, next_steps(steps) if steps else None)


def to_change(reply: SetCheckReply) -> RenderableType:
    """What a person is asked about."""
    head = Text.assemble("The check ", (clean(command_words(reply["command"])), "bold"), " gates:")
    lines = [
        Text(
            f"  {clean(each['workflow'])}/{clean(each['phase'])}"
            f"  now {clean(command_words(each['before'])) or 'without a check'}"
        )
        for each in reply["phases"]
    ]
    parts: list[RenderableType] = [Group(head, *lines)]
    if reply["features"]:
        names = ", ".join(map(clean, reply["features"]))
        parts.append(Text(f"Under way, which get it too: {names}"))
    if reply["problem"]:
        parts.append(note(f"It cannot be run here: {reply['problem']}"))
    return spaced(*parts)


def changed(reply: SetCheckReply, look: RenderTarget) -> RenderableType:
    """What was changed."""
    phases = counted(len(reply["phases"]), "phase")
    line = done(
        (clean(command_words(reply["command"])), "bold"), f" gates {phases}, and is trusted"
    )
    rows: list[RenderableType] = [line]
    if reply["features"]:
        rows.append(Text(f"  also of {', '.join(map(clean, reply['features']))}", "dim"))
    steps = [(command(look, "check", "run"), "run it now")]
    return spaced(Group(*rows), next_steps(steps))
