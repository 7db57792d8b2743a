"""The composition root: the only place that names concrete adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from cde_orchestrator.adapters.filesystem_object_store import FilesystemObjectStore
from cde_orchestrator.adapters.filesystem_project_repository import FilesystemProjectRepository
from cde_orchestrator.adapters.git_version_control import GitVersionControl
from cde_orchestrator.adapters.jinja_prompt_renderer import JinjaPromptRenderer
from cde_orchestrator.adapters.output_syntax import ParsingSyntaxJudge
from cde_orchestrator.adapters.process_callers import ProcessCallers
from cde_orchestrator.adapters.project_doctor import ProjectDoctor
from cde_orchestrator.adapters.project_files import FilesystemProjectFiles
from cde_orchestrator.adapters.project_inspector import FilesystemProjectInspector
from cde_orchestrator.adapters.subprocess_check_runner import SubprocessCheckRunner
from cde_orchestrator.adapters.user_trust_store import UserTrustStore
from cde_orchestrator.adapters.yaml_workflow_repository import YamlWorkflowRepository
from cde_orchestrator.application.ports import Ports
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.infrastructure.operations import Operation
from cde_orchestrator.infrastructure.state_files import FOLDER

Reply = TypeVar("Reply")


class Application:
    """The product for one project: give it a use case, get the reply."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    @property
    def root(self) -> Path:
        """The project's folder, absolute."""
        return self._ports.root

    def handle(self, use_case: UseCase[Reply]) -> Reply:
        """Run a use case inside one operation.

        Raises:
            CDEError: it was refused or failed.
        """
        operation = Operation(use_case.operation(), str(self.root))
        return operation.run(lambda: use_case(self._ports))

    def close(self) -> None:
        """Finish what can be finished cheaply; the application is not used afterwards."""
        self._ports.repository.close()


def build_application(root: Path) -> Application:
    """The product for the project at ``root``, on the file system."""
    repository = FilesystemProjectRepository()
    workflows = YamlWorkflowRepository()
    prompts = JinjaPromptRenderer()
    files = FilesystemProjectFiles()
    return Application(
        Ports(
            root=root,
            repository=repository,
            recovery=repository,
            doctor=ProjectDoctor(repository, workflows, prompts, files),
            workflows=workflows,
            prompts=prompts,
            files=files,
            inspector=FilesystemProjectInspector(),
            syntax=ParsingSyntaxJudge(),
            checks=SubprocessCheckRunner(),
            trust=UserTrustStore(),
            objects=FilesystemObjectStore(),
            git=GitVersionControl(),
            callers=ProcessCallers(),
        )
    )


def find_project_root(start: Path) -> Path:
    """The nearest folder from ``start`` upwards that holds a project, else ``start``."""
    resolved = start.expanduser().resolve()
    for folder in (resolved, *resolved.parents):
        if (folder / FOLDER).is_dir():
            return folder
    return resolved
