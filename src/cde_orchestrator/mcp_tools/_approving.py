"""Asking the person at the client to approve a phase that waits for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from mcp.server.mcpserver import Context
from mcp.types import InputRequiredResult
from pydantic import BaseModel, Field, TypeAdapter

from cde_orchestrator.application.approvals.decide import ApprovePhase, SendBack
from cde_orchestrator.application.approvals.judged import judged_lines
from cde_orchestrator.application.approvals.shown import ApprovalReply, ShowApproval, refusal_lines
from cde_orchestrator.application.proof_views import (
    caveat_lines,
    lines_words,
    places_in_words,
)
from cde_orchestrator.application.remarks import restored_words
from cde_orchestrator.application.views import RestoredView, SubmitReply
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.domain.text import counted, shortened
from cde_orchestrator.infrastructure.observability.correlation import acting_as
from cde_orchestrator.infrastructure.trust.person import person_name
from cde_orchestrator.mcp_tools._asking import (
    ANSWER_SECONDS,
    Answer,
    Question,
    ask,
    can_ask,
    first_of,
)
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools._caller import actor

GOAL_SHOWN = 600
SECTION_SHOWN = 300
NOTE_SHOWN = 300
_COPIES = TypeAdapter(dict[str, str | None])


class Decision(BaseModel):
    """What the person fills in."""

    approve: bool = Field(description="Approve exactly what is described above")
    reason: str = Field(default="", description="If not: what has to become better")


def answer_by_person(
    service: Service,
    context: Context,
    feature_id: str,
    refusal: FeatureError,
    restored: Sequence[RestoredView] = (),
    seconds: float = ANSWER_SECONDS,
) -> SubmitReply | InputRequiredResult:
    """What became of a phase that waits for a person, who is asked at the client.

    Args:
        service: runs the use cases.
        context: of the call.
        feature_id: as the call has it.
        refusal: E140, raised again where the person cannot be asked or says nothing.
        restored: what was put back for the person; the answer names it, or the error does.
        seconds: to wait for an answer, where it is not one to a later call.

    Raises:
        CDEError: E004, E102, E103 or E136, it cannot be shown; E140; E141 or E145, it is not, or
            not any more, to be decided; and as of ``ApprovePhase`` and ``SendBack``: E105 to
            E107, E110 to E112, E114 to E121, E123, E126, E129 to E139, E206, E302, E303, E305,
            E312, E313 and E315.
    """
    if not service.asks_clients or not can_ask(context):
        raise refusal
    with _naming(restored):
        shown = service.handle(ShowApproval(feature_id=feature_id))
    copies = {each["path"]: each["kept_as"] for each in restored}
    done = _COPIES.dump_json(copies).decode() if copies else ""
    digest = shown["approval"]["digest"]
    question = Question("approval", _message(shown, restored), Decision, digest, done)
    answer = ask(context, question, seconds)
    if isinstance(answer, InputRequiredResult):
        return answer
    restored = read_copies(answer.done)
    with _naming(restored):
        reply = _decided(service, context, shown["feature"]["id"], refusal, answer)
    return {**reply, "restored": [*restored]} if restored else reply


def _decided(
    service: Service,
    context: Context,
    feature_id: str,
    refusal: FeatureError,
    answer: Answer[Decision],
) -> SubmitReply:
    decision = answer.form
    if decision is None:
        raise _undecided(refusal, answer.reason)
    place, digest = actor(context.request_context), answer.shown
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


@contextmanager
def _naming(restored: Sequence[RestoredView]) -> Iterator[None]:
    """Let an error name what was put back before it, and the copies."""
    try:
        yield
    except CDEError as error:
        error.also(restored_words(restored) if restored else "")
        raise


def read_copies(done: str) -> Sequence[RestoredView]:
    """What was put back, as the client says: it alone is told of it."""
    with suppress(ValueError):
        copies = _COPIES.validate_json(done)
        return [RestoredView(path=path, kept_as=copy) for path, copy in copies.items()]
    return []


def _undecided(refusal: FeatureError, reason: str) -> FeatureError:
    return FeatureError.of("E140", **{**refusal.context, "reason": reason})


def _message(shown: ApprovalReply, restored: Sequence[RestoredView]) -> str:
    """What is approved, in brief; the digest is of all of it."""
    view = shown["approval"]
    lines = [
        f"{plain(shown['feature']['name'])} waits for a person: {plain(view['phase'])}",
        *([plain(view["description"])] if view["description"] else []),
        *([restored_words(restored)] if restored else []),
        "",
        f"Goal: {plain(shortened(view['goal'], GOAL_SHOWN))}",
        *([plain(shortened(view["returned"], GOAL_SHOWN))] if view["returned"] else []),
    ]
    if judged := judged_lines(view["judged"]):
        lines += ["", *judged]
    if caveats := [*caveat_lines(view["caveats"]), *refusal_lines(view)]:
        lines += ["", "Before you decide:", *(f"- {line}" for line in caveats)]
    if (source := view["source"]) is not None:
        changed = [f"{counted(source['total'], 'source file')} changed"]
        changed += filter(None, [lines_words(source["added"], source["removed"])])
        lines += ["", ", ".join(changed)]
    outputs = []
    for output in view["outputs"]:
        digest = output["sha256"]
        size = counted(output["size"] or 0, "byte")
        state = f"{size}, SHA-256 {digest[:12]}" if digest else "no file"
        outputs.append(f"- {plain(output['path'])}: {state}")
    criteria = [
        f"- {plain(each['id'])} {each['state']}: {plain(each['text'])}"
        + (f" (sees {places_in_words(each['sees'])})" if each["sees"] else "")
        for each in view["criteria"]
    ]
    weighed = [
        f"- {plain(each['heading'] or output['path'])}: {plain(each['text'], SECTION_SHOWN)}"
        for output in view["outputs"]
        for each in output["sections"]
    ]
    lines += ["", *first_of(weighed, "sections"), *first_of(criteria, "criteria")]
    notes = [
        f"- {plain(by_words(each['by']))} at {to_the_second(each['at'])}: "
        + plain(each["note"], NOTE_SHOWN)
        for each in view["notes"]
    ]
    lines += ["", "Noted meanwhile:", *first_of(notes, "notes")] if notes else []
    lines += ["", *first_of(outputs, "outputs")] if outputs else []
    more = f"All of it: cde approve {plain(shown['feature']['name'])}"
    return "\n".join([*lines, "", f"{more}. Digest of what is shown: {view['digest']}"])
