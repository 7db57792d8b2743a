"""The ways to send alerts: to a web address, and to a command of the project's own.

A person has to trust both first. The command is in the project's settings::

    [alerts]
    command = ["./notify-the-team.sh", "--loud"]
    timeout_seconds = 10
"""

from __future__ import annotations

import base64
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from cde_orchestrator import __version__
from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import child_environment
from cde_orchestrator.infrastructure.settings.command_table import CommandTable
from cde_orchestrator.infrastructure.settings.settings import Settings, outward
from cde_orchestrator.infrastructure.system.retry import retrying

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

WEBHOOK_SECONDS = 5.0
"""How long to wait for a connection, and for each piece of the answer."""
TABLE = "alerts"
COMMAND_SECONDS = 10.0
LONGEST_SECONDS = 600.0

_FAILURES_ALLOWED = 3
_REST_SECONDS = 60.0
_BUSY = frozenset({408, 425, 429})


class Notifier(Protocol):
    """One way to send alerts."""

    name: str
    """As ``webhook``."""

    def send(self, payload: bytes) -> None:
        """Pass on an event, JSON.

        Raises:
            CDESystemError: E929, nobody was notified; E903, it failed so often that it rests.
        """
        ...


class GuardedNotifier(ABC):
    """Sends only where a person trusts it, and rests for a while when it keeps failing."""

    name: str
    subject: str
    """What has to be trusted, as ``its address``."""

    def __init__(self, breakers: BreakerRegistry, trusted: Callable[[], bool]) -> None:
        self._trusted = trusted
        self._breaker = breakers.get(
            f"alert-{self.name}",
            failure_threshold=_FAILURES_ALLOWED,
            timeout=_REST_SECONDS,
            failures=OSError,
            ignored=(),
        )

    def send(self, payload: bytes) -> None:
        """Pass on an event, where it is trusted and does not rest."""
        if not self._trusted():
            reason = f"{self.subject} is not trusted in this project; run cde trust"
            raise CDESystemError.of("E929", notifier=self.name, reason=reason)
        try:
            self._breaker.call(self._deliver, payload)
        except OSError as error:
            raise CDESystemError.of(
                "E929", notifier=self.name, reason=self._reason(error)
            ) from None  # what was raised may hold a secret, as an address does

    @abstractmethod
    def _deliver(self, payload: bytes) -> None:
        """Send it, or raise ``OSError`` where it was not taken."""

    def _reason(self, error: OSError) -> str:
        """What went wrong, without any secret."""
        return error.strerror or str(error)


class WebhookNotifier(GuardedNotifier):
    """One address; what it answers counts only as far as it took the alert.

    The address may hold a secret, so that no text says more of it than the host.
    """

    name = "webhook"
    subject = "its address"

    def __init__(
        self,
        address: str,
        breakers: BreakerRegistry,
        timeout_seconds: float = WEBHOOK_SECONDS,
        *,
        trusted: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(breakers, trusted)
        self._address = address
        self._timeout_seconds = timeout_seconds

    def _deliver(self, payload: bytes) -> None:
        retrying(lambda: self._post(payload), "alert_webhook", _may_pass)

    def _reason(self, error: OSError) -> str:
        return f"{urlsplit(self._address).hostname}: {_words(error)}"

    def _post(self, payload: bytes) -> None:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request

        address, headers = _without_credentials(self._address)
        headers |= {
            "Content-Type": "application/json",
            "User-Agent": f"cde-orchestrator/{__version__}",
        }
        # The settings take addresses of http and https only.
        request = Request(address, payload, headers, method="POST")  # noqa: S310
        try:
            with _opener().open(request, timeout=self._timeout_seconds):
                return  # anything from 200 to 299; whatever else is said
        except HTTPError as error:
            error.close()
            raise _RefusedError(error.code) from None
        except (HTTPException, ValueError) as error:
            raise OSError(f"not an HTTP answer: {type(error).__name__}") from error


class CommandNotifier(GuardedNotifier):
    """Runs the command for each event, with the event as JSON on its standard input.

    It runs in the project's folder, and is ended, with all that it started, when it takes too
    long.
    """

    name = "command"
    subject = "it"

    def __init__(
        self, root: Path, command: Check, trust: TrustStore, breakers: BreakerRegistry
    ) -> None:
        super().__init__(breakers, lambda: trust.trusts(root, command.command_line))
        self._root = root
        self._command = command

    def _deliver(self, payload: bytes) -> None:
        from cde_orchestrator.infrastructure.system.supervised_process import SupervisedProcess

        with tempfile.TemporaryFile() as stdin:
            stdin.write(payload)
            stdin.seek(0)
            process = SupervisedProcess(
                self._command.command,
                folder=self._root,
                environment=child_environment(),
                stdin=stdin,
            )
            ending = process.watch(lambda _: None, self._command.timeout_seconds)
        if ending.cause == "timeout":
            seconds = self._command.timeout_seconds
            raise OSError(f"it did not end within {seconds:g} seconds")
        if ending.exit_code:
            raise OSError(f"it ended with exit code {ending.exit_code}")


def configured_notifiers(
    root: Path, settings: Settings, breakers: BreakerRegistry, trust: TrustStore
) -> list[Notifier]:
    """Those that the project's settings name.

    Raises:
        ValidationError: E314, the command is not valid.
    """
    notifiers: list[Notifier] = []
    if settings.alert_webhook_url:
        place = outward(settings, "alert_webhook_url")

        def trusted() -> bool:
            return place is None or trust.trusts(root, place.command_line)

        notifiers.append(WebhookNotifier(settings.alert_webhook_url, breakers, trusted=trusted))
    command = load_alert_command(root)
    if command is not None:
        notifiers.append(CommandNotifier(root, command, trust, breakers))
    return notifiers


def outward_commands(root: Path, settings: Settings) -> list[tuple[Check, str]]:
    """What the project's own settings set off, so that a person has to trust it, and by what.

    Raises:
        ValidationError: E314, the command is not valid.
    """
    found = (
        (outward(settings, "state_url"), "state"),
        (outward(settings, "alert_webhook_url"), "alerts"),
        (load_alert_command(root), "alerts"),
    )
    return [(each, place) for each, place in found if each is not None]


def load_alert_command(root: Path) -> Check | None:
    """The command of the project at ``root``; None where it has none.

    Raises:
        ValidationError: E314, it is not valid; E320, the settings cannot be read.
    """
    table = CommandTable.read(TABLE, root)
    table.require_keys("command", "timeout_seconds")
    words = table.words("command")
    seconds = table.seconds("timeout_seconds", LONGEST_SECONDS, COMMAND_SECONDS)
    return Check(words, ".", seconds) if words else None


class _RefusedError(OSError):
    """The receiver answered that it does not take the alert."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered with status {status}")
        self.status = status


@cache
def _opener() -> OpenerDirector:
    from urllib.request import HTTPRedirectHandler, build_opener

    class NoRedirects(HTTPRedirectHandler):
        """An alert goes where it was meant to go, or nowhere."""

        def redirect_request(self, *_arguments: Any) -> None:
            return None

    return build_opener(NoRedirects)


def _without_credentials(address: str) -> tuple[str, dict[str, str]]:
    """The address, and the header for the name and the password in it."""
    parts = urlsplit(address)
    credentials, separator, host = parts.netloc.rpartition("@")
    if not separator:
        return address, {}
    token = base64.b64encode(unquote(credentials).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {token}"}


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, _RefusedError):
        return error.status >= 500 or error.status in _BUSY
    return isinstance(error, OSError)


def _words(error: OSError) -> str:
    """What went wrong, without the address."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
