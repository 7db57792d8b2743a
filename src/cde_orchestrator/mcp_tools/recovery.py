"""The tool that looks at the project's past and brings it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, InputRequiredResult
from pydantic import Field

from cde_orchestrator.mcp_tools import _next
from cde_orchestrator.mcp_tools._boundary import Service, reply, reply_page
from cde_orchestrator.mcp_tools._tool import Effect, found_by, tool

if TYPE_CHECKING:
    from cde_orchestrator.application.state.recover_state import (
        HistoryReply,
        RestoreReply,
        RestoreState,
    )

_WHOLE = "cde state --help"


@tool(Effect.ADDS, "Check or restore state", found_by("state history, backups"))
def cde_recoverState(  # noqa: N802 - the tools' names are the plan's
    service: Service,
    context: Context,
    action: Literal["verify", "history", "backups", "restore"],
    feature: Annotated[str | None, Field(description="history, restore: only of it")] = None,
    limit: Annotated[int, Field(description="of history")] = 20,
    at: Annotated[int | None, Field(description="restore: a change's number")] = None,
    backup: Annotated[str | None, Field(description="restore: a backup's file")] = None,
    token: Annotated[str | None, Field(description="restore: of the preview")] = None,
) -> CallToolResult | InputRequiredResult:
    """When state is damaged or lost. verify: checks files. history: changes. backups: kept states.
    restore: preview and token; with it, asks a person and restores; can be undone.
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
    dry_run = token is None
    wanted = RestoreState(at=at, feature=feature, backup=backup, dry_run=dry_run, token=token)
    return _restore(service, context, wanted)


def _restore(
    service: Service, context: Context, wanted: RestoreState
) -> CallToolResult | InputRequiredResult:
    from cde_orchestrator.mcp_tools import _restoring

    command = None if _restoring.may_ask(service, context) else _restoring.command_for(wanted)
    done: RestoreReply | InputRequiredResult
    if wanted.dry_run:
        done = service.handle(wanted)
    else:
        done = _restoring.restore_by_person(service, context, wanted)
    if isinstance(done, InputRequiredResult):
        return done
    answer = {**done, **_restoring.first_names(done["difference"]), "project": service.place}
    named = {"at": wanted.at, "feature": wanted.feature, "backup": wanted.backup}
    following = _next.after_restore(done, command, **named)
    return reply(answer, _restoring.restore_text(done, command), _WHOLE, following)


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
        f" {change['feature'] or ''}: {change['event']}"
        for change in past["changes"]
    ]
    return "\n".join(lines) or "No changes yet."


def _backups_text(backups: list[dict[str, Any]]) -> str:
    lines = [
        f"{backup['file']}: {backup['problem'] or 'change ' + str(backup['sequence'])}"
        for backup in backups
    ]
    return "\n".join(lines) or "No backups yet."
