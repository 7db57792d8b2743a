"""Asking the person at the client, by elicitation, in both revisions of the protocol."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
import anyio.from_thread
from mcp.server.elicitation import render_elicitation_schema
from mcp.server.mcpserver import Context
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from pydantic import BaseModel, ValidationError

from cde_orchestrator.infrastructure.system.cancellation import present_cancellation
from cde_orchestrator.infrastructure.system.process_guard import MARK

Form = TypeVar("Form", bound=BaseModel)

INPUT_REQUIRED_SINCE = "2026-07-28"
"""The first revision of the protocol in which a question is an answer to the call."""
ANSWER_SECONDS = 600
"""How long a call waits for the person, who may not be there."""
ROWS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Question(Generic[Form]):
    """What a person is asked.

    Attributes:
        key: its name among what the call asks.
        message: what they are shown, free of characters that could forge it.
        form: what they fill in.
        shown: names what they are shown, in one line, and comes back with the answer.
        done: what the call did before it asked, which comes back too; the client can change it.
    """

    key: str
    message: str
    form: type[Form]
    shown: str
    done: str = ""


@dataclass(frozen=True, slots=True)
class Answer(Generic[Form]):
    """What became of a question.

    Attributes:
        form: as the person filled it in; None where they did not.
        reason: why not.
        shown, done: as of the question that they answered, which may be an earlier call's.
    """

    form: Form | None
    reason: str
    shown: str
    done: str = ""


def can_ask(context: Context) -> bool:
    """Whether the client shows forms to its person, as it says itself.

    An agent that ``cde run`` started has nobody there.
    """
    if os.environ.get(MARK):
        return False
    capabilities = context.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    # Before there were modes, the capability said nothing of them.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def ask(
    context: Context, question: Question[Form], seconds: float = ANSWER_SECONDS
) -> Answer[Form] | InputRequiredResult:
    """The person's answer, or what the call is answered with to get it.

    Called in the thread of a tool.

    Args:
        context: of the call.
        question: made of what there is now.
        seconds: to wait for the answer, where it is not one to a later call.

    Raises:
        CallCancelledError: the call was cancelled while the person read.
    """
    version = context.protocol_version or ""
    if version >= INPUT_REQUIRED_SINCE:
        given = (context.input_responses or {}).get(question.key)
        if not isinstance(given, ElicitResult):
            params = ElicitRequestFormParams(
                message=question.message,
                requested_schema=render_elicitation_schema(question.form),
            )
            return InputRequiredResult(
                input_requests={question.key: ElicitRequest(params=params)},
                request_state="\n".join(filter(None, [question.shown, question.done])),
            )
        # The state names what was shown, not what there is now.
        shown, _, done = (context.request_state or "").partition("\n")
        return _read(question.form, given, shown, done)
    answered = anyio.from_thread.run(_answered, context, question, seconds)
    if answered is None:
        return Answer(
            None, "the person at the client did not answer in time", question.shown, question.done
        )
    return _read(question.form, answered, question.shown, question.done)


def first_of(rows: Sequence[str], what: str) -> list[str]:
    """As many rows as are shown, and how many more there are."""
    more = len(rows) - ROWS_SHOWN
    return [*rows] if more <= 0 else [*rows[:ROWS_SHOWN], f"- and {more} more of the {what}"]


async def _answered(
    context: Context, question: Question[Form], seconds: float
) -> ElicitResult | None:
    """What the client answered; None where it did not in time."""
    session, number = context.request_context.session, context.request_id
    schema = render_elicitation_schema(question.form)
    with anyio.move_on_after(seconds) as waiting, present_cancellation().stopping(waiting.cancel):
        return await session.elicit_form(question.message, schema, number)
    return None


def _read(form: type[Form], given: ElicitResult, shown: str, done: str) -> Answer[Form]:
    if given.action != "accept":
        return Answer(None, f"the person at the client chose {given.action}", shown, done)
    try:
        return Answer(form.model_validate(given.content or {}), "", shown, done)
    except ValidationError:
        return Answer(None, "the client did not answer what was asked", shown, done)
