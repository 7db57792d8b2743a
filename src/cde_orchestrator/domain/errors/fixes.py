"""Fixes and calls that help against more than one failure."""

from __future__ import annotations

from cde_orchestrator.domain.errors.entry import Fix

_HERE = ("--project", "{project_path}")

ACTIVATE = Fix(
    ("cde", "project", "activate", *_HERE),
    tool="cde_setProjectStatus",
    arguments={"status": "active"},
)
BACKUPS = Fix(
    ("cde", "state", "backups", *_HERE), tool="cde_recoverState", arguments={"action": "backups"}
)
COMPACT = Fix(("cde", "state", "compact", *_HERE))
DOCTOR = Fix(("cde", "doctor", *_HERE))
DOCTOR_FIX = Fix(("cde", "doctor", "--fix", *_HERE))
HISTORY = Fix(
    ("cde", "state", "history", *_HERE), tool="cde_recoverState", arguments={"action": "history"}
)
LIST_AGENTS = Fix(("cde", "agents", "list", *_HERE))
LIST_FEATURES = Fix(("cde", "list", *_HERE), tool="cde_listFeatures")
LIST_REPORTS = Fix(("cde", "errors", "list", *_HERE))
LIST_WORKFLOWS = Fix(("cde", "workflow", "list", *_HERE), tool="cde_getProjectInfo")
LOGS = Fix(("cde", "logs", *_HERE))
PROJECT_INFO = Fix(("cde", "project", "info", *_HERE), tool="cde_getProjectInfo")
SHOW_SETTINGS = Fix(("cde", "project", "settings", *_HERE))
SHOW_STATUS = Fix(
    ("cde", "status", "{feature}", *_HERE),
    tool="cde_getFeatureStatus",
    arguments={"feature_id": "{feature}"},
)
TRUST = Fix(("cde", "trust", *_HERE))
VALIDATE_WORKFLOWS = Fix(("cde", "workflow", "validate", *_HERE))

INFO_CALL = ("cde project info", "cde_getProjectInfo()")
STATUS_CALL = ("cde status {feature}", "cde_getFeatureStatus()")
PROMPT_CALL = ("cde status {feature} --prompt", "cde_getFeatureStatus()")
HISTORY_CALL = ("cde state history", 'cde_recoverState(action="history")')
"""Calls that suggestions name: the command, then the tool."""
