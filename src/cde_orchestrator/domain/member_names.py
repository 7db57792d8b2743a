"""Members of the state as people call them, for what a change has no sentence of its own for."""

from __future__ import annotations

UPDATED = "time of the last change"
_OF_BOTH = {
    "id": "id",
    "name": "name",
    "path": "folder",
    "status": "status",
    "prompt": "goal",
    "project_id": "project",
    "created_at": "start",
    "updated_at": UPDATED,
    "metadata": "facts",
    "workflows": "workflows",
    "artifacts": "outputs",
    "phases": "phases",
    "current_phase": "current phase",
    "claim": "lease",
    "closing": "reason of the end",
    "workflow_type": "workflow",
    "workflow_digest": "workflow",
    "workflow_file": "workflow",
    "idempotency_key": "call that started it",
    "branch": "branch",
    "verified": "new proof",
    "baseline": "source at the start",
    "base": "source at the start",
    "trials": "tried checks",
    "seen_source": "source",
    "waivers": "waivers",
    "events": "events",
}
"""Of a project and of a feature."""
_OF_PHASE = {
    "id": "id",
    "status": "status",
    "attempts": "attempts",
    "attempts_before": "attempts",
    "started_at": "start",
    "completed_at": "end",
    "outputs": "outputs",
    "failures": "failures",
    "evidence": "check",
    "check_output": "what the check printed",
    "progress": "notes",
    "accepted_tree": "accepted source",
    "accepted_goal": "accepted goal",
    "doer": "who did it",
    "entered": "outputs at the start",
    "entered_at": "outputs at the start",
    "written": "texts that were checked",
    "start_commit": "HEAD at the start",
    "start_source": "source at the start",
    "end_commit": "HEAD at the end",
    "proof": "proof",
    "approval": "approval",
    "difference": "difference",
    "given": "who got its prompt",
    "returned": "why it came back",
    "refused": "refusal",
    "tasks": "tasks",
    "ticks": "ticks",
    "runs": "runs",
    "past": "earlier attempts",
}


def member_name(keys: tuple[str, ...]) -> str | None:
    """A member as people call it; None of one that this release does not know.

    Args:
        keys: where it is in the project, or in the feature that it is of.
    """
    if keys[:1] == ("phases",) and len(keys) > 1:
        inner = keys[3:] if keys[2:3] == ("work",) else keys[2:]
        name = _OF_PHASE.get(inner[0]) if inner else "all of it"
        return f"{name} ({keys[1]})" if name else None
    inner = keys[1:] if keys[:1] == ("work",) else keys
    return _OF_BOTH.get(inner[0]) if inner else None
