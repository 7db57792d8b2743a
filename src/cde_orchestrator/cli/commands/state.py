"""Commands about the stored state: judge it, look at its past, bring it back."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from cde_orchestrator.application.state import (
    move_state,
    recover_state,
    salvage_state,
    state_exports,
)
from cde_orchestrator.cli.console.input import EXPORT_LIMIT_BYTES, text_from
from cde_orchestrator.cli.console.output import say_json_text
from cde_orchestrator.cli.session import options
from cde_orchestrator.cli.session.boundary import FINDINGS
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views import state as view
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors

group = Commands(
    "state",
    "cde state history",
    "cde state restore --at 7 --dry-run",
    verb="history",
    help="Verify, inspect and restore the project's state.",
)

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


AtOption = Annotated[int | None, typer.Option(help="A change's number. Default: newest.")]


@group.command("cde state verify")
def verify(call: Call) -> None:
    """Verify every file and every record; exit code 1 if something is wrong."""
    reply = call.ask(recover_state.VerifyState())
    call.say(reply, view.verified)
    if not reply["whole"]:
        raise typer.Exit(FINDINGS)


@group.command("cde state history --feature add-a-login-page")
def history(
    call: Call,
    feature: Annotated[
        str | None, typer.Option("--feature", "-f", help="Only changes of this feature.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many changes.")] = 50,
) -> None:
    """Show the changes, newest first."""
    use_case = recover_state.ListChanges(limit=limit, feature=feature)
    call.answer(use_case, view.changes)


@group.command("cde state diff 3 7", "cde state diff 3")
def diff(
    call: Call,
    before: Annotated[int, typer.Argument(help="The number of a change.")],
    after: Annotated[
        int | None, typer.Argument(help="Another change. Default: the newest.")
    ] = None,
) -> None:
    """Show the difference between the states after two changes."""
    use_case = recover_state.DiffStates(before=before, after=after)
    call.answer(use_case, view.differences)


@group.command("cde state show 7")
def show(
    call: Call,
    change: Annotated[
        int | None, typer.Argument(help="A change's number. Default: newest.")
    ] = None,
    at: Annotated[int | None, typer.Option(help="The same.", hidden=True)] = None,
) -> None:
    """Show the state as of a change."""
    wanted = at if change is None else change
    call.answer(recover_state.ExportState(at=wanted), view.state)


@group.command("cde state backups")
def backups(call: Call) -> None:
    """List the backups."""
    call.answer(recover_state.ListBackups(), view.kept)


@group.command(
    "cde state restore --at 7 --dry-run", "cde state restore --backup state-000000000007.json"
)
def restore(
    call: Call,
    at: Annotated[int | None, typer.Option(help="The state as of this change.")] = None,
    backup: Annotated[str | None, typer.Option(help="A file from cde state backups.")] = None,
    file: Annotated[Path | None, typer.Option(help="A file from cde state export.")] = None,
    feature: Annotated[
        str | None, typer.Option("--feature", "-f", help="With --at: only this feature.")
    ] = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    agent: options.AgentOption = None,
) -> None:
    """Restore an earlier state, as one change that can be undone.

    You are shown what is undone and whose it is, and asked, unless it is your own last change.
    """
    if feature is not None and at is None:
        raise typer.BadParameter("give it with --at", param_hint="'--feature'")
    if sum(each is not None for each in (at, backup, file)) != 1:
        raise typer.BadParameter("name exactly one of --at, --backup and --file")
    text = _export_in(file) if file is not None else None
    wanted = recover_state.RestoreState(at=at, feature=feature, backup=backup, export=text)
    _restore(call, wanted, file, yes=yes, dry_run=dry_run)


@group.command("cde state salvage --dry-run", "cde state salvage --to salvaged.json")
def salvage(
    call: Call,
    to: Annotated[
        Path | None, typer.Option(help="Only write the state to this file, as an export.")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Restore what intact records and checkpoints have, if the state cannot be read."""
    reply = call.ask(salvage_state.SalvageState(dry_run=dry_run or to is not None))
    if to is not None and not dry_run:
        _write(to, state_exports.export_text(reply["state"]))
    call.say(reply, view.salvaged)


