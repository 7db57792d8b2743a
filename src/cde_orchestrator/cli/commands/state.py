"""Commands about the stored state: judge it, look at its past, bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.cli.session.boundary import FINDINGS, boundary
from cde_orchestrator.cli.session.help import command_group, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption

group = command_group()

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only show what would change.", show_default=False)
]


@group.command(epilog=examples("cde state verify"))
def verify(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Judge every file and every record; exit code 1 when something is wrong."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.recover_state import VerifyState
        from cde_orchestrator.cli.console.output import say
        from cde_orchestrator.cli.session.application import ask
        from cde_orchestrator.cli.views.state import verified

        reply = ask(VerifyState(), project)
        say(reply, verified, project=project, as_json=as_json)
        if not reply["whole"]:
            raise typer.Exit(FINDINGS)


@group.command(epilog=examples("cde state history --feature add-a-login-page"))
def history(
    feature: Annotated[
        str | None, typer.Option("--feature", "-f", help="Only its changes.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", help="Changes at the most.")] = 50,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the changes, newest first."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.recover_state import ListChanges
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.state import changes

        use_case = ListChanges(limit=limit, feature=feature)
        answer(use_case, changes, project=project, as_json=as_json)


@group.command(epilog=examples("cde state diff 3 7", "cde state diff 3"))
def diff(
    before: Annotated[int, typer.Argument(help="The number of a change.")],
    after: Annotated[
        int | None, typer.Argument(help="Another. Default: the newest.", show_default=False)
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between the states right after two changes."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.recover_state import DiffStates
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.state import differences

        use_case = DiffStates(before=before, after=after)
        answer(use_case, differences, project=project, as_json=as_json)


@group.command(epilog=examples("cde state show --at 7"))
def show(
    at: Annotated[
        int | None,
        typer.Option("--at", help="The number of a change. Default: now.", show_default=False),
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the state right after a change."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.recover_state import ExportState
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.state import state

        answer(ExportState(at=at), state, project=project, as_json=as_json)


@group.command(epilog=examples("cde state backups"))
def backups(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """List the whole states that are kept."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.recover_state import ListBackups
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.state import kept

        answer(ListBackups(), kept, project=project, as_json=as_json)


@group.command(
    epilog=examples(
        "cde state restore --at 7 --dry-run", "cde state restore --backup state-000000000007.json"
    )
)
def restore(
    at: Annotated[
        int | None,
        typer.Option("--at", help="The state right after this change.", show_default=False),
    ] = None,
    backup: Annotated[
        str | None,
        typer.Option("--backup", help="A file that cde state backups lists.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A file of cde state export.", show_default=False),
    ] = None,
    dry_run: DryRunOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an earlier state the present one, as one change that can be undone."""
    _restore(project, at, backup, file, dry_run=dry_run, as_json=as_json)


@group.command(epilog=examples("cde state export > state-export.json"))
def export(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Default: standard output.", show_default=False),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option("--at", help="The number of a change. Default: now.", show_default=False),
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the state as one JSON document; the same state gives the same text."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.recover_state import ExportState
        from cde_orchestrator.application.state.state_exports import export_text
        from cde_orchestrator.cli.console.files import write_file
        from cde_orchestrator.cli.console.output import say_json_text
        from cde_orchestrator.cli.session.application import ask

        text = export_text(ask(ExportState(at=at), project)["state"])
        if output is None:
            say_json_text(text)
        else:
            write_file(output, text)


@group.command("import", epilog=examples("cde state import state-export.json --dry-run"))
def import_state(
    file: Annotated[Path, typer.Argument(help="A file of cde state export.")],
    dry_run: DryRunOption = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an export the present state; it is checked whole before anything changes."""
    _restore(project, None, None, file, dry_run=dry_run, as_json=as_json)


@group.command(epilog=examples("cde state compact"))
def compact(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Seal the journal's active part and drop what retention does not keep."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.recover_state import CompactState
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.state import kept

        answer(CompactState(), kept, project=project, as_json=as_json)


@group.command(epilog=examples("cde state merge base.json ours.json theirs.json"))
def merge(
    base: Annotated[Path, typer.Argument(help="The export that both sides grew from.")],
    ours: Annotated[Path, typer.Argument(help="Our export; the result is written here.")],
    theirs: Annotated[Path, typer.Argument(help="Their export.")],
    as_json: JsonOption = False,
) -> None:
    """Merge two exports by feature; where both changed one, the newest revision wins."""
    with boundary(as_json=as_json):
        from cde_orchestrator.application.state.state_exports import (
            export_of,
            export_text,
            merge_exports,
            parse_base,
            parse_export,
        )
        from cde_orchestrator.cli.console.files import write_file
        from cde_orchestrator.cli.console.output import say
        from cde_orchestrator.cli.session.application import logged, project_root
        from cde_orchestrator.cli.views.state import MergeReply, merged

        def merge_files() -> MergeReply:
            sides = [parse_export(_export_in(path)) for path in (ours, theirs)]
            document, conflicts = merge_exports(parse_base(_export_in(base)), *sides)
            write_file(ours, export_text(export_of(document)))
            return {"written": str(ours), "conflicts": conflicts}

        reply = logged("merge_exports", project_root(None), merge_files)
        say(reply, merged, project=None, as_json=as_json)


def _export_in(path: Path) -> str:
    """The text of an export, at a path or for ``-`` on standard input."""
    from cde_orchestrator.cli.console.input import EXPORT_LIMIT_BYTES, text_from

    return text_from(str(path), str(path), EXPORT_LIMIT_BYTES)


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
        from cde_orchestrator.application.state.recover_state import RestoreState
        from cde_orchestrator.cli.session.application import answer
        from cde_orchestrator.cli.views.state import restored

        text = _export_in(file) if file is not None else None
        use_case = RestoreState(at=at, backup=backup, export=text, dry_run=dry_run)
        answer(use_case, restored, project=project, as_json=as_json)
