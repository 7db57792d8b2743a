"""Sends what happens to the alerts to people and programs outside, and delays nobody by it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.health import AlertEvent, Notice
from cde_orchestrator.domain.errors.formatter import ARGUMENT_LIMIT
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import Notifier

log = get_logger(__name__)

WAITING_MOST = 100
"""Alerts that wait to be sent; the oldest one gives way to the newest."""


class AlertDispatcher:
    """Sends each event to the notifiers of that moment, in turn, in a thread of its own."""

    def __init__(self, root: Path, notifiers: Callable[[], Sequence[Notifier]]) -> None:
        self._root = root
        self._notifiers = notifiers
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MOST)
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._is_sending = False

    def send(self, event: AlertEvent, error_code: str | None = None) -> None:
        """Send it to everybody, some time soon."""
        self.put(self._payload(event, error_code))

    def put(self, payload: bytes) -> None:
        """Send what is a payload already."""
        with self._changed:
            if len(self._waiting) == WAITING_MOST:
                log.warning("alert_not_sent", notifier="all", reason="too many alerts are waiting")
            self._waiting.append(payload)
            if self._worker is None:
                worker = threading.Thread(target=self._work, name="cde-notifiers", daemon=True)
                worker.start()
                self._worker = worker
            self._changed.notify_all()

    def send_now(self, events: Sequence[AlertEvent]) -> list[Notice]:
        """Send them to everybody at once; what became of it, the log included.

        Raises:
            CDEError: as the notifiers' settings are not valid.
        """
        payloads = [self._payload(event, None) for event in events]
        in_log: Notice = {"notifier": "log", "sent": True, "message": "It is in the log."}
        return [in_log, *self.put_now(payloads)]

    def put_now(self, payloads: Sequence[bytes]) -> list[Notice]:
        """Send what are payloads already at once; what became of it.

        Raises:
            CDEError: as the notifiers' settings are not valid.
        """
        return [_sent(notifier, payloads) for notifier in self._notifiers()]

    def close(self, seconds: float) -> None:
        """Wait until all was sent, but not for longer."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._is_sending, seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                payload = self._waiting.popleft()
                self._is_sending = True
            try:
                notifiers = self._notifiers()
            except CDEError as error:
                log.warning("alert_not_sent", notifier="all", error_code=error.code)
                continue
            for notifier in notifiers:
                _sent(notifier, [payload])

    def _payload(self, event: AlertEvent, error_code: str | None) -> bytes:
        text = f"[{event['state'].upper()}] {event['title']}: {event['message']}"
        return payload_of(self._root, text, alert=event, error_code=error_code)


def payload_of(root: Path, text: str, **content: Any) -> bytes:
    """What is sent: a text for people, and what it is about for programs, as JSON."""
    about = {
        "project": {"name": plain(root.name), "path": plain(root, ARGUMENT_LIMIT)},
        "source": {"product": "cde-orchestrator", "version": __version__},
    }
    return orjson.dumps({"text": text, **content, **about})


def _sent(notifier: Notifier, payloads: Sequence[bytes]) -> Notice:
    """Send to one notifier; what became of it."""
    try:
        for payload in payloads:
            notifier.send(payload)
    except CDEError as error:
        log.warning(
            "alert_not_sent", notifier=notifier.name, error_code=error.code, reason=error.message
        )
        message = str(error.context["reason"]) if error.code == "E929" else error.message
        return {"notifier": notifier.name, "sent": False, "message": message}
    except Exception as error:
        log.exception("alert_not_sent", notifier=notifier.name, reason=type(error).__name__)
        return {"notifier": notifier.name, "sent": False, "message": type(error).__name__}
    log.info("alert_sent", notifier=notifier.name)
    return {"notifier": notifier.name, "sent": True, "message": "It was sent."}
