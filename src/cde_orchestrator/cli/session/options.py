"""Options that every command takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from cde_orchestrator.cli.session import completion
from cde_orchestrator.cli.session.help import folder_named

_FEATURE = "The feature's name, id or the beginning of its id."

FeatureArgument: TypeAlias = Annotated[
    str, typer.Argument(help=_FEATURE, autocompletion=completion.features)
]

OpenFeatureArgument: TypeAlias = Annotated[
    str, typer.Argument(help=_FEATURE, autocompletion=completion.open_features)
]

TheOpenFeature: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        help=f"{_FEATURE} Default: the only open one.", autocompletion=completion.open_features
    ),
]
"""For `Call.feature`."""

TheCompletedFeature: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        help=f"{_FEATURE} Default: the one completed last.", autocompletion=completion.features
    ),
]
"""For `Call.feature`, with ``completed``."""

ProjectOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        parser=folder_named,
        help="The project's folder. Default: the nearest one from the current folder "
        "upwards, else the current folder.",
    ),
]

JsonOption: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output.")
]

AGENT = "cde_orchestrator.agent"
"""Where the parser's context has the agent that a command is for."""


def _noted(context: typer.Context, name: str | None) -> str | None:
    """The name of an agent at work, which the journal is to have: no list of agents to run."""
    context.meta[AGENT] = name
    return name


AgentOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The name of the agent at work, for the history; without it, no lease is taken.",
        callback=_noted,
    ),
]

TakeoverOption: TypeAlias = Annotated[
    bool, typer.Option("--takeover", help="Override another agent's lease; this is recorded.")
]

ReasonOption: TypeAlias = Annotated[str | None, typer.Option("--reason", "-r", help="Why.")]
