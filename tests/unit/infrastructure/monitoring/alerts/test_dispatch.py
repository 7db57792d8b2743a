"""Who is told of alerts: a real receiver that works, is dead, hangs, fails for a while."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.application.ports.health import AlertEvent
from cde_orchestrator.domain.exceptions import CDEError, CDESystemError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import (
    WAITING_MOST,
    AlertDispatcher,
)
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import Notifier, WebhookNotifier
from tests.receiver import Receiver, receiving

EVENT: AlertEvent = {
    "at": "2025-11-10T12:00:00+00:00",
    "name": "read_only",
    "title": "The project is read-only",
    "severity": "critical",
    "state": "firing",
    "figure": 1.0,
    "message": "The disk refuses.",
}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/s3cret"


def refused(notifier: WebhookNotifier) -> CDEError:
    with pytest.raises(CDEError) as caught:
        notifier.send(b"{}")
    assert "s3cret" not in caught.value.message
    return caught.value


def test_a_webhook_gets_the_alert_as_json(tmp_path: Path, receiver: Receiver) -> None:
    webhook = WebhookNotifier(receiver.address, BreakerRegistry())
    dispatcher = AlertDispatcher(tmp_path, lambda: [webhook])

    dispatcher.send(EVENT, "E206")
    dispatcher.close(10)

    (told,) = receiver.received
    assert told["alert"] == EVENT
    assert told["error_code"] == "E206"
    assert told["project"] == {"name": tmp_path.name, "path": str(tmp_path)}
    assert told["text"] == "[FIRING] The project is read-only: The disk refuses."
    assert receiver.headers[0]["Content-Type"] == "application/json"


def test_a_receiver_that_fails_for_a_moment_gets_it_with_the_next_try(receiver: Receiver) -> None:
    receiver.statuses = [500, 429]
    registry = BreakerRegistry()

    WebhookNotifier(receiver.address, registry).send(b"{}")

    assert len(receiver.received) == 3
    assert registry.get("alert-webhook").failure_count == 0


@pytest.mark.parametrize("status", [400, 404, 302])
def test_a_receiver_that_refuses_is_not_asked_again(receiver: Receiver, status: int) -> None:
    receiver.statuses = [status]

    error = refused(WebhookNotifier(receiver.address, BreakerRegistry()))

    assert (error.code, len(receiver.received)) == ("E929", 1)
    assert str(status) in error.message


def test_a_name_and_a_password_in_the_address_are_sent_as_a_header(receiver: Receiver) -> None:
    address = receiver.address.replace("http://", "http://ann:s3%40cret@")

    WebhookNotifier(address, BreakerRegistry()).send(b"{}")

    assert receiver.headers[0]["Authorization"] == "Basic YW5uOnMzQGNyZXQ="


def test_a_receiver_that_is_dead_is_an_error_with_a_code(receiver: Receiver) -> None:
    receiver.close()

    assert refused(WebhookNotifier(receiver.address, BreakerRegistry())).code == "E929"


def test_a_receiver_that_hangs_is_not_waited_for_for_long(silent: str) -> None:
    error = refused(WebhookNotifier(silent, BreakerRegistry(), timeout_seconds=0.05))

    assert error.code == "E929"


def test_a_receiver_that_speaks_no_http_is_an_error_with_a_code() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(4):
                connection, _address = listener.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"SSH-2.0\r\n\r\n")

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert refused(WebhookNotifier(address, BreakerRegistry())).code == "E929"
        answering.join(60)


def test_a_receiver_that_keeps_failing_is_left_alone(receiver: Receiver) -> None:
    receiver.statuses = [404] * 3
    webhook = WebhookNotifier(receiver.address, BreakerRegistry())

    codes = [refused(webhook).code for _ in range(4)]

    assert codes == ["E929", "E929", "E929", "E903"]
    assert len(receiver.received) == 3


class Slow:
    """A notifier that waits until it is let go."""

    name = "slow"

    def __init__(self) -> None:
        self.begun, self.go, self.told = threading.Event(), threading.Event(), 0

    def send(self, payload: bytes) -> None:
        self.begun.set()
        assert self.go.wait(60)
        self.told += 1


def test_nobody_waits_for_a_notifier_that_takes_its_time(tmp_path: Path) -> None:
    slow = Slow()
    dispatcher = AlertDispatcher(tmp_path, lambda: [slow])
    dispatcher.send(EVENT)
    assert slow.begun.wait(60)

    with capture_logs() as logs:
        for _ in range(WAITING_MOST + 5):
            dispatcher.send(EVENT)
    assert [entry["event"] for entry in logs] == ["alert_not_sent"] * 5
    dispatcher.close(0.01)
    assert slow.told == 0

    slow.go.set()
    dispatcher.close(10)
    assert slow.told == 1 + WAITING_MOST


class Broken:
    """A notifier that fails in a way of its own."""

    name = "broken"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def send(self, payload: bytes) -> None:
        raise self._error


def test_a_notifier_that_fails_keeps_no_other_from_being_told(
    tmp_path: Path, receiver: Receiver
) -> None:
    all_of_them: list[Notifier] = [
        Broken(RuntimeError("oh")),
        Broken(CDESystemError.of("E929", notifier="broken", reason="it is")),
        WebhookNotifier(receiver.address, BreakerRegistry()),
    ]

    notices = AlertDispatcher(tmp_path, lambda: all_of_them).send_now([EVENT, EVENT])

    assert [(each["notifier"], each["sent"]) for each in notices] == [
        ("log", True),
        ("broken", False),
        ("broken", False),
        ("webhook", True),
    ]
    assert len(receiver.received) == 2
