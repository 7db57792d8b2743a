"""Replies as short texts, for clients that hand only text to their model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from cde_orchestrator.application.checks.running import running_words
from cde_orchestrator.application.checks.trial_views import noteworthy
from cde_orchestrator.application.features.feature_filter import PERSON
from cde_orchestrator.application.features.rollback_feature import rollback_remarks
from cde_orchestrator.application.features.source_changes import source_lines
from cde_orchestrator.application.fit_views import better_workflow, fit_words
from cde_orchestrator.application.projects.onboard_project import proof_words
from cde_orchestrator.application.proof_views import (
    caveat_lines,
    difference_words,
    proof_remarks,
    seen_lines,
)
from cde_orchestrator.application.proofs.verdicts import status_words, verdict_line
from cde_orchestrator.application.remarks import (
    ending_remarks,
    repeated_words,
    sent_back_words,
    start_remarks,
    submit_remarks,
    waiting_remark,
)
from cde_orchestrator.application.task_views import task_lines
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.phase_record import state_predicate, state_words
from cde_orchestrator.domain.project_facts import convention_lines
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.workflow import WAITS_FOR_PERSON
from cde_orchestrator.mcp_tools._fitting import GOAL_REST

if TYPE_CHECKING:
    from cde_orchestrator.application.features.rollback_feature import RollbackReply
    from cde_orchestrator.application.projects.onboard_project import OnboardReply
    from cde_orchestrator.application.views import (
        FeatureListReply,
        FeatureReply,
        FeatureRow,
        FeatureStatusReply,
        PhaseView,
        ProjectView,
        StartReply,
        SubmitReply,
    )


_SUBMIT = "cde_submitWork("


def project_line(project: ProjectView) -> str:
    """The project in one line."""
    mode = ", read-only" if project["read_only"] else ""
    if project["trust"] != "trusted":
        mode = ", its folder is not trusted: only viewed until a person runs cde trust"
    return f"Project {project['name']} ({project['status']}{mode}) at {project['path']}"


def onboarded(reply: OnboardReply) -> str:
    """What onboarding found and made."""
    project = reply["project"]
    packaging = f"\nNote: {plain(reply['packaging'])}." if reply["packaging"] else ""
    if reply["already_onboarded"]:
        return f"{project_line(project)} was already set up; nothing was changed." + packaging
    facts = reply["facts"]
    languages = ", ".join(facts["languages"] or []) or "none recognised"
    check = " ".join(facts["test_command"] or []) or "none found"
    return (
        f"{project_line(project)} is set up.\nLanguages: {languages}. Test command: {check}.\n"
        + "".join(f"{about}: {words}.\n" for about, words in convention_lines(facts))
        + f"Proof of criteria: {proof_words(reply)}.\n"
        + "\n".join(noteworthy(reply["baseline"]))
        + packaging
    )


def project_info(reply: Mapping[str, Any]) -> str:
    """The project at a glance."""
    workflows = ", ".join(workflow["id"] for workflow in reply["workflows"]) or "none"
    problem = reply["workflow_problem"]
    trouble = f"\nWorkflow file not valid: {problem}" if problem else ""
    trouble += "".join(f"\n{each}" for each in noteworthy(reply["baseline"]))
    default = f"; {plain(reply['default_workflow'])} by default" if reply["workflows"] else ""
    return (
        f"{project_line(reply['project'])}.\nFeatures: {sum(reply['features'].values())}, "
        f"{reply['open_features']} open. Workflows: {workflows}{default}.\n"
        f"{'. '.join(f'{about}: {words}' for about, words in _known(reply['facts']))}.{trouble}"
    )


def _known(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The facts in words; those of a project from elsewhere may be of any type."""
    languages, tests = facts.get("languages"), facts.get("test_command")
    lines = [
        ("Languages", ", ".join(map(plain, languages)) if isinstance(languages, list) else ""),
        ("Package manager", plain(facts.get("package_manager") or "")),
        ("Test command", plain(" ".join(map(str, tests))) if isinstance(tests, list) else ""),
        ("Git", "yes" if facts.get("git") else "no"),
    ]
    return [(about, words) for about, words in lines if words] + convention_lines(facts)


