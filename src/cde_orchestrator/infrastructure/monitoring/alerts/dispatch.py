"""Sends what happens to the alerts to people and programs outside, and delays nobody by it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import structlog

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.application.ports.health import AlertEvent, Notice
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts.command import (
    CommandNotifier,
    load_alert_command,
)
from cde_orchestrator.infrastructure.monitoring.alerts.notifier import Notifier
from cde_orchestrator.infrastructure.settings.outward import sending
from cde_orchestrator.infrastructure.settings.settings import Settings

log = structlog.get_logger(__name__)

WAITING_MOST = 100
"""Alerts that wait to be sent; the oldest one gives way to the newest."""


class AlertDispatcher:
    """Sends events to all notifiers, one after the other, in a thread of its own.

    Args:
        root: the project's folder, which the payload names.
        notifiers: gives those that there are at the moment; asked for each event.
    """

    def __init__(self, root: Path, notifiers: Callable[[], Sequence[Notifier]]) -> None:
        self._root = root
        self._notifiers = notifiers
        self._waiting: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._is_sending = False

    def send(self, event: AlertEvent, error_code: str | None = None) -> None:
        """Send it to everybody, some time soon."""
        payload = self._payload(event, error_code)
        with self._changed:
            if len(self._waiting) == WAITING_MOST:
                self._waiting.popleft()
                log.warning("alert_not_told", notifier="all", reason="too many alerts are waiting")
            self._waiting.append(payload)
            if self._worker is None:
                self._worker = threading.Thread(
                    target=self._work, name="cde-notifiers", daemon=True
                )
                self._worker.start()
            self._changed.notify_all()

    def send_now(self, events: Sequence[AlertEvent]) -> list[Notice]:
        """Send them to everybody at once; what became of it, the log included.

        Raises:
            CDEError: as the notifiers' settings are not valid.
        """
        payloads = [self._payload(event, None) for event in events]
        return [
            {"notifier": "log", "told": True, "message": "It is in the log."},
            *(_sent(notifier, payloads) for notifier in self._notifiers()),
        ]

    def close(self, seconds: float) -> None:
        """Wait until all was sent, but not for longer."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self._waiting or self._is_sending:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()
                while not self._waiting:
                    self._changed.wait()
                payload = self._waiting.popleft()
                self._is_sending = True
            try:
                notifiers = self._notifiers()
            except CDEError as error:
                log.warning("alert_not_told", notifier="all", error_code=error.code)
                continue
            for notifier in notifiers:
                _sent(notifier, [payload])

    def _payload(self, event: AlertEvent, error_code: str | None) -> bytes:
        content: dict[str, Any] = {
            "text": f"[{event['state'].upper()}] {event['title']}: {event['message']}",
            "alert": event,
            "error_code": error_code,
            "project": {"name": self._root.name, "path": str(self._root)},
            "source": {"product": "cde-orchestrator", "version": __version__},
        }
        return orjson.dumps(content)


def configured_notifiers(
    root: Path, settings: Settings, breakers: BreakerRegistry, trust: TrustStore
) -> list[Notifier]:
    """Those that the project's settings name.

    Raises:
        ValidationError: E314, the command is not valid.
    """
    notifiers: list[Notifier] = []
    if settings.alert_webhook_url:
        from cde_orchestrator.infrastructure.monitoring.alerts.webhook import WebhookNotifier

        address = settings.alert_webhook_url
        command_to_send = sending(settings)

        def trusted() -> bool:
            return command_to_send is None or trust.trusts(root, command_to_send.command_line)

        notifiers.append(WebhookNotifier(address, breakers, trusted=trusted))
    command = load_alert_command(root)
    if command is not None:
        notifiers.append(CommandNotifier(root, command, trust, breakers))
    return notifiers


def alert_commands(root: Path, settings: Settings) -> list[Check]:
    """What an alert sets off by the project's own settings, so that a person has to trust it.

    Raises:
        ValidationError: E314, the command is not valid.
    """
    found = (sending(settings), load_alert_command(root))
    return [each for each in found if each is not None]


def _sent(notifier: Notifier, payloads: Sequence[bytes]) -> Notice:
    """Send to one notifier; what became of it."""
    try:
        for payload in payloads:
            notifier.send(payload)
    except CDEError as error:
        log.warning(
            "alert_not_told", notifier=notifier.name, error_code=error.code, reason=error.message
        )
        message = str(error.context["reason"]) if error.code == "E929" else error.message
        return {"notifier": notifier.name, "told": False, "message": message}
    except Exception as error:
        log.exception("alert_not_told", notifier=notifier.name, reason=type(error).__name__)
        return {"notifier": notifier.name, "told": False, "message": type(error).__name__}
    log.info("alert_told", notifier=notifier.name)
    return {"notifier": notifier.name, "told": True, "message": "It was sent."}
