"""From an error to text for people, a payload for agents and Markdown for the docs."""

from __future__ import annotations

import shlex
from collections.abc import Container, Mapping, Sequence
from typing import Any, TypedDict

from cde_orchestrator.domain.errors.entry import (
    ErrorMessage,
    Fix,
    FixPayload,
    Reader,
    known_to,
    name_of,
    tool_call,
)
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.errors.template import fill, jsonable, placeholders, plain, shown
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.secrets import data_without_secrets

ARGUMENT_LIMIT = 4_096
"""Characters of one filled-in argument of a fix: a path must not be cut."""

LIST_LIMIT = 50
"""Members of a list in the context that are shown."""

FIXES_LIMIT = 20
"""Lines that say what to do about the outputs."""


class ErrorPayload(TypedDict):
    """A failure as structured content."""

    code: str
    title: str
    message: str
    severity: str
    recoverable: bool
    context: dict[str, Any]
    suggestions: list[str]
    fixes: list[FixPayload]
    docs: str
    correlation_id: str | None
    report_id: str | None
    timestamp: str


class Advice(TypedDict):
    """What the catalogue says to do about a code, in a terminal."""

    code: str
    title: str
    suggestions: list[str]
    commands: list[str]


def advice_on(code: str, facts: Mapping[str, Any]) -> Advice:
    """What the catalogue says and these facts fill in; what names anything else is omitted.

    Raises:
        KeyError: the catalogue has no such code.
    """
    entry = ERROR_MESSAGES[code]
    known = facts.keys()
    advice: Advice = {
        "code": code,
        "title": entry.title,
        "suggestions": suggestions_on(code, facts, Reader.TERMINAL),
        "commands": [
            fill_fix(fix, facts)["command"]
            for fix in entry.fixes
            if placeholders(" ".join(fix.command)) <= known
        ],
    }
    clean: Advice = data_without_secrets(advice)
    return clean


def suggestions_on(code: str, facts: Mapping[str, Any], reader: Reader) -> list[str]:
    """What the catalogue suggests to a reader, and these facts fill in.

    Raises:
        KeyError: the catalogue has no such code.
    """
    suggestions = ERROR_MESSAGES[code].suggestions_for(reader)
    filled = [fill(text, facts) for text in suggestions if placeholders(text) <= facts.keys()]
    return [str(each) for each in data_without_secrets(filled)]


class ErrorFormatter:
    """Renders an error in the words of the catalogue."""

    @staticmethod
    def format(
        error: CDEError, reader: Reader = Reader.PYTHON, tools: Container[str] | None = None
    ) -> str:
        """The error as text for a reader: title, code, description, suggestions, docs.

        ``tools`` are those that an agent has, all where it is None; for others it is named the
        command.
        """
        payload = ErrorFormatter.payload(error, reader, tools)
        head = f"❌ {payload['title']} ({payload['code']})\n\n{payload['message']}\n\n"
        return head + _advice(payload, reader, tools)

    @staticmethod
    def payload(
        error: CDEError,
        reader: Reader = Reader.TERMINAL,
        tools: Container[str] | None = None,
        subcommand: Sequence[str] = (),
    ) -> ErrorPayload:
        """The error as structured content; its texts are harmless, and without secrets.

        Args:
            error: the failure.
            reader: who reads it.
            tools: as of ``format``.
            subcommand: the command that was typed, without ``cde``; fixes may name its help.
        """
        entry = ERROR_MESSAGES.get(error.code)
        known = entry or ErrorMessage("Error", "", (), ())
        facts = {"subcommand": list(subcommand), **_facts(error)}
        described = fill(known.description, facts) if entry else plain(error, 2_000)
        if also := error.context.get("also"):
            described = f"{described} {plain(also, 2_000)}"
        payload: ErrorPayload = {
            "code": error.code,
            "title": known.title,
            "message": described,
            "severity": str(known.severity),
            "recoverable": error.recoverable,
            "context": jsonable(error.context, shown, members=LIST_LIMIT),
            "suggestions": [fill(text, facts) for text in known.suggestions_for(reader, tools)],
            "fixes": [known_to(fill_fix(fix, facts), tools) for fix in error.fixes or known.fixes],
            "docs": f"cde explain {error.code}",
            "correlation_id": error.correlation_id,
            "report_id": error.report_id,
            "timestamp": error.timestamp.isoformat(),
        }
        clean: ErrorPayload = data_without_secrets(payload)
        return clean


