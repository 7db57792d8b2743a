"""Asking the person at the client, by elicitation, where a phase waits for one."""

from __future__ import annotations

import os

import anyio
import anyio.from_thread
from mcp.server.elicitation import render_elicitation_schema
from mcp.server.mcpserver import Context
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from pydantic import BaseModel, Field, ValidationError

from cde_orchestrator.application.approvals.decide import ApprovePhase, SendBack
from cde_orchestrator.application.approvals.shown import ApprovalReply, ShowApproval
from cde_orchestrator.application.proof_views import places_in_words
from cde_orchestrator.application.views import SubmitReply
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.text import shortened
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.system.process_guard import MARK
from cde_orchestrator.infrastructure.trust.person import person_name
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools._caller import actor

INPUT_REQUIRED_SINCE = "2026-07-28"
"""The first revision of the protocol in which a question is an answer to the call."""
QUESTION = "approval"
GOAL_SHOWN = 600
FILES_SHOWN = 12
ANSWER_SECONDS = 600
"""How long a call waits for the person, who may not be there."""


class Decision(BaseModel):
    """What the person fills in."""

    approve: bool = Field(description="Approve exactly what is described above")
    reason: str = Field(default="", description="If not: what has to become better")


def answer_by_person(
    service: Service,
    context: Context,
    feature_id: str,
    refusal: FeatureError,
    seconds: float = ANSWER_SECONDS,
) -> SubmitReply | InputRequiredResult:
    """What became of a phase that waits for a person, who is asked at the client.

    Args:
        service: runs the use cases.
        context: of the call.
        feature_id: as the call has it.
        refusal: E140, raised again where the person cannot be asked or says nothing.
        seconds: to wait for an answer, where it is not one to a later call.

    Raises:
        CDEError: E004, E102, E103 or E136, it cannot be shown; E140; E141 or E145, it is not, or
            not any more, to be decided; and as of ``ApprovePhase`` and ``SendBack``: E105 to
            E107, E110 to E112, E114 to E121, E123, E126, E129 to E139, E206, E302, E303, E305,
            E312, E313 and E315.
    """
    if not service.asks_clients or os.environ.get(MARK) or not _can_ask(context):
        raise refusal
    shown = service.handle(ShowApproval(feature_id=feature_id))
    digest = shown["approval"]["digest"]
    version = context.protocol_version or ""
    if version >= INPUT_REQUIRED_SINCE:
        given = (context.input_responses or {}).get(QUESTION)
        if not isinstance(given, ElicitResult):
            return InputRequiredResult(
                input_requests={QUESTION: _request(shown)}, request_state=digest
            )
        digest = context.request_state or ""  # of what was shown, not of what there is now
    else:
        answered = anyio.from_thread.run(_asked, context, _message(shown), seconds)
        if answered is None:
            raise _undecided(refusal, "the person at the client did not answer in time")
        given = answered
    return _decided(service, context, shown, digest, given, refusal)


async def _asked(context: Context, message: str, seconds: float) -> ElicitResult | None:
    """What the client answered; None where it did not in time."""
    session, number = context.request_context.session, context.request_id
    with anyio.move_on_after(seconds):
        return await session.elicit_form(message, render_elicitation_schema(Decision), number)
    return None


def _decided(
    service: Service,
    context: Context,
    shown: ApprovalReply,
    digest: str,
    given: ElicitResult,
    refusal: FeatureError,
) -> SubmitReply:
    if given.action != "accept":
        raise _undecided(refusal, f"the person at the client chose {given.action}")
    try:
        decision = Decision.model_validate(given.content or {})
    except ValidationError:
        raise _undecided(refusal, "the client did not answer what was asked") from None
    feature_id, place = shown["feature"]["id"], actor(context.request_context)
    with acting_as(person_name()):
        if decision.approve:
            return service.handle(
                ApprovePhase(
                    feature_id=feature_id, digest=digest, channel="elicitation", place=place
                )
            )
        if not decision.reason.strip():
            raise _undecided(refusal, "the person did not approve, and gave no reason")
        return service.handle(
            SendBack(
                feature_id=feature_id,
                digest=digest,
                reason=decision.reason,
                channel="elicitation",
                place=place,
            )
        )


def _undecided(refusal: FeatureError, reason: str) -> FeatureError:
    return FeatureError.of("E140", **{**refusal.context, "reason": reason})


def _can_ask(context: Context) -> bool:
    """Whether the client shows forms to its person, as it says itself."""
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    # Before there were modes, the capability said nothing of them.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _request(shown: ApprovalReply) -> ElicitRequest:
    params = ElicitRequestFormParams(
        message=_message(shown), requested_schema=render_elicitation_schema(Decision)
    )
    return ElicitRequest(params=params)


def _message(shown: ApprovalReply) -> str:
    """What is approved, in brief; the digest is of all of it."""
    view = shown["approval"]
    lines = [
        f"{plain(shown['feature']['name'])} waits for a person: {plain(view['phase'])}",
        *([plain(view["description"])] if view["description"] else []),
        "",
        f"Goal: {plain(shortened(view['goal'], GOAL_SHOWN))}",
    ]
    outputs = []
    for output in view["outputs"]:
        digest = output["sha256"]
        state = f"{output['size']} bytes, SHA-256 {digest[:12]}" if digest else "no file"
        outputs.append(f"- {plain(output['path'])}: {state}")
    criteria = [
        f"- {plain(each['id'])} {each['state']}: {plain(each['text'])}"
        + (f" (sees {places_in_words(each['sees'])})" if each["sees"] else "")
        for each in view["criteria"]
    ]
    lines += [*_first(outputs, "outputs"), *_first(criteria, "criteria")]
    if (source := view["source"]) is not None:
        count = f", {source['added']} lines added" if source["added"] is not None else ""
        lines.append(f"- {source['total']} source files changed{count}")
    more = f"All of it: cde approve {plain(shown['feature']['name'])}"
    return "\n".join([*lines, "", f"{more}. Digest of what is shown: {view['digest']}"])


def _first(lines: list[str], what: str) -> list[str]:
    """As many lines as are shown, and how many more there are."""
    more = len(lines) - FILES_SHOWN
    return lines if more <= 0 else [*lines[:FILES_SHOWN], f"- and {more} more of the {what}"]
