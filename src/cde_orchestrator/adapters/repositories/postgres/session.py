"""One connection to PostgreSQL, made when it is needed and again when it breaks.

Whoever works on the connection says what may be repeated: what only reads, or what begins a
transaction, is repeated as it is; what may have been committed is checked for first.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import conninfo

from cde_orchestrator.domain.exceptions import (
    BackendUnreachableError,
    StateError,
    UntrustedBackendError,
    ValidationError,
)
from cde_orchestrator.domain.logger import get_logger
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.system.compute_slot import COMPUTE_SLOT
from cde_orchestrator.infrastructure.system.retry import is_transient, retrying

log = get_logger(__name__)

Result = TypeVar("Result")
Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

BREAKER = "postgres"
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 15.0
IDLE_SECONDS = 60.0
"""How long the server lets a change that is under way wait before it takes it back."""
LEAST_VERSION = 130_000
PATIENCE_SECONDS = 2.0
"""How long a server that restarts is waited for."""
ATTEMPTS = 15
_PATIENCE_EVERY_SECONDS = 10.0
_PASSING_REFUSALS = ("starting up", "shutting down", "recovery", "terminating", "too many")

_WHERE = frozenset(
    {"host", "hostaddr", "port", "dbname", "connect_timeout", "target_session_attrs"}
)
_OF_FILE = _WHERE | {"user", "sslmode", "sslrootcert"}
"""What a URL may say that comes with a project: where, who, and who vouches for the server."""
_LOCAL = re.compile(r"[/@]|localhost$|127\.\d+\.\d+\.\d+$|::1$")
_VERIFIED = "verify-full"
_KNOWS_THE_SYSTEM = 160_000
"""The first libpq that trusts whom the operating system trusts, where it is asked to."""

DISK_FULL = "53100"
REFUSALS = frozenset({DISK_FULL, "25006", "42501", "58030"})
"""What is no disk, no transaction to write in, no privilege, no working disk."""
UNKNOWN_SHAPE = frozenset({"42P01", "42703"})
"""A table or a column that a statement names does not exist."""
_GONE = ("08", "57P01", "57P02", "57P03", "25P03")


class DisconnectedError(Exception):
    """There is no connection, or it broke; what was under way may or may not have been done.

    Attributes:
        passing: whether it is worth while to try again in a moment.
    """

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


class PostgresSession:
    """The connection of one process to the database with the state.

    Args:
        url: ``postgresql://...``, as libpq takes it.
        breakers: where the circuit breaker of the database is.
        lock_timeout_seconds: how long a change waits for another one.
        trusted: whether the database may be asked; judged each time.
        of_file: whether a file of the project names the URL, which may be a stranger's.

    Raises:
        ValidationError: E314, the URL is none, or one that no file may name.
    """

    def __init__(
        self,
        url: str,
        breakers: BreakerRegistry,
        lock_timeout_seconds: float = 5.0,
        trusted: Callable[[], bool] = lambda: True,
        *,
        of_file: bool = False,
    ) -> None:
        self.lock_timeout_seconds = lock_timeout_seconds
        self._parameters = _parameters(url, of_file=of_file)
        self.where = _location(self._parameters)
        self._trusted = trusted
        self._breaker = breakers.get(BREAKER, failures=BackendUnreachableError)
        self._connection: Connection | None = None
        self._failed_at: float | None = None

    def repeatable(self, work: Callable[[Connection], Result], operation: str) -> Result:
        """What ``work`` gives, done again when the connection breaks meanwhile.

        Raises:
            BackendUnreachableError: E217.
            CircuitBreakerOpenError: E903, the database is given time to recover.
        """
        return self.guarded(lambda: self.retried(lambda: self.once(work), operation))

    def guarded(self, work: Callable[[], Result]) -> Result:
        """The same for work that repeats itself, with ``retried`` and ``once``."""

        def reached() -> Result:
            try:
                return work()
            except DisconnectedError as error:
                raise BackendUnreachableError.of(
                    "E217", where=self.where, reason=str(error)
                ) from error

        return self._breaker.call(reached)

    def retried(self, work: Callable[[], Result], operation: str) -> Result:
        """What ``work`` gives, tried again while that is promising."""
        patient = self._failed_at is None or (
            time.monotonic() - self._failed_at > _PATIENCE_EVERY_SECONDS
        )
        try:
            result = retrying(
                work,
                operation,
                _is_passing,
                attempts=ATTEMPTS if patient else 1,
                timeout_seconds=PATIENCE_SECONDS,
            )
        except DisconnectedError:
            self._failed_at = time.monotonic()
            raise
        self._failed_at = None
        return result

    def once(self, work: Callable[[Connection], Result]) -> Result:
        """What ``work`` gives, on a connection that is open when it begins.

        Raises:
            DisconnectedError: there is no connection, or it broke.
            UntrustedBackendError: E218, nobody trusts the database.
        """
        if not self._trusted():
            self.close()
            raise UntrustedBackendError.of("E218", where=self.where)
        COMPUTE_SLOT.leave()  # the network and the database may take long
        connection = self._connected()
        try:
            return work(connection)
        except psycopg.Error as error:
            if _is_lost(error, connection):
                self.close()
                raise DisconnectedError(words_of(error), passing=True) from error
            self.rollback()
            raise

    def rollback(self) -> None:
        """End a transaction that was not committed, if there is one; never fails."""
        connection = self._connection
        if connection is not None and not connection.closed:
            try:
                if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                    connection.execute("ROLLBACK")
            except psycopg.Error as error:
                log.info("rollback_failed", reason=words_of(error))
                self.close()

    @contextmanager
    def translate_errors(self, code: str) -> Iterator[None]:
        """Translate what the database refuses: E204, or else ``code``, E201 or E203."""
        try:
            yield
        except psycopg.Error as error:
            state = error.sqlstate or ""
            reason = f"{words_of(error)} ({state})" if state else words_of(error)
            facts = {"path": self.where, "reason": reason}
            if state == DISK_FULL:
                code, facts = "E204", {**facts, "free": "unknown", "needed": "more"}
            raise StateError.of(code, **facts) from error

    def close(self) -> None:
        """Let go of the connection; never fails."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()

    def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        self.close()
        try:
            connection = psycopg.connect(autocommit=True, **self._parameters)
        except psycopg.Error as error:
            words = words_of(error)
            late = isinstance(error, psycopg.errors.ConnectionTimeout)
            passing = not late and not is_final(words)
            raise DisconnectedError(words, passing=passing) from error
        try:
            require_version(connection.info.server_version)
            connection.execute(
                "SELECT set_config('statement_timeout', %s, false),"
                " set_config('idle_in_transaction_session_timeout', %s, false),"
                " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
                " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
                [str(round(seconds * 1_000)) for seconds in (STATEMENT_SECONDS, IDLE_SECONDS)],
            )
        except BaseException as error:
            connection.close()
            if isinstance(error, psycopg.Error):
                raise DisconnectedError(words_of(error), passing=True) from error
            raise
        self._connection = connection
        log.debug("database_connected", server=self.where)
        return connection


