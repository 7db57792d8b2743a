"""Notifies a person that a feature waits for them, as they chose for themselves.

The choice is in the user's configuration, for all projects, and never in a project::

    desktop = true
    bell = true
    webhook = "https://ntfy.example/me"
    command = ["say-it", "--loud"]

So nothing of it has to be trusted; a folder that is not trusted notifies nobody.
"""

from __future__ import annotations

import hashlib
import html
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from cde_orchestrator.application.ports.health import Notice
from cde_orchestrator.domain.check import Check
from cde_orchestrator.domain.exceptions import CDESystemError
from cde_orchestrator.infrastructure.breakers.registry import BreakerRegistry
from cde_orchestrator.infrastructure.monitoring.alerts.dispatch import AlertDispatcher, payload_of
from cde_orchestrator.infrastructure.monitoring.alerts.notifiers import (
    COMMAND_SECONDS,
    LONGEST_SECONDS,
    CommandNotifier,
    GuardedNotifier,
    Notifier,
    WebhookNotifier,
)
from cde_orchestrator.infrastructure.observability.correlation import child_environment
from cde_orchestrator.infrastructure.paths import user_folder, user_state_folder
from cde_orchestrator.infrastructure.settings.command_table import CommandTable
from cde_orchestrator.infrastructure.settings.settings import settings_document
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.file_ops import open_new, unlink
from cde_orchestrator.infrastructure.system.tree import names_in
from cde_orchestrator.infrastructure.system.viewing import is_only_viewed

FILE = "notices.toml"
SEEN = "notices"
SEEN_KEPT = 200
"""Waits that are remembered as notified, the newest."""
DESKTOP_SECONDS = 5.0
_SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)


class DesktopNotifier:
    """Shows a notice on the desktop, by the system's own program."""

    name = "desktop"

    def send(self, payload: bytes) -> None:
        """Show it; E929 where there is no such program, or it does not take it."""
        content = orjson.loads(payload)
        title, text = f"cde: {content['project']['name']}", content["text"]
        try:
            ended = programs.run(
                self._words(title, text), environment=child_environment(), seconds=DESKTOP_SECONDS
            )
        except programs.TookTooLongError:
            raise self._refused(f"it did not end within {DESKTOP_SECONDS:g} seconds") from None
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error
        if ended.returncode:
            raise self._refused(f"it ended with exit code {ended.returncode}")

    def _words(self, title: str, text: str) -> list[str]:
        environment = child_environment()
        if programs.found("notify-send", environment):  # whose text may have markup
            return ["notify-send", "--app-name=cde", "--", title, html.escape(text, quote=False)]
        if programs.found("osascript", environment):
            script = [word for line in _SCRIPT for word in ("-e", line)]
            return ["osascript", *script, title, text]
        raise self._refused("neither notify-send nor osascript is on PATH")

    def _refused(self, reason: str) -> CDESystemError:
        return CDESystemError.of("E929", notifier=self.name, reason=reason)


class BellNotifier:
    """Rings the bell of the terminal that the process has, if it has one."""

    name = "bell"

    def send(self, _payload: bytes) -> None:
        """Ring it; E929 where standard error is no terminal."""
        if sys.stderr is None or not sys.stderr.isatty():
            reason = "standard error is no terminal"
            raise CDESystemError.of("E929", notifier=self.name, reason=reason)
        sys.stderr.write("\a")
        sys.stderr.flush()


class OwnWebhook(WebhookNotifier):
    """An address of the person's own."""

    name = "own-webhook"


class OwnCommand(CommandNotifier):
    """A command of the person's own; it runs in the folder of their configuration."""

    name = "own-command"

    def __init__(self, folder: Path, command: Check, breakers: BreakerRegistry) -> None:
        GuardedNotifier.__init__(self, breakers, lambda: True)
        self._root = folder
        self._command = command


class PersonalNotices:
    """Notifies the person once of each wait, whichever process of the machine sees it first."""

    def __init__(self, root: Path, breakers: BreakerRegistry) -> None:
        self._root = root
        self._breakers = breakers
        self._dispatcher = AlertDispatcher(root, lambda: personal_notifiers(self._breakers))

    def notify(
        self, feature_id: str, feature: str, phase: str, since: str, given_up: int | None = None
    ) -> None:
        """Notify of a phase that waits since then, some time soon; it never fails.

        ``given_up`` is how many attempts at it there were when a run of agents gave up; None for
        a phase that is a person's.
        """
        wait = f"{phase} {since}" if given_up is None else f"{phase} {since} {given_up}"
        if is_only_viewed(self._root) or not has_choice() or not _is_first(feature_id, wait, since):
            return
        is_given_up = given_up is not None
        waiting = {"feature": feature, "phase": phase, "since": since, "given_up": is_given_up}
        what = f"no agent completed {phase}" if is_given_up else phase
        text = f"{feature} waits for you: {what}"
        self._dispatcher.put(payload_of(self._root, text, waiting=waiting))

    def try_out(self) -> list[Notice]:
        """Notify now, of nothing; what became of each way that the person chose.

        Nobody is notified from a folder that is not trusted.

        Raises:
            ValidationError: E314 or E320, the choice is not valid.
        """
        if is_only_viewed(self._root):
            return []
        text = "This is a test: features that wait for you are announced like this"
        return self._dispatcher.put_now([payload_of(self._root, text, waiting=None)])

    def close(self, seconds: float) -> None:
        """Wait until all was sent, but not for longer."""
        self._dispatcher.close(seconds)


def choice_file() -> Path | None:
    """Where the person's choice is; None without a home."""
    folder = user_folder("config", "~/.config")
    return folder and folder / FILE


def has_choice() -> bool:
    """Whether the person chose anything."""
    path = choice_file()
    return path is not None and path.is_file()


def personal_notifiers(breakers: BreakerRegistry) -> Sequence[Notifier]:
    """The ways that the person chose; none where there is no file.

    Raises:
        ValidationError: E314, the file has something else than what may be chosen; E320, it is
            no TOML or cannot be read.
    """
    path = choice_file()
    if path is None:
        return []
    table = CommandTable.of(SEEN, settings_document(path)[1], path)
    table.require_keys("desktop", "bell", "webhook", "command", "timeout_seconds")
    chosen: list[Notifier] = []
    if table.flag("desktop"):
        chosen.append(DesktopNotifier())
    if table.flag("bell"):
        chosen.append(BellNotifier())
    address = table.values.get("webhook", "")
    if address:
        if not _is_address(address):
            table.refuse("webhook", "it must be an http:// or https:// address")
        chosen.append(OwnWebhook(address, breakers))
    seconds = table.seconds("timeout_seconds", LONGEST_SECONDS, COMMAND_SECONDS)
    if words := table.words("command"):
        chosen.append(OwnCommand(path.parent, Check(words, ".", seconds), breakers))
    return chosen


def _is_address(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_first(feature_id: str, wait: str, since: str) -> bool:
    """Whether no process of this machine has notified of this wait; it is noted that one did."""
    state = user_state_folder()
    if state is None:
        return True
    folder = state / SEEN
    digest = hashlib.sha256(f"{feature_id} {wait}".encode()).hexdigest()[:32]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        open_new(folder / f"{since[:10]}-{digest}").close()
        for name in sorted(names_in(folder))[:-SEEN_KEPT]:
            unlink(folder / name, missing_ok=True)
    except FileExistsError:
        return False
    except OSError:
        return True  # better twice than never
    return True
