"""A project's ports are made when they are asked for, once, whoever asks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.project_ports import ProjectPorts
from tests.fakes import InMemoryFiles


@pytest.fixture
def ports(tmp_path: Path) -> ProjectPorts:
    return ProjectPorts(tmp_path, Settings(), OperationMeter())


def made(ports: ProjectPorts) -> set[str]:
    """The names of the ports that were made."""
    return vars(ports).keys() & {name for name in dir(ProjectPorts) if not name.startswith("_")}


def test_a_port_is_made_when_it_is_asked_for(ports: ProjectPorts) -> None:
    assert made(ports) == set()
    ports.named(["root", "git", "clock"])

    assert made(ports) == {"git", "breakers"}


def test_threads_that_ask_at_once_get_the_same(ports: ProjectPorts) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ports.repository, range(64)))

    assert all(each is ports.repository for each in found)


def test_with_another_in_its_place_all_others_are_shared(ports: ProjectPorts) -> None:
    files = InMemoryFiles()
    moved = ports.instead(files=files)

    assert moved.named(["files", "root"]) == {"files": files, "root": ports.root}
    assert moved.agents is ports.agents
    assert moved.repository is ports.recovery
    assert ports.files is not files


def test_what_is_made_of_several_ports_is_made_of_those_in_their_place(ports: ProjectPorts) -> None:
    files = InMemoryFiles()
    moved = ports.instead(files=files)

    assert moved.rendering.files is files
    assert moved.outputs.files is files
    assert moved.outputs.objects is ports.objects


def test_what_was_never_made_is_not_made_to_be_closed(ports: ProjectPorts) -> None:
    ports.close()

    assert made(ports) == set()
