"""Where a command ends: replies, refusals and accidents become words and an exit code.

0: done. 1: refused or failed, reported on standard error, or as ``{"error": ...}`` on standard
output with ``--json``. 2: wrong usage, reported the same way. 130: interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import typer

from cde_orchestrator.bootstrap import build_application, judged
from cde_orchestrator.cli.console.output import print_to_stderr
from cde_orchestrator.cli.console.wording import clean
from cde_orchestrator.cli.session.application import configure_logging
from cde_orchestrator.cli.session.help import PARSER_ERROR
from cde_orchestrator.cli.session.options import AGENT
from cde_orchestrator.discovery import find_project_root, project_passed_over
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.domain.lease import AGENT_LIMIT, COMMAND_LINE
from cde_orchestrator.domain.patterns import pattern
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.infrastructure.observability.correlation import calling
from cde_orchestrator.infrastructure.observability.operations import COMMAND
from cde_orchestrator.infrastructure.observability.tracing import describe_end, traced
from cde_orchestrator.infrastructure.system.gc_tuning import resume_collections
from cde_orchestrator.infrastructure.trust.person import agent_session

REFUSED = 1
FINDINGS = 1
"""The command ran, and what it checked is not as it should be."""
MISUSED = 2
INTERRUPTED = 130

SERVER = "cde serve"
"""It waits for calls, which are the spans, and logs its own start and end."""
_REVIEWS = frozenset({"cde trust", "cde explain"})
"""Commands that are not about a folder, or say themselves how it is trusted."""
_NO_NAME = pattern(r"[^\w .,@/+'-]")
"""What no name of an agent has in the journal: nothing there may look like another caller."""
_OF_TRUST = frozenset({"E325", "E326", "E327"})


@contextmanager
def boundary(context: Any, project: Path | None = None, *, as_json: bool = False) -> Iterator[None]:
    """One call from outside: a span, in the log, and no exception leaves it with a traceback.

    ``context`` is the parser's, None where it knows no command; ``project`` is what was named.
    """
    resume_collections()
    name = context.command_path if context is not None else "cde"
    root = _root(project)
    raised: Exception | None = None
    standing = Standing(kind="unset")
    with suppress(OSError):  # the current folder may be gone
        standing = judged(root)
    configure_logging(root)
    serves = name == SERVER
    if serves:
        _say_what_is_only_viewed(standing, project)
    with (
        calling(COMMAND_LINE, agent=_agent(context)) as call,
        nullcontext() if serves else traced(name, call, str(root)) as span,
    ):
        try:
            yield
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except Exception as each:  # noqa: BLE001 - the outermost boundary
            raised = each
        answered = raised if isinstance(raised, typer.Exit | typer.Abort) else None
        is_misuse = isinstance(raised, PARSER_ERROR)
        if is_misuse:
            raised = _misuse(raised, context)
        error = None
        if raised is not None or not (call.logged.is_set() or serves):
            error = _logged(root, name, None if answered else raised)
        if span is not None:
            code = error and error.code
            outcome = "ok" if error is None else "failed" if error.is_failure else "refused"
            describe_end(span, {"outcome": outcome, "error_code": code}, error)
        is_said = name in _REVIEWS or _runs_anyway(context) or (error and error.code in _OF_TRUST)
        if not (serves or as_json or is_said):
            _say_what_is_only_viewed(standing, project)
        if answered is not None:
            raise answered
        if error is not None:
            # A server is without Rich as long as nothing failed.
            from cde_orchestrator.cli.session.errors import print_error  # noqa: PLC0415

            print_error(error, name, as_json=as_json, is_elsewhere=starts_elsewhere(context))
            raise SystemExit(MISUSED if is_misuse else REFUSED) from None


def _say_what_is_only_viewed(standing: Standing, project: Path | None) -> None:
    """One line about a folder that is not trusted, and one about a project that was passed over."""
    lines = [standing.line]
    if project is None and standing.kind == "unset":
        with suppress(OSError, RuntimeError, ValueError):
            above = project_passed_over(Path())
            if above is not None:
                lines.append(f"The project at {above.path} belongs to {above.owner}: not used.")
    for line in filter(None, lines):
        print_to_stderr(f"{clean(line)}\n")


def starts_elsewhere(context: Any) -> bool:
    """Whether the call has ``-C``: whoever typed it is in another folder than it works in."""
    return context is not None and bool(context.find_root().params.get("start_in"))


def _agent(context: Any) -> str:
    """The agent that a command is for: the one that it names, else the one that called it."""
    named = context.meta.get(AGENT) if context is not None else None
    name = (named or agent_session()[0])[:AGENT_LIMIT]
    return _NO_NAME.sub("_", name) if name else ""


def _runs_anyway(context: Any) -> bool:
    """Whether the call has ``--trust``, by which a folder's commands run without review."""
    return context is not None and bool(context.params.get("trust"))


def _misuse(raised: Any, context: Any) -> ValidationError:
    """What the parser did not understand, of a command that is named without ``cde``."""
    context = raised.ctx or context
    words = context.command_path.split() if context is not None else []
    usage = context.get_usage().removeprefix("Usage: ") if context is not None else "cde --help"
    reason = raised.format_message().rstrip(".?").replace(". Did you mean", "; did you mean")
    reason = reason[:1].lower() + reason[1:]
    return ValidationError.of("E323", command=words[1:], usage=usage, reason=reason)


def _logged(root: Path, command: str, raised: Exception | None) -> CDEError | None:
    """Log the command, unless its operations did, and leave a report of its error; the error."""
    if isinstance(raised, CDEError):
        # Fixes name the project; an error from before it was looked up means the one that is here.
        raised.context.setdefault("project_path", ".")
    application = build_application(root)
    arguments, about = {"arguments": sys.argv[1:]}, {"command": command}
    operation = application.operation(COMMAND, arguments, about=about, is_call=True)
    error = operation.end_call(raised)
    application.close()
    return error


def _root(project: Path | None) -> Path:
    """The nearest folder with a project, as far as that is known; a path may be anything."""
    with suppress(OSError, RuntimeError, ValueError):
        return find_project_root(project or Path())
    return Path()
