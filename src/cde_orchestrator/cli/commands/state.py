"""Commands about the stored state: judge it, look at its past, bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.state.recover_state import (
    CompactState,
    DiffStates,
    ExportState,
    ListBackups,
    ListChanges,
    RestoreState,
    VerifyState,
)
from cde_orchestrator.application.state.state_exports import (
    export_of,
    export_text,
    merge_exports,
    parse_base,
    parse_export,
)
from cde_orchestrator.cli.console.input import EXPORT_LIMIT_BYTES, text_from
from cde_orchestrator.cli.console.output import say, say_json_text
from cde_orchestrator.cli.session.application import answer, ask, logged, project_root
from cde_orchestrator.cli.session.boundary import FINDINGS, boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.cli.views.state import (
    MergeReply,
    changes,
    differences,
    kept,
    merged,
    restored,
    state,
    verified,
)
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors

group = command_group(
    "state",
    help="Verify, inspect and restore the project's state.",
    epilog=examples("cde state history", "cde state restore --at 7 --dry-run"),
)

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only show what would change.", show_default=False)
]


AtOption = Annotated[
    int | None,
    typer.Option("--at", help="A change's number. Default: newest.", show_default=False),
]


@group.command(epilog=examples("cde state verify"))
def verify(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Verify every file and every record; exit code 1 if something is wrong."""
    with boundary(as_json=as_json):
        reply = ask(VerifyState(), project)
        say(reply, verified, project=project, as_json=as_json)
        if not reply["whole"]:
            raise typer.Exit(FINDINGS)


@group.command(epilog=examples("cde state history --feature add-a-login-page"))
def history(
    feature: Annotated[
        str | None,
        typer.Option("--feature", "-f", help="Only changes of this feature.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many changes.")] = 50,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the changes, newest first."""
    with boundary(as_json=as_json):
        use_case = ListChanges(limit=limit, feature=feature)
        answer(use_case, changes, project=project, as_json=as_json)


@group.command(epilog=examples("cde state diff 3 7", "cde state diff 3"))
def diff(
    before: Annotated[int, typer.Argument(help="The number of a change.")],
    after: Annotated[
        int | None, typer.Argument(help="Another change. Default: the newest.", show_default=False)
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the difference between the states after two changes."""
    with boundary(as_json=as_json):
        use_case = DiffStates(before=before, after=after)
        answer(use_case, differences, project=project, as_json=as_json)


@group.command(epilog=examples("cde state show --at 7"))
def show(
    at: AtOption = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the state as of a change."""
    with boundary(as_json=as_json):
        answer(ExportState(at=at), state, project=project, as_json=as_json)


@group.command(epilog=examples("cde state backups"))
def backups(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """List the backups."""
    with boundary(as_json=as_json):
        answer(ListBackups(), kept, project=project, as_json=as_json)


@group.command(
    epilog=examples(
        "cde state restore --at 7 --dry-run", "cde state restore --backup state-000000000007.json"
    )
)
def restore(
    at: Annotated[
        int | None,
        typer.Option("--at", help="The state as of this change.", show_default=False),
    ] = None,
    backup: Annotated[
        str | None,
        typer.Option("--backup", help="A file from cde state backups.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A file from cde state export.", show_default=False),
    ] = None,
    dry_run: DryRunOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Restore an earlier state, as one change that can be undone."""
    _restore(project, at, backup, file, dry_run=dry_run, as_json=as_json)


@group.command(epilog=examples("cde state export > state-export.json"))
def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Default: standard output.", show_default=False),
    ] = None,
    at: AtOption = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Export the state as one JSON document; equal states give equal text."""
    with boundary(as_json=as_json):
        text = export_text(ask(ExportState(at=at), project)["state"])
        if output is None:
            say_json_text(text)
        else:
            _write(output, text)


@group.command("import", epilog=examples("cde state import state-export.json --dry-run"))
def import_state(
    file: Annotated[Path, typer.Argument(help="A file from cde state export.")],
    dry_run: DryRunOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import an export as the current state; it is validated before anything changes."""
    _restore(project, None, None, file, dry_run=dry_run, as_json=as_json)


@group.command(epilog=examples("cde state compact"))
def compact(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Seal the journal's active segment and delete what retention does not keep."""
    with boundary(as_json=as_json):
        answer(CompactState(), kept, project=project, as_json=as_json)


@group.command(epilog=examples("cde state merge base.json ours.json theirs.json"))
def merge(
    base: Annotated[Path, typer.Argument(help="The common ancestor of both exports.")],
    ours: Annotated[Path, typer.Argument(help="Our export; the result is written to this file.")],
    theirs: Annotated[Path, typer.Argument(help="Their export.")],
    as_json: JsonOption = False,
) -> None:
    """Merge two exports by feature; if both changed one, the newest revision wins."""
    with boundary(as_json=as_json):

        def merge_files() -> MergeReply:
            sides = [parse_export(_export_in(path)) for path in (ours, theirs)]
            document, conflicts = merge_exports(parse_base(_export_in(base)), *sides)
            _write(ours, export_text(export_of(document)))
            return {"written": str(ours), "conflicts": conflicts}

        reply = logged("merge_exports", project_root(None), merge_files)
        say(reply, merged, project=None, as_json=as_json)


def _export_in(path: Path) -> str:
    """The text of an export, at a path or for ``-`` on standard input."""
    return text_from(str(path), str(path), EXPORT_LIMIT_BYTES)


def _write(path: Path, text: str) -> None:
    """Replace a file; the old content or the new one is there, never a part.

    Raises:
        StateError: E203 or E204, it cannot be written.
    """
    with translate_os_errors(path):
        replace_file(OsFileOps(), path, text.encode())


def _restore(
    project: Path | None,
    at: int | None,
    backup: str | None,
    file: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    if sum(each is not None for each in (at, backup, file)) != 1:
        raise typer.BadParameter("name exactly one of --at, --backup and --file")
    with boundary(as_json=as_json):
        text = _export_in(file) if file is not None else None
        use_case = RestoreState(at=at, backup=backup, export=text, dry_run=dry_run)
        answer(use_case, restored, project=project, as_json=as_json)
