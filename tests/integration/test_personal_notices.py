"""A person is notified that a feature waits for them, as they chose, once per wait."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.alerts import SendTestAlert
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import Application, build_application
from cde_orchestrator.cli.app import app
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts import personal
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import payload_of
from cde_orchestrator.infrastructure.system.viewing import act_in, view_only
from tests.receiver import Receiver, receiving

WORKFLOW = """\
version: 1
default: asked
workflows:
  asked:
    description: A person decides.
    phases:
      - {id: write, description: Write it., prompt: lean/plan.md,
         outputs: [{id: note, path: "notes/{feature}.md"}]}
      - {id: judge, description: Judge it., prompt: lean/plan.md, handler: human_input,
         outputs: [{id: verdict, path: "notes/{feature}-v.md"}]}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a configuration and a state of their own."""
    for kind in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "home" / kind.lower()))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    return tmp_path / "home"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def choose(text: str) -> Path:
    """Write the person's choice."""
    path = personal.choice_file()
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def set_up(root: Path) -> Application:
    """A project whose second phase is a person's."""
    (root / ".cde").mkdir(parents=True)
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW)
    application = build_application(root)
    application.handle(OnboardProject())
    return application


def work(application: Application, name: str = "login") -> None:
    """Take a feature to the phase that waits."""
    application.handle(StartFeature(prompt="Login", name=name))
    submit = SubmitWork(feature_id=name, phase_id="write", results={"note": "# Note\n\nDone.\n"})
    application.handle(submit)


