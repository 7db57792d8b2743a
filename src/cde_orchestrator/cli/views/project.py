"""The project, as people see it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.checks.trial_views import noteworthy
from cde_orchestrator.application.features.feature_filter import PERSON
from cde_orchestrator.application.projects.diagnose import DiagnoseReply
from cde_orchestrator.application.projects.get_project_info import ProjectInfoReply
from cde_orchestrator.application.projects.onboard_project import (
    OnboardReply,
    ProjectReply,
    proof_words,
)
from cde_orchestrator.application.views import FeatureListReply, ProjectView
from cde_orchestrator.cli.console.layout import (
    bullets,
    done,
    facts,
    next_steps,
    note,
    spaced,
    status_style,
    to_type,
)
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command
from cde_orchestrator.cli.views.feature import baseline, feature_table
from cde_orchestrator.domain.clock import to_the_second
from cde_orchestrator.domain.errors.formatter import ErrorPayload
from cde_orchestrator.domain.phase_record import state_words
from cde_orchestrator.domain.project_facts import convention_lines
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.workflow import WAITS_FOR_PERSON

_SEVERITY_STYLES = {"INFO": "cyan", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_INDENT = (0, 0, 0, 2)
_STATUS_STYLES = {"active": "green", "archived": "dim", "error": "red"}


_WITHOUT_GIT = "no; after git init, what a feature changes can be shown, taken back and proven"


def welcome(folder: str, look: RenderTarget) -> RenderableType:
    """How to begin, in a folder that no project has been made of."""
    about = Text("Take features through their phases, with AI agents, in one project.")
    here = Text.assemble(clean(folder), " is not set up yet. To begin:")
    steps = [
        (command(look, "init"), "set up cde in this folder"),
        (command(look, "start", "What the feature should do"), "start a feature"),
        (command(look, "--help"), "see every command"),
    ]
    return spaced(Group(Text("CDE Orchestrator", "bold"), about), Group(here, next_steps(steps)))


def onboarded(reply: OnboardReply, look: RenderTarget) -> RenderableType:
    """What onboarding found and made."""
    project, made = reply["project"], reply["created"]
    again = reply["already_onboarded"]
    said = " was already set up; nothing was changed" if again else " is set up"
    created = "\n".join(map(clean, made))
    found = [*_found(reply["facts"]), ("Proof", clean(proof_words(reply)))]
    rows = [("Folder", clean(project["path"])), *found, ("Created", created)]
    start = command(look, "start", "What the feature should do")
    steps = [(start, "start a feature"), (command(look, "status"), "show the project")]
    if not again:
        steps.append((command(look, "connect"), "connect the programs that agents run in"))
    if made and (reply["facts"].get("test_command") or reply["proof"] == "required"):
        steps.append((command(look, "trust"), "let submissions run the project's tests"))
    return spaced(
        done("Project ", (clean(project["name"]), "bold"), said),
        facts(rows),
        None if again else baseline(reply["baseline"]),
        note(f"{clean(reply['packaging'])}.") if reply["packaging"] else None,
        next_steps(steps),
    )


def changed(reply: ProjectReply, _look: RenderTarget) -> RenderableType:
    """The project after a change of its status."""
    project = reply["project"]
    return done("Project ", (clean(project["name"]), "bold"), f" is {clean(project['status'])}")


def project_info(reply: ProjectInfoReply, _look: RenderTarget) -> RenderableType:
    """All that is known of the project."""
    project = reply["project"]
    default = reply["default_workflow"]
    workflows = Table.grid(padding=(0, 2))
    for workflow in reply["workflows"]:
        word = " (default)" if workflow["id"] == default else ""
        name = Text.assemble((clean(workflow["id"]), "bold"), (word, "cyan"))
        phases = " → ".join(map(clean, workflow["phases"]))
        workflows.add_row(name, Text(phases, style="dim"))
    elsewhere = f", in {reply['home']}" if reply["home"] != project["path"] else ""
    rows: list[tuple[str, RenderableType | None]] = [
        ("Folder", clean(project["path"])),
        ("State", clean(project["backend"] + elsewhere)),
        *_found(reply["facts"]),
        ("Features", _counts(reply)),
        ("Workflows", workflows if reply["workflows"] else None),
        ("Id", Text(clean(project["id"]), style="dim")),
    ]
    return spaced(_head(project), facts(rows), baseline(reply["baseline"]), _trouble(reply))


def glance(listed: FeatureListReply, info: ProjectInfoReply, look: RenderTarget) -> RenderableType:
    """The project in a few lines, with its newest open features, first what waits for a person."""
    head = Group(_head(info["project"]), Text(clean(info["project"]["path"]), "dim"))
    rest = listed["total"] - len(listed["features"])
    table = feature_table(listed["features"], look) if listed["features"] else None
    steps = [(command(look, "start", "What the feature should do"), "start a feature")]
    if listed["features"]:
        first = listed["features"][0]
        what = "what waits for you" if first["waits_for"] == PERSON else "what a feature waits for"
        steps = [(command(look, "status", first["name"]), what)]
    if rest:
        steps.append((command(look, "list", "--status", "open"), f"{rest} more"))
    return spaced(
        head, _counts(info), table, _trouble(info), next_steps(steps) if look.terminal else None
    )


def _head(project: ProjectView) -> Text:
    status = project["status"]
    head = Text.assemble(
        (clean(project["name"]), "bold"),
        "  ",
        (clean(status), _STATUS_STYLES.get(status, "yellow")),
    )
    if project["trust"] != "trusted":
        head.append("  only viewed", "bold yellow")
    elif project["read_only"]:
        head.append("  read-only", "bold red")
    return head


def _found(found: Mapping[str, Any]) -> list[tuple[str, RenderableType | None]]:
    """What inspection found; facts of a project from elsewhere may be of any type."""
    languages, tests = found.get("languages"), found.get("test_command")
    return [
        ("Languages", ", ".join(map(clean, languages)) if isinstance(languages, list) else None),
        ("Packages", clean(found.get("package_manager") or "")),
        ("Tests", clean(shlex.join(map(str, tests))) if isinstance(tests, list) else None),
        ("Git", "yes" if found.get("git") else _WITHOUT_GIT),
        *((about, clean(words)) for about, words in convention_lines(found)),
    ]


def _counts(info: ProjectInfoReply) -> Text:
    """How many features there are, and how many of each status."""
    total = sum(info["features"].values())
    if not total:
        return Text("No features yet", style="dim")
    line = Text(counted(total, "feature"))
    if info["open_features"]:
        line.append(f", {info['open_features']} open")
    for status, count in info["features"].items():
        line.append("  ·  ", "dim")
        waits = "waiting for you" if status == WAITS_FOR_PERSON else state_words(status)
        line.append(f"{count} {waits}", status_style(status))
    return line


def _trouble(info: ProjectInfoReply) -> RenderableType | None:
    notes = [note(each) for each in noteworthy(info["baseline"])] if info["open_features"] else []
    if info["read_only_reason"]:
        since = info["read_only_since"]
        when = f" since {to_the_second(since)}" if since else ""
        notes.append(note(f"Read-only{when}: {info['read_only_reason']}"))
    if info["workflow_problem"]:
        notes.append(note(f"The workflow file is not valid. {info['workflow_problem']}"))
    return Group(*notes) if notes else None


def planned(reply: DiagnoseReply, _: RenderTarget) -> RenderableType | None:
    """What is going to be repaired; None when there is nothing."""
    if not reply["repairable"]:
        return None
    steps = bullets(map(clean, reply["repairable"]), dot=" •")
    return Group(Text("To be repaired now", "bold"), steps)


def diagnosed(reply: DiagnoseReply, _: RenderTarget) -> RenderableType:
    """What was repaired; what was found, worst first, each with what helps."""
    repaired = (
        Group(*[done(clean(text)) for text in reply["repaired"]]) if reply["repaired"] else None
    )
    versions = Text(", ".join(f"{name} {it}" for name, it in reply["versions"].items()), "dim")
    worst_first = sorted(
        reply["findings"], key=lambda found: -list(_SEVERITY_STYLES).index(found["severity"])
    )
    if not worst_first:
        well = done("No problems in ", (clean(reply["path"]), "bold"))
        return spaced(repaired, Group(well, Padding(versions, _INDENT, expand=False)))
    head = Text.assemble(
        (counted(len(worst_first), "finding"), "bold"), f" in {clean(reply['path'])}"
    )
    return spaced(repaired, Group(head, versions), *map(_finding, worst_first))


def _finding(found: ErrorPayload) -> RenderableType:
    style = _SEVERITY_STYLES[found["severity"]]
    head = Text.assemble(
        (f"{found['severity']:<8} ", style), (f"{found['code']} ", style), clean(found["title"])
    )
    message = Padding(Text(clean(found["message"])), _INDENT, expand=False)
    return Group(head, message, to_type(clean(found["fixes"][0]["command"])))
