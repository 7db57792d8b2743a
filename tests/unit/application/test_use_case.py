"""Every use case has a name for logs and the journal, and says whether it changes the project."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from inspect import signature
from pathlib import Path
from typing import Any, cast, get_type_hints

import pytest

from cde_orchestrator import application
from cde_orchestrator.application.checks.baselines import Baselines
from cde_orchestrator.application.features.followed_workflow import ProjectFeatures
from cde_orchestrator.application.features.phase_prompt import PhasePrompts
from cde_orchestrator.application.features.project_outputs import ProjectOutputs
from cde_orchestrator.application.features.project_sources import ProjectSources
from cde_orchestrator.application.features.submission import SubmissionPorts
from cde_orchestrator.application.ports.agents import Agents
from cde_orchestrator.application.ports.breakers import Breakers
from cde_orchestrator.application.ports.checks import (
    Callers,
    CheckRunner,
    ContentValidator,
    ObjectStore,
    TrustStore,
    VersionControl,
)
from cde_orchestrator.application.ports.clients import ClientPrograms
from cde_orchestrator.application.ports.commits import Commits
from cde_orchestrator.application.ports.core import (
    Doctor,
    ErrorReports,
    LogReader,
    MergeDriver,
    MovableState,
    ProjectFiles,
    ProjectInspector,
    ProjectRepository,
    PromptRenderer,
    StateRecovery,
    WorkflowRepository,
)
from cde_orchestrator.application.ports.health import Health
from cde_orchestrator.application.ports.runs import Runs
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.onboard_project import SetProjectStatus
from cde_orchestrator.application.projects.trust_commands import ProjectCommands
from cde_orchestrator.application.proofs.proving import Proving
from cde_orchestrator.application.proofs.verifying import Verifying
from cde_orchestrator.application.state.undo_rollback import WorkPlaces
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.domain.clock import Clock
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.domain.value import completed
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.project_ports import ProjectPorts

PATH = application.__path__

PORTS: Mapping[str, Any] = {
    "root": Path,
    "home": Path,
    "repository": ProjectRepository,
    "files_repository": MovableState,
    "movable": MovableState,
    "recovery": StateRecovery,
    "doctor": Doctor,
    "merge_driver": MergeDriver,
    "workflows": WorkflowRepository,
    "prompts": PromptRenderer,
    "baselines": Baselines,
    "features": ProjectFeatures,
    "rendering": PhasePrompts,
    "outputs": ProjectOutputs,
    "submission": SubmissionPorts,
    "inspector": ProjectInspector,
    "content": ContentValidator,
    "objects": ObjectStore,
    "standing": Standing,
    "checks": CheckRunner,
    "reports": ErrorReports,
    "files": ProjectFiles,
    "trust": TrustStore,
    "callers": Callers,
    "git": VersionControl,
    "proving": Proving,
    "sources": ProjectSources,
    "places": WorkPlaces,
    "logs": LogReader,
    "clock": Clock,
    "agents": Agents,
    "runs": Runs,
    "clients": ClientPrograms,
    "commits": Commits,
    "breakers": Breakers,
    "health": Health,
    "commands": ProjectCommands,
    "verifying": Verifying,
}
"""What a use case may name, and the type that it is named with."""

NAMES = """
    approve_phase check_input close_feature compact_state connect_client diagnose diff_states
    disconnect_client edit_feature export_state expose_metrics fail_phase find_feature
    finish_feature follow_logs get_assignment get_feature_status get_health get_project_info
    get_pulse get_trusted_agents grow_feature install_merge_driver leave_fork list_agents
    list_alerts list_backups list_breakers list_changes list_clients list_error_reports
    list_features list_slow_operations move_state move_work onboard_project open_pull_request
    read_logs record_agent_run reopen_feature report_feature reset_breaker restore_outputs
    restore_state resume_feature revoke_trust rollback_feature run_agent salvage_state save_progress
    see_feature send_back set_check set_project_status show_approval show_baseline
    show_check_output show_checks show_client_entry show_code_changes show_criterion
    show_dashboard show_error_report show_feature show_operations show_output show_run
    show_run_choices show_running show_start show_versions show_workflows start_feature
    start_run stop_run submit_work test_agent test_alert trace_call trust_agents trust_checks
    trust_folder try_checks validate_workflows verify_features verify_state waive_criterion
    watch_alerts watch_health write_guide write_hooks
"""


def use_cases() -> list[type[UseCase[Any]]]:
    """Every use case of the product."""
    names = [each.name for each in pkgutil.walk_packages(PATH, f"{application.__name__}.")]
    return [
        member
        for name in names
        for member in vars(importlib.import_module(name)).values()
        if isinstance(member, type) and issubclass(member, UseCase) and member.__module__ == name
        if member is not UseCase
    ]


@pytest.mark.parametrize("use_case", use_cases())
def test_a_use_case_is_a_value_of_named_arguments(use_case: type[UseCase[Any]]) -> None:
    members = fields(cast("Any", completed(use_case)))
    arguments: Any = {member.name: "x" for member in members}
    made = use_case(**arguments)

    assert all(member.kw_only for member in members)
    assert made == use_case(**arguments)
    for member in members:
        with pytest.raises(FrozenInstanceError):
            setattr(made, member.name, "y")


def test_the_names_of_operations_stay_as_they_are_in_logs_metrics_and_journals() -> None:
    assert sorted(use_case.operation for use_case in use_cases()) == NAMES.split()


@pytest.mark.parametrize("use_case", use_cases())
def test_a_use_case_names_the_ports_that_it_needs(use_case: type[UseCase[Any]]) -> None:
    parameters = signature(use_case.__call__).parameters
    hints = get_type_hints(use_case.__call__)

    assert use_case.needs() == tuple(name for name in parameters if name != "self")
    assert {name: hints[name] for name in use_case.needs()} == {
        name: PORTS[name] for name in use_case.needs()
    }


def test_a_project_has_every_port_that_a_use_case_may_need(tmp_path: Path) -> None:
    given = ProjectPorts(tmp_path, Settings(), OperationMeter()).named(PORTS)

    assert PORTS.keys() == {name for use_case in use_cases() for name in use_case.needs()}
    assert None not in given.values()


def test_a_use_case_tells_its_arguments_by_name() -> None:
    assert SetProjectStatus(status="active").arguments() == {"status": "active"}
    assert GetProjectInfo().arguments() == {}
