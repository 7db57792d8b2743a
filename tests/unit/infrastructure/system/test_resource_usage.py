"""Memory in a container, where the machine's own says little."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from cde_orchestrator.infrastructure.system import resource_usage
from cde_orchestrator.infrastructure.system.resource_usage import memory_percent


def group(folder: Path, limit: str, used: int, names: tuple[str, str], kept: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{kept}\n")


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
V2 = ("memory.max", "memory.current")


@pytest.mark.parametrize(
    ("line", "folder", "names", "kept"),
    [
        ("0::/pod/box", "pod/box", V2, "inactive_file 200"),
        ("0::/pod/box", "pod", V2, "inactive_file 200"),
        ("0::/outside/of/it", ".", V2, "inactive_file 200"),
        ("4:memory:/box", "memory/box", V1, "total_inactive_file 200"),
        ("4:memory:/host/box", "memory", V1, "total_inactive_file 200"),
    ],
)
def test_the_limit_of_the_control_group_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    folder: str,
    names: tuple[str, str],
    kept: str,
) -> None:
    own = tmp_path / "own"
    own.write_text(f"9:name=systemd:/\n{line}\n")
    groups = tmp_path / "groups"
    group(groups / folder, "1000", 1_190, names, kept)
    monkeypatch.setattr(resource_usage, "_OWN_GROUPS", own)
    monkeypatch.setattr(resource_usage, "_CONTROL_GROUPS", groups)

    assert memory_percent() == pytest.approx(99.0)


@pytest.mark.parametrize("limit", ["max", "9223372036854771712", "nonsense"])
def test_a_group_without_a_limit_leaves_it_to_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    own = tmp_path / "own"
    own.write_text("0::/\n")
    group(tmp_path / "groups", limit, 1_000, V2, "inactive_file 0")
    monkeypatch.setattr(resource_usage, "_OWN_GROUPS", own)
    monkeypatch.setattr(resource_usage, "_CONTROL_GROUPS", tmp_path / "groups")

    assert memory_percent() == pytest.approx(psutil.virtual_memory().percent, abs=10)


def test_a_system_without_control_groups_has_memory_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_usage, "_OWN_GROUPS", tmp_path / "none")
    assert 0 < memory_percent() <= 100
