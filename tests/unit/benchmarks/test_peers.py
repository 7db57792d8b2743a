"""Programs of others that cannot be measured are reported so, and take nothing else with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.launcher import Launcher
from benchmarks.measure import QUICK, Figure
from tools.kept_programs import NotInstalledError

FIRST, SECOND = peers.PEERS
FAILS_LATER = """\
[ -e began ] && { echo 'the second time | fails' >&2; exit 3; }
touch began
"""


def measured(monkeypatch: pytest.MonkeyPatch, scripts: dict[str, Path]) -> dict[str, Figure]:
    """The figures, where these scripts of the shell are the peers; others are not installed."""

    def script(name: str, version: str, entry: str) -> Path:
        if name not in scripts:
            raise NotInstalledError(f"{name}@{version}: no network\nTraceback")
        return scripts[name]

    monkeypatch.setenv(QUICK, "1")
    monkeypatch.setattr(peers, "npm_script", script)
    monkeypatch.setattr(peers, "node", lambda: Path("/bin/sh"))
    return {figure.key: figure for figure in peers.measure()}


def test_a_peer_that_is_not_there_or_fails_later_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tmp_path / "later.sh"
    later.write_text(FAILS_LATER)

    found = measured(monkeypatch, {FIRST.name: later})

    own, first, second = found.values()
    assert len(own.samples) == 1
    assert own.value is None
    assert own.yardstick == "no peer could be measured"
    assert first.missing.endswith("ended with 3: the second time | fails")
    assert second.missing == f"{SECOND.name}@{SECOND.version}: no network"
    assert peers.versions_of([own, first, second]) == {}


def test_a_peer_whose_program_cannot_be_started_leaves_the_other_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine = tmp_path / "fine.sh"
    fine.write_text("exit 0\n")

    found = measured(monkeypatch, {FIRST.name: tmp_path / "gone.sh", SECOND.name: fine})

    own, first, second = found.values()
    assert own.yardstick == f"{SECOND.name}, the faster peer"
    assert own.value is not None
    assert (bool(first.missing), second.missing) == (True, "")
    assert len(second.samples) == 1


def test_a_program_that_is_not_there_does_not_end_what_runs_them(tmp_path: Path) -> None:
    with Launcher() as launcher:
        with pytest.raises(RuntimeError, match=r"ended with 127: .*No such file"):
            launcher.run([str(tmp_path / "gone")], tmp_path)
        assert launcher.run(["/bin/sh", "-c", "exit 0"], tmp_path).ms > 0