def _advice(payload: ErrorPayload, reader: Reader, tools: Container[str] | None = None) -> str:
    suggestions = "\n".join(f"  • {text}" for text in payload["suggestions"])
    fixes = "\n".join(f"  {line}" for line in _fix_lines(payload["fixes"], reader))
    details = detail_lines(payload)
    details += [""] if details else []
    report = payload["report_id"]
    explained = tool_call("cde_explainError", {"code": payload["code"]})
    can_ask = reader is Reader.AGENT and (tools is None or name_of(explained) in tools)
    docs = explained if can_ask else payload["docs"]
    return (
        "".join(f"{line}\n" for line in details) + f"💡 Suggestions:\n{suggestions}\n\n"
        f"🔧 Fix:\n{fixes}\n\n"
        + (f"🧾 Report: cde errors show {report}\n\n" if report else "")
        + f"📖 More info: {docs}"
    )


def detail_lines(payload: ErrorPayload) -> list[str]:
    """What to do about each output, and the end of what a command printed, each line marked.

    Nothing where no output is refused and no command failed, nor what a suggestion says already.
    """
    rows, tail = (payload["context"].get(key, ()) for key in ("outputs", "tail"))
    known = {None, *payload["suggestions"]}  # of other errors, "outputs" is a text
    problems = (each for each in rows or () if isinstance(each, Mapping))
    new = (each for each in problems if each.get("fix") not in known)
    found = [*dict.fromkeys(f"  {_place(each)}: {each['fix']}" for each in new)][:FIXES_LIMIT]
    lines = ["What to correct:", *found] if found else []
    if tail and not isinstance(tail, str):
        lines += ["The end of its output:", *(f"  │ {line}" for line in tail)]
    return lines


def _place(problem: Mapping[str, Any]) -> str:
    line = f":{problem['line']}" if "line" in problem else ""
    return f"{problem.get('path')}{line}"


def fill_fix(fix: Fix, context: Mapping[str, Any]) -> FixPayload:
    """The fix with its placeholders filled in; each word of the command stays one word."""
    words: list[str] = []
    operands: list[str] = []
    for before, template in zip(("", *fix.command), fix.command, strict=False):
        if isinstance(several := context.get(template[1:-1]), list):
            words += [plain(each, ARGUMENT_LIMIT) for each in several]
            continue
        word = fill(template, context, ARGUMENT_LIMIT)
        # A value that begins with a hyphen must not be taken for an option.
        looks_like_option = word.startswith("-") and not template.startswith("-")
        (operands if looks_like_option and not before.startswith("-") else words).append(word)
    return {
        "tool": fix.tool,
        "arguments": {
            key: fill(value, context, ARGUMENT_LIMIT) if isinstance(value, str) else value
            for key, value in fix.arguments.items()
        },
        "command": shlex.join([*words, *(["--", *operands] if operands else [])]),
    }


def _fix_lines(fixes: Sequence[FixPayload], reader: Reader) -> list[str]:
    """The fixes as this reader uses them.

    An agent is given calls first, then the commands that equal them; what only a person may do is
    not among them, unless nothing else helps.
    """
    own = [fix for fix in fixes if fix["tool"] is not None] if reader is Reader.AGENT else []
    calls = [tool_call(fix["tool"], fix["arguments"]) for fix in own if fix["tool"] is not None]
    return [*calls, *(f"$ {fix['command']}" for fix in own or fixes)]


def _facts(error: CDEError) -> dict[str, Any]:
    """What fills the placeholders: the context, and what names the call and its report."""
    names = {"correlation_id": error.correlation_id, "report_id": error.report_id}
    return {**error.context, **{key: name for key, name in names.items() if name is not None}}
