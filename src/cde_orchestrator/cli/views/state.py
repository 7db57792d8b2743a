"""What the commands about the state show to people."""

from __future__ import annotations

from typing import Any, TypedDict

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.state import recover_state as replies
from cde_orchestrator.application.state.move_state import MoveReply
from cde_orchestrator.application.state.salvage_state import SalvageReply
from cde_orchestrator.cli.console.layout import (
    done,
    facts,
    next_steps,
    note,
    remarked,
    spaced,
    table,
)
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command, moment
from cde_orchestrator.cli.views.resume import file_rows, source_rows
from cde_orchestrator.domain.phase_record import state_words
from cde_orchestrator.domain.text import counted


class MergeReply(TypedDict):
    """What a merge wrote, and what both sides had changed."""

    written: str
    conflicts: list[str]


def verified(reply: replies.VerifyReply, look: RenderTarget) -> RenderableType:
    """Whether the state is whole."""
    if reply["whole"]:
        return done("Every file and every record is intact")
    rows = table("FILE", "PROBLEM")
    for finding in reply["findings"]:
        rows.add_row(clean(finding["file"]), Text(clean(finding["reason"]), "red"))
    steps = [(command(look, "state", "backups"), "see what can be restored")]
    return spaced(note(counted(len(reply["findings"]), "finding")), rows, next_steps(steps))


def changes(reply: replies.HistoryReply, look: RenderTarget) -> RenderableType:
    """Changes, one a line, and on a terminal what each changed beneath it."""
    if not reply["changes"]:
        return note("No changes yet")
    titles = ("CHANGE", "WHEN", "OPERATION", "BY")
    changes = []
    for change in reply["changes"]:
        cells = [str(change["sequence"]), moment(change["at"], look)]
        cells += [clean(change["operation"]), clean(change["actor"])]
        changes.append((cells, clean(change["feature"] or ""), clean(change["event"])))
    if look.terminal:
        beneath = [
            (cells, what if not feature or feature in what else f"{feature}: {what}")
            for cells, feature, what in changes
        ]
        return remarked(titles, beneath)
    rows = table(*titles, "FEATURE", "WHAT")
    for cells, feature, what in changes:
        rows.add_row(*cells, feature or "-", what)
    return rows


def differences(reply: replies.DiffReply, _: RenderTarget) -> RenderableType:
    """What differs between two states."""
    head = Text(f"From change {reply['before']} to change {reply['after']}")
    return spaced(head, _difference(reply["difference"]))


def state(reply: replies.StateReply, _: RenderTarget) -> RenderableType:
    """A state's features, one a line."""
    features: list[dict[str, Any]] = reply["state"]["features"]
    own = reply["state"]["project"]
    head = Text.assemble(
        (clean(own["name"]), "bold"),
        f"  {clean(own['status'])}, {counted(len(features), 'feature')}, "
        f"after change {reply['sequence']}",
    )
    rows = table("FEATURE", "PHASE", "STATUS")
    for feature in features:
        phase = feature["current_phase"] or ""
        rows.add_row(clean(feature["name"]), clean(phase), state_words(feature["status"]))
    return spaced(head, rows if features else None)


def kept(reply: replies.BackupsReply, look: RenderTarget) -> RenderableType:
    """The states that are kept."""
    if not reply["backups"]:
        return note("No backups yet")
    rows = table("FILE", "CHANGE", "FEATURES", "BYTES", "")
    for backup in reply["backups"]:
        words = Text(clean(backup["problem"] or ""), "red")
        if backup["fork"] is not None:
            words = Text(_side(backup["fork"]), "yellow" if backup["fork"]["is_open"] else "dim")
        numbers = [str(backup[key]) for key in ("sequence", "features", "size")]
        rows.add_row(clean(backup["file"]), *numbers, words)
    usable = [each for each in reply["backups"] if not each["problem"]]
    newest = next((each for each in reversed(usable) if each["fork"] is None), None)
    steps = []
    if newest is not None:
        shown = command(look, "state", "restore", "--backup", newest["file"], "--dry-run")
        steps = [(shown, "see what it would change")]
    for side in [each["file"] for each in usable if each["fork"] and each["fork"]["is_open"]]:
        restore = command(look, "state", "restore", "--backup", side)
        steps += [
            (command(look, "state", "merge", side), "merge both sides by feature"),
            (restore, "or choose the other side"),
            (command(look, "state", "leave", side), "or keep it as a backup only"),
        ]
    return spaced(rows, next_steps(steps) if steps else None)


