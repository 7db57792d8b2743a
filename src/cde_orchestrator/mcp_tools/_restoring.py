"""Asking the person at the client for a restore, and what one does in words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp.server.mcpserver import Context
from mcp.types import InputRequiredResult
from pydantic import BaseModel, Field

from cde_orchestrator.application.features.source_changes import source_lines
from cde_orchestrator.application.state.recover_state import (
    Difference,
    RestoreReply,
    RestoreState,
    taken_back_words,
)
from cde_orchestrator.application.state.taken_back import source_options
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import person_name
from cde_orchestrator.mcp_tools._asking import Question, ask, can_ask, first_of
from cde_orchestrator.mcp_tools._boundary import Service

NAMES_SHOWN = 50
"""Features of each kind that an answer names."""
NOBODY = "no person can be asked at this client"


class Confirmation(BaseModel):
    """What the person fills in."""

    restore: bool = Field(description="Restore exactly what is described above")


def restore_by_person(
    service: Service, context: Context, wanted: RestoreState
) -> RestoreReply | InputRequiredResult:
    """What became of a restore, for which the person at the client is asked.

    Args:
        service: runs the use cases.
        context: of the call.
        wanted: with the token of a preview.

    Raises:
        CDEError: E335, nobody can be asked, or the answer is no; and as of ``RestoreState``.
    """
    preview = service.handle(replace(wanted, dry_run=True))
    if not may_ask(service, context):
        raise _undecided(service, wanted, preview, NOBODY)
    where = service.place["path"]
    question = Question("restore", message_of(preview, where), Confirmation, preview["token"])
    answer = ask(context, question)
    if isinstance(answer, InputRequiredResult):
        return answer
    if answer.form is None:
        raise _undecided(service, wanted, preview, answer.reason)
    if not answer.form.restore:
        raise _undecided(service, wanted, preview, "the person at the client said no")
    with acting_as(person_name()):
        is_same = answer.shown == preview["token"]
        shown = preview["taken_back"] if is_same else None
        return service.handle(replace(wanted, token=answer.shown, shown=shown))


def may_ask(service: Service, context: Context) -> bool:
    """Whether a person at the client decides about a restore."""
    return service.asks_clients and can_ask(context)


def command_for(wanted: RestoreState) -> str:
    """The command by which a person restores the same."""
    return shlex.join(["cde", "state", "restore", *source_options(wanted)])


def restore_text(done: RestoreReply, command: str | None) -> str:
    """What a restore did; or would do, and who decides about it.

    ``command`` is what a person does it with, where none can be asked at the client.
    """
    changes = "; ".join(_changes(done["difference"], NAMES_SHOWN)) or "nothing"
    if done["dry_run"]:
        gone = taken_back_words(done["taken_back"], [])
        gone = gone and f" It {gone}."
        how = f"call again with token={done['token']!r}; the person at the client is asked first"
        if command is not None:
            how = f"a person runs {plain(command)}; {NOBODY}"
        return (
            f"Restoring {plain(done['source'])} would change: {changes}.{gone}\n"
            "Nothing is changed yet. "
            f"To do it, {how}."
        )
    files = "".join(f"\n{row['path']}: {row['action']}" for row in done["files"][:NAMES_SHOWN])
    code = "".join(f"\n{line}" for line in source_lines(done["code"]))
    return f"Restored {plain(done['source'])} as change {done['sequence']}: {changes}.{files}{code}"


def first_names(found: Difference) -> dict[str, Any]:
    """The difference with a few names of each kind, and how many there are beyond."""
    kinds: Mapping[str, Any] = found
    beyond = {kind: len(names) - NAMES_SHOWN for kind, names in kinds.items()}
    return {
        "difference": {kind: names[:NAMES_SHOWN] for kind, names in kinds.items()},
        "left_out": {kind: count for kind, count in beyond.items() if count > 0},
    }


def _undecided(
    service: Service, wanted: RestoreState, preview: RestoreReply, reason: str
) -> ValidationError:
    return ValidationError.of(
        "E335",
        source=preview["source"],
        reason=reason,
        options=source_options(wanted),
        command=command_for(wanted),
        project_path=service.place["path"],
    )


def message_of(preview: RestoreReply, where: str) -> str:
    """What would be restored and lost, in brief, and how it is undone."""
    found, now = preview["difference"], preview["sequence"]
    lost = [f"- {plain(name)}" for name in found["removed"]]
    others = _changes({**found, "removed": []}, None)
    files = [f"- {plain(row['path'])}: {row['action']}" for row in preview["files"]]
    files += source_lines(preview["code"])
    lines = [f"Restore {plain(preview['source'])} as the state of {plain(where)}?", ""]
    if words := taken_back_words(preview["taken_back"], []):
        lines += [f"It {words}.", ""]
    if lost:
        lines += ["Features that are there now and would be gone:", *first_of(lost, "features")]
    if others:
        lines += ["What else would change:", *first_of([f"- {each}" for each in others], "changes")]
    if files:
        lines += ["Files that follow:", *first_of(files, "files")]
    if not (lost or others or files):
        lines.append("Nothing would change.")
    only = "" if preview["feature"] is None else f" --feature {plain(preview['feature'])}"
    undo = f"What there is now is kept. To undo it: cde state restore --at {now}{only}"
    lines += ["", undo if now else "The state that is there now cannot be read, nor returned to."]
    return "\n".join(lines)


def _changes(found: Difference, most: int | None) -> list[str]:
    """What differs, as words; at most so many of each kind."""
    words = _few([f"{plain(name)} returns" for name in found["added"]], most)
    words += _few([f"{plain(name)} is removed" for name in found["removed"]], most)
    changed = [
        f"{plain(each['name'])} ({plain(', '.join(each['fields']))})" for each in found["changed"]
    ]
    words += _few(changed, most)
    return words + [f"the project's {plain(field)}" for field in found["project"]]


def _few(words: list[str], most: int | None) -> list[str]:
    rest = 0 if most is None else len(words) - most
    return [*words[:most], f"{rest} more"] if rest > 0 else words
