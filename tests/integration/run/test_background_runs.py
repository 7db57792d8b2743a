"""Runs in the background: they begin or say why, end as Ctrl-C ends them, and are what they say."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cde_orchestrator.adapters.runners.background_runs import BackgroundRuns
from cde_orchestrator.adapters.runners.callers import _process
from cde_orchestrator.adapters.runners.run_notes import notes_folder
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.runs.background_run import StartRun, StopRun
from cde_orchestrator.application.runs.show_run import ShowRun
from cde_orchestrator.application.runs.trust_agents import TrustAgents
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.domain.exceptions import CDEError
from tests.background_runs import end_runs
from tests.waiting import until

DEAF = """\
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
QUICK = "print('I do nothing')"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Application]:
    """A project with the feature ``login``, an agent that hears nothing and one that is quick."""
    root = tmp_path / "shop"
    root.mkdir()
    application = build_application(root)
    application.handle(OnboardProject(name="shop"))
    agents = {"deaf": [sys.executable, "-c", DEAF], "quick": [sys.executable, "-c", QUICK]}
    agents["missing"] = [str(tmp_path / "missing")]
    lines = (f"[agents.{name}]\ncommand = {json.dumps(it)}\n" for name, it in agents.items())
    (root / ".cde" / "config.toml").write_text("".join(lines))
    application.handle(StartFeature(prompt="Add login", name="login"))
    application.handle(TrustAgents(names=[*agents]))
    yield application
    end_runs(root)
    application.close()


def refusal(work: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(CDEError) as raised:
        work()
    return raised.value.code, raised.value.message


def lines(shop: Application) -> list[tuple[str, str]]:
    run = shop.handle(ShowRun(feature_id="login"))["run"]
    return [(each["kind"], each["text"]) for each in run["lines"]] if run else []


def pids(shop: Application) -> list[int]:
    return [int(text) for kind, text in lines(shop) if kind == "line" and text.isdecimal()]


def test_a_run_is_stopped_with_all_that_it_started(shop: Application) -> None:
    started = shop.handle(StartRun(feature_id="login", agents=["deaf"], budget_minutes=30.0))
    until(lambda: bool(pids(shop)))
    run, child = psutil.Process(started["pid"]), psutil.Process(pids(shop)[0])
    assert os.getsid(run.pid) == run.pid, "a session of its own"
    assert refusal(lambda: shop.handle(StartRun(feature_id="login", agents=["deaf"])))[0] == "E909"

    shop.handle(StopRun(feature_id="login", run=started["run"]))

    shown = shop.handle(ShowRun(feature_id="login"))["run"]
    assert shown is not None
    assert (shown["state"], shown["end"] and shown["end"]["kind"]) == ("ended", "stopped")
    until(lambda: not run.is_running() or run.status() == psutil.STATUS_ZOMBIE)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert refusal(lambda: shop.handle(StopRun(feature_id="login")))[0] == "E337"


def test_a_run_that_ends_by_itself_says_how(shop: Application) -> None:
    shop.handle(StartRun(feature_id="login", agents=["quick"]))
    until(lambda: any(kind == "broke" for kind, _ in lines(shop)))
    kinds = [kind for kind, _ in lines(shop)]
    assert kinds[:3] == ["phase", "attempt", "line"]
    assert "refused" in kinds
    assert lines(shop)[-1][1].startswith("E908")


def test_a_run_that_does_not_begin_says_why(shop: Application) -> None:
    code, message = refusal(lambda: shop.handle(StartRun(feature_id="login", agents=["missing"])))
    assert code == "E336"
    assert "E905" in message
    assert lines(shop) == []


def test_a_run_that_was_killed_is_seen_and_another_one_begins(shop: Application) -> None:
    first = shop.handle(StartRun(feature_id="login", agents=["deaf"]))
    until(lambda: bool(pids(shop)))
    os.kill(first["pid"], signal.SIGKILL)

    def state() -> str:
        run = shop.handle(ShowRun(feature_id="login"))["run"]
        return run["state"] if run else ""

    until(lambda: state() == "lost")
    second = shop.handle(StartRun(feature_id="login", agents=["deaf"]))
    assert second["run"] != first["run"]
    assert state() == "running"


@pytest.mark.parametrize("words", [["run"], ["cde", "run"]])
def test_a_forged_file_stops_no_other_program(shop: Application, words: list[str]) -> None:
    shop.handle(StartRun(feature_id="login", agents=["quick"]))
    until(lambda: any(kind == "broke" for kind, _ in lines(shop)))
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", *words])
    try:
        process = _process(other.pid)
        (file,) = notes_folder(shop.root).glob("*.jsonl")
        head = json.loads(file.read_bytes().split(b"\n")[0])
        head |= {"pid": process.pid, "started": process.started, "host": process.host}
        file.write_text(json.dumps(head) + "\n")
        code, message = refusal(lambda: shop.handle(StopRun(feature_id="login")))
        assert code == "E337"
        assert "no run of this user" in message
        assert other.poll() is None
        kept = BackgroundRuns(shop.root).kept(file.stem)
        assert kept is not None
        assert BackgroundRuns(shop.root).stop(file.stem, kept) != ""
    finally:
        other.kill()
        other.wait()
