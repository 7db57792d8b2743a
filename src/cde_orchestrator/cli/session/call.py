"""A command's call: the options that every command takes, and how it answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial, update_wrapper
from inspect import Signature, signature
from pathlib import Path
from typing import Any, TypeVar

import typer

from cde_orchestrator.application.features.find_feature import FindFeature
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.console.output import (
    Remark,
    Render,
    print_to_stderr,
    reads_prompts,
    say,
    show_aside,
)
from cde_orchestrator.cli.session.application import (
    application_at,
    found_elsewhere,
    project_root,
)
from cde_orchestrator.cli.session.boundary import REFUSED, boundary, starts_elsewhere
from cde_orchestrator.cli.session.help import PARSER_ERROR, CommandGroup, PlainCommand, examples
from cde_orchestrator.cli.session.options import JsonOption, ProjectOption
from cde_orchestrator.discovery import find_project_root
from cde_orchestrator.domain.value import Value
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.infrastructure.trust.person import terminal_problem

Reply = TypeVar("Reply")
Work = TypeVar("Work", bound=Callable[..., None])


class Call(Value):
    """What a command does with the options that every command takes.

    Each method that runs something raises what it raises: ``CDEError``.

    Attributes:
        project: the folder that ``--project`` names.
        as_json: print replies themselves, not what a view makes of them for people.
    """

    project: Path | None = None
    as_json: bool = False

    @property
    def root(self) -> Path:
        """The project that is meant."""
        return project_root(self.project)

    def application(self) -> AbstractContextManager[Application]:
        """The product for the project, closed at the end."""
        return application_at(self.root)

    def ask(self, use_case: UseCase[Reply]) -> Reply:
        """The reply to a use case."""
        with self.application() as application:
            return application.handle(use_case)

    def feature(self, named: str | None, *, completed: bool = False) -> str:
        """The feature that is meant: where none is named, the only open one.

        With ``completed`` it is the one that was completed last.

        Raises:
            CDEError: E004, there is no project; E154, none is so, or several are open.
        """
        if named is not None:
            return named
        return self.ask(FindFeature(completed=completed))["name"]

    def asked(
        self, parameter: str, question: str, check: UseCase[None] | None = None, also: str = ""
    ) -> str:
        """What a person answers at the terminal, for a parameter that was not given.

        Args:
            parameter: its name.
            question: what the person is asked.
            check: refuses what is wrong in addition, and changes nothing.
            also: the name of another parameter that is missing.

        Raises:
            UsageError: nobody can be asked.
            CDEError: nobody can be asked, and more is wrong than that.
        """
        problem = terminal_problem([sys.stdin, sys.stderr if self.as_json else sys.stdout])
        if problem is not None:
            if check is not None:
                self.ask(check)
            kind = "option" if parameter.startswith("-") else "argument"
            missing = f"Missing {kind} '{parameter}'{also and f' and {also}'}"
            raise PARSER_ERROR(f"{missing}: {problem}.")
        return prompted(question, err=self.as_json)

    def require_yes(self, question: str, declined: str, *, aside: bool = False) -> None:
        """Go on where the person at the terminal says yes.

        Args:
            question: what they are asked.
            declined: what they read where they do not say yes.
            aside: ask on standard error, also where the reply is no JSON.

        Raises:
            typer.Exit: they did not say yes.
        """
        if confirmed(question, err=aside or self.as_json):
            return
        print_to_stderr(f"{declined}\n")
        raise typer.Exit(REFUSED)

    def say(self, reply: Reply, view: Render[Reply]) -> None:
        """Print a reply, and which project it is about where that is not obvious."""
        if not self.as_json:
            self.remark(partial(found_elsewhere, self.project))
        say(reply, view, project=self.project, as_json=self.as_json)

    def answer(self, use_case: UseCase[Reply], view: Render[Reply]) -> None:
        """Run a use case and print its reply."""
        self.say(self.ask(use_case), view)

    def is_for_work(self) -> bool:
        """Whether a phase's prompt is printed with a reply, so that somebody works by it."""
        return self.as_json or reads_prompts()

    def remark(self, view: Remark) -> None:
        """Print on standard error what is no part of the reply."""
        show_aside(view, project=self.project)

    def logged(self, operation: str, work: Callable[[Path], Reply]) -> Reply:
        """The result of work on the project's folder that needs no product, logged like one."""
        with self.application() as application:
            return application.operation(operation, {}).run(lambda: work(application.root))


class Commands(CommandGroup):
    """Commands whose function takes its `Call` first, and then the options of its own."""

    def command(
        self, *shown: Any, name: str | None = None, in_project: bool = True, **settings: Any
    ) -> Callable[[Work], Work]:
        """Register a command.

        Args:
            shown: examples at the end of its help.
            name: its name, where the function has another one.
            in_project: whether it takes ``--project``.
            settings: as Typer takes them.
        """
        settings = {"cls": PlainCommand, "epilog": examples(*shown), **settings}
        return _giving_call(super().command(name, **settings), in_project=in_project)

    def callback(self, *shown: Any, **settings: Any) -> Callable[[Work], Work]:
        """Register what the group does without a command, with examples as a command has them."""
        settings = {"invoke_without_command": True, "epilog": examples(*shown), **settings}
        return _giving_call(super().callback(**settings))


def _started_in(context: typer.Context) -> Path | None:
    """The project of the folder that ``cde -C`` names, so that shown commands name it too."""
    if not starts_elsewhere(context):
        return None
    with suppress(OSError):
        return find_project_root(Path()).absolute()
    return None


def _giving_call(
    register: Callable[[Callable[..., None]], Any], *, in_project: bool = True
) -> Callable[[Work], Work]:
    """Registers a function as Typer calls it: with the common options in place of its Call."""

    def command_of(work: Work) -> Work:
        def command(
            context: typer.Context,
            project: ProjectOption = None,
            as_json: JsonOption = False,
            **own: Any,
        ) -> None:
            project = project or _started_in(context)
            if context.invoked_subcommand is None:
                with boundary(context, project, as_json=as_json):
                    work(Call(project, as_json), **own)

        common = signature(command, eval_str=True).parameters
        _, *own = signature(work, eval_str=True).parameters.values()
        where = [common["project"]] if in_project else []
        parameters = [common["context"], *own, *where, common["as_json"]]
        update_wrapper(command, work)
        # Typer reads the parameters from the signature, and their types from the annotations.
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        setattr(command, "__signature__", Signature(parameters))  # noqa: B010 - mypy knows none
        register(command)
        return work

    return command_of


def prompted(question: str, *, err: bool) -> str:
    """What the person at the terminal answers; ``err``: they are asked on standard error."""
    with call_context().watch.stopped():  # the call takes as long as the product does
        return str(typer.prompt(question, err=err))


def confirmed(question: str, *, err: bool) -> bool:
    """Whether the person at the terminal says yes."""
    with call_context().watch.stopped():
        return typer.confirm(question, err=err)
