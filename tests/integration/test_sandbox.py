"""Commands in a sandbox of the kernel, as agents have one: Landlock, unseen by ``access``."""

from __future__ import annotations

import ctypes
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator.storage.format.files import StateFiles

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
"""Numbers of the system calls, the same on each architecture."""
_NO_NEW_PRIVILEGES = 38
_WRITES = sum(1 << bit for bit in (1, *range(4, 15)))
"""To write or truncate a file, and to make, remove or move whatever is in a folder."""
_OF_A_FILE = 1 << 1 | 1 << 14


def _abi() -> int:
    return int(ctypes.CDLL(None).syscall(_CREATE, 0, 0, 1)) if sys.platform == "linux" else -1


pytestmark = pytest.mark.skipif(_abi() < 3, reason="needs a kernel with Landlock")


def restrict(writable: list[Path]) -> None:
    """Let this process and its children write nowhere else."""
    system = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *words: object) -> int:
        result = int(system.syscall(number, *words))
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    rules = call(_CREATE, struct.pack("<QQ", _WRITES, 0), 16, 0)
    for path in writable:
        folder = os.open(path, os.O_PATH)
        rights = _WRITES if path.is_dir() else _OF_A_FILE
        call(_ADD_RULE, rules, 1, struct.pack("<Qi", rights, folder), 0)
        os.close(folder)
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call(_RESTRICT, rules, 0)
    os.close(rules)


def cde(root: Path, *words: str, writable: list[Path] | None = None) -> tuple[int, str, str]:
    """Exit code and both outputs of a command; in a sandbox where ``writable`` is given."""
    ran = subprocess.run(
        [sys.executable, "-m", "cde_orchestrator", *words, "--project", str(root)],
        preexec_fn=None if writable is None else lambda: restrict(writable),
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def started(root: Path, name: str, writable: list[Path] | None = None) -> int:
    return cde(root, "start", "Do it", "--name", name, writable=writable)[0]


def listed(root: Path, writable: list[Path] | None = None) -> list[str]:
    found = json.loads(cde(root, "list", "--json", writable=writable)[1])
    return [feature["name"] for feature in found["features"]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    made = [sys.executable, "-m", "cde_orchestrator", "init", str(root)]
    subprocess.run(made, check=True, capture_output=True)
    assert started(root, "one") == 0
    return root


def test_an_agent_that_may_write_only_into_the_project_loses_nothing(
    root: Path, tmp_path: Path
) -> None:
    inside = [root / ".cde", Path(os.devnull)]
    vault = StateFiles(root).backups

    assert started(root, "two", inside) == 0
    assert "E220" in cde(root, "doctor", writable=inside)[1]
    (root / ".cde" / "journal.jsonl").unlink()
    assert listed(root, inside) == ["two", "one"]
    assert started(root, "three") == 0

    assert listed(root) == ["three", "two", "one"]
    assert StateFiles(root).backups == vault
    assert not (root / ".cde" / "backups").exists()
    assert "E220" not in cde(root, "doctor")[1]
    (root / ".cde" / "journal.jsonl").unlink()
    (root / ".cde" / "state.json").unlink()
    assert listed(root) == ["three", "two", "one"]


def test_an_agent_that_may_only_read_finds_no_damage(root: Path) -> None:
    nowhere = [Path(os.devnull)]

    code, said, errors = cde(root, "list", writable=nowhere)
    assert (code, "one" in said) == (0, True)
    assert "state_not_repaired" not in errors
    assert cde(root, "state", "verify", writable=nowhere)[0] == 0
    found = cde(root, "doctor", writable=nowhere)[1]
    assert not {"E212", "E220"} & set(found.split())
    code, _, errors = cde(root, "start", "Do it", "--name", "two", writable=nowhere)
    assert (code != 0, "E206" in errors) == (True, True)
    assert started(root, "three") == 0
    assert listed(root) == ["three", "one"]
