"""A project's ports are made when they are asked for, once, whoever asks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cde_orchestrator.bootstrap import Application
from cde_orchestrator.infrastructure.monitoring.telemetry.meter import OperationMeter
from cde_orchestrator.infrastructure.settings.settings import Settings
from cde_orchestrator.infrastructure.system import viewing
from cde_orchestrator.infrastructure.trust.judge import VARIABLE, FolderTrust
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


class WatchedPorts(ProjectPorts):
    """Ports during whose closing another thread asks for the standing of the folder."""

    application: Application
    answered: list[str]

    def close(self) -> None:
        """Wait for the other thread, as for a database that does not answer."""
        asking = threading.Thread(
            target=lambda: self.answered.append(self.application.standing.kind), daemon=True
        )
        asking.start()
        asking.join(timeout=10)
        super().close()


def test_no_other_call_waits_for_the_ports_of_a_folder_that_is_trusted_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    settings = tmp_path / "root" / ".cde" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.touch()
    application = Application(tmp_path / "root", WatchedPorts)
    FolderTrust().accept(tmp_path / "root", application.standing.files)
    monkeypatch.setattr(WatchedPorts, "application", application, raising=False)
    monkeypatch.setattr(WatchedPorts, "answered", [], raising=False)
    _ = application.agents
    settings.write_text("[")
    assert application.standing.kind == "changed"
    assert WatchedPorts.answered == ["changed"]
    viewing.forget_all()
