"""The whole command line, assembled."""

from __future__ import annotations

import sys
from contextlib import chdir
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from cde_orchestrator import __version__
from cde_orchestrator.cli import commands
from cde_orchestrator.cli.session.help import PARSER_ERROR, CommandGroup, examples, folder_named
from cde_orchestrator.cli.session.lazy_group import LazyGroup, Listed

# The most used first. A test holds each text to what the command itself says.
_FEATURES = {
    "start": "Start a feature and show what its first phase asks for.",
    "list": "List features, newest first.",
    "status": "Show a feature's status; without a feature, the project and its open features.",
    "run": "Let agents work through a feature's phases until it is done or a person is needed.",
    "submit": "Submit the current phase's outputs and continue with the next phase.",
    "approve": "Decide on a phase that waits for a person: show what it is, and ask.",
    "resume": "Resume a feature: show its goal, progress, prompt and last failure.",
    "save": "Save progress in the current phase, for whoever resumes it.",
    "finish": "Commit the files of a completed feature, and offer them as a pull request.",
    "report": "Report a feature for its review, as Markdown for a pull request.",
    "edit": "Change the goal or the name of an open feature.",
    "rollback": "Start an earlier phase again, with the outputs as they were then.",
    "close": "Close a feature without finishing it; its files are kept.",
    "reopen": "Reopen a failed, cancelled or completed feature.",
    "grow": "Let a feature continue in another workflow, with what it has.",
    "waive": "Let a criterion count without a proof, or take that back: show it, and ask.",
    "verify": "Prove completed features again from what is committed; exit code 1 if one is not "
    "proven.",
}
_AGENTS = {
    "connect": "Connect the programs that agents run in; without names, show which are connected.",
    "agents": "List, test and trust the agents that cde run starts.",
    "serve": "Serve the project to AI agents and editors over MCP until the client or Ctrl-C "
    "ends it.",
    "hook": "Answer a hook of Claude Code, Codex or Gemini CLI: hold an agent to its phase.",
}
_PROJECT = {
    "init": "Set up cde in this project: create .cde, detect languages and tests, activate it.",
    "trust": "Trust this project: its settings, workflows and commands (review them first).",
    "dashboard": "Open the project's dashboard in the browser; start a server if none is running.",
    "workflow": "Show and validate the workflows that features follow.",
    "check": "Show, run and change the checks that gate phases.",
    "project": "Show, activate or archive the project.",
    "state": "Verify, inspect and restore the project's state.",
}
_HEALTH = {
    "health": "Show project health.",
    "doctor": "Check the project, however broken; exit code 1 if something needs attention.",
    "explain": "Explain an error code and how to fix it; without a code, list all codes.",
    "errors": "Show error reports.",
    "logs": "Show what happened and what was slow.",
    "alerts": "Show alerts, and test that they arrive.",
}
# The modules of those that share one, or are not called as it is.
_MODULES = {
    **dict.fromkeys(("init", "doctor"), "project"),
    "explain": "errors",
    "run": "runs",
    **dict.fromkeys(("start", "submit"), "features"),
    **dict.fromkeys(("status", "list"), "status"),
    **dict.fromkeys(("save", "resume", "grow", "close", "reopen", "edit", "rollback"), "resume"),
}
LISTED = {
    name: Listed(f"{commands.__name__}.{_MODULES.get(name, name)}", text, panel)
    for panel, helps in (
        ("Features", _FEATURES),
        ("Agents and editors", _AGENTS),
        ("Project", _PROJECT),
        ("When something is wrong", _HEALTH),
    )
    for name, text in helps.items()
}


_MEANT = {
    "show": "status",
    "ls": "list",
    "next": "resume",
    "open": "dashboard",
    "log": "logs",
    **dict.fromkeys(("cancel", "delete", "rm"), "close"),
}
_ELSEWHERE = {
    "completion": "--install-completion",
    "settings": "project settings",
    **{verb: f"state {verb}" for verb in ("backups", "history", "restore")},
}
"""What people look for at the top, and where it is."""


class _Root(LazyGroup):
    listed = LISTED
    meant = _MEANT

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called; ``version`` is one, although no list shows it.

        Raises:
            UsageError: there is none of that name.
        """
        if args == ["version"] and not ctx.resilient_parsing:
            _show_version(wanted=True)
        if args[0] in _ELSEWHERE:
            words = f"No such command '{args[0]}'. Did you mean '{_ELSEWHERE[args[0]]}'?"
            raise PARSER_ERROR(words, ctx)
        return super().resolve_command(ctx, args)


app = CommandGroup(cls=_Root)


def _enter(context: typer.Context, folder: Path) -> None:
    """Work in a folder until the command ends."""
    try:
        context.with_resource(chdir(folder))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise typer.BadParameter(f"cannot enter {folder}: {reason}", param_hint="-C") from error


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cde {__version__}")
        raise typer.Exit


@app.callback(
    # A line's end in a docstring would stay one on the screen.
    help="Take features through their phases, with AI agents, in one project.\n\n"
    "A feature moves from phase to phase. The outputs of each phase are checked and become the "
    "context of the next. Agents work over MCP (cde serve), people with the commands below.",
    epilog=examples("cde init", "cde start 'Add a login page'", "cde status"),
)
def cde(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Show the version.", callback=_show_version, is_eager=True
        ),
    ] = False,
    start_in: Annotated[
        list[Path] | None,
        typer.Option(
            "-C",
            metavar="PATH",
            parser=folder_named,
            help="Run as if started in this folder, as git does. May be repeated.",
        ),
    ] = None,
) -> None:
    """Options before the command; without a command, the project's status."""
    for folder in start_in or ():
        _enter(context, folder)
    if context.invoked_subcommand is None:
        group: Any = context.command
        group.module("status").at_a_glance(context)


def run() -> None:
    """Run the command that the process was started with, and end with its exit code."""
    try:
        outcome = app(prog_name="cde", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        raise SystemExit(130) from None
    except Exception as error:
        _answer(error)
        raise
    raise SystemExit(outcome if isinstance(outcome, int) else 0)


def _answer(error: Any) -> None:
    """End with what the parser did not understand, or with what nobody foresaw."""
    from cde_orchestrator.cli.session import boundary  # noqa: PLC0415 - no help needs it

    as_json = "--json" in sys.argv[1:]
    context = getattr(error, "ctx", None)
    with boundary.boundary(context, _named_project(sys.argv[1:]), as_json=as_json):
        raise error


def _named_project(words: list[str]) -> Path | None:
    """The folder that ``--project`` names, in words that the parser did not understand."""
    parts = [part for word in words for part in word.split("=", 1)]
    named = dict(pairwise(parts)).get("--project")
    return Path(named) if named else None
