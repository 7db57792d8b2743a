"""Hands alerts to a command of the project's own, which a person has to trust first.

It stands in the project's settings::

[alerts]
command = ["./tell-the-team.sh", "--loud"]
timeout_seconds = 10
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NoReturn

from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import CDESystemError, ValidationError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.observability.correlation import child_environment
from cde_orchestrator.infrastructure.settings.settings import settings_document, settings_file

TABLE = "alerts"
BREAKER = "alert-command"
TIMEOUT_SECONDS = 10.0
LONGEST_SECONDS = 600.0

_KEYS = ("command", "timeout_seconds")
_FAILURES_ALLOWED = 3
_REST_SECONDS = 60.0


def load_alert_command(root: Path) -> Check | None:
    """The command of the project at ``root``; None where it has none.

    Raises:
        ValidationError: E314, it is not valid; E320, the settings cannot be read.
    """
    path = settings_file(root)
    table = settings_document(path)[1].get(TABLE, {})
    if not isinstance(table, dict):
        _refuse(TABLE, path, "it is no table")
    unknown = sorted(table.keys() - set(_KEYS))
    if unknown:
        _refuse(f"{TABLE}.{unknown[0]}", path, f"there are only {', '.join(_KEYS)}")
    words = table.get("command", [])
    if not isinstance(words, list) or not all(_is_word(word) for word in words):
        _refuse(f"{TABLE}.command", path, "it is no list of texts")
    seconds = _seconds(table.get("timeout_seconds", TIMEOUT_SECONDS), path)
    return Check(tuple(words), ".", seconds) if words else None


class CommandNotifier:
    """Runs the command for each event, with the event as JSON on its standard input.

    Args:
        root: the project's folder, where it runs.
        command: what is run.
        trust: says whether a person trusts it.
        breakers: the project's; a command that keeps failing is left alone for a while.
    """

    name = "command"

    def __init__(
        self, root: Path, command: Check, trust: TrustStore, breakers: BreakerRegistry
    ) -> None:
        self._root = root
        self._command = command
        self._trust = trust
        self._breaker = breakers.get(
            BREAKER,
            failure_threshold=_FAILURES_ALLOWED,
            timeout=_REST_SECONDS,
            failures=OSError,
            ignored=(),
        )

    def send(self, payload: bytes) -> None:
        """Run it to its end, or end it, with all that it started, when it takes too long.

        Raises:
            CDESystemError: E929, nobody trusts it, or it failed.
            CircuitBreakerOpenError: E903, it failed so often that it is left alone.
        """
        if not self._trust.trusts(self._root, self._command.command_line):
            reason = "nobody trusts it in this project, which takes cde trust"
            raise CDESystemError.of("E929", notifier=self.name, reason=reason)
        try:
            self._breaker.call(self._run, payload)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CDESystemError.of("E929", notifier=self.name, reason=reason) from error

    def _run(self, payload: bytes) -> None:
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


def _seconds(value: Any, path: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{TABLE}.timeout_seconds", path, "it is no number")
    if not 0 < value <= LONGEST_SECONDS:
        reason = f"it is not between 0 and {LONGEST_SECONDS:.0f}"
        _refuse(f"{TABLE}.timeout_seconds", path, reason)
    return float(value)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _refuse(setting: str, path: Path, reason: str) -> NoReturn:
    raise ValidationError.of("E314", setting=setting, source=str(path), reason=reason)
