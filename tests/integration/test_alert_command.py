"""A command that is handed alerts: only trusted, never for long, and with nothing left of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import (
    CommandNotifier,
    configured_notifiers,
    load_alert_command,
    outward_commands,
)
from cde_orchestrator.infrastructure.settings.settings import Settings
from tests.phase_fakes import InMemoryTrust
from tests.receiver import receiving


def notifier(root: Path, program: str, timeout_seconds: float = 30.0) -> CommandNotifier:
    command = Check((sys.executable, "-c", program), ".", timeout_seconds)
    return CommandNotifier(root, command, InMemoryTrust(), BreakerRegistry())


def refused(told: CommandNotifier) -> CDEError:
    with pytest.raises(CDEError) as caught:
        told.send(b"{}")
    return caught.value


def test_a_command_reads_the_alert_from_its_standard_input(tmp_path: Path) -> None:
    program = "import sys; open('told', 'w').write(sys.stdin.read())"

    notifier(tmp_path, program).send(json.dumps({"alert": "x"}).encode())

    assert json.loads((tmp_path / "told").read_text()) == {"alert": "x"}


def test_a_command_that_nobody_trusts_is_not_run(tmp_path: Path) -> None:
    trust = InMemoryTrust()
    trust.careful = True
    command = Check((sys.executable, "-c", "open('told', 'w')"), ".", 5.0)
    told = CommandNotifier(tmp_path, command, trust, BreakerRegistry())

    assert refused(told).code == "E929"
    assert not (tmp_path / "told").exists()

    trust.grants.append(command.command_line)
    told.send(b"{}")
    assert (tmp_path / "told").exists()


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import time; time.sleep(60)"])
def test_a_command_that_fails_or_hangs_is_an_error_with_a_code(
    tmp_path: Path, program: str
) -> None:
    assert refused(notifier(tmp_path, program, timeout_seconds=0.3)).code == "E929"


def test_a_command_that_there_is_not_is_an_error_with_a_code(tmp_path: Path) -> None:
    command = Check(("no-such-command-anywhere",), ".", 5.0)
    told = CommandNotifier(tmp_path, command, InMemoryTrust(), BreakerRegistry())

    assert refused(told).code == "E929"


def test_a_command_that_keeps_failing_is_left_alone(tmp_path: Path) -> None:
    told = notifier(tmp_path, "raise SystemExit(1)")

    assert [refused(told).code for _ in range(4)] == ["E929", "E929", "E929", "E903"]


def configured(root: Path, text: str) -> Check | None:
    (root / ".cde").mkdir(exist_ok=True)
    (root / ".cde" / "config.toml").write_text(text)
    return load_alert_command(root)


def test_the_command_stands_in_the_settings(tmp_path: Path) -> None:
    assert load_alert_command(tmp_path) is None
    assert configured(tmp_path, "log_level = 'INFO'") is None
    assert configured(tmp_path, "[alerts]\ncommand = []") is None
    assert configured(tmp_path, "[alerts]\ncommand = ['send', 'me']\ntimeout_seconds = 3") == Check(
        ("send", "me"), ".", 3.0
    )


@pytest.mark.parametrize(
    "text",
    [
        "alerts = 1",
        "alerts = ",
        "[alerts]\ncommand = 'send me'",
        "[alerts]\ncommand = [1]",
        "[alerts]\ncommand = ['']",
        "[alerts]\ncommand = ['x']\ntimeout_seconds = 0",
        "[alerts]\ncommand = ['x']\ntimeout_seconds = 'long'",
        "[alerts]\ncommand = ['x']\ntimeout_seconds = true",
        "[alerts]\ncommnad = ['x']",
    ],
)
def test_a_command_that_is_not_valid_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CDEError) as caught:
        configured(tmp_path, text)

    assert caught.value.code == ("E320" if text == "alerts = " else "E314")


def test_those_are_told_whom_the_settings_name(tmp_path: Path) -> None:
    def names(settings: Settings) -> list[str]:
        registry = BreakerRegistry()
        return [
            each.name
            for each in configured_notifiers(tmp_path, settings, registry, InMemoryTrust())
        ]

    assert names(Settings()) == []
    configured(tmp_path, "[alerts]\ncommand = ['send']")
    assert names(Settings(alert_webhook_url="http://x/")) == ["webhook", "command"]


def test_an_address_that_came_with_the_project_is_sent_nothing_until_a_person_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    trust = InMemoryTrust()
    trust.careful = True
    with receiving() as receiver:
        settings = Settings(alert_webhook_url=receiver.address)

        def send() -> None:
            (webhook,) = configured_notifiers(tmp_path, settings, BreakerRegistry(), trust)
            webhook.send(b"{}")

        with pytest.raises(CDEError) as caught:
            send()
        assert (caught.value.code, receiver.received) == ("E929", [])

        ((sending, _),) = outward_commands(tmp_path, settings)
        trust.grants.append(sending.command_line)
        send()
        trust.grants.clear()
        monkeypatch.setenv("CDE_ALERT_WEBHOOK_URL", receiver.address)
        send()
        assert outward_commands(tmp_path, settings) == []
        assert len(receiver.received) == 2
