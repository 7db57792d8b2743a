"""Tools that take a feature through its phases, and around them: resume, close, take back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, InputRequiredResult
from pydantic import Field

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import (
    DEFAULT_LIMIT,
    LARGEST_LIMIT,
    ListFeatures,
)
from cde_orchestrator.application.task_views import tasks_words
from cde_orchestrator.application.views import FeatureListReply, SubmitReply
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.mcp_tools import _texts
from cde_orchestrator.mcp_tools._boundary import REPLY_LIMIT, Service, reply, reply_page, size
from cde_orchestrator.mcp_tools._caller import progress_watch
from cde_orchestrator.mcp_tools._tool import Effect, tool

if TYPE_CHECKING:
    from cde_orchestrator.application.features.submit_work import SubmitWork

NOTES_SHOWN = 10
"""Saved notes of a phase that stay in an answer that was too long."""

FeatureId = Annotated[str, Field(description="Name, id or the beginning of the id")]
AgentName = Annotated[str | None, Field(description="Your name, if several share a client")]
Takeover = Annotated[bool, Field(description="Override another agent's lease")]


@tool(Effect.ADDS)
def cde_startFeature(  # noqa: N802 - the tools' names are the plan's
    service: Service,
    prompt: Annotated[str, Field(description="What the feature should do")],
    workflow: Annotated[
        str | None, Field(description="Default: the project's default workflow")
    ] = None,
    name: Annotated[
        str | None, Field(description="Short slug for paths; default: from the prompt")
    ] = None,
    idempotency_key: Annotated[
        str | None, Field(description="Repeats with the same key start nothing new")
    ] = None,
) -> CallToolResult:
    """Start a feature.

    Answers with the first phase: its prompt to follow and the outputs to produce.
    """
    from cde_orchestrator.application.features.start_feature import StartFeature

    use_case = StartFeature(
        prompt=prompt, workflow=workflow, name=name, idempotency_key=idempotency_key
    )
    answer = service.handle(use_case)
    return _brief(answer, _texts.started(answer, is_named=name is not None))


@tool(Effect.ADDS)
def cde_submitWork(  # noqa: N802
    service: Service,
    context: Context,
    feature_id: FeatureId,
    phase_id: Annotated[str, Field(description="The current phase's id")],
    results: Annotated[
        dict[str, str] | None,
        Field(description="Maps output ids to texts, which are written to the outputs' paths"),
    ] = None,
    failed: Annotated[bool, Field(description="Give up this attempt instead")] = False,
    reason: Annotated[str | None, Field(description="Why it failed")] = None,
    idempotency_key: Annotated[
        str | None, Field(description="With failed: repeats with the same key count once")
    ] = None,
    agent: AgentName = None,
    takeover: Takeover = False,
    restore: Annotated[
        bool, Field(description="First restore changed outputs of earlier phases (E132)")
    ] = False,
) -> CallToolResult | InputRequiredResult:
    """Submit the current phase.

    Its required outputs must be files in the project or texts in results. Returns the next
    phase.
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
        return _brief(failure, _texts.work(failure, done))
    use_case = SubmitWork(
        feature_id=feature_id,
        phase_id=phase_id,
        results=results or {},
        agent=agent,
        takeover=takeover,
        restore=restore,
        watch=progress_watch(context),
    )
    answer = _submitted(service, context, use_case)
    if isinstance(answer, InputRequiredResult):
        return answer
    return _brief(answer, _texts.accepted(answer))


@tool(Effect.READS)
def cde_getFeatureStatus(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    detail: Annotated[
        Literal["brief", "full"], Field(description="full adds the goal and times")
    ] = "brief",
) -> CallToolResult:
    """A feature's status: all phases, and the current one's prompt."""
    answer = service.handle(GetFeatureStatus(feature_id=feature_id, detail=detail))
    text = _texts.feature_status(answer)
    if size(answer, text) > REPLY_LIMIT:
        _shed(answer)
    return _full(answer, text)


@tool(Effect.READS)
def cde_listFeatures(  # noqa: N802
    service: Service,
    status: Annotated[
        str | None, Field(description="One status, or 'open' for all unfinished")
    ] = None,
    limit: Annotated[int, Field(description=f"At most {LARGEST_LIMIT}")] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Field(description="next_cursor of the previous page")] = None,
) -> CallToolResult:
    """Features, newest first, page by page."""

    def ask(rows: int) -> FeatureListReply:
        return service.handle(ListFeatures(status=status, limit=rows, cursor=cursor))

    return reply_page(ask, _texts.feature_list, "features", limit, "cde list --json")