@group.command("cde state export > state-export.json")
def export(
    call: Call,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Default: standard output.")
    ] = None,
    at: AtOption = None,
) -> None:
    """Export the state as one JSON document; equal states give equal text."""
    text = state_exports.export_text(call.ask(recover_state.ExportState(at=at))["state"])
    if output is None:
        say_json_text(text)
    else:
        _write(output, text)


@group.command("cde state import state-export.json --dry-run", name="import")
def import_state(
    call: Call,
    file: Annotated[Path, typer.Argument(help="A file from cde state export.")],
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    agent: options.AgentOption = None,
) -> None:
    """Import an export as the current state; it is validated before anything changes."""
    wanted = recover_state.RestoreState(export=_export_in(file))
    _restore(call, wanted, file, yes=yes, dry_run=dry_run)


@group.command("cde state compact")
def compact(call: Call) -> None:
    """Seal the journal's active segment and delete what retention does not keep."""
    call.answer(recover_state.CompactState(), view.kept)


@group.command("cde state leave fork-000000000007-1a2b3c4d.json")
def leave(
    call: Call,
    side: Annotated[str, typer.Argument(help="The other side, from cde state backups.")],
) -> None:
    """Leave the other side of a fork as a backup; it is no longer reported."""
    call.answer(recover_state.LeaveFork(side=side), view.kept)


@group.command("cde state move --to-database --dry-run", "cde state move --to-files")
def move(
    call: Call,
    to_database: Annotated[
        bool, typer.Option("--to-database", help="From the files into the database.")
    ] = False,
    to_files: Annotated[
        bool, typer.Option("--to-files", help="From the database into the files.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also while agents work, and in place of a state that is there."
        ),
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Move the state into the database that CDE_STATE_URL names, or back into files."""
    if to_database == to_files:
        raise typer.BadParameter("name exactly one of --to-database and --to-files")
    to: Literal["database", "files"] = "database" if to_database else "files"
    call.answer(move_state.MoveState(to=to, force=force, dry_run=dry_run), view.moved)


@group.command(
    "cde state merge fork-000000000007-1a2b3c4d.json",
    "cde state merge base.json ours.json theirs.json",
)
def merge(
    call: Call,
    side: Annotated[
        str,
        typer.Argument(
            metavar="SIDE",
            help="The other side of a fork, from cde state backups; with three files, the common "
            "ancestor of two exports.",
        ),
    ],
    ours: Annotated[
        Path | None, typer.Argument(help="Our export; the result is written to this file.")
    ] = None,
    theirs: Annotated[Path | None, typer.Argument(help="Their export.")] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Merge a fork, or two exports, by feature; of one that both changed, the newest revision wins.

    A fork is merged into the current state, as one change that can be undone.
    """
    if ours is None and theirs is None:
        use_case = recover_state.RestoreState(merged=side, dry_run=dry_run)
        call.answer(use_case, view.restored)
        return
    if ours is None or theirs is None or dry_run:
        raise typer.BadParameter("name the other side of a fork, or three files")
    _merge_exports(call, Path(side), ours, theirs)


def _merge_exports(call: Call, base: Path, ours: Path, theirs: Path) -> None:
    """Merge two exports into ours."""

    def merge_files(_root: Path) -> view.MergeReply:
        sides = [state_exports.parse_export(_export_in(path)) for path in (ours, theirs)]
        document, conflicts = state_exports.merge_exports(
            state_exports.parse_base(_export_in(base)), *sides
        )
        _write(ours, state_exports.export_text(state_exports.export_of(document)))
        return {"written": str(ours), "conflicts": conflicts}

    call.say(call.logged("merge_exports", merge_files), view.merged)


def _export_in(path: Path) -> str:
    """The text of an export, at a path or for ``-`` on standard input."""
    return text_from(str(path), str(path), EXPORT_LIMIT_BYTES)


def _write(path: Path, text: str) -> None:
    """Replace a file; the old content or the new one is there, never a part.

    Raises:
        StateError: E203 or E204, it cannot be written.
    """
    with translate_os_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        replace_file(OsFileOps(), path, text.encode())


def _restore(
    call: Call, wanted: recover_state.RestoreState, file: Path | None, *, yes: bool, dry_run: bool
) -> None:
    from cde_orchestrator.cli.commands.restoring import (  # noqa: PLC0415 - no other command's
        restore_confirmed,
    )

    restore_confirmed(call, wanted, yes=yes, dry_run=dry_run, file=file)