def work(reply: FeatureReply, done: str) -> str:
    """What was done, and the phase to work on next with its prompt."""
    feature, phase = reply["feature"], reply["phase"]
    if phase is None:
        ended = f"{done} Feature {feature['name']} {state_predicate(feature['status'])}."
        return " ".join([ended.lstrip(), *ending_remarks(cast("Mapping[str, Any]", reply))])
    prompt, is_persons = phase["prompt"], phase["handler"] == "human_input"
    if _SUBMIT in prompt and not is_persons:  # which says all that an assignment would
        return f"{done} Work on phase {phase['id']}.\n\n{prompt}"
    return f"{done} {_assignment(feature['name'], phase)}\n\n{prompt}"


def _goal_lines(reply: Mapping[str, Any]) -> list[str]:
    """As much of the goal as the phase's prompt does not quote."""
    goal, rest = reply.get("goal"), reply.get(GOAL_REST)
    lines = [f"Goal: {goal}"] if goal else []
    return [*lines, f"The goal continues where the prompt cuts it:\n{rest}\n"] if rest else lines


def resumed(reply: FeatureReply) -> str:
    """Where a feature goes on."""
    name, phase = reply["feature"]["name"], reply["phase"]
    done = work(reply, f"Feature {name} resumed." if phase else "")
    return "\n".join([*_running_lines(reply), *_goal_lines(reply), done])


def _running_lines(reply: Mapping[str, Any]) -> list[str]:
    return [f"{running_words(reply['running'])}."] if "running" in reply else []


def started(reply: StartReply, *, is_named: bool = True) -> str:
    """That a feature was started, what to know of it, and its first phase."""
    hint = "" if is_named else " (named after the prompt: pass name for a better one)"
    done = [f"Feature {reply['feature']['name']} started{hint}."]
    if reply["branch"]:
        done.append(f"It is on the git branch {plain(reply['branch'])}.")
    if words := fit_words(reply):
        done.append(words)
    if better := better_workflow(reply):
        named = f"feature_id={plain(reply['feature']['name'])!r}"
        call = f"cde_resumeFeature({named}, grow={better!r})"
        done.append(f"To follow {better} instead, before anything is submitted: {call}.")
    tried = [f"{each['words']}." for each in reply["baseline"] if each["outcome"] != "not_tried"]
    return work(reply, " ".join([*done, *start_remarks(reply), *tried]))


def accepted(reply: SubmitReply) -> str:
    """That a phase was accepted or sent back, what was kept aside for it, and the next phase."""
    if waiting := waiting_remark(reply):
        return work(reply, waiting)
    if "sent_back" in reply:
        return work(reply, " ".join([sent_back_words(reply["sent_back"]), *submit_remarks(reply)]))
    if "repeated" in reply:
        words = " ".join([repeated_words(reply), *submit_remarks(reply)])
        if reply["phase"] is None:
            return " ".join([words, *ending_remarks(cast("Mapping[str, Any]", reply))])
        return work(reply, words)
    done = [f"Phase {reply['accepted']['id']} accepted.", *proof_remarks(reply)]
    if "reader" in reply["accepted"]:
        who = plain(reply["accepted"]["reader"]["words"])
        done.append(f"Phase {reply['accepted']['id']} was {who}.")
    done += submit_remarks(reply)
    return work(reply, " ".join(done))


def rolled_back(reply: RollbackReply) -> str:
    """What a rollback did or would do, and git's command that shows the source code."""
    name = reply["feature"]["name"]
    verb = "would go" if reply["dry_run"] else "went"
    lines = [f"Feature {name} {verb} back to phase {reply['feature']['current_phase']}."]
    for row in reply["files"]:
        kept = f", kept as {row['kept_as']}" if row["kept_as"] else ""
        why = f" ({row['reason']})" if row["reason"] else ""
        if row["action"] != "unchanged":
            lines.append(f"- {row['path']}: {row['action']}{kept}{why}")
    lines += [*source_lines(reply["source"]), *rollback_remarks(reply)]
    if reply["git"]:
        lines += ["To see what changed in the source; it only shows:", *reply["git"]]
    if reply["undo_at"] is not None:
        number = reply["undo_at"]
        call = f"cde_recoverState(action='restore', at={number}, feature={plain(name)!r})"
        typed = f"cde state restore --at {number} --feature {plain(name)}"
        lines.append(f"To undo it, in this feature alone: {call}; in a terminal: {typed}")
    if not reply["dry_run"]:
        lines += ["", work(reply, "It starts again.")]
    return "\n".join(lines)