def _parameters(url: str, *, of_file: bool) -> dict[str, Any]:
    """What libpq is given; a URL that it does not take is not repeated, for its password."""
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise _refused("it is not a postgresql:// URL that libpq understands") from None
    if of_file:
        given = _verified(given)
    return {
        "connect_timeout": CONNECT_SECONDS,
        "application_name": f"cde {socket.gethostname()} {os.getpid()}"[:63],
        "tcp_user_timeout": int(STATEMENT_SECONDS * 1_000),
        "keepalives_idle": 10,
        "client_encoding": "UTF8",
        "prepare_threshold": None,  # poolers between us and the server may not keep statements
        **given,
    }


def _verified(given: dict[str, Any]) -> dict[str, Any]:
    """What a file may ask for: nothing of this person's.

    Off this machine a server has to prove that it has its name before it is sent a password.
    """
    if other := sorted(set(given) - _OF_FILE):
        raise _refused(f"in a file it may not say {', '.join(other)}")
    places = str(given.get("hostaddr") or given.get("host") or "").split(",")
    if all(not place or _LOCAL.match(place) for place in places):
        return given
    if given.setdefault("sslmode", _VERIFIED) != _VERIFIED:
        raise _refused(f"in a file it must say sslmode={_VERIFIED}, or no sslmode")
    own = (Path.home() / ".postgresql" / "root.crt").exists() or "PGSSLROOTCERT" in os.environ
    if not own and psycopg.pq.version() >= _KNOWS_THE_SYSTEM:
        given.setdefault("sslrootcert", "system")
    return given


def _refused(reason: str) -> ValidationError:
    return ValidationError.of("E314", setting="state_url", source="the settings", reason=reason)


def _location(parameters: dict[str, Any]) -> str:
    # libpq connects to hostaddr where there is one, whatever the host is called
    names = dict.fromkeys(filter(None, map(parameters.get, ("host", "hostaddr"))))
    host = " at ".join(map(str, names)) or "the local server"
    port = f":{parameters['port']}" if parameters.get("port") else ""
    name = f"/{parameters['dbname']}" if parameters.get("dbname") else ""
    return without_secrets(f"{host}{port}{name}")


def require_version(version: int) -> None:
    """Refuse a server of a release that nobody maintains, with ``DisconnectedError``."""
    if version < LEAST_VERSION:
        reason = (
            f"it is PostgreSQL {version // 10_000}; at least {LEAST_VERSION // 10_000} is needed"
        )
        raise DisconnectedError(reason, passing=False)


def is_final(words: str) -> bool:
    """Whether a server said no, or there is none of that name; libpq gives no code for it."""
    refused = "FATAL" in words and not any(each in words for each in _PASSING_REFUSALS)
    return refused or "resolve host" in words


def _is_passing(error: BaseException) -> bool:
    return error.passing if isinstance(error, DisconnectedError) else is_transient(error)


def _is_lost(error: psycopg.Error, connection: Connection) -> bool:
    return connection.closed or (error.sqlstate or "").startswith(_GONE)


def words_of(error: psycopg.Error) -> str:
    """What the database says, on one line and without secrets."""
    primary = error.diag.message_primary if error.sqlstate else None
    return without_secrets(" ".join((primary or str(error) or type(error).__name__).split()))
