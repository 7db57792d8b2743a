"""The work on phases, as people see it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application.checks.running import running_words
from cde_orchestrator.application.features.edit_feature import EditReply, edited_words
from cde_orchestrator.application.features.grow_feature import GrowReply, grown_words
from cde_orchestrator.application.features.resume_feature import ResumeReply
from cde_orchestrator.application.features.rollback import FileRow
from cde_orchestrator.application.features.rollback_feature import (
    RollbackReply,
    rollback_remarks,
)
from cde_orchestrator.application.features.save_progress import SavedReply
from cde_orchestrator.application.features.source_changes import SourceRow, source_words
from cde_orchestrator.application.task_views import task_line, tasks_words
from cde_orchestrator.application.views import FeatureReply, FeatureView
from cde_orchestrator.application.work_views import ProgressView
from cde_orchestrator.cli.console.layout import (
    done,
    facts,
    mark,
    note,
    section,
    spaced,
    table,
    unbroken,
)
from cde_orchestrator.cli.console.wording import (
    RenderTarget,
    clean,
    clean_lines,
    command,
    moment,
)
from cde_orchestrator.cli.views.feature import assignment, recorded, tasks
from cde_orchestrator.domain.phase_record import state_predicate
from cde_orchestrator.domain.text import counted

_ACTIONS = {"restored": "↺", "removed": "-", "unchanged": "·", "left": "!"}


def saved(reply: SavedReply, _look: RenderTarget) -> RenderableType:
    """Progress that was saved."""
    what = "Saved in " if reply["saved"] else "Tasks noted in "
    line = done(what, (clean(reply["feature"]["current_phase"] or ""), "bold"))
    if reply["kept"]:
        line.append(f"  {counted(reply['kept'], 'note')} kept", "dim")
    words = tasks_words(reply["tasks"])
    return Group(line, Text(words)) if words else line


def resumed(reply: ResumeReply, look: RenderTarget) -> RenderableType:
    """A feature and everything that whoever goes on should know."""
    feature, claim, gate = reply["feature"], reply["claim"], reply["gate"]
    head = _in_state(feature)
    if claim is not None:
        head.append(
            f"  held by {clean(claim['agent'])} until {moment(claim['until'], look)}", "dim"
        )
    prompt = reply["phase"]["prompt"] if look.prompts and reply["phase"] else ""
    produced: list[RenderableType] = []
    for phase in reply["finished"]:
        produced.append(Text.assemble(mark("completed"), " ", clean(phase["id"])))
        produced += recorded(phase)
    new = [each for each in reply["progress"] if not _says(prompt, each["note"], _data(each))]
    notes = [_note(each, look) for each in new]
    failure, returned = reply["last_failure"] or "", reply["returned"] or ""
    if _says(prompt, failure):
        failure = ""
    if _says(prompt, returned.partition(": ")[2]):  # the prompt has a heading for that
        returned = ""
    goal, branch = "" if _says(prompt, reply["goal"]) else reply["goal"], reply["branch"] or ""
    known = facts([("Goal", clean_lines(goal)), ("Branch", clean(branch))])
    are_said = all(task_line(each) in prompt for each in reply["tasks"])
    check = gate["check"] if gate else None
    untrusted = check is not None and not check["trusted"]
    return spaced(
        head,
        known if known.row_count else None,
        Group(*produced) if produced else None,
        None if are_said else tasks(reply["tasks"]),
        section(Text("Saved progress"), spaced(*notes), look) if notes else None,
        Text(clean_lines(returned)) if returned else None,
        section(Text("Last failure"), Text(clean_lines(failure)), look, "red") if failure else None,
        note(f"{running_words(reply['running'])}.") if "running" in reply else None,
        note("A person must trust the check of this phase: cde trust") if untrusted else None,
        *assignment(reply, look),
    )


def _says(prompt: str, *texts: str) -> bool:
    """Whether a prompt that is printed in addition has each line already."""
    lines = (line.strip().rstrip(":") for text in texts for line in text.splitlines())
    return all(line in prompt for line in lines)


def _note(progress: ProgressView, look: RenderTarget) -> Text:
    line = Text.assemble(
        (f"{moment(progress['at'], look)}  {clean(progress['by'])}\n", "dim"), "  "
    )
    line.append(clean_lines(progress["note"]).replace("\n", "\n  "))
    if data := _data(progress):
        line.append(f"\n  {clean(data)}", "dim")
    return line


def _data(progress: ProgressView) -> str:
    data = progress["data"]
    return "" if data is None else json.dumps(data, ensure_ascii=False)


def grown(reply: GrowReply, look: RenderTarget) -> RenderableType:
    """A feature that continues in another workflow, and its phase there."""
    return spaced(done(clean(grown_words(reply))), *assignment(reply, look))


def edited(reply: EditReply, look: RenderTarget) -> RenderableType:
    """A feature after an edit, and what was accepted for the goal as it was."""
    name, before = clean(reply["feature"]["name"]), reply["accepted_before"]
    head = done("Feature ", (name, "bold"), f" {edited_words(reply)}")
    if not before:
        return head
    again = command(look, "rollback", reply["feature"]["name"], before[0])
    accepted = ", ".join(map(clean, before))
    words = f"What was accepted of {accepted} is about the goal as it was. To write it again: "
    return spaced(head, note(words).append(again, "cyan"))


def closed(reply: FeatureReply, _look: RenderTarget) -> RenderableType:
    """A feature that takes no more work."""
    return _in_state(reply["feature"])


def _in_state(feature: FeatureView) -> Text:
    words = state_predicate(feature["status"])
    return done("Feature ", (clean(feature["name"]), "bold"), f" {words}")


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
    undo = ("state", "restore", "--at", str(reply["undo_at"]), "--feature")
    return spaced(
        head,
        Text(f"Rolled back: {undone}") if undone else None,
        file_rows(reply["files"]),
        source_rows(reply["source"]),
        *map(note, rollback_remarks(reply)),
        Group(Text("To see what changed in the source; it only shows:", "dim"), *code)
        if code
        else None,
        Text.assemble("To undo it: ", (command(look, *undo, reply["feature"]["name"]), "cyan"))
        if reply["undo_at"] is not None
        else None,
        *([] if reply["dry_run"] else assignment(reply, look)),
    )


def file_rows(rows: Sequence[FileRow]) -> RenderableType | None:
    """What became of outputs, in a table; those that stayed as they are say nothing."""
    lines = table("Output", "", "Remark")
    for row in rows:
        if row["action"] != "unchanged":
            remark = f"kept as {row['kept_as']}" if row["kept_as"] else row["reason"] or ""
            sign = _ACTIONS[row["action"]]
            lines.add_row(f"{sign} {clean(row['path'])}", row["action"], clean(remark))
    return lines if lines.row_count else None


def source_rows(rows: Sequence[SourceRow]) -> RenderableType | None:
    """What became of files of the source, in a table."""
    lines = table("Source", "", "Remark")
    for row in rows:
        state, remark = source_words(row["state"])
        sign = _ACTIONS.get(row["state"], "·" if row["state"] == "feature" else "!")
        lines.add_row(f"{sign} {clean(row['path'])}", state, clean(row["reason"] or remark))
    return lines if lines.row_count else None