def program(folder: Path, name: str, body: str = "") -> None:
    """A program that writes down what it was called with."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    said = f"import json, sys; json.dump(sys.argv[1:], open({str(folder / 'said')!r}, 'w'))"
    path.write_text(f"#!{sys.executable}\n{body or said}\n")
    path.chmod(0o755)


def test_a_feature_that_waits_is_announced_once_by_all_processes(
    tmp_path: Path, receiver: Receiver
) -> None:
    choose(f'webhook = "{receiver.address}"\n')
    application = set_up(tmp_path / "shop")
    work(application)
    again = SubmitWork(feature_id="login", phase_id="write", results={"note": "# Note\n\nDone.\n"})
    application.handle(again)  # the same answer as before
    application.close()
    other = build_application(tmp_path / "shop")
    other.handle(again)
    other.close()

    (notice,) = receiver.received
    assert notice["text"] == "login waits for you: judge"
    assert notice["project"]["name"] == "shop"
    assert notice["waiting"].keys() == {"feature", "phase", "since", "given_up"}
    assert notice["waiting"]["given_up"] is False


def test_a_run_that_gives_up_is_announced_each_time_that_agents_tried(
    tmp_path: Path, receiver: Receiver
) -> None:
    choose(f'webhook = "{receiver.address}"\n')
    root = tmp_path / "shop"
    set_up(root).close()
    fails = json.dumps([sys.executable, "-c", "raise SystemExit(1)"])
    (root / ".cde" / "config.toml").write_text(f"[agents.bad]\ncommand = {fails}\n")
    trusted = ["agents", "trust", "bad", "--yes", "--project", str(root)]
    assert CliRunner().invoke(app, trusted).exit_code == 0
    for name in ("login", "logout"):
        application = build_application(root)
        application.handle(StartFeature(prompt="Work", name=name))
        application.close()

    for words in (["login"], ["login"], ["--all"]):
        run = ["run", *words, "--agent", "bad", "--project", str(root)]
        assert CliRunner().invoke(app, run).exit_code == 1

    texts = [each["text"] for each in receiver.received]
    assert texts.count("login waits for you: no agent completed write") == 2
    assert texts.count("logout waits for you: no agent completed write") == 1
    assert all(each["waiting"]["given_up"] for each in receiver.received)


def test_a_run_that_gave_up_is_announced_once(tmp_path: Path, receiver: Receiver) -> None:
    choose(f'webhook = "{receiver.address}"\n')
    application = set_up(tmp_path / "shop")
    application.handle(StartFeature(prompt="Login", name="login"))
    for each in (application, build_application(tmp_path / "shop")):
        each.notify_of_given_up("login")
        each.notify_of_given_up("nothing")
        each.close()

    assert len(receiver.received) == 1


def test_another_feature_is_another_wait(tmp_path: Path, receiver: Receiver) -> None:
    choose(f'webhook = "{receiver.address}"\n')
    application = set_up(tmp_path / "shop")
    work(application, "login")
    work(application, "logout")
    application.close()

    assert sorted(each["waiting"]["feature"] for each in receiver.received) == ["login", "logout"]


def test_nothing_is_sent_or_noted_where_nothing_was_chosen(tmp_path: Path, home: Path) -> None:
    application = set_up(tmp_path / "shop")
    work(application)
    application.close()

    assert not (home / "state" / "cde-orchestrator" / personal.SEEN).exists()


@pytest.mark.parametrize("text", ["desktop = 1", "colour = true", "not toml", 'webhook = "ftp:x"'])
def test_a_choice_that_is_not_valid_stops_no_work(tmp_path: Path, text: str) -> None:
    choose(text + "\n")
    application = set_up(tmp_path / "shop")

    work(application)

    with pytest.raises(CDEError) as caught:
        application.handle(SendTestAlert())
    assert caught.value.code in {"E314", "E320"}
    application.close()


def test_a_command_of_the_persons_own_runs_outside_the_project(tmp_path: Path) -> None:
    body = "import os, sys; open('told', 'w').write(os.getcwd() + sys.stdin.read())"
    path = choose(f"command = {json.dumps([sys.executable, '-c', body])}\n")
    application = set_up(tmp_path / "shop")
    work(application)
    application.close()

    told = (path.parent / "told").read_text()
    assert told.startswith(os.path.realpath(path.parent))
    assert "login waits for you: judge" in told


def test_the_test_alert_goes_to_the_person_too(tmp_path: Path, receiver: Receiver) -> None:
    choose(f'webhook = "{receiver.address}"\n')
    application = set_up(tmp_path / "shop")

    reply = application.handle(SendTestAlert())
    application.close()

    assert [each["notifier"] for each in reply["notices"]] == ["log", "own-webhook"]
    assert receiver.received[0]["waiting"] is None


def test_nobody_is_notified_from_a_folder_that_is_not_trusted(
    tmp_path: Path, receiver: Receiver
) -> None:
    choose(f'webhook = "{receiver.address}"\n')
    notices = personal.PersonalNotices(tmp_path, BreakerRegistry())
    view_only(tmp_path, "not_yet", [tmp_path])
    try:
        notices.notify("f1", "login", "judge", "2026-01-01")
        assert notices.try_out() == []
    finally:
        act_in(tmp_path)
    notices.notify("f1", "login", "judge", "2026-01-01")
    notices.close(60.0)

    assert [each["text"] for each in receiver.received] == ["login waits for you: judge"]


@pytest.mark.parametrize("name", ["notify-send", "osascript"])
def test_a_notice_on_the_desktop_is_text_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    program(tmp_path / "bin", name)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    payload = payload_of(tmp_path / "<b>shop", '"login" & <i>more</i>')

    personal.DesktopNotifier().send(payload)

    title, text = json.loads((tmp_path / "bin" / "said").read_text())[-2:]
    assert title == "cde: <b>shop"
    escaped = '"login" &amp; &lt;i&gt;more&lt;/i&gt;'
    assert text == (escaped if name == "notify-send" else '"login" & <i>more</i>')


@pytest.mark.parametrize("body", [None, "raise SystemExit(1)", "import time; time.sleep(60)"])
def test_a_desktop_that_shows_nothing_is_an_error_with_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str | None
) -> None:
    monkeypatch.setattr(personal, "DESKTOP_SECONDS", 1.0)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    if body is not None:
        program(tmp_path / "bin", "notify-send", body)

    with pytest.raises(CDEError) as caught:
        personal.DesktopNotifier().send(payload_of(tmp_path, "login waits for you"))

    assert caught.value.code == "E929"


def test_a_bell_needs_a_terminal() -> None:
    choose("bell = true\ndesktop = true\n")
    chosen = personal.personal_notifiers(BreakerRegistry())
    assert [each.name for each in chosen] == ["desktop", "bell"]

    with pytest.raises(CDEError) as caught:
        personal.BellNotifier().send(b"{}")
    assert caught.value.code == "E929"


def test_a_bell_is_rung_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with open(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        personal.BellNotifier().send(b"{}")
        assert os.read(ours, 10) == b"\a"
    os.close(ours)


def test_old_waits_are_forgotten(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose("bell = true\n")
    monkeypatch.setattr(personal, "SEEN_KEPT", 3)
    notices = personal.PersonalNotices(tmp_path, BreakerRegistry())
    for day in range(1, 9):
        notices.notify("f1", "login", "judge", f"2026-01-0{day}T00:00:00+00:00")
    notices.close(60.0)

    seen = home / "state" / "cde-orchestrator" / personal.SEEN
    assert sorted(each.name[:10] for each in seen.iterdir()) == [
        "2026-01-06",
        "2026-01-07",
        "2026-01-08",
    ]
