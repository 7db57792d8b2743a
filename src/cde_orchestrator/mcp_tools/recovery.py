"""The tool that looks at the project's past and brings it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.types import CallToolResult
from pydantic import Field

from cde_orchestrator.application.features.source_changes import source_lines
from cde_orchestrator.mcp_tools import _next
from cde_orchestrator.mcp_tools._boundary import Service, reply, reply_page
from cde_orchestrator.mcp_tools._tool import Effect, found_by, tool

if TYPE_CHECKING:
    from cde_orchestrator.application.state.recover_state import (
        Difference,
        HistoryReply,
        RestoreReply,
    )

NAMES_SHOWN = 50
"""Features of each kind that a restore names."""

_WHOLE = "cde state --help"


@tool(Effect.ADDS, "Check or restore state", found_by("state history, backups"))
def cde_recoverState(  # noqa: N802 - the tools' names are the plan's
    service: Service,
    action: Literal["verify", "history", "backups", "restore"],
    feature: Annotated[str | None, Field(description="history of one feature")] = None,
    limit: Annotated[int, Field(description="of history")] = 20,
    at: Annotated[int | None, Field(description="restore: a change's number")] = None,
    backup: Annotated[str | None, Field(description="restore: a backup's file")] = None,
    token: Annotated[str | None, Field(description="restore: confirms")] = None,
) -> CallToolResult:
    """verify: check the state's files. history: changes, newest first. backups: kept states.
    restore: previews and returns a token; with it, restores, as one change that can be undone.
    """  # noqa: D205 - one sentence
    from cde_orchestrator.application.state.recover_state import (
        ListBackups,
        RestoreState,
        VerifyState,
    )

    placed = {"project": service.place}
    if action == "verify":
        found = service.handle(VerifyState())
        words = [f"- {each['file']}: {each['reason']}" for each in found["findings"]]
        text = "\n".join(words) or "Every file is intact."
        return reply({**found, **placed}, text, _WHOLE, _next.after_verify(found))
    if action == "history":
        return _history(service, limit, feature)
    if action == "backups":
        kept = service.handle(ListBackups())
        text = _backups_text(kept["backups"])
        return reply({**kept, **placed}, text, _WHOLE, _next.in_backups(kept))
    restore = RestoreState(at=at, backup=backup, dry_run=token is None, token=token)
    done = service.handle(restore)
    found_names = {**done, **_first_names(done["difference"]), **placed}
    following = _next.after_restore(done, at=at, backup=backup)
    return reply(found_names, _restore_text(done), _WHOLE, following)


def _history(service: Service, limit: int, feature: str | None) -> CallToolResult:
    from cde_orchestrator.application.state.recover_state import ListChanges

    def ask(rows: int) -> HistoryReply:
        return service.handle(ListChanges(limit=rows, feature=feature))

    return reply_page(
        ask,
        _history_text,
        "changes",
        limit,
        "cde state history",
        _next.in_history,
        service.place,
    )


def _history_text(past: HistoryReply) -> str:
    lines = [
        f"{change['sequence']} {change['at'][:19]} {change['operation']}"
        f" {change['feature'] or ''}: {change['summary']}"
        for change in past["changes"]
    ]
    return "\n".join(lines) or "No changes yet."


def _backups_text(backups: list[dict[str, Any]]) -> str:
    lines = [
        f"{backup['file']}: {backup['problem'] or 'change ' + str(backup['sequence'])}"
        for backup in backups
    ]
    return "\n".join(lines) or "No backups yet."


def _first_names(found: Difference) -> dict[str, Any]:
    """The difference with a few names of each kind, and how many there are beyond."""
    kinds: Mapping[str, Any] = found
    beyond = {kind: len(names) - NAMES_SHOWN for kind, names in kinds.items()}
    return {
        "difference": {kind: names[:NAMES_SHOWN] for kind, names in kinds.items()},
        "left_out": {kind: count for kind, count in beyond.items() if count > 0},
    }


def _restore_text(done: RestoreReply) -> str:
    changes = _difference_text(done["difference"])
    if done["dry_run"]:
        return (
            f"Restoring {done['source']} would change: {changes}.\nNothing is changed yet. "
            f"To do it, call again with token={done['token']!r}."
        )
    files = "".join(f"\n{row['path']}: {row['action']}" for row in done["files"][:NAMES_SHOWN])
    code = "".join(f"\n{line}" for line in source_lines(done["code"]))
    return f"Restored {done['source']} as change {done['sequence']}: {changes}.{files}{code}"


def _difference_text(found: Difference) -> str:
    words = _few([f"{name} returns" for name in found["added"]])
    words += _few([f"{name} is removed" for name in found["removed"]])
    words += _few([f"{each['name']} ({', '.join(each['fields'])})" for each in found["changed"]])
    words += [f"the project's {field}" for field in found["project"]]
    return "; ".join(words) or "nothing"


def _few(words: list[str]) -> list[str]:
    rest = len(words) - NAMES_SHOWN
    return [*words[:NAMES_SHOWN], f"{rest} more"] if rest > 0 else words
