"""How the command line runs features: one, or all that are open."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.runs.run_feature import FeatureRun, RunObserver, RunReply
from cde_orchestrator.application.runs.run_features import RunsReply, open_features, run_features
from cde_orchestrator.application.runs.show_agents import GetTrustedAgents
from cde_orchestrator.application.views import FeatureRow
from cde_orchestrator.bootstrap import Application
from cde_orchestrator.cli.views.run import PlainDisplay


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWish:
    """What the options of ``cde run`` say for every feature."""

    names: list[str]
    approve: bool
    timeout_seconds: float | None


def run_one(
    application: Application, reference: str, wish: RunWish, observer: RunObserver, *, apart: bool
) -> tuple[RunReply, Path]:
    """Run a feature in its own folder, if it has one, else in the project's.

    Args:
        application: the product for the project.
        reference: which feature.
        wish: how.
        observer: is told what happens.
        apart: make a folder for it, where git can.

    Returns:
        What became of it, and the folder.
    """
    status = application.handle(GetFeatureStatus(feature_id=reference))
    feature = status["feature"]
    folder = application.worktree_of(feature["name"], make=apart)
    within = application
    if folder is not None:
        outputs = [output for phase in status["phases"] for output in phase["outputs"]]
        within = application.working_in(folder, outputs)
    run = FeatureRun(
        service=within,
        agents=application.agents,
        names=wish.names,
        folder=folder or application.root,
        approve=wish.approve,
        timeout_seconds=wish.timeout_seconds,
        observer=observer,
    )
    # Without a folder of its own, a feature shares the project's with nobody else's agents.
    with nullcontext() if folder else _SHARED:
        return run(feature["id"]), run.folder


def run_all(application: Application, wish: RunWish, *, jobs: int, quiet: bool) -> RunsReply:
    """Run every open feature, several at once.

    Raises:
        CDEError: the agents may not be run here.
    """
    application.handle(GetTrustedAgents(names=wish.names))

    def one(feature: FeatureRow) -> tuple[RunReply, str]:
        observer = RunObserver() if quiet else PlainDisplay(f"{feature['name']}: ")
        reply, folder = run_one(application, feature["id"], wish, observer, apart=True)
        return reply, str(folder)

    return run_features(open_features(application), one, jobs=jobs, stop=application.agents.stop)


_SHARED = threading.Lock()
