"""Runs git, bounded in time and behind a circuit breaker; it never asks anybody anything."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cde_orchestrator.infrastructure.breakers import BreakerRegistry

BREAKER = "git"
TIMEOUT_SECONDS = 60.0

# A repository may be a stranger's: none of its own programs is run.
_SAFE = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


class GitError(OSError):
    """git is missing, took too long, or ended with an exit code that is not 0."""


class Git:
    """git in one folder.

    Args:
        folder: where it runs.
        breakers: where its circuit breaker is.
    """

    def __init__(self, folder: Path, breakers: BreakerRegistry) -> None:
        self._folder = folder
        self._breaker = breakers.get(BREAKER, failures=GitBrokenError)

    def run(self, *arguments: str) -> str:
        """What the command prints.

        Raises:
            GitError: it says no.
            GitBrokenError: git itself does not work; this is what counts as a failure.
            CircuitBreakerOpenError: E903, git is given time to recover.
        """
        return self._breaker.call(self._run, arguments)

    def _run(self, arguments: tuple[str, ...]) -> str:
        # Variables of git would lead it to another repository.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        try:
            done = subprocess.run(
                ["git", *_SAFE, *arguments],
                cwd=self._folder,
                env={**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitBrokenError(str(error)) from error
        if done.returncode:
            words = done.stderr.decode("utf-8", "replace").strip()
            raise GitError(words or f"git ended with exit code {done.returncode}")
        return done.stdout.decode("utf-8", "replace").strip()


class GitBrokenError(GitError):
    """git is missing or took too long."""
