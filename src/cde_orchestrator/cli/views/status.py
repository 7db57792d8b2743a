"""Where a feature stands, as people see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator.application import views as replies
from cde_orchestrator.application.checks.running import running_words
from cde_orchestrator.application.gate_views import CheckView
from cde_orchestrator.application.proof_views import caveat_lines, difference_words, seen_lines
from cde_orchestrator.application.proofs.verdicts import verdict_line
from cde_orchestrator.application.work_views import EvidenceView, WorkView
from cde_orchestrator.cli.console.layout import facts, mark, note, notes, spaced, status_style
from cde_orchestrator.cli.console.wording import (
    RenderTarget,
    clean,
    clean_lines,
    lasted,
    moment,
)
from cde_orchestrator.cli.views.feature import (
    assignment,
    baseline,
    ending,
    recorded,
    tasks,
)
from cde_orchestrator.domain.lease import by_words
from cde_orchestrator.domain.phase_record import state_words

LINES_SHOWN = 5
"""Lines of a goal, and of why something was refused, that are shown."""


def feature_status(
    full: bool, reply: replies.FeatureDetailReply, look: RenderTarget
) -> RenderableType:
    """A feature: what it is for, where it stands and why, its phases, and what is asked now.

    ``full`` adds the whole goal, the times, and how each attempt ended.
    """
    feature = reply["feature"]
    head = Text.assemble(
        (clean(feature["name"]), "bold"),
        "  ",
        (state_words(feature["status"]), status_style(feature["status"])),
        (f"  workflow {clean(feature['workflow'])} in {clean(reply['project']['name'])}", "dim"),
    )
    return spaced(
        head,
        facts([("Goal", _goal(reply["goal"], full=full)), *_stands(reply, look)]),
        facts(_times(reply, look)) if full else None,
        _proven(reply),
        notes(caveat_lines(reply.get("caveats", ()))),
        baseline(reply["baseline"]),
        note(f"{running_words(reply['running'])}.") if "running" in reply else None,
        _phases(reply["phases"], reply["work"] if full else {}, look),
        tasks(reply["tasks"]),
        *(ending(reply, look) if "made" in reply else []),
        *assignment(reply, replace(look, prompts=False)),
    )


def _goal(goal: str, *, full: bool) -> str:
    """The goal, or as much of it as a glance needs."""
    lines = clean_lines(goal).split("\n")
    if full or len(lines) <= LINES_SHOWN:
        return "\n".join(lines)
    return "\n".join([*lines[:LINES_SHOWN], "... (in full: --full)"])


def _stands(
    reply: replies.FeatureDetailReply, look: RenderTarget
) -> Iterator[tuple[str, RenderableType | None]]:
    """Who has to do something, which attempt it is, and what came of those before."""
    attempt, closing = reply["attempt"], reply["closing"]
    if closing is not None:
        yield "Closed", f"{clean(closing['reason'])} ({clean(by_words(closing['by']))})"
    if attempt is None:
        return
    current = reply["feature"]["current_phase"]
    record = next(each for each in reply["phases"] if each["id"] == current)
    yield "Waits for", _awaited(reply, record, look)
    since = ", the first since it was reopened" if attempt["reopened"] else ""
    yield "Attempt", f"{attempt['number']} of {attempt['of']}{since}"
    if attempt["last_failure"]:
        yield "Refused", _first_lines(attempt["last_failure"])
    if attempt["returned"]:
        yield _returned(attempt["returned"], reply["work"][record["id"]], look)
    if (check := attempt["gate"]["check"]) is not None:
        evidence = reply["work"][record["id"]]["evidence"]
        yield "Check", _check(check, evidence, look)


def _returned(words: str, work: WorkView, look: RenderTarget) -> tuple[str, str]:
    """Why the feature came to the phase again; where it was reopened, also by whom and when."""
    why = work.get("returned")
    if why is None or why["closed_as"] is None:
        return "Sent back", _first_lines(words)
    who, ended = clean(by_words(why["by"])), clean(why["closed_as"])
    when = moment(why["at"], look)
    return "Reopened", f"by {who}, {when}; it was {ended}\n{_first_lines(why['reason'])}"


def _awaited(
    reply: replies.FeatureDetailReply, record: replies.PhaseRecordView, look: RenderTarget
) -> Text:
    """Who has the phase, and since when."""
    claim, phase, began = reply["claim"], reply["phase"], record["started_at"]
    if phase is not None and phase["handler"] == "human_input":
        who, since = Text("you", "bold yellow"), began
    elif claim is not None:
        who, since = Text(clean(claim["agent"])), claim["since"]
    else:
        who, since = Text("an agent"), began
    return who if since is None else who.append(f", since {moment(since, look)}", "dim")


def _check(check: CheckView, evidence: EvidenceView | None, look: RenderTarget) -> Text:
    """The check's command, whether it is trusted, and how it ended last for this phase."""
    trust = "trusted" if check["trusted"] else "not trusted: cde trust"
    line = Text.assemble(clean(" ".join(check["command"])), (f" ({trust})", "dim"))
    if evidence is not None:
        line.append(f", {_ended(evidence)}, {moment(evidence['at'], look)}")
    return line


