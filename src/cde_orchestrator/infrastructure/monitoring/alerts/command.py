"""Hands alerts to a command of the project's own, which a person has to trust first.

It is in the project's settings::

    [alerts]
    command = ["./notify-the-team.sh", "--loud"]
    timeout_seconds = 10
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cde_orchestrator.application.ports.checks import TrustStore
from cde_orchestrator.domain.check import Check
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts.notifier import GuardedNotifier
from cde_orchestrator.infrastructure.observability.correlation import child_environment
from cde_orchestrator.infrastructure.settings.command_table import CommandTable
from cde_orchestrator.infrastructure.settings.settings import settings_document, settings_file

TABLE = "alerts"
BREAKER = "alert-command"
TIMEOUT_SECONDS = 10.0
LONGEST_SECONDS = 600.0


def load_alert_command(root: Path) -> Check | None:
    """The command of the project at ``root``; None where it has none.

    Raises:
        ValidationError: E314, it is not valid; E320, the settings cannot be read.
    """
    path = settings_file(root)
    table = CommandTable.of(TABLE, settings_document(path)[1].get(TABLE, {}), path)
    table.require_keys("command", "timeout_seconds")
    words = table.words("command")
    seconds = table.seconds("timeout_seconds", LONGEST_SECONDS, TIMEOUT_SECONDS)
    return Check(words, ".", seconds) if words else None


class CommandNotifier(GuardedNotifier):
    """Runs the command for each event, with the event as JSON on its standard input.

    It is run to its end, or ended, with all that it started, when it takes too long.

    Args:
        root: the project's folder, where it runs.
        command: what is run.
        trust: says whether a person trusts it.
        breakers: the project's; a command that keeps failing rests for a while.
    """

    name = "command"
    subject = "it"

    def __init__(
        self, root: Path, command: Check, trust: TrustStore, breakers: BreakerRegistry
    ) -> None:
        super().__init__(breakers, BREAKER, lambda: trust.trusts(root, command.command_line))
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
