"""Servers over stdio, 4 at once on one project, each killed in the midst of its work."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from tests.simulation.oracle import SEED, choices
from tests.simulation.server import Server
from tests.soak import SOAK

SERVERS = 4
KILLS_EACH = 50 if SOAK else 3
CALLS_AHEAD = 15
"""Calls that are sent without waiting for replies, so that the kill finds one being made."""


def drive(root: Path, lane: int, random: Random) -> tuple[set[str], set[str]]:
    """Start and kill servers; the features that were asked for, and acknowledged."""
    asked: set[str] = set()
    acknowledged: set[str] = set()
    for life in range(KILLS_EACH):
        names = [f"lane-{lane}-life-{life}-{number}" for number in range(CALLS_AHEAD)]
        asked.update(names)
        with Server(root) as server:
            server.start_features(names)
            for _ in range(random.randint(1, CALLS_AHEAD - 3)):
                assert server.receive() is not None
            until = time.perf_counter() + random.uniform(0.0, 0.003)
            while time.perf_counter() < until:
                pass
            server.kill()
        acknowledged |= server.acknowledged
    return asked, acknowledged


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_servers_that_are_killed_lose_nothing_that_they_acknowledged(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    application = build_application(root)
    application.handle(OnboardProject())
    application.close()
    with ThreadPoolExecutor(SERVERS) as pool:
        lanes = [
            pool.submit(drive, root, lane, choices(f"kills {lane}")) for lane in range(SERVERS)
        ]
        results = [lane.result() for lane in lanes]
    asked = set().union(*(asked for asked, _ in results))
    acknowledged = set().union(*(acknowledged for _, acknowledged in results))
    repository = FilesystemProjectRepository()
    present = {feature.name for feature in repository.get(root).features}
    assert acknowledged <= present <= asked, f"seed {SEED}"
    assert acknowledged
    assert repository.verify(root) == []
