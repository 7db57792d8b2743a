"""What a hook answers: the phase at the start, a reminder at the end, a refusal of an edit."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.domain.hooks import Event
from cde_orchestrator.domain.text import counted
from cde_orchestrator.hooks.open_work import OpenFeature, OpenWork
from cde_orchestrator.hooks.reminders import MOST, count_reminder
from cde_orchestrator.hooks.sessions import Subject, subject_of

_NAMES_SHOWN = 20


def answer(event: Event, work: OpenWork) -> str:
    """What is printed for the client; empty where there is nothing to say."""
    if event.moment == "edit":
        from cde_orchestrator.hooks.protected import refusal

        reason = refusal(event, work)
        return "" if reason is None else event.deny(reason)
    if not work.features:
        return ""
    subject = subject_of(work, event)
    if event.moment in {"stop", "subagent_stop"}:
        return _reminder(event, work.root, subject)
    if event.moment == "compact":
        return _to_be_kept(event, subject)
    if subject.feature is None:
        return event.context(_listed(work))
    return event.context(_introduction(work, subject.feature, subject.claimed_by))


def _to_be_kept(event: Event, subject: Subject) -> str:
    """What a summary is to say; the session begins again after it, with the phase's prompt."""
    feature = subject.feature
    if feature is None or subject.claimed_by == "another":
        return ""
    return event.context(
        f"Keep in the summary: feature {feature.name} is at phase {feature.phase} of cde; "
        "what was decided, tried and left open in this phase. The phase's prompt follows "
        "after the summary by itself."
    )


def _reminder(event: Event, root: Path, subject: Subject) -> str:
    feature = subject.feature
    if feature is None or subject.claimed_by != "session" or feature.waits_for_person:
        return ""
    if _waits_for_trust(root, feature):
        return ""
    attempt = feature.record.get("attempts", 0)
    key = f"{feature.id} {feature.phase} {attempt}"
    number = count_reminder(root, event.session, key)
    return "" if number is None else event.hold(_unsubmitted(feature, number))


def _unsubmitted(feature: OpenFeature, number: int) -> str:
    """Why the session goes on, with what the gate asks for."""
    phase, name = feature.phase, feature.name
    gate = _gate(feature)
    outputs = "\n".join(["", "", *gate]) if gate else ""
    return (
        f"Phase {phase} of feature {name} is not submitted (reminder {number} of {MOST}). "
        f"Finish it, then call cde_submitWork(feature_id='{name}', phase_id='{phase}') or run "
        f"cde submit {name} {phase}. Its whole prompt: cde_resumeFeature(feature_id='{name}') or "
        f"cde status {name} --prompt. If you were asked for something else, or only a person can "
        f"continue, save where the phase is with cde_saveProgress or cde save, say so, and stop."
        f"{outputs}"
    )


def _gate(feature: OpenFeature) -> list[str]:
    """What the gate asks for, as far as the workflow says it; the prompt has the whole."""
    lines: list[str] = []
    for path, output in feature.outputs():
        optional = "" if output.get("required", True) else ", optional"
        least = output.get("min_bytes", 1)
        size = f": at least {counted(least, 'byte')}" if least > 1 else ""
        lines.append(f"- `{path}` (output `{output['id']}`, {output['type']}{optional}){size}")
        for item in output.get("must_contain", ()):
            words = item.removeprefix("re:")
            kind = "with a match of the regular expression" if words != item else "with"
            lines.append(f"  - {kind} `{words}`")
        if verdicts := output.get("verdict"):
            named = "` or `".join(f"Verdict: {each}" for each in verdicts)
            lines.append(f"  - with the line `{named}`, if that is true")
    if feature.definition.get("changes"):
        lines.append("- Project files: what this phase changes outside `specs/`.")
    if check := feature.definition.get("check"):
        lines.append(f"- The check, which must end with 0: `{' '.join(check)}`.")
    return lines


def _introduction(work: OpenWork, feature: OpenFeature, claimed_by: str) -> str:
    """The feature, its phase and the phase's prompt."""
    where = f"Feature {feature.name} of this project is at phase {feature.phase} of cde"
    if claimed_by == "another":
        return f"{where}; {feature.claim['agent']} works on it. Leave it, unless you are asked."
    if feature.waits_for_person:
        return f"{where}, which waits for a person: cde status {feature.name} says for what."
    from cde_orchestrator.hooks.present_prompt import present_prompt

    prompt = present_prompt(work.root, work.document, feature.id)
    return f"{where}. Unless you are asked for something else, work by its prompt:\n\n" + (
        prompt or f"cde_resumeFeature(feature_id='{feature.name}') gives it."
    )


def _listed(work: OpenWork) -> str:
    lines = [f"- {each.name}: phase {each.phase}" for each in work.features[:_NAMES_SHOWN]]
    left = len(work.features) - len(lines)
    return "\n".join(
        [
            "Open features of this project in cde:",
            *lines,
            *([f"- and {left} more: cde_listFeatures"] if left > 0 else []),
            "Before you work on one, call cde_resumeFeature with its name, or run cde resume NAME.",
        ]
    )


def _waits_for_trust(root: Path, feature: OpenFeature) -> bool:
    """Whether a person has to trust the phase's check before it can be submitted."""
    definition = feature.definition
    if not definition.get("check"):
        return False
    from cde_orchestrator.adapters.runners.trust import UserTrustStore
    from cde_orchestrator.domain.check import Check

    folder, seconds = definition["check_directory"], definition["check_timeout_seconds"]
    check = Check(tuple(definition["check"]), folder, seconds)
    return not UserTrustStore().trusts(root, check.command_line)