def _ended(evidence: EvidenceView) -> str:
    code, seconds = evidence["exit_code"], evidence["duration_ms"] / 1000
    ending = "did not end in time" if code is None else f"ended with exit code {code}"
    return f"{ending} after {seconds:.1f} s"


def _first_lines(text: str) -> str:
    lines = [line for line in clean_lines(text).split("\n") if line.strip()]
    more = ["..."] if len(lines) > LINES_SHOWN else []
    return "\n".join([*lines[:LINES_SHOWN], *more])


def _times(
    reply: replies.FeatureDetailReply, look: RenderTarget
) -> list[tuple[str, RenderableType | None]]:
    """Its id, and when it was started and changed."""
    return [
        ("Id", clean(reply["feature"]["id"])),
        ("Started", moment(reply["created_at"], look)),
        ("Updated", moment(reply["updated_at"], look)),
    ]


def _proven(reply: replies.FeatureStatusReply) -> RenderableType | None:
    """How much changed, and whether what was proven still is so."""
    rows = []
    if reply["difference"] is not None:
        rows.append(("Changed", difference_words(reply["difference"])))
    if reply["standing"] is not None:
        rows.append(("Criteria", clean(verdict_line(reply["standing"]))))
    if reply["proof"] is not None:
        rows += [("", clean(each)) for each in seen_lines(reply["proof"]["sees"])]
        rows += [("Note", clean(note)) for note in reply["proof"]["notes"]]
    rows += [("Approval", clean(each)) for each in reply["approved_by"]]
    return facts(rows) if rows else None


def _phases(
    records: Sequence[replies.PhaseRecordView], work: Mapping[str, Any], look: RenderTarget
) -> RenderableType:
    width = max(len(clean(record["id"])) for record in records)
    lines: list[RenderableType] = []
    for record in records:
        line = Text.assemble(mark(record["status"]), " ", f"{clean(record['id']):<{width}}  ")
        line.append(*_standing(record, look))
        lines += [line, *recorded(record)]
        if record["id"] in work:
            lines += _kept(work[record["id"]])
    return Group(*lines)


def _kept(work: Mapping[str, Any]) -> list[RenderableType]:
    """Why attempts at a phase failed, and what its last check left."""
    lines: list[RenderableType] = [
        Text.assemble(
            (f"    attempt {failure['attempt']} failed: ", "dim"), clean(failure["reason"])
        )
        for failure in work["failures"]
    ]
    lines += [
        Text(f"    attempt {run['attempt']}, {clean(run['agent'])}: {clean(run['words'])}", "dim")
        for run in work.get("runs", ())
    ]
    evidence = work["evidence"]
    if evidence is not None:
        words = clean(" ".join(evidence["command"]))
        lines.append(Text(f"    the check {words} {_ended(evidence)}", "dim"))
    return lines


def _standing(record: replies.PhaseRecordView, look: RenderTarget) -> tuple[str, str]:
    """Where a phase stands, in words, and their style."""
    status, began, ended = record["status"], record["started_at"], record["completed_at"]
    words = [state_words(status)]
    if record["attempts"] > 1:
        words.append(f"attempt {record['attempts']}")
    if began and ended:
        words.append(f"in {lasted(began, ended)}")
    elif began:
        words.append(f"started {moment(began, look)}")
    return ", ".join(words), status_style(status)