def _side(fork: dict[str, Any]) -> str:
    """What is known of another side of a fork."""
    words = ["other side" if fork["is_open"] else "other side, decided"]
    if fork["after"] is not None:
        words.append(f"forked after change {fork['after']}")
    if fork["differing"] is not None:
        words.append(f"{counted(fork['differing'], 'feature')} differ")
    return ", ".join(words)


def restored(reply: replies.RestoreReply, look: RenderTarget) -> RenderableType:
    """What a restore changed, or would change."""
    conflicts = _conflicts(reply["conflicts"])
    if reply["dry_run"]:
        head = note(f"Restoring {reply['source']} would change this; nothing is changed yet")
        changed = _difference(reply["difference"])
        words = replies.taken_back_words(reply["taken_back"], [])
        gone = note(f"It {words}") if words else None
        rows = (file_rows(reply["files"]), source_rows(reply["code"]))
        return spaced(head, changed, conflicts, *rows, gone)
    head = done("Restored ", (clean(reply["source"]), "bold"), f" as change {reply['sequence']}")
    only = [] if reply["feature"] is None else ["--feature", reply["feature"]]
    undo = command(look, "state", "restore", "--at", str(reply["sequence"] - 1), *only)
    return spaced(
        head,
        _difference(reply["difference"]),
        conflicts,
        file_rows(reply["files"]),
        source_rows(reply["code"]),
        next_steps([(undo, "undo it")]) if any(reply["difference"].values()) else None,
    )


def salvaged(reply: SalvageReply, look: RenderTarget) -> RenderableType:
    """What was salvaged, of which files, and what is missing."""
    what = f"{counted(reply['features'], 'feature')}, up to change {reply['newest']}"
    if reply["at"]:
        what += f" of {moment(reply['at'], look)}"
    if reply["sequence"] is not None:
        head: RenderableType = done(f"Salvaged as change {reply['sequence']}: {what}")
    else:
        head = note(f"Can be salvaged: {what}; nothing is changed")
    used = table("FROM", "")
    for row in reply["used"]:
        used.add_row(clean(row["file"]), clean(row["gave"]))
    lost = [
        ("Lost changes", reply["missing"]),
        ("Features with lost changes", reply["incomplete"]),
        ("Lost features", reply["unusable"]),
    ]
    rows = [(words, ", ".join(map(clean, each))) for words, each in lost if each]
    return spaced(head, used, facts(rows) if rows else None, _difference(reply["difference"]))


def moved(reply: MoveReply, look: RenderTarget) -> RenderableType:
    """What was moved, or would be."""
    places = Table.grid(padding=(0, 2))
    places.add_row("from", clean(reply["source"]))
    places.add_row("to", clean(reply["target"]))
    what = f"{counted(reply['features'], 'feature')}, after change {reply['sequence']}"
    if not reply["moved"]:
        return spaced(note("It is there already; nothing was moved"), places)
    if reply["dry_run"]:
        return spaced(note(f"This would move {what}; nothing is changed yet"), places)
    steps = [(command(look, "state", "verify"), "verify it")]
    return spaced(done("Moved ", (what, "bold")), places, next_steps(steps))


def merged(reply: MergeReply, _: RenderTarget) -> RenderableType:
    """What a merge wrote, and its conflicts."""
    head = done("Merged into ", (clean(reply["written"]), "bold"))
    return spaced(head, _conflicts(reply["conflicts"]))


def _conflicts(names: list[str]) -> RenderableType | None:
    if not names:
        return None
    rows = table("CHANGED ON BOTH SIDES; THE NEWEST REVISION WON")
    for name in names:
        rows.add_row(clean(name))
    return rows


def _difference(found: replies.Difference) -> RenderableType:
    rows = Table.grid(padding=(0, 2))
    for name in found["added"]:
        rows.add_row(Text("+", "green"), clean(name))
    for name in found["removed"]:
        rows.add_row(Text("-", "red"), clean(name))
    for each in found["changed"]:
        rows.add_row(Text("~", "yellow"), clean(f"{each['name']}: {', '.join(each['fields'])}"))
    if found["project"]:
        rows.add_row(Text("~", "yellow"), clean(f"project: {', '.join(found['project'])}"))
    return rows if rows.row_count else Text("No differences", "dim")
