"""Fixes and calls that help against more than one failure."""

from __future__ import annotations

from typing import Any

from cde_orchestrator.domain.errors.entry import Fix


def fix(command: str, tool: str | None = None, **arguments: Any) -> Fix:
    """A fix by ``cde`` and the words of ``command``, or by ``tool`` with ``arguments``."""
    return Fix(("cde", *command.split()), tool, arguments)


def here(command: str, tool: str | None = None, **arguments: Any) -> Fix:
    """The same in the project that the failure is about."""
    return fix(command + " --project {project_path}", tool, **arguments)


def explaining(code: str) -> Fix:
    """What is left where no command is the remedy: the explanation of the code."""
    return fix(f"explain {code}", "cde_explainError", code=code)


def usage(code: str) -> Fix:
    """The fix where the call itself has to change: how the command that was typed is used."""
    return fix("{subcommand} --help", "cde_explainError", code=code)


def restore_at(sequence: int) -> Fix:
    """The fix that makes the state as of a change the present one."""
    return here(f"state restore --at {sequence}", "cde_recoverState", action="restore", at=sequence)


ACTIVATE = here("project activate", "cde_setProjectStatus", status="active")
APPROVE = here("approve {feature}")
BACKUPS = here("state backups", "cde_recoverState", action="backups")
COMPACT = here("state compact")
DOCTOR = here("doctor")
DOCTOR_FIX = here("doctor --fix")
HISTORY = here("state history", "cde_recoverState", action="history")
SHOW_FEATURE = here("status {feature}")
TEST_AGENT = here("agents test {agent}")
LIST_AGENTS = here("agents list")
OPEN_PAGE = fix("dashboard")
LIST_CLIENTS = here("connect")
LIST_FEATURES = here("list", "cde_listFeatures")
LIST_REPORTS = here("errors list")
LIST_TRUST = here("trust --list")
LIST_WORKFLOWS = here("workflow list", "cde_getProjectInfo")
LOGS = here("logs")
NEW = here("init --new")
PROJECT_INFO = here("project info", "cde_getProjectInfo")
PROJECT_INFO_AT = fix("project info --project {path}", "cde_getProjectInfo")
SALVAGE = here("state salvage")
SERVE_LOCALLY = here("serve --transport http --port 0")
SHOW_SETTINGS = here("project settings")
SHOW_PROMPT = here("status {feature} --prompt", "cde_getFeatureStatus", feature_id="{feature}")
SHOW_STATUS = here("status {feature}", "cde_getFeatureStatus", feature_id="{feature}")
START_AGAIN = here(
    "rollback {feature} {owner} --reason {problems}",
    "cde_rollbackFeature",
    feature_id="{feature}",
    to_phase="{owner}",
    reason="{problems}",
)
SUBMIT = here(
    "submit {feature} {phase}", "cde_submitWork", feature_id="{feature}", phase_id="{phase}"
)
TRUST = here("trust")
UPGRADE = fix("--version")
VERIFY = here("verify")
VALIDATE_WORKFLOWS = here("workflow validate")
SHOW_CHECKS = here("check")

INFO_CALL = ("cde project info", "cde_getProjectInfo()")
STATUS_CALL = ("cde status {feature}", "cde_getFeatureStatus()")
PROMPT_CALL = ("cde status {feature} --prompt", "cde_getFeatureStatus()")
HISTORY_CALL = ("cde state history", 'cde_recoverState(action="history")')
"""Calls that suggestions name: the command, then the tool."""
