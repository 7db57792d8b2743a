"""The prompt of an open feature's present phase, from the state as a hook has read it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cde_orchestrator.adapters.project_files.files import FilesystemProjectFiles
from cde_orchestrator.adapters.repositories.codec import decode_project
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.refusing import refusing_unreadable
from cde_orchestrator.adapters.runners.trust import UserTrustStore
from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
from cde_orchestrator.adapters.workflows.yaml_repository import (
    PACKAGED_FILE,
    YamlWorkflowRepository,
)
from cde_orchestrator.application.features.phase_prompt import ONLOOKER, PhasePrompts
from cde_orchestrator.application.features.present_workflow import as_followed, followed_by
from cde_orchestrator.hooks.open_work import Stored

if TYPE_CHECKING:
    from cde_orchestrator.project_ports import ProjectPorts


def present_prompt(root: Path, document: Stored, feature_id: str) -> str:
    """What ``PhasePrompts`` gives an onlooker; empty where the feature is closed.

    Args:
        root: the project's folder, which a person trusts.
        document: the project's state.
        feature_id: one of its features.

    Raises:
        CDEError: E201, E310 or E311.
    """
    own = {**document}
    with refusing_unreadable(own, "the project"):
        project = decode_project(own, FeatureIndex(), str(root))
    feature = project.feature(feature_id)
    trust = UserTrustStore(packaged=PACKAGED_FILE.parent)
    world = (YamlWorkflowRepository(), trust, lambda: _ports(root).commands.proofs.runners)
    workflow = followed_by(root, project, feature, *world).workflow
    ports = (lambda: _ports(root).callers, lambda: _ports(root).git, lambda: _ports(root).proving)
    prompts = PhasePrompts(root, JinjaPromptRenderer(), FilesystemProjectFiles(), *ports)
    phase = prompts.committed_view(project, as_followed(feature, workflow), workflow, ONLOOKER)
    return "" if phase is None else phase["prompt"]


def _ports(root: Path) -> ProjectPorts:
    """What an onlooker does not need."""
    from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
    from cde_orchestrator.infrastructure.settings.settings import load_settings
    from cde_orchestrator.project_ports import ProjectPorts

    return ProjectPorts(root, load_settings(root), OperationMeter())
