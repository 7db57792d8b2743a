"""Sends alerts to a web address, as JSON by HTTP POST."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from cde_orchestrator import __version__
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts.notifier import GuardedNotifier
from cde_orchestrator.infrastructure.system.retry import retrying

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

BREAKER = "alert-webhook"
TIMEOUT_SECONDS = 5.0
"""How long to wait for a connection, and for each piece of the answer."""

_BUSY = frozenset({408, 425, 429})


class WebhookNotifier(GuardedNotifier):
    """One address; what it answers counts only as far as it took the alert.

    The address may hold a secret, so that no text says more of it than the host.

    Args:
        address: an ``http`` or ``https`` URL.
        breakers: the project's; a receiver that keeps failing is left alone for a while.
        timeout_seconds: how long to wait for an answer.
        trusted: whether alerts may be sent there.
    """

    name = "webhook"
    subject = "its address"

    def __init__(
        self,
        address: str,
        breakers: BreakerRegistry,
        timeout_seconds: float = TIMEOUT_SECONDS,
        *,
        trusted: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(breakers, BREAKER, trusted)
        self._address = address
        self._timeout_seconds = timeout_seconds

    def _deliver(self, payload: bytes) -> None:
        retrying(lambda: self._post(payload), "alert_webhook", _may_pass)

    def _reason(self, error: OSError) -> str:
        return f"{urlsplit(self._address).hostname}: {_words(error)}"

    def _post(self, payload: bytes) -> None:
        """Send it once.

        Raises:
            OSError: it was not taken.
        """
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
