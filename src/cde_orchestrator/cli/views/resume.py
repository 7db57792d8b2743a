"""The work on phases, as people see it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.features.grow_feature import GrowReply, grown_words
from cde_orchestrator.application.features.resume_feature import ResumeReply
from cde_orchestrator.application.features.rollback_feature import FileRow, RollbackReply
from cde_orchestrator.application.features.save_progress import SavedReply
from cde_orchestrator.application.features.source_changes import source_lines
from cde_orchestrator.application.views import FailedReply, FeatureReply, ProgressView
from cde_orchestrator.cli.console.layout import done, facts, mark, note, section, spaced, unbroken
from cde_orchestrator.cli.console.wording import RenderTarget, clean, clean_lines, counted, moment
from cde_orchestrator.cli.views.feature import assignment, recorded

_ACTIONS = {"restored": "↺", "removed": "-", "unchanged": "·", "left": "!"}


def gave_up(reply: FailedReply, look: RenderTarget) -> RenderableType:
    """An attempt that was recorded as failed, and how it goes on."""
    left = reply["attempts_left"]
    line = note(f"The attempt at {reply['failed']['id']} is recorded as failed")
    if left == 0:
        name = clean(reply["feature"]["name"])
        return spaced(line, Text.assemble("Feature ", (name, "bold"), " has failed."))
    line.append(f"  {counted(left, 'attempt')} left", "dim")
    return spaced(line, *assignment(reply, look))


def saved(reply: SavedReply, _look: RenderTarget) -> RenderableType:
    """Progress that was saved."""
    line = done("Saved in ", (clean(reply["feature"]["current_phase"] or ""), "bold"))
    line.append(f"  {counted(reply['kept'], 'note')} kept", "dim")
    return line


def resumed(reply: ResumeReply, look: RenderTarget) -> RenderableType:
    """A feature and everything that whoever goes on should know."""
    feature, claim, gate = reply["feature"], reply["claim"], reply["gate"]
    head = done("Feature ", (clean(feature["name"]), "bold"), f" is {clean(feature['status'])}")
    if claim is not None:
        head.append(
            f"  held by {clean(claim['agent'])} until {moment(claim['until'], look)}", "dim"
        )
    produced: list[RenderableType] = []
    for phase in reply["finished"]:
        produced.append(Text.assemble(mark("completed"), " ", clean(phase["id"])))
        produced += recorded(phase)
    notes = [_note(each, look) for each in reply["progress"]]
    failure = reply["last_failure"]
    check = gate["check"] if gate else None
    untrusted = check is not None and not check["trusted"]
    return spaced(
        head,
        facts([("Goal", clean_lines(reply["goal"])), ("Branch", clean(reply["branch"] or ""))]),
        Group(*produced) if produced else None,
        section(Text("Saved progress"), spaced(*notes), look) if notes else None,
        section(Text("Last failure"), Text(clean_lines(failure)), look, "red") if failure else None,
        note("A person must trust the check of this phase: cde trust") if untrusted else None,
        *assignment(reply, look),
    )


def _note(progress: ProgressView, look: RenderTarget) -> Text:
    line = Text.assemble(
        (f"{moment(progress['at'], look)}  {clean(progress['by'])}\n", "dim"), "  "
    )
    line.append(clean_lines(progress["note"]).replace("\n", "\n  "))
    if progress["data"] is not None:
        line.append(f"\n  {clean(json.dumps(progress['data'], ensure_ascii=False))}", "dim")
    return line


def grown(reply: GrowReply, look: RenderTarget) -> RenderableType:
    """A feature that continues in another workflow, and its phase there."""
    return spaced(done(clean(grown_words(reply))), *assignment(reply, look))


def closed(reply: FeatureReply, _look: RenderTarget) -> RenderableType:
    """A feature that takes no more work."""
    feature = reply["feature"]
    return done("Feature ", (clean(feature["name"]), "bold"), f" is {clean(feature['status'])}")


def rolled_back(reply: RollbackReply, look: RenderTarget) -> RenderableType:
    """What a rollback did, or would do."""
    name, phase = clean(reply["feature"]["name"]), clean(reply["feature"]["current_phase"] or "")
    head = (
        Text.assemble("Would take ", (name, "bold"), " back to ", (phase, "bold"))
        if reply["dry_run"]
        else done("Feature ", (name, "bold"), " is back in ", (phase, "bold"))
    )
    undone = ", ".join(map(clean, reply["rolled_back"]))
    code = [unbroken(Text(f"  {clean(each)}", "cyan")) for each in reply["git"]]
    words = "To see and undo its changes" if code[1:] else "To see its changes"
    return spaced(
        head,
        Text(f"Discarded: {undone}") if undone else None,
        file_rows(reply["files"]),
        Group(*map(Text, source_lines(reply["source"]))) if reply["source"] else None,
        Group(Text(f"Your code was not touched. {words}:", "dim"), *code) if code else None,
        *([] if reply["dry_run"] else assignment(reply, look)),
    )


def file_rows(rows: Sequence[FileRow]) -> RenderableType | None:
    """What became of outputs; those that stayed as they are say nothing."""
    lines = []
    for row in rows:
        if row["action"] == "unchanged":
            continue
        line = Text(f"{_ACTIONS[row['action']]} {clean(row['path'])}  {row['action']}")
        if row["kept_as"]:
            line.append(f", the changed file is kept as {clean(row['kept_as'])}", "yellow")
        if row["reason"]:
            line.append(f": {clean(row['reason'])}", "dim")
        lines.append(line)
    return Group(*lines) if lines else None
