"""Features and their phases, as people see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from cde_orchestrator.application import remarks
from cde_orchestrator.application import views as replies
from cde_orchestrator.application.checks.trial_views import noteworthy
from cde_orchestrator.application.checks.trial_words import TrialView
from cde_orchestrator.application.features.feature_filter import PERSON
from cde_orchestrator.application.fit_views import better_workflow, fit_words
from cde_orchestrator.application.made_views import commit_words, made_words
from cde_orchestrator.application.proof_views import proof_remarks
from cde_orchestrator.application.proofs.verdicts import verdict_words
from cde_orchestrator.application.task_views import TaskView, task_line
from cde_orchestrator.cli.console.layout import (
    Prose,
    done,
    mark,
    next_steps,
    note,
    remarked,
    said,
    section,
    spaced,
    status_style,
    table,
    unbroken,
)
from cde_orchestrator.cli.console.wording import (
    RenderTarget,
    clean,
    clean_lines,
    command,
    moment,
    size,
)
from cde_orchestrator.domain.phase_record import state_predicate, state_words
from cde_orchestrator.domain.text import counted

_ROOM = {"UPDATED": 72, "ID": 100}
"""Columns of the terminal from which a list has another one."""
_SHORT_ID = 8
_EXPRESSION = "re:"


def started(
    reply: replies.StartReply, look: RenderTarget, agent: str | None = None
) -> RenderableType:
    """A feature that was started, by the command of an ``agent`` if it is named."""
    feature = reply["feature"]
    line = done("Feature ", (clean(feature["name"]), "bold"), " started")
    line.append(f"  workflow {clean(feature['workflow'])}", "dim")
    if reply["branch"]:
        line.append(f", branch {clean(reply['branch'])}", "dim")
    notes = [note(each) for each in remarks.start_remarks(reply)]
    better, words = better_workflow(reply), fit_words(reply)
    if better and words:
        named = ("--agent", agent) if agent else ()
        switch = command(look, "grow", feature["name"], better, *named)
        notes.append(
            note(f"{words} To follow {better} instead, before anything is submitted: {switch}")
        )
    above: list[RenderableType | None] = [
        line,
        None if better else said(words),
        *notes,
        baseline(reply["baseline"]),
    ]
    return spaced(Group(*[each for each in above if each]), *assignment(reply, look))


def gave_up(reply: replies.FailedReply, look: RenderTarget) -> RenderableType:
    """An attempt that was recorded as failed, and how it goes on."""
    left = reply["attempts_left"]
    line = note(f"The attempt at {reply['failed']['id']} is recorded as failed")
    if left == 0:
        name = clean(reply["feature"]["name"])
        return spaced(line, Text.assemble("Feature ", (name, "bold"), " has failed."))
    line.append(f"  {counted(left, 'attempt')} left", "dim")
    return spaced(line, *assignment(reply, look))


def submitted(reply: replies.SubmitReply, look: RenderTarget) -> RenderableType:
    """A phase that was accepted or sent back, what was recorded of it, and the next phase."""
    if waiting := remarks.waiting_remark(reply):
        return spaced(note(waiting), *assignment(reply, look))
    if "sent_back" in reply:
        sent = reply["sent_back"]
        words = [note(remarks.sent_back_words(sent)), *map(note, remarks.submit_remarks(reply))]
        in_prompt = look.prompts and reply["phase"] is not None
        reason = None if in_prompt else said(sent["reason"])
        return spaced(Group(*words), reason, *assignment(reply, look))
    if "repeated" in reply:
        words = [note(remarks.repeated_words(reply)), *map(note, remarks.submit_remarks(reply))]
        return spaced(Group(*words), *assignment(reply, look))
    accepted = reply["accepted"]
    line = done("Phase ", (clean(accepted["id"]), "bold"), " accepted")
    seen = [Text(f"    {clean(each)}", "dim") for each in proof_remarks(reply)]
    notes = [note(each) for each in remarks.submit_remarks(reply)]
    phase = Group(line, *recorded(accepted), *seen, *notes)
    if reply["phase"] is None:
        return spaced(phase, *ending(reply, look))
    return spaced(phase, *assignment(reply, look))


def ending(reply: Mapping[str, Any], look: RenderTarget) -> list[RenderableType | None]:
    """That a feature is at its end, what it made, and what a person does next."""
    name = reply["feature"]["name"]
    words = state_predicate(reply["feature"]["status"])
    ended = done("Feature ", (clean(name), "bold"), f" {words}")
    made = reply.get("made")
    if made is None:
        return [ended]
    if look.prompts:
        return [Group(ended, *(Prose(f"  {each}") for each in remarks.ending_remarks(reply)))]
    words, commit = made_words(made), reply.get("committed")
    if commit is not None:
        words = f"{words}; {commit_words(commit)}"
    does = "open a pull request" if commit is not None else "commit it, and open a pull request"
    steps = [
        (command(look, "finish", name), does),
        (command(look, "report", name), "what a reviewer needs to know"),
        ("git diff", "what is not committed yet"),
    ]
    return [Group(ended, Text(f"  {words[:1].upper()}{words[1:]}.", "dim")), next_steps(steps)]


def baseline(trials: Sequence[TrialView]) -> RenderableType | None:
    """How checks and runners of tests ended before the work; what needs somebody stands out."""
    lines = [
        note(each) if each in wanting else Prose(each, "dim")
        for wanting in [noteworthy(trials)]
        for each in (f"{trial['words']}." for trial in trials)
    ]
    return Group(*lines) if lines else None


def tasks(listed: Sequence[TaskView]) -> RenderableType | None:
    """The tasks, one a line: a mark, and what each is about."""
    if not listed:
        return None
    done = sum(task["done"] for task in listed)
    lines = [
        Text.assemble("  ", mark("completed" if task["done"] else "pending"), " ", task_line(task))
        for task in listed
    ]
    return Group(Text(f"Tasks: {done} of {len(listed)} done", "dim"), *lines)


def feature_list(reply: replies.FeatureListReply, look: RenderTarget) -> RenderableType | None:
    """Features, one a line."""
    return feature_table(reply["features"], look) if reply["features"] else None


def list_remark(
    reply: replies.FeatureListReply, options: Sequence[str], look: RenderTarget
) -> RenderableType | None:
    """The remark under a list asked with ``options``: that it is empty, or how it continues."""
    if not reply["features"]:
        start = (command(look, "start", "What the feature should do"), "start one")
        if not options and not reply["total"]:
            return Group(Text("No features yet."), next_steps([start]))
        every = (command(look, "list"), "every feature")
        return Group(Text("No matching features."), next_steps([start, every]))
    if reply["next_cursor"] is None:
        return None
    last = reply["features"][-1]["name"]
    return Group(
        Text(f"{len(reply['features'])} of {counted(reply['total'], 'feature')}.", style="dim"),
        next_steps([(command(look, "list", *options, "--cursor", last), "the next ones")]),
    )


def feature_table(rows: Sequence[replies.FeatureRow], look: RenderTarget) -> RenderableType:
    """Features in columns, as many as a terminal has room for, each goal beneath; else all."""
    titles = _columns(look)
    lines: list[list[Text | str]] = []
    for row in rows:
        style = status_style(row["status"])
        cells: dict[str, Text | str] = {
            "": mark(row["status"]),
            "FEATURE": Text(clean(row["name"]), style="bold"),
            "PHASE": clean(row["current_phase"] or "-"),
            "AT": Text(_place(row), style=style),
            "STATUS": Text(", ".join([_verdict(row), *_committed(row)]), style=style),
            "WAITS FOR": _awaited(row),
            "UPDATED": moment(row["updated_at"], look),
            "ID": Text(clean(row["id"][:_SHORT_ID]), style="dim"),
            "GOAL": clean(row["goal"]),
        }
        lines.append([cells[title] for title in titles])
    if look.terminal:
        goals = ["\n".join([clean(row["goal"]), *_committed(row)]) for row in rows]
        return remarked(titles, list(zip(lines, goals, strict=True)))
    listed = table(*titles)
    for line in lines:
        listed.add_row(*(Text.assemble(cell) for cell in line))
    return listed


def _awaited(row: replies.FeatureRow) -> Text:
    """Who has to do something."""
    if row["waits_for"] is None:
        return Text("-", "dim")
    if row["waits_for"] == PERSON:
        return Text("you", "bold yellow")
    return Text(clean(row["agent"])) if row["agent"] else Text("an agent", "dim")


def _verdict(row: replies.FeatureRow) -> str:
    verdict = verdict_words(row)
    return state_words(row["status"]) + (f", {clean(verdict)}" if verdict else "")


def _committed(row: replies.FeatureRow) -> list[str]:
    """By which commit, if that is known."""
    return [clean(commit_words(row["committed"]))] if "committed" in row else []


def _place(row: replies.FeatureRow) -> str:
    """The phase of an open feature; how a closed one ended, and in which phase."""
    phase = clean(row["current_phase"] or "")
    if row["waits_for"] is not None:
        return phase
    return f"{_verdict(row)} in {phase}" if phase else _verdict(row)


def _columns(look: RenderTarget) -> list[str]:
    if not look.terminal:
        return ["FEATURE", "PHASE", "STATUS", "WAITS FOR", "UPDATED", "ID", "GOAL"]
    more = [title for title, width in _ROOM.items() if look.width >= width]
    return ["", "FEATURE", "AT", "WAITS FOR", *more]


def recorded(record: Mapping[str, Any]) -> list[RenderableType]:
    """The outputs that a phase has left, one a line, and who approved it."""
    lines: list[RenderableType] = [
        Text.assemble("    ", clean(output["path"]), (f"  {size(output['size'])}", "dim"))
        for output in record["outputs"]
    ]
    if "approval" in record:
        lines.append(Text(f"    {approved_by(record['approval'])}", style="dim"))
    if "reader" in record:
        lines.append(Text(f"    {clean(record['reader']['words'])}", style="dim"))
    if "usage" in record:
        lines.append(Text(f"    {clean(record['usage']['words'])}", style="dim"))
    return lines


def approved_by(approval: Mapping[str, Any]) -> str:
    """Who said yes, where and by which channel."""
    who = f"{clean(approval['user'])}@{clean(approval['host'])}"
    place = f" ({clean(approval['place'])})" if approval["place"] else ""
    return f"approved by {who}, {clean(approval['channel'])}{place}"


def assignment(reply: replies.FeatureReply, look: RenderTarget) -> list[RenderableType]:
    """What the current phase asks for and the commands for it; nothing when there is none.

    An agent works by the prompt, which says all of that.
    """
    phase, name = reply["phase"], reply["feature"]["name"]
    if phase is None:
        return []
    if look.prompts and phase["prompt"]:
        lines = clean_lines(phase["prompt"]).split("\n")
        return [Group(*[unbroken(Text(line)) for line in lines])]
    prompt = command(look, "status", name, "--prompt")
    submit = command(look, "submit", name, phase["id"])
    steps = [
        (prompt, "its prompt, for an agent"),
        (submit, "submit; --prompt prints the next"),
    ]
    if _is_human(phase):
        approve = command(look, "approve", name)
        steps = [(prompt, "its prompt, for a person"), (approve, "see what waits, and decide")]
    return [_phase_panel(phase, look), next_steps(steps)]


def _phase_panel(phase: replies.PhaseView, look: RenderTarget) -> RenderableType:
    title = Text.assemble(("Now: ", ""), (clean(phase["id"]), "bold"))
    human = Text("A person answers this phase.", style="yellow") if _is_human(phase) else None
    outputs = [_demand(output) for output in phase["outputs"]]
    head = Text("Outputs" if outputs else "No outputs are required.", style="dim")
    return section(title, spaced(said(phase["description"]), human, Group(head, *outputs)), look)


def _is_human(phase: replies.PhaseView) -> bool:
    return phase["handler"] == "human_input"


def _demand(output: Mapping[str, Any]) -> RenderableType:
    """An output's path, and beneath it what it must hold."""
    head = Text.assemble((clean(output["path"]), "bold"), (f"  {clean(output['id'])}", "cyan"))
    return Group(head, Padding(Text(demands(output), style="dim"), (0, 0, 0, 2), expand=False))


def demands(output: Mapping[str, Any]) -> str:
    """What an output must be like, in words."""
    words = [clean(output["type"])]
    if not output["required"]:
        words.append("optional")
    if output["min_bytes"] > 1:
        words.append(f"at least {size(output['min_bytes'])}")
    texts = [text for text in output["must_contain"] if not text.startswith(_EXPRESSION)]
    patterns = [text[len(_EXPRESSION) :] for text in output["must_contain"] if text not in texts]
    if texts:
        words.append("with " + ", ".join(clean(text) for text in texts))
    if patterns:
        words.append("matching " + ", ".join(clean(text.strip()) for text in patterns))
    if output["verdict"]:
        words.append("verdict " + " or ".join(clean(text) for text in output["verdict"]))
    if output["covers"]:
        words.append(f"a task for each criterion of {clean(output['covers'])}")
    return ", ".join(words)
