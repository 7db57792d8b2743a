"""What people ask an agent for by name: slash commands in clients. They read, and change nothing.

What has to be changed, the agent does afterwards by a tool, which its client may ask about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.prompts import Prompt
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS
from mcp.types import Prompt as ListedPrompt
from pydantic import Field

from cde_orchestrator.application.features.feature_filter import OPEN
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.logs.explain_error import explain_in_markdown
from cde_orchestrator.application.projects.show_workflows import ShowWorkflows
from cde_orchestrator.domain.errors.entry import Reader, tool_call
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.phase_record import state_predicate
from cde_orchestrator.domain.text import counted
from cde_orchestrator.infrastructure.observability.operations import EXPLAIN_ERROR
from cde_orchestrator.mcp_tools import _next, _texts
from cde_orchestrator.mcp_tools._boundary import Service
from cde_orchestrator.mcp_tools._fitting import fitted_text
from cde_orchestrator.mcp_tools._offered import is_offered, offered

FeatureName = Annotated[str | None, Field(description="Name or id; default: the newest open one")]

_NONE_OPEN = (
    "No feature is open. Ask what is wanted, then: "
    'cde_startFeature(prompt="what the feature should do").'
)
_REVIEW = """\
Review this feature as somebody who did not make it. Change no file, submit nothing.

1. Read the goal, then each accepted output, at its path in the project or as the resource named.
2. Compare the source with what the outputs say: `git diff` from where the feature started.
3. For each criterion, say what shows that it holds, or that nothing does. Run the tests.
4. Report findings, worst first, each with file and line; then what holds. Do not repair anything.

If an accepted phase is wrong, name the call to the person and wait for their word: {call}
"""


def start_feature(
    service: Service,
    goal: Annotated[str, Field(description="What the feature should do")],
    workflow: Annotated[str | None, Field(description="Default: the project's")] = None,
) -> str:
    """Start a feature for a goal, and work on its first phase."""
    chosen = {} if workflow is None else {"workflow": workflow}
    if workflow is not None:
        service.handle(ShowWorkflows(name=workflow))
    call = tool_call("cde_startFeature", {"prompt": "the goal, whole", **chosen})
    return (
        f"Start a feature for the goal below: {call}. Pass a short name too. Then follow the "
        f"prompt of the phase that it returns, and submit its outputs.\n\nThe goal:\n\n{goal}\n"
    )


def next_phase(service: Service, feature: FeatureName = None) -> str:
    """Work on the current phase of a feature: its prompt."""
    name = feature or _newest(service, OPEN)
    return _NONE_OPEN if name is None else _status(service, name)


def resume_feature(service: Service, feature: FeatureName = None) -> str:
    """Take up a feature where it is, in a new session."""
    name = feature or _newest(service, OPEN)
    if name is None:
        return _NONE_OPEN
    known = service.handle(GetFeatureStatus(feature_id=name, prompt=False))["feature"]
    call = tool_call("cde_resumeFeature", {"feature_id": known["name"]})
    phase = f" in phase {plain(known['current_phase'])}" if known["current_phase"] else ""
    return (
        f"Take up the feature {plain(known['name'])}, which {state_predicate(known['status'])}"
        f"{phase}: {call}. It returns the goal, what is done, the saved notes and the prompt. Read "
        "the notes first, follow the prompt, and submit its outputs."
    )


def review_feature(
    service: Service,
    feature: Annotated[str | None, Field(description="Name or id; default: the newest")] = None,
) -> str:
    """Review what a feature has made, without changing anything."""
    name = feature or _newest(service, None)
    if name is None:
        return _NONE_OPEN
    asked = GetFeatureStatus(feature_id=name, detail="full", prompt=False)
    status = service.handle(asked)
    name = status["feature"]["name"]
    outputs = [
        f"- {plain(output['path'])}, phase {plain(record['id'])}, "
        f"{counted(output['size'], 'byte')}: cde://features/{name}/outputs/{output['id']}"
        for record in status["phases"]
        for output in record["outputs"]
    ]
    done = [record["id"] for record in status["phases"] if record["status"] == "completed"]
    back = {"feature_id": name, "to_phase": done[-1] if done else "PHASE", "reason": "WHY"}
    call = tool_call("cde_rollbackFeature", back)
    if not is_offered("cde_rollbackFeature"):
        call = f"cde rollback {name} {back['to_phase']} --reason WHY"
    status["phase"] = None  # whose prompt is for who works on it
    listed = "\n".join(outputs) or "None yet."
    about = f"{_texts.feature_status(status)}\n\nAccepted outputs:\n{listed}\n"
    text = f"{_REVIEW.format(call=call)}\n{about}"
    return fitted_text(text, "", "", f"cde status {name} --full --json")


def explain_error(
    service: Service, code: Annotated[str, Field(description="As E101, from an error")]
) -> str:
    """Explain an error code, and repair what caused it."""
    explained = service.run(
        EXPLAIN_ERROR, lambda: explain_in_markdown(code, Reader.AGENT, offered())
    )
    return f"Explain this error in a few words, then do what is safe of what helps:\n\n{explained}"


@dataclass(frozen=True, slots=True)
class _Offered:
    title: str
    function: Callable[..., str]


PROMPTS = (
    _Offered("Start a feature", start_feature),
    _Offered("Work on the next phase", next_phase),
    _Offered("Resume a feature", resume_feature),
    _Offered("Review a feature", review_feature),
    _Offered("Explain an error", explain_error),
)


def register(server: MCPServer[Any], service: Service) -> None:
    """Add every prompt to the server."""
    for each in PROMPTS:
        function = MethodType(each.function, service)
        described = (each.function.__doc__ or "").strip()
        made = Prompt.from_function(function, title=each.title, description=described)
        server.add_prompt(made)


def stated(
    listed: list[ListedPrompt], name: str, arguments: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The arguments that say something; an empty one counts as omitted, as clients fill in forms.

    Raises:
        MCPError: there is no such prompt or argument, or one is missing.
    """
    prompt = next((each for each in listed if each.name == name), None)
    if prompt is None:
        raise MCPError(INVALID_PARAMS, f"Unknown prompt: {name}")
    given = {key: value for key, value in (arguments or {}).items() if value not in (None, "")}
    known = {each.name: each for each in prompt.arguments or []}
    for key in given:
        if key not in known:
            taken = ", ".join(known)
            raise MCPError(INVALID_PARAMS, f"Unknown argument: {key}; the prompt takes: {taken}")
    for key, each in known.items():
        if each.required and key not in given:
            raise MCPError(INVALID_PARAMS, f"Missing argument: {key}")
    return given


def _newest(service: Service, status: str | None) -> str | None:
    rows = service.handle(ListFeatures(status=status, limit=1))["features"]
    return rows[0]["name"] if rows else None


def _status(service: Service, name: str) -> str:
    answer = service.handle(GetFeatureStatus(feature_id=name))
    following = _next.on_feature(answer)
    call = tool_call(following["tool"], following["arguments"])
    prompt = (answer["phase"] or {"prompt": ""})["prompt"]
    whole = f"cde status {answer['feature']['name']} --full --json"
    end = f"\n\nNext: {call}: {following['why']}.\n"
    return fitted_text(_texts.feature_status(answer).rstrip("\n"), prompt.rstrip("\n"), end, whole)
