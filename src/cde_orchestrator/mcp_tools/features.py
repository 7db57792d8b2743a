"""Tools that take a feature through its phases, and around them: resume, close, take back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, InputRequiredResult
from pydantic import Field, JsonValue

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import (
    DEFAULT_LIMIT,
    LARGEST_LIMIT,
    ListFeatures,
)
from cde_orchestrator.application.features.phase_prompt import GOAL_LIMIT
from cde_orchestrator.application.remarks import only_restored
from cde_orchestrator.application.task_views import tasks_words
from cde_orchestrator.application.views import (
    FeatureListReply,
    FeatureReply,
    RestoredView,
    SubmitReply,
)
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.text import counted
from cde_orchestrator.mcp_tools import _next, _texts
from cde_orchestrator.mcp_tools._boundary import Service, reply, reply_page
from cde_orchestrator.mcp_tools._fitting import GOAL_REST, excess_of
from cde_orchestrator.mcp_tools._progress import ProgressReports
from cde_orchestrator.mcp_tools._tool import LOOP, Effect, found_by, tool
from cde_orchestrator.mcp_tools.resources import with_links

if TYPE_CHECKING:
    from cde_orchestrator.application.features.submit_work import SubmitWork

Work = TypeVar("Work", bound=FeatureReply)

NOTES_SHOWN = 10
"""Saved notes of a phase that stay in an answer that was too long."""

JSON_TYPES: list[JsonValue] = [
    {"type": kind} for kind in ("object", "array", "string", "number", "boolean", "null")
]

FeatureId = Annotated[str, Field(description="Name or id")]
AgentName = Annotated[str | None, Field(description="Your name, if shared")]
Takeover = Annotated[bool, Field(description="Override another agent's lease")]


@tool(Effect.ADDS, "Start a feature", LOOP)
def cde_startFeature(  # noqa: N802 - the tools' names are the plan's
    service: Service,
    prompt: Annotated[str, Field(description="What the feature should do")],
    workflow: Annotated[
        str | None, Field(description="Of cde_getProjectInfo; default: the project's")
    ] = None,
    name: Annotated[str | None, Field(description="Short slug; default: from the prompt")] = None,
    idempotency_key: Annotated[str | None, Field(description="Same key starts nothing new")] = None,
) -> CallToolResult:
    """Start a feature, for new work.

    Returns the first phase: follow its prompt, write its outputs, then cde_submitWork.
    """
    from cde_orchestrator.application.features.start_feature import StartFeature

    use_case = StartFeature(
        prompt=prompt, workflow=workflow, name=name, idempotency_key=idempotency_key
    )
    answer = service.handle(use_case)
    return _full(answer, _texts.started(answer, is_named=name is not None))


@tool(Effect.SETS, "Submit a phase", LOOP)
def cde_submitWork(  # noqa: N802
    service: Service,
    context: Context,
    feature_id: FeatureId,
    phase_id: Annotated[str, Field(description="The current phase's id")],
    results: Annotated[
        dict[str, str] | None,
        Field(description="Text by output id, written to its path"),
    ] = None,
    failed: Annotated[bool, Field(description="Give up this attempt instead")] = False,
    reason: Annotated[str | None, Field(description="Why it failed")] = None,
    idempotency_key: Annotated[
        str | None, Field(description="With failed: same key counts once")
    ] = None,
    agent: AgentName = None,
    takeover: Takeover = False,
    restore: Annotated[bool, Field(description="First restore changed outputs (E132)")] = False,
) -> CallToolResult | InputRequiredResult:
    """Submit the current phase: its required outputs are files in the project or in results.

    Returns the next phase. A check may take minutes. Refused: fix what is named and
    submit again.
    """
    from cde_orchestrator.application.features.fail_phase import FailPhase
    from cde_orchestrator.application.features.submit_work import SubmitWork

    if failed:
        given_up = FailPhase(
            feature_id=feature_id,
            phase_id=phase_id,
            reason=reason,
            agent=agent,
            takeover=takeover,
            idempotency_key=idempotency_key,
            results=results or {},
        )
        failure = service.handle(given_up)
        done = f"Attempt at {phase_id} recorded as failed; {failure['attempts_left']} left."
        return _full(failure, _texts.work(failure, done))
    with ProgressReports(context) as reports:
        use_case = SubmitWork(
            feature_id=feature_id,
            phase_id=phase_id,
            results=results or {},
            agent=agent,
            takeover=takeover,
            restore=restore,
            watch=reports.watch,
        )
        answer = _submitted(service, context, use_case)
    if isinstance(answer, InputRequiredResult):
        return answer
    return _full(answer, _texts.accepted(answer))


@tool(Effect.READS, "Show a feature", LOOP)
def cde_getFeatureStatus(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    detail: Annotated[Literal["brief", "full"], Field(description="full: goal, times")] = "brief",
) -> CallToolResult:
    """Look at a feature: phases, prompt, running check. To work on it, cde_resumeFeature."""
    answer = _unquoted(service.handle(GetFeatureStatus(feature_id=feature_id, detail=detail)))
    text = _texts.feature_status(answer)
    if excess_of(answer, text) > 1:
        _shed(answer)
    return _full(answer, text)


@tool(Effect.READS, "List features")
def cde_listFeatures(  # noqa: N802
    service: Service,
    status: Annotated[str | None, Field(description="A status, or 'open': all unfinished")] = None,
    limit: Annotated[int, Field(description=f"At most {LARGEST_LIMIT}")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Field(description="next_cursor, or a feature")] = None,
) -> CallToolResult:
    """Features, newest first. Use when a session starts, then cde_resumeFeature."""

    def ask(rows: int) -> FeatureListReply:
        return service.handle(ListFeatures(status=status, limit=rows, cursor=cursor))

    return reply_page(ask, _texts.feature_list, "features", limit, "cde list --json", _next.in_list)


@tool(Effect.ADDS, "Save progress", found_by("save notes"))
def cde_saveProgress(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    phase_id: str,
    note: Annotated[str, Field(description="Done, found, next")] = "",
    data: Annotated[Any, Field(json_schema_extra={"anyOf": JSON_TYPES})] = None,
    done: Annotated[list[str] | None, Field(description="Ids of tasks to tick: T1")] = None,
    undone: Annotated[list[str] | None, Field(description="To untick")] = None,
) -> CallToolResult:
    """Save notes in the current phase before your context ends; cde_resumeFeature returns them."""
    from cde_orchestrator.application.features.save_progress import SaveProgress

    use_case = SaveProgress(
        feature_id=feature_id,
        phase_id=phase_id,
        note=note,
        data=data,
        done=done or (),
        undone=undone or (),
    )
    answer = service.handle(use_case)
    said = f"Tasks noted in phase {phase_id}."
    if answer["saved"] is not None:  # the caller has what it saved; the answer only confirms it
        answer["saved"]["data"] = None
        kept = counted(answer["kept"], "entry is", "entries are")
        said = f"Saved in phase {phase_id}; {kept} kept."
    text = f"{said} {tasks_words(answer['tasks'])}".strip()
    return reply(answer, text, _whole(answer), _next.after_progress(answer, phase_id))


@tool(Effect.SETS, "Resume a feature", LOOP)
def cde_resumeFeature(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    agent: AgentName = None,
    takeover: Takeover = False,
    grow: Annotated[str | None, Field(description="Workflow to continue in")] = None,
) -> CallToolResult:
    """Take up a feature, in a new session or after a loss of context.

    Returns prompt, what is done, notes and last failure; it is yours for 15 minutes. A failed one
    goes back to where it failed.
    """
    from cde_orchestrator.application.features.grow_feature import GrowFeature, grown_words
    from cde_orchestrator.application.features.resume_feature import ResumeFeature

    if grow is not None:
        growth = GrowFeature(feature_id=feature_id, workflow=grow, agent=agent, takeover=takeover)
        grown = service.handle(growth)
        return _full(grown, _texts.work(grown, grown_words(grown)))
    use_case = ResumeFeature(feature_id=feature_id, agent=agent, takeover=takeover)
    answer = _unquoted(service.handle(use_case))
    return _full(answer, _texts.resumed(answer))


@tool(Effect.TAKES_BACK, "Close a feature")
def cde_closeFeature(  # noqa: N802
    service: Service, feature_id: FeatureId, outcome: Literal["failed", "cancelled"], reason: str
) -> CallToolResult:
    """Close a feature that will not be finished; its files are kept."""
    from cde_orchestrator.application.features.close_feature import CloseFeature

    use_case = CloseFeature(feature_id=feature_id, outcome=outcome, reason=reason)
    answer = service.handle(use_case)
    return _full(answer, f"Feature {answer['feature']['name']} is {outcome}.")


@tool(Effect.TAKES_BACK, "Roll back a feature")
def cde_rollbackFeature(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    to_phase: str,
    reason: str,
    code: Annotated[bool, Field(description="Source too")] = False,
    dry_run: Annotated[bool, Field(description="Only preview")] = False,
) -> CallToolResult:
    """Start an earlier phase again when what it accepted is wrong: outputs are restored, copies
    kept. dry_run first.
    """  # noqa: D205 - one sentence
    from cde_orchestrator.application.features.rollback_feature import RollbackFeature

    use_case = RollbackFeature(
        feature_id=feature_id, to_phase=to_phase, reason=reason, code=code, dry_run=dry_run
    )
    answer = service.handle(use_case)
    following = _next.after_rollback(answer, reason)
    return reply(answer, _texts.rolled_back(answer), _whole(answer), following)


def _submitted(
    service: Service, context: Context, use_case: SubmitWork
) -> SubmitReply | InputRequiredResult:
    """The reply to a submission; of a phase that waits for a person, if the client asks them."""
    restored: list[RestoredView] = []
    try:
        answer = service.handle(use_case)
        if not (only_restored(answer) and service.asks_clients):
            return answer
        restored = answer["restored"]
        from cde_orchestrator.mcp_tools._asking import can_ask

        if not can_ask(context):
            return answer
        return service.handle(replace(use_case, restore=False))  # the person is asked at once
    except FeatureError as error:
        if error.code != "E140" or use_case.results:  # a person answers for files that they can see
            raise
        from cde_orchestrator.mcp_tools._approving import answer_by_person

        return answer_by_person(service, context, use_case.feature_id, error, restored)


def _full(answer: FeatureReply, text: str) -> CallToolResult:
    return with_links(reply(answer, text, _whole(answer), _next.on_feature(answer)), answer)


def _whole(answer: Mapping[str, Any]) -> str:
    """The command that shows all of an answer about a feature."""
    return f"cde status {answer['feature']['name']} --full --json"


def _unquoted(answer: Work) -> Work:
    """The answer without what the phase's prompt quotes of the goal: only the rest of it."""
    content: dict[str, Any] = {**answer}
    goal, prompt = content.get("goal", ""), (content["phase"] or {"prompt": ""})["prompt"]
    if goal and _unmarked(goal[:GOAL_LIMIT]) in _unmarked(prompt):
        del content["goal"]
        if rest := goal[GOAL_LIMIT:]:
            content[GOAL_REST] = rest
    return cast("Work", content)


def _unmarked(text: str) -> str:
    """A text without the marks of a quotation, and whatever separates its words."""
    return " ".join(text.replace("\n>", "\n").split())


def _shed(answer: Mapping[str, Any]) -> None:
    """Omit what can be of any depth: saved data, and all but the newest notes and events."""
    if "events" in answer:
        del answer["events"][:-NOTES_SHOWN]
    for work in answer.get("work", {}).values():
        work["progress"] = work["progress"][-NOTES_SHOWN:]
        for saved in work["progress"]:
            if saved["data"] is not None:
                saved["data"] = f"[left out; in full: {_whole(answer)}]"
        work["past"] = work["past"][-NOTES_SHOWN:]