def feature_status(reply: FeatureStatusReply) -> str:
    """A feature's phases, each on a line, and what the current one asks for."""
    feature, phase = reply["feature"], reply["phase"]
    lines = [
        f"Feature {feature['name']} {state_predicate(feature['status'])} ({feature['workflow']})."
    ]
    if reply["standing"] is not None:
        lines.append(f"Its criteria: {verdict_line(reply['standing'])}.")
    if reply["proof"] is not None:
        lines += [f"{each}." for each in seen_lines(reply["proof"]["sees"])]
    lines += caveat_lines(reply.get("caveats", ()))
    lines += [f"{plain(each)}." for each in reply["approved_by"]]
    if reply["difference"] is not None:
        lines.append(f"Changed since it started: {difference_words(reply['difference'])}.")
    lines += [
        f"- {record['id']}: {state_words(record['status'])}"
        + (f", attempt {record['attempts']}" if record["attempts"] > 1 else "")
        + "".join(f", {output['path']}" for output in record["outputs"])
        + (f", {plain(record['reader']['words'])}" if "reader" in record else "")
        + (f", {plain(record['usage']['words'])}" if "usage" in record else "")
        for record in reply["phases"]
    ]
    if reply["tasks"]:
        lines += ["Tasks:", *task_lines(reply["tasks"])]
    lines += noteworthy(reply["baseline"])
    lines += _running_lines(reply)
    lines += [*ending_remarks(cast("Mapping[str, Any]", reply)), *_detail_lines(reply)]
    if phase is not None:
        problem = phase.get("problem")
        prompt = phase["prompt"] if problem is None else f"It has no prompt: {problem}"
        said = [] if _SUBMIT in prompt else [_assignment(feature["name"], phase), ""]
        lines += ["", *said, prompt]
    return "\n".join(lines)


def _detail_lines(reply: Mapping[str, Any]) -> list[str]:
    """What full detail adds: times, who works on it, and the goal."""
    if "created_at" not in reply:
        return []
    started, changed = to_the_second(reply["created_at"]), to_the_second(reply["updated_at"])
    lines = [f"Started {started}, changed {changed}."]
    if (claim := reply["claim"]) is not None:
        until = to_the_second(claim["until"])
        lines.append(f"{plain(claim['agent'])} works on it, until {until}.")
    return [*lines, *_goal_lines(reply)]


def feature_list(reply: FeatureListReply) -> str:
    """Features, one a line."""
    rows = [
        f"- {row['name']}: {status_words(row)}{_awaited(row)}. {plain(row['goal'])}"
        for row in reply["features"]
    ]
    more = "\nMore: pass next_cursor as cursor." if reply["next_cursor"] else ""
    if not rows:
        return "No features match."
    return "\n".join([f"{len(rows)} of {counted(reply['total'], 'feature')}.", *rows]) + more


def _awaited(row: FeatureRow) -> str:
    """Who works on a feature, or has to."""
    if row["agent"]:
        return f", {plain(row['agent'])} at work"
    said = row["status"] == WAITS_FOR_PERSON  # by the status itself
    return ", waits for a person" if row["waits_for"] == PERSON and not said else ""


def _assignment(name: str, phase: PhaseView) -> str:
    outputs = ", ".join(output["path"] for output in phase["outputs"] if output["required"])
    if phase["handler"] == "human_input":
        return (
            f"Phase {phase['id']} of {name} waits for a person, who decides with "
            f"`cde approve {plain(name)}` in a terminal, or on the dashboard."
        )
    asked = f" Required: {outputs}." if outputs else ""
    return f"Work on phase {phase['id']} of {name}.{asked}"
