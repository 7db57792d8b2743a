"""What an agent does next, as a call that it can make: part of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.mcp_tools._offered import is_offered

if TYPE_CHECKING:
    from cde_orchestrator.application.features.rollback_feature import RollbackReply
    from cde_orchestrator.application.ports.health import HealthReply
    from cde_orchestrator.application.state.recover_state import (
        BackupsReply,
        HistoryReply,
        RestoreReply,
        VerifyReply,
    )
    from cde_orchestrator.application.views import (
        FeatureListReply,
        FeatureReply,
        PhaseView,
        ProjectView,
    )
    from cde_orchestrator.domain.errors.formatter import ErrorPayload

WHY_LIMIT = 300
OUTPUTS_EXIST = "once the phase's outputs exist"


class NextView(TypedDict):
    """The call to make next, with the arguments that are known, and why or when."""

    tool: str
    arguments: dict[str, Any]
    why: str


def call(tool: str, why: str, **arguments: Any) -> NextView:
    """The call of a tool; where the client was not offered it, what it can see instead."""
    if not is_offered(tool):
        return open_features(f"{why} (not with the tools offered); shows what is unfinished")
    return {"tool": tool, "arguments": arguments, "why": why}


def open_features(why: str = "shows the features that are unfinished") -> NextView:
    """To see what else there is to do."""
    return call("cde_listFeatures", why, status="open")


def in_project(project: ProjectView, unfinished: int | None = None) -> NextView:
    """In a project of which nothing else is known than how many features are open."""
    if project["status"] != "active":
        return call(
            "cde_setProjectStatus",
            "only an active project starts features: cde project activate",
            status="active",
        )
    if unfinished:
        return open_features()
    return call("cde_startFeature", "starts a feature; prompt says what it should do")


def on_feature(reply: FeatureReply) -> NextView:
    """On a feature, after anything that shows where it is."""
    feature, phase = reply["feature"], reply["phase"]
    if "running" in reply:
        why = "a check runs for the phase; wait until it has ended"
        return call("cde_getFeatureStatus", why, feature_id=feature["name"])
    if phase is not None:
        return _in_phase(feature["name"], phase)
    if feature["status"] == "failed":
        return call(
            "cde_resumeFeature", "tries the phase that failed again", feature_id=feature["name"]
        )
    if reply.get("open_features") == 0:
        return in_project(reply["project"])
    from cde_orchestrator.domain.phase_record import state_predicate

    return open_features(
        f"{plain(feature['name'])} {state_predicate(feature['status'])}; shows what is not"
    )


def _in_phase(name: str, phase: PhaseView) -> NextView:
    if phase["handler"] == "human_input":
        why = f"a person decides first: cde approve {plain(name)}; shows whether they have"
        return call("cde_getFeatureStatus", why, feature_id=name)
    why = OUTPUTS_EXIST if phase["outputs"] else "once it is done"
    return call("cde_submitWork", why, feature_id=name, phase_id=phase["id"])


def after_progress(reply: Mapping[str, Any], phase_id: str) -> NextView:
    """After work was saved in a phase."""
    return call(
        "cde_submitWork",
        OUTPUTS_EXIST,
        feature_id=reply["feature"]["name"],
        phase_id=phase_id,
    )


def after_rollback(reply: RollbackReply, reason: str) -> NextView:
    """After a rollback, or a preview of one."""
    if not reply["dry_run"]:
        return on_feature(reply)
    return call(
        "cde_rollbackFeature",
        "does what is described; nothing is changed yet",
        feature_id=reply["feature"]["name"],
        to_phase=reply["feature"]["current_phase"],
        reason=reason,
        code=reply["code"],
    )


def in_list(reply: FeatureListReply) -> NextView:
    """In a list of features."""
    for row in reply["features"]:
        if row["current_phase"] is not None:
            why = "continues it: its prompt, and what was saved"
            return call("cde_resumeFeature", why, feature_id=row["name"])
    if reply["next_cursor"]:
        return call("cde_listFeatures", "the next page", cursor=reply["next_cursor"])
    return in_project(reply["project"])


def in_history(past: HistoryReply) -> NextView:
    """In the state's past."""
    if not past["changes"]:
        return open_features()
    change = past["changes"][min(1, len(past["changes"]) - 1)]["sequence"]
    why = "previews a return to that change; only to undo what came after it"
    return call("cde_recoverState", why, action="restore", at=change)


def after_verify(found: VerifyReply) -> NextView:
    """After the state was checked."""
    if found["whole"]:
        return open_features()
    return call("cde_recoverState", "shows states to return to", action="backups")


def in_backups(kept: BackupsReply) -> NextView:
    """Among the states that are kept."""
    usable = [each["file"] for each in kept["backups"] if not each["problem"]]
    if not usable:
        return open_features()
    why = "previews a return to the newest; only to undo what came after it"
    return call("cde_recoverState", why, action="restore", backup=usable[-1])


def after_restore(done: RestoreReply, command: str | None, **source: Any) -> NextView:
    """After a restore of ``source``, or a preview of one.

    ``command`` is what a person does it with, where none can be asked at the client.
    """
    if not done["dry_run"]:
        return open_features()
    if command is not None:
        why = f"a person restores, if they want it: {plain(command)}; shows what is unfinished"
        return open_features(why)
    why = "asks the person at the client, and restores"
    named = {key: value for key, value in source.items() if value is not None}
    return call("cde_recoverState", why, action="restore", **named, token=done["token"])


def after_explanation(every: Mapping[str, Any] | None) -> NextView:
    """After the catalogue, or one code of it."""
    if every is None:
        return open_features("shows where work continues")
    return call(
        "cde_explainError", "explains one of them", code=every["families"][0]["codes"][0]["code"]
    )


def after_health(health: HealthReply) -> NextView:
    """After the project's health."""
    for name, verdict in health["checks"].items():
        code = health["details"][name]["error_code"]
        if verdict != "ok" and code is not None:
            return call("cde_explainError", f"says what helps with {name}", code=code)
    return open_features()


def after_error(error: ErrorPayload) -> NextView:
    """After a failure: its first fix that is a call, else what explains it."""
    for fix in error["fixes"]:
        if (tool := fix["tool"]) is not None:
            about = [each for each in error["suggestions"] if f": {tool}(" in each]
            why = (about or error["suggestions"])[0].partition(": cde_")[0]
            return call(tool, plain(why, WHY_LIMIT), **fix["arguments"])
    shown = "" if is_offered("cde_explainError") else f": {error['docs']}"
    return call("cde_explainError", f"says what a person can do{shown}", code=error["code"])
