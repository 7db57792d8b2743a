"""Workflows, as people see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cde_orchestrator.application.projects.show_workflows import WorkflowsReply
from cde_orchestrator.cli.console.layout import done, facts, next_steps, note, said, spaced, table
from cde_orchestrator.cli.console.wording import RenderTarget, clean, command
from cde_orchestrator.cli.views.feature import demands
from cde_orchestrator.domain.text import command_words, counted

_INDENT = (0, 0, 0, 2)


def workflow_list(reply: WorkflowsReply, look: RenderTarget) -> RenderableType:
    """Workflows with their phases and what each is for."""
    if not look.terminal:
        return _plain_list(reply)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for workflow in reply["workflows"]:
        about = Text.assemble(clean(workflow["description"]), "\n", (_chain(workflow), "dim"))
        rows.add_row(_name(workflow, reply["default"]), about)
    first = str(reply["workflows"][0]["id"])
    steps = [(command(look, "workflow", "show", first), "phases, outputs and rules in full")]
    return spaced(_source(reply), rows, next_steps(steps))


def workflow_details(reply: WorkflowsReply, _look: RenderTarget) -> RenderableType:
    """Workflows with everything that stands in them."""
    return spaced(
        _source(reply), *(_workflow(each, reply["default"]) for each in reply["workflows"])
    )


def valid(reply: WorkflowsReply, _look: RenderTarget) -> RenderableType:
    """That the workflow file and its prompts can be used."""
    workflows = reply["workflows"]
    phases = [phase for workflow in workflows for phase in workflow["phases"]]
    prompts = sum(1 for phase in phases if phase["prompt"])
    counts = {"workflow": len(workflows), "phase": len(phases), "prompt": prompts}
    extent = ", ".join(counted(count, noun) for noun, count in counts.items())
    shared = [
        note(
            f"{path} is the same file for every feature of {name}: features that are open at the "
            "same time write over each other. Put {feature} into its path, or have one such "
            "feature open at a time."
        )
        for name, paths in reply["shared"].items()
        for path in paths
    ]
    head = done((clean(reply["source"]), "bold"), " is valid")
    return Group(head, Text(f"  {extent}", "dim"), *shared)


def _plain_list(reply: WorkflowsReply) -> Table:
    titles = ("WORKFLOW", "DEFAULT", "PHASES", "DESCRIPTION")
    rows = table(*titles, no_wrap=titles, overflow="ellipsis")
    for workflow in reply["workflows"]:
        default = "yes" if workflow["id"] == reply["default"] else "no"
        phases = ",".join(clean(phase["id"]) for phase in workflow["phases"])
        rows.add_row(clean(workflow["id"]), default, phases, clean(workflow["description"]))
    return rows


def _source(reply: WorkflowsReply) -> Text:
    origin = "packaged with CDE Orchestrator" if reply["packaged"] else clean(reply["source"])
    return Text(origin, style="dim")


def _name(workflow: Mapping[str, Any], default: str) -> Text:
    is_default = workflow["id"] == default
    return Text.assemble(
        (clean(workflow["id"]), "bold"), (" (default)" if is_default else "", "cyan")
    )


def _chain(workflow: Mapping[str, Any]) -> str:
    return " → ".join(clean(phase["id"]) for phase in workflow["phases"])


def _workflow(workflow: Mapping[str, Any], default: str) -> RenderableType:
    head = _name(workflow, default)
    more = [f"{counted(workflow['max_attempts'], 'attempt')} a phase"]
    if workflow["proof"]:
        more.append(f"proof {clean(workflow['proof'])}{_runner(workflow['runner'])}")
    head.append(f"  {', '.join(more)}", "dim")
    intro = [head, said(workflow["description"])]
    phases = [_phase(number, phase) for number, phase in enumerate(workflow["phases"], start=1)]
    return spaced(Group(*filter(None, intro)), Padding(spaced(*phases), _INDENT, expand=False))


def _phase(number: int, phase: Mapping[str, Any]) -> RenderableType:
    human = phase["handler"] == "human_input"
    head = Text.assemble((f"{number}. ", "dim"), (clean(phase["id"]), "bold"))
    head.append("  a person answers" if human else "", "yellow")
    outputs = [
        Text.assemble(
            clean(output["path"]),
            (f"  {clean(output['id'])}", "cyan"),
            (f"  {demands(output)}", "dim"),
        )
        for output in phase["outputs"]
    ]
    rows: list[tuple[str, RenderableType | None]] = [
        ("Prompt", said(phase["prompt"])),
        ("Inputs", said(", ".join(phase["inputs"]))),
        ("Outputs", Group(*outputs) if outputs else None),
        ("Changes", said(_changes(phase["changes"]))),
        ("Proves", said(phase["proves"])),
        ("Check", _check(phase)),
        ("Status", said(phase["status"])),
        ("Agent", said(phase["agent"])),
    ]
    description = said(phase["description"])
    body = Group(*([description] if description else []), facts(rows))
    return Group(head, Padding(body, (0, 0, 0, 3), expand=False))


def _runner(runner: str | list[str] | Mapping[str, Any] | None) -> str:
    """What runs the tests, in words."""
    if isinstance(runner, Mapping):
        return f" by {clean(command_words(runner['command']))}"
    names = [runner] if isinstance(runner, str) else runner or []
    return f" by {clean(', '.join(names))}" if names else ""


def _changes(changes: str | Mapping[str, Any] | None) -> str | None:
    """Which files must change, in words."""
    if not isinstance(changes, Mapping):
        return changes
    words = ["required"]
    words += [f"in {', '.join(changes['paths'])}"] if changes["paths"] else []
    words += [f"not in {', '.join(changes['exclude'])}"] if changes["exclude"] else []
    return " ".join(words)


def _check(phase: Mapping[str, Any]) -> Text | None:
    if not phase["check"]:
        return None
    limit = f"  in {clean(phase['check_directory'])}, at most {phase['check_timeout_seconds']:g} s"
    return Text.assemble((clean(command_words(phase["check"])), "bold"), (limit, "dim"))
