"""How the server introduces itself to clients, and what it tells their agents to begin with."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from mcp.server.caching import CacheableMethod, CacheHint
from mcp.types import Icon

DESCRIPTION = "Leads a coding agent through a feature's phases, each with a prompt and a gate."

INSTRUCTIONS = """\
CDE Orchestrator leads a feature through its phases in one project. The loop: cde_startFeature; \
follow the prompt of the phase that it returns; write its outputs; cde_submitWork, which returns \
the next phase, until the feature is completed. Every answer ends with the next call.
A new session, or after a loss of context: cde_listFeatures(status="open"), then \
cde_resumeFeature. E004: the folder is not set up yet; cde_onboardProject, once.
A refused submission costs no attempt: fix what it names and submit again. Fixes in an error are \
calls that are safe to make as given; one that is only a command is for a person.
Before your context ends or you stop, cde_saveProgress: what is done, found and next.
A check may run for minutes; wait for the answer, or see cde_getFeatureStatus.
Some phases and decisions are a person's: an approval, trust in a check or a folder. Never make \
them yourself: name the command to the person, and wait.
Outputs of accepted phases are records. If one is wrong, cde_rollbackFeature to its phase."""
CORE_INSTRUCTIONS = INSTRUCTIONS.replace("cde_onboardProject, once", "cde init, once").replace(
    "cde_rollbackFeature to its phase", "cde rollback FEATURE PHASE"
)
"""For whoever is offered the tools of the loop alone: for anything else, the command."""

_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#2563eb" '
    'stroke-width="2"><path d="M8 12l3 3 5-6"/><circle cx="12" cy="12" r="10"/>'
    "</svg>"
)
ICONS = [
    Icon(
        src=f"data:image/svg+xml;base64,{base64.b64encode(_DRAWING.encode()).decode()}",
        mime_type="image/svg+xml",
        sizes=["any"],
    )
]

_UNCHANGED = CacheHint(ttl_ms=3_600_000, scope="public")
"""What is listed is the same as long as the server runs; of resources, only their kinds."""
CACHE_HINTS: Mapping[CacheableMethod, CacheHint] = {
    "server/discover": _UNCHANGED,
    "tools/list": _UNCHANGED,
    "resources/templates/list": _UNCHANGED,
    "prompts/list": _UNCHANGED,
}
