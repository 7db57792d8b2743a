"""What runs of agents reach: the place that names the adapters for it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cde_orchestrator.application.ports.made_once import MadeOnce
from cde_orchestrator.domain.standing import Standing
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry

if TYPE_CHECKING:
    from cde_orchestrator.adapters.git.worktrees import GitWorktrees
    from cde_orchestrator.application.ports.agents import Agents
    from cde_orchestrator.application.ports.runs import Runs


class RunPorts:
    """Those of the ports of a project; the attributes are as of ``ProjectPorts``."""

    root: Path
    making: threading.RLock
    shared: Any
    standing: Standing

    @MadeOnce
    def breakers(self) -> BreakerRegistry:
        """The project's circuit breakers."""
        return BreakerRegistry(self.root)

    @MadeOnce
    def worktrees(self) -> GitWorktrees:
        """Folders that features have of their own."""
        from cde_orchestrator.adapters.git.worktrees import GitWorktrees

        return GitWorktrees(self.root, self.breakers)

    @MadeOnce
    def agents(self) -> Agents:
        """The agents that can be started."""
        from cde_orchestrator.adapters.runners.agent_process import CommandLineAgents

        return CommandLineAgents(self.root, self.breakers)

    @MadeOnce
    def runs(self) -> Runs:
        """The runs of features on this machine."""
        from cde_orchestrator.adapters.runners.background_runs import BackgroundRuns

        return BackgroundRuns(self.root)
