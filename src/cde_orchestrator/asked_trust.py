"""Asking the person at the client to trust what a call was refused for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import InputRequiredResult
from pydantic import BaseModel, Field

from cde_orchestrator.application.projects.trust_commands import (
    CheckRow,
    FileRow,
    ShowChecks,
    TrustChecks,
    TrustFolder,
    TrustReply,
)
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.standing import ACTING, NOT_SHOWN
from cde_orchestrator.domain.text import command_words, counted
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import agent_at_work, person_name
from cde_orchestrator.mcp_tools._asking import Question, ask, can_ask
from cde_orchestrator.served_project import ServedProject

ASKED_ABOUT = frozenset({"E120", "E133", "E218", "E325", "E326"})
"""What a yes to a project's files and commands helps against; a foreign owner is no such thing."""
MESSAGE_LIMIT = 12_000
"""Characters of a question; what does not fit into it is read at a terminal."""
_CODE = " " * 6
"""Before a line of code in an item of a list, in Markdown."""


class Trust(BaseModel):
    """What the person fills in."""

    trust: bool = Field(description="Trust exactly what is described above, from now on")


def trust_by_person(
    served: ServedProject, context: Context[Any, Any], refusal: CDEError
) -> InputRequiredResult | bool:
    """Whether the person at the client trusts what the call was refused for; or the question.

    Nobody is asked, and the answer is no, where the settings do not say ``elicitation = "trust"``,
    an agent started the server, the client does not ask, or something cannot be shown whole.

    Args:
        served: what the call was for.
        context: of the call.
        refusal: why the call was refused; one that no yes helps against is no question.

    Raises:
        CDEError: E128, the person did not say yes, or it is another by now; E203 to E205, the yes
            could not be written down.
    """
    root = str(served.application.root)
    is_here = str(refusal.context.get("project_path", root)) == root
    if not (refusal.code in ASKED_ABOUT and is_here and served.asks_clients_for_trust):
        return False
    if agent_at_work() is not None or not can_ask(context):
        return False
    shown = served.handle(ShowChecks())
    message = message_of(shown, refusal.message)
    if message is None:
        return False
    answer = ask(context, Question("trust", message, Trust, digest_of(shown)))
    if isinstance(answer, InputRequiredResult):
        return answer
    if answer.form is None or not answer.form.trust:
        reason = answer.reason or "the person at the client said no"
        raise FeatureError.of("E128", path=root, reason=reason)
    if answer.shown != digest_of(shown):
        reason = "it is another by now than the person at the client was shown"
        raise FeatureError.of("E128", path=root, reason=reason)
    with acting_as(person_name()):
        if shown["folder"]["trust"] not in ACTING:
            served.handle(TrustFolder.shown(shown["folder"]))
        served.handle(TrustChecks(digests=frozenset(row["digest"] for row in shown["checks"])))
    return True


def digest_of(shown: TrustReply) -> str:
    """Names the folder and all that would come into force in it."""
    content = json.dumps([shown["folder"], shown["checks"]], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def message_of(shown: TrustReply, refusal: str) -> str | None:
    """All that would come into force; None where a part cannot be shown, or nothing would.

    Whatever the project says is indented after an empty line, so that no line of it can be taken
    for another, and a client that shows Markdown shows it as code: nothing in it is hidden.
    """
    folder = shown["folder"]
    acts = folder["trust"] in ACTING
    if folder["trust"] == "foreign_owner":
        return None
    is_changed = folder["trust"] == "changed"
    files = [] if acts else [row for row in folder["files"] if row["difference"] or not is_changed]
    commands = [row for row in shown["checks"] if not row["trusted"]]
    if not (files or commands) or any(map(_is_hidden, files)):
        return None
    lines = [_line(refusal), "", f"Trust it from now on? It is about {_line(folder['path'])}."]
    if files:
        lines += ["", "Files that come into force (+ is new, - is gone):"]
        lines += [line for row in files for line in _file(row, is_new=not is_changed)]
    if commands:
        lines += ["", "What is run or written for the project, with your rights:"]
        lines += [line for row in commands for line in _command(row)]
    lines += [
        "",
        "Say yes only to what you have read yourself; whatever these start runs, too.",
        f"To read it in a terminal: cde trust. Digest of what is shown: {digest_of(shown)[:16]}",
    ]
    message = "\n".join(lines)
    return message if len(message) <= MESSAGE_LIMIT else None


def _is_hidden(row: FileRow) -> bool:
    return row["difference"].startswith(NOT_SHOWN)


def _file(row: FileRow, *, is_new: bool) -> list[str]:
    """What comes into force by a file; of a new one, how much of the product's own is not in it."""
    digest = f"SHA-256 {row['digest'][:12]}" if row["digest"] else "it is gone"
    lines = row["difference"].splitlines()
    gone = [each for each in lines if is_new and each[:1] == "-"]
    shown = [each for each in lines if not is_new or each[:1] in {"+", " "}]
    if gone:
        theirs = "that the product has in its place"
        missing = counted(len(gone), f"line {theirs} is", f"lines {theirs} are")
        shown.append(f"({missing} not in it)")
    head = f"- {_line(row['path'])} ({digest})"
    return [head, "", *(f"{_CODE}{_line(each)}" for each in shown or ["as the product has it"])]


def _command(row: CheckRow) -> list[str]:
    words = command_words(row["command"])
    if row["executed_by"]:
        words = f"{words}, which {row['executed_by']} executes"
    if row["reads"]:
        words = f"{words}, reads {', '.join(row['reads'])}"
    where = "" if row["directory"] == "." else f" in {row['directory']}"
    return [
        f"- for {_line(', '.join(row['used_by']))}{_line(where)}:",
        "",
        f"{_CODE}{_line(words)}",
    ]


def _line(text: str) -> str:
    """One line that is never cut, for what is cut could not be read."""
    return plain(text, MESSAGE_LIMIT + 1)
