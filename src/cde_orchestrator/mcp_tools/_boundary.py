"""Where the protocol meets the product: replies that fit, errors that can be fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, METHOD_NOT_FOUND, CallToolResult, TextContent
from pydantic import ValidationError as ArgumentsError

from cde_orchestrator.application.use_case import Handles, UseCase
from cde_orchestrator.domain.errors.entry import Reader, name_of, tool_call
from cde_orchestrator.domain.errors.formatter import ARGUMENT_LIMIT, ErrorFormatter
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import CDEError, ValidationError
from cde_orchestrator.infrastructure.observability.correlation import call_context
from cde_orchestrator.mcp_tools._fitting import excess_of, fitted, fitted_text, length
from cde_orchestrator.mcp_tools._next import NextView, after_error
from cde_orchestrator.mcp_tools._offered import is_offered, offered

Reply = TypeVar("Reply")
Page = TypeVar("Page", bound=Mapping[str, Any])


class Service(Handles, Protocol):
    """What runs use cases for the project that is served."""

    @property
    def asks_clients(self) -> bool:
        """Whether a person may be asked by their client, in the form that it shows."""

    @property
    def place(self) -> Mapping[str, str]:
        """Where the project is that is served, for answers that do not read its state."""

    def notice(self) -> str | None:
        """What a person has to decide about the project; None where there is nothing."""

    def onboard(self, path: str, use_case: UseCase[Reply]) -> Reply:
        """Onboard the project at ``path``, which is served from then on."""

    def run(self, operation: str, work: Callable[[], Reply]) -> Reply:
        """Do inside an operation what needs no use case."""


def reply(
    structured: Mapping[str, Any],
    text: str,
    whole: str,
    following: NextView,
    *,
    is_error: bool = False,
) -> CallToolResult:
    """An answer in two channels, structured content and text, each complete and fitting alone.

    The structured content begins with what is used first. A client that shortens it does so in
    the middle, so it ends with the phase, whose prompt ends with what the outputs must fulfil.

    Args:
        structured: the contract's object, with the ``project``.
        text: the same in short, for clients that show text only.
        whole: where the full answer is when it had to be cut.
        following: what to do next.
        is_error: whether it is a failure.
    """
    content = dict(structured)
    called = call_context().correlation_id
    around = {"next": following, "project": content.pop("project"), "correlation_id": called}
    phase = content.get("phase")
    prompt = str(phase["prompt"]) if phase else ""
    if phase:
        content["phase"] = {key: each for key, each in phase.items() if key != "prompt"}
        content["phase"]["prompt"] = prompt
    content = fitted(content, whole, length(around))
    last = {"phase": content.pop("phase")} if "phase" in content else {}
    shown = fitted_text(text.rstrip("\n"), prompt.rstrip("\n"), _end(around), whole)
    return CallToolResult(
        content=[TextContent(type="text", text=shown)],
        structured_content={
            "next": following,
            **content,
            **last,
            "project": around["project"],
            "correlation_id": called,
        },
        is_error=is_error,
    )


def reply_page(
    ask: Callable[[int], Page],
    render: Callable[[Page], str],
    rows: str,
    limit: int,
    whole: str,
    following: Callable[[Page], NextView],
    place: Mapping[str, Any] | None = None,
) -> CallToolResult:
    """An answer with as many rows, up to ``limit``, as fit.

    Args:
        ask: gives the answer with at most so many rows.
        render: the answer as text.
        rows: the answer's member that has the rows.
        limit: rows that were asked for.
        whole: where all of them are.
        following: what to do next.
        place: the project, where the answer does not have it.
    """
    asked = limit
    while True:
        answer = ask(limit)
        text = render(answer)
        if limit < asked:
            text += f"\n[fewer than requested; all of them: {whole}]"
        excess = excess_of(answer, text)
        if excess <= 1 or limit == 1:
            named = answer if place is None else {**answer, "project": place}
            return reply(named, text, whole, following(answer))
        shown = min(limit, len(answer[rows]))
        limit = min(int(shown / excess), shown - 1) or 1


def error_result(error: CDEError, place: Mapping[str, Any]) -> CallToolResult:
    """A failure as an agent can fix it: the catalogue's words and the fixes as calls.

    ``place`` is the project that is served.
    """
    shown = ErrorFormatter.payload(error, Reader.AGENT, offered())
    text = ErrorFormatter.format(error, Reader.AGENT, offered())
    call = f"cde_explainError(code={error.code!r})"
    whole = call if is_offered(name_of(call)) else shown["docs"]
    payload = {"error": dict(shown), "project": place}
    return reply(payload, text, whole, after_error(shown), is_error=True)


def add_notice(result: CallToolResult, service: Service) -> None:
    """Add what a person has to decide about the project; it looks at the disk."""
    if (words := service.notice()) is not None:
        result.content.insert(0, TextContent(type="text", text=words))
        result.structured_content = {"notice": words, **(result.structured_content or {})}


def _end(around: Mapping[str, Any]) -> str:
    """What every text ends with: what to do next, where, and what the call is known by."""
    following, project = around["next"], around["project"]
    named = f"{plain(project['name'])} at " if "name" in project else ""
    called = f" Call {around['correlation_id']}." if around["correlation_id"] else ""
    return (
        f"\n\nNext: {tool_call(following['tool'], following['arguments'])}: {following['why']}.\n"
        f"Project {named}{plain(project['path'], ARGUMENT_LIMIT)}.{called}"
    )


def text_of(result: CallToolResult) -> str:
    """The text of an answer."""
    return "".join(each.text for each in result.content if isinstance(each, TextContent))


def as_cde_error(raised: BaseException) -> CDEError | None:
    """What a request raised, as an error of the catalogue; None where nobody foresaw it."""
    chain = [raised]
    is_theirs = isinstance(raised, MCPError)  # made of another one, without naming it as its cause
    while cause := chain[-1].__cause__ or (is_theirs and chain[-1].__context__):
        chain.append(cause)
    for each in chain:
        if isinstance(each, CDEError):
            return each
    for each in chain:
        if isinstance(each, ArgumentsError):
            problem = each.errors(include_url=False, include_input=False)[0]
            argument = ".".join(str(part) for part in problem["loc"]) or "arguments"
            return _not_accepted(each, argument, problem["msg"])
        if isinstance(each, MCPError) and each.error.code != INTERNAL_ERROR:
            argument = "method" if each.error.code == METHOD_NOT_FOUND else "params"
            return _not_accepted(each, argument, each.error.message)
    return None


def _not_accepted(raised: Exception, argument: str, reason: str) -> ValidationError:
    error = ValidationError.of("E305", argument=argument, reason=reason.rstrip("."))
    error.__cause__ = raised
    return error