@tool(Effect.ADDS)
def cde_saveProgress(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    phase_id: str,
    note: Annotated[str, Field(description="Done, found, next")],
    data: Annotated[Any, Field(description="Any JSON")] = None,
    done: Annotated[list[str] | None, Field(description="Ids of tasks to tick: T1")] = None,
    undone: Annotated[list[str] | None, Field(description="To untick")] = None,
) -> CallToolResult:
    """Save progress in the current phase, for whoever resumes it."""
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
        said = f"Saved in phase {phase_id}; {answer['kept']} entries are kept."
    return _full(answer, f"{said} {tasks_words(answer['tasks'])}".strip())


@tool(Effect.ADDS)
def cde_resumeFeature(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    agent: AgentName = None,
    takeover: Takeover = False,
    grow: Annotated[
        str | None, Field(description="Larger workflow to continue in, such as standard")
    ] = None,
) -> CallToolResult:
    """Resume a feature.

    Returns its goal, what is done, prompt, saved progress and last failure. A failed feature
    goes back to the phase that failed.
    """
    from cde_orchestrator.application.features.grow_feature import GrowFeature, grown_words
    from cde_orchestrator.application.features.resume_feature import ResumeFeature

    if grow is not None:
        growth = GrowFeature(feature_id=feature_id, workflow=grow, agent=agent, takeover=takeover)
        grown = service.handle(growth)
        return _full(grown, _texts.work(grown, grown_words(grown)))
    use_case = ResumeFeature(feature_id=feature_id, agent=agent, takeover=takeover)
    answer = service.handle(use_case)
    return _full(answer, _texts.work(answer, f"Feature {answer['feature']['name']} resumed."))


@tool(Effect.TAKES_BACK)
def cde_closeFeature(  # noqa: N802
    service: Service, feature_id: FeatureId, outcome: Literal["failed", "cancelled"], reason: str
) -> CallToolResult:
    """Close a feature without finishing it; its files are kept."""
    from cde_orchestrator.application.features.close_feature import CloseFeature

    use_case = CloseFeature(feature_id=feature_id, outcome=outcome, reason=reason)
    answer = service.handle(use_case)
    return _full(answer, f"Feature {answer['feature']['name']} is {outcome}.")


@tool(Effect.TAKES_BACK)
def cde_rollbackFeature(  # noqa: N802
    service: Service,
    feature_id: FeatureId,
    to_phase: str,
    reason: str,
    code: Annotated[bool, Field(description="Source too: what this feature changed")] = False,
    dry_run: Annotated[bool, Field(description="Only preview")] = False,
) -> CallToolResult:
    """Start an earlier phase again: later phases are rolled back, outputs are restored;
    what is discarded is kept as copies.
    """  # noqa: D205 - one sentence
    from cde_orchestrator.application.features.rollback_feature import RollbackFeature

    use_case = RollbackFeature(
        feature_id=feature_id, to_phase=to_phase, reason=reason, code=code, dry_run=dry_run
    )
    answer = service.handle(use_case)
    return _full(answer, _texts.rolled_back(answer))


def _submitted(
    service: Service, context: Context, use_case: SubmitWork
) -> SubmitReply | InputRequiredResult:
    """The reply to a submission; of a phase that waits for a person, if the client asks them."""
    try:
        return service.handle(use_case)
    except FeatureError as error:
        if error.code != "E140" or use_case.results:  # a person answers for files that they can see
            raise
        from cde_orchestrator.mcp_tools._asking import answer_by_person

        return answer_by_person(service, context, use_case.feature_id, error)


def _brief(answer: Mapping[str, Any], text: str) -> CallToolResult:
    return reply(answer, text, f"cde status {answer['feature']['name']} --json")


def _full(answer: Mapping[str, Any], text: str) -> CallToolResult:
    return reply(answer, text, _whole(answer))


def _whole(answer: Mapping[str, Any]) -> str:
    """The command that shows all of an answer about a feature."""
    return f"cde status {answer['feature']['name']} --full --json"


def _shed(answer: Mapping[str, Any]) -> None:
    """Omit what can be of any depth: saved data, and all but the newest notes."""
    for work in answer.get("work", {}).values():
        work["progress"] = work["progress"][-NOTES_SHOWN:]
        for saved in work["progress"]:
            if saved["data"] is not None:
                saved["data"] = f"[left out; in full: {_whole(answer)}]"
        work["past"] = work["past"][-NOTES_SHOWN:]
