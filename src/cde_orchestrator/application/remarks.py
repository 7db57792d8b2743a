"""What replies say in addition to their members, in the same words for people and agents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cde_orchestrator.application.made_views import commit_words, made_words
from cde_orchestrator.application.related_views import related_words
from cde_orchestrator.application.views import (
    RestoredView,
    SentBackView,
    SharedView,
    StartReply,
    SubmitReply,
)
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.phase_record import state_predicate


def start_remarks(reply: StartReply) -> list[str]:
    """What to know of a feature that was started, for people and agents."""
    refused = "Git refuses to work here, so the feature has no branch and no baseline: "
    remarks = [f"{refused}{plain(reply['git_problem'])}."] if reply["git_problem"] else []
    if reply["proof_problem"]:
        remarks.append(
            f"Its criteria cannot be proven: {plain(reply['proof_problem'])}. Correct that, close "
            "it and start it again, or ask a person to waive them."
        )
    if reply["unproven"]:
        remarks.append(f"Note: {reply['unproven']}.")
    remarks += [
        f"{plain(each['path'])} is also an output of {plain(writers(each))}: "
        "keep what they wrote in it."
        for each in reply["shared"]
    ]
    return remarks + [related_words(each) for each in reply["related"]]


def writers(shared: SharedView) -> str:
    """The names of those who write it, in words."""
    more = shared["total"] - len(shared["features"])
    return ", ".join(shared["features"]) + (f" and {more} more" if more else "")


def submit_remarks(reply: SubmitReply) -> list[str]:
    """Which files somebody else had changed, and what keeps others from verifying, for both."""
    lost, without = reply.get("base_problem"), reply.get("unproven")
    remarks = [restored_words(reply["restored"])] if "restored" in reply else []
    remarks += [f"cde verify may fail elsewhere: {plain(lost)}."] if lost else []
    remarks += [f"Note: {without}."] if without else []
    remarks += [reply["waiting"]] if "waiting" in reply else []
    remarks += [related_words(each) for each in reply.get("overlaps", ())]
    return remarks + [
        f"{plain(each['path'])} had been changed by somebody else since the phase began: "
        f"that version is kept as {plain(each['kept_as'])}; read it before you continue."
        for each in reply["kept"]
    ]


def repeated_words(reply: SubmitReply) -> str:
    """That a phase was accepted before, and where the feature is by now, for both."""
    accepted, feature = reply["accepted"], reply["feature"]
    completed = accepted["completed_at"]
    at = to_the_second(completed) if completed else "an earlier time"
    now = feature["current_phase"]
    where = (
        f"the current phase is {plain(now)}"
        if now
        else f"the feature {state_predicate(feature['status'])}"
    )
    return (
        f"Phase {plain(accepted['id'])} was accepted before, at {at}; nothing was checked now, and "
        f"{where}."
    )


def ending_remarks(reply: Mapping[str, Any]) -> list[str]:
    """What a completed feature made, and what a person does next, for agents."""
    made, name = reply.get("made"), plain(reply["feature"]["name"])
    if made is None:
        return []
    words = made_words(made, names=False)
    if commit := reply.get("committed"):
        done = f"It is {commit_words(commit)}; `cde report {name}` is for whoever reviews it."
        return [f"{words[:1].upper()}{words[1:]}.", done]
    following = (
        f"commits it with `cde finish {name}`; `cde report {name}` is for whoever reviews it"
    )
    return [f"{words[:1].upper()}{words[1:]}.", f"Next, a person {following}."]


def sent_back_words(sent: SentBackView) -> str:
    """What a verdict did, in one line, for both."""
    said = f"Phase {plain(sent['phase'])} was not accepted: its verdict is {plain(sent['verdict'])}"
    if sent["to"] is None:
        return f"{said}. No further attempt is allowed: the feature waits for a person."
    kept = ", ".join(plain(each["kept_as"]) for each in sent["kept"])
    copies = f" Copies of the outputs: {kept}." if kept else ""
    return f"{said}. The feature went back to {plain(sent['to'])}.{copies}"


def restored_words(restored: Sequence[RestoredView]) -> str:
    """That outputs are again as they were accepted, and where copies are, for both."""
    rows = [
        plain(each["path"])
        + (f" (what was there is kept as {plain(each['kept_as'])})" if each["kept_as"] else "")
        for each in restored
    ]
    verb = "is" if len(rows) == 1 else "are"
    return f"{', '.join(rows)} {verb} again as accepted."


def only_restored(reply: SubmitReply) -> bool:
    """Whether outputs were put back for a person to decide, and nothing else was done."""
    return "restored" in reply and not ("accepted" in reply or "sent_back" in reply)


def waiting_remark(reply: SubmitReply) -> str | None:
    """That outputs were put back and the phase waits for a person, where nothing else was done."""
    if not only_restored(reply):
        return None
    return f"{restored_words(reply['restored'])} The phase waits for a person."
