"""Git, looked at through its own command; hooks and monitors of the repository stay unused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import structlog

from cde_orchestrator.domain.exceptions import CircuitBreakerOpenError, FeatureError
from cde_orchestrator.infrastructure.breakers import BreakerRegistry

log = structlog.get_logger(__name__)

_SECONDS = 20.0


class GitVersionControl:
    """The repository that a project lies in, if it lies in one.

    Args:
        breakers: where the circuit breaker of git is.
    """

    def __init__(self, breakers: BreakerRegistry | None = None) -> None:
        self._breakers = breakers or BreakerRegistry()
        self._told = False

    def head(self, root: Path) -> str | None:
        """The current commit; None where there is no repository or no commit."""
        if not _in_repository(root):
            return None
        done = self._git(root, "rev-parse", "--verify", "--quiet", "HEAD")
        return done.stdout.strip() if done is not None and done.returncode == 0 else None

    def changes(self, root: Path) -> list[str] | None:
        """Paths that are not committed, without the product's own; None without repository."""
        if not _in_repository(root):
            return None
        # Into submodules git would go by itself, and run what their configuration names.
        options = ("--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty")
        done = self._git(root, "status", *options, "--", ":/")
        if done is None or done.returncode != 0:
            if done is not None:
                self._tell("status", done.stderr.strip())
            return None
        paths = [entry[3:] for entry in done.stdout.split("\0") if entry]
        return [path for path in paths if ".cde" not in path.split("/")]

    def start_branch(self, root: Path, name: str) -> None:
        """Create a branch here and switch to it; one that stands here already is taken.

        Raises:
            FeatureError: E125, git refuses: the branch stands elsewhere, or cannot be.
        """
        current = self._git(root, "symbolic-ref", "--quiet", "--short", "HEAD")
        if current is not None and current.stdout.strip() == name:
            return
        there = self._git(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{name}")
        exists = there is not None and there.returncode == 0
        if exists and there is not None and there.stdout.strip() != self.head(root):
            raise FeatureError.of("E125", branch=name, reason="it exists and stands elsewhere")
        done = self._git(root, "switch", name) if exists else self._git(root, "switch", "-c", name)
        if done is None or done.returncode != 0:
            reason = "git cannot be run" if done is None else done.stderr.strip()
            raise FeatureError.of("E125", branch=name, reason=reason)
        log.info("branch_started", branch=name)

    def _git(self, root: Path, *words: str) -> subprocess.CompletedProcess[str] | None:
        """Run git in the project; None when it cannot be run or does not end."""
        from cde_orchestrator.infrastructure.git_command import Git, GitError

        try:
            return Git(root, self._breakers).complete(*words, timeout_seconds=_SECONDS)
        except (GitError, CircuitBreakerOpenError) as error:
            self._tell(words[0], str(error))
            return None

    def _tell(self, command: str, reason: str) -> None:
        """Say that git does not help; once is enough, since features go on without it."""
        tell = log.info if self._told else log.warning
        tell("git_failed", command=command, reason=reason)
        self._told = True


def _in_repository(root: Path) -> bool:
    """Whether a repository is in sight; spares a process where there is none."""
    return any((folder / ".git").exists() for folder in (root, *root.parents))
