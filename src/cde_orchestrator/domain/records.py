"""What is kept of the work on a phase: failures, evidence and saved progress."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cde_orchestrator.domain.exceptions import ValidationError
from cde_orchestrator.domain.secrets import data_without_secrets, without_secrets
from cde_orchestrator.domain.text import checked_text, why_unreadable
from cde_orchestrator.domain.value import Value

PROGRESS_LIMIT_BYTES = 64 * 1024
"""Bytes of one saved progress, its note and data together."""

PROGRESS_KEPT = 50
"""Entries of saved progress that stay with a phase; the journal has them all."""

KEY_LIMIT = 128
"""Characters of an idempotency key."""

REPEATED_WITHIN = timedelta(seconds=1)
"""A call without a key that says the same as the one before it so soon is the same call."""

REASON_LIMIT = 4_000
"""Characters of a reason."""


class Artifact(Value):
    """A recorded output: the file's path in the project, its SHA-256 and size in bytes."""

    id: str
    path: str
    sha256: str
    size: int


class Failure(Value):
    """An attempt that was given up; ``key`` names the call, so that a repeat counts once."""

    at: datetime
    attempt: int
    reason: str
    by: str
    key: str | None = None

    def repeats(self, before: Failure) -> bool:
        """Whether a client sent the call without a key twice."""
        said = (before.reason, before.by, before.key) == (self.reason, self.by, None)
        return said and is_repeated(before.at, self.at)


class Refusal(Value):
    """Why a submission was refused, which is no failure of its attempt.

    Attributes:
        code: of the error, as ``E115``.
        reason: what it says, without secrets.
    """

    at: datetime
    by: str
    code: str
    reason: str


class Evidence(Value, kw_only=True):
    """What a check left: nobody's word, but what the orchestrator saw.

    Attributes:
        exit_code: None when it was ended for taking too long.
        tail: the last part of its output.
        sha256: digest of its whole output.
        size: bytes of its whole output.
    """

    at: datetime
    command: tuple[str, ...]
    directory: str
    exit_code: int | None
    duration_ms: float
    tail: str
    sha256: str
    size: int

    @property
    def passed(self) -> bool:
        """Whether the command ended with exit code 0."""
        return self.exit_code == 0

    def summary(self) -> str:
        """The evidence as a failure in words, with the end of the output."""
        if self.exit_code is None:
            ending = f"was stopped after {self.duration_ms / 1000:.0f} s"
        else:
            ending = f"ended with exit code {self.exit_code}"
        return f"The check {' '.join(self.command)} {ending}:\n{self.tail}".rstrip(":\n")


class Baseline(Value):
    """The work tree when a feature began: what it had already is no work of the feature's.

    Attributes:
        commit: git's commit.
        dirty: digest of each file that differed from the commit, untracked ones too, by its
            path in the repository; None where there was no file.
    """

    commit: str
    dirty: Mapping[str, str | None]


class SourceBase(Value):
    """All of the source when a feature began, as git keeps it.

    Attributes:
        tree: git's id of it, uncommitted and untracked files included.
        commit: the commit that was checked out.
    """

    tree: str
    commit: str


class SourceMoment(Value):
    """All of the source in one folder at one moment, as git keeps it.

    Attributes:
        at: just before it was looked at.
        folder: the work folder, absolute: the project's, or that of a feature's worktree.
        tree: git's id of it, uncommitted and untracked files included.
        commit: the commit that was checked out.
    """

    at: datetime
    folder: str
    tree: str
    commit: str


class Discarded(Value):
    """An output that a rollback discarded: whose, of which attempt, and the copy that was kept."""

    output: str
    path: str
    kept_as: str
    attempt: int


class Returned(Value):
    """Why a phase was begun again, by a rollback or a verdict; that is no failure of an attempt.

    Attributes:
        notes: what was saved in the phase before.
        to: the earlier phase that the feature went back to; None where it was the phase itself,
            and in what an earlier release kept.
        closed_as: how the feature had ended that was reopened so; None where it was open, and in
            what an earlier release kept.
    """

    at: datetime
    by: str
    reason: str
    discarded: tuple[Discarded, ...] = ()
    notes: tuple[str, ...] = ()
    to: str | None = None
    closed_as: str | None = None

    def heading(self) -> str:
        """What happened, in words."""
        return (
            "Returned to this phase" if self.to is None else f"The feature went back to {self.to}"
        )

    def summary(self) -> str:
        """Why, and where the discarded outputs are, in words."""
        rows = [f"- `{each.output}`: `{each.kept_as}`" for each in self.discarded]
        words = f"{self.heading()}: {self.reason}"
        return "\n".join(
            [words, "", "What was discarded for that reason is kept:", *rows] if rows else [words]
        )


PATHS_KEPT = 200
"""Paths of a difference that are kept."""


class Difference(Value):
    """How much of the source changed: files, and lines that were added and removed.

    Attributes:
        paths: the files, at most so many; none in what an earlier release kept.
    """

    files: int
    added: int
    removed: int
    paths: tuple[str, ...] = ()


class Progress(Value):
    """Partial work that somebody saved inside a phase; ``data`` is any JSON value."""

    at: datetime
    by: str
    note: str
    data: Any = None

    def repeats(self, before: Progress) -> bool:
        """Whether a client sent the call twice."""
        return replace(self, at=before.at) == before and is_repeated(before.at, self.at)

    @classmethod
    def checked(cls, at: datetime, by: str, note: str, data: Any) -> Progress:
        """The progress, if it can be kept; secrets are not.

        Raises:
            ValidationError: E303 unusable characters, E305 nothing is said, E315 too large.
        """
        text = checked_text("note", note, PROGRESS_LIMIT_BYTES).strip()
        if not text:
            raise ValidationError.of("E305", argument="note", reason="it is empty")
        try:
            encoded = "" if data is None else json.dumps(data, ensure_ascii=False, allow_nan=False)
            kept = data_without_secrets(data, by_name=True)
        except (TypeError, ValueError, RecursionError) as error:
            reason = f"it is not a JSON value: {why_unreadable(error)}"
            raise ValidationError.of("E305", argument="data", reason=reason) from error
        checked_text("data", encoded, PROGRESS_LIMIT_BYTES)
        size = len(text.encode()) + len(encoded.encode())
        if size > PROGRESS_LIMIT_BYTES:
            raise ValidationError.of(
                "E315", field="progress", size_bytes=size, limit_bytes=PROGRESS_LIMIT_BYTES
            )
        return cls(at, by, without_secrets(text), kept)


def is_repeated(before: datetime, now: datetime) -> bool:
    """Whether a call so soon after an equal one is that one, sent twice by its client.

    The one before may have been recorded after this one came in.
    """
    return abs(now - before) <= REPEATED_WITHIN


def checked_key(key: str | None) -> str | None:
    """The idempotency key of a call, if it gave one.

    Raises:
        ValidationError: E302 too long, E303 unusable characters, E305 nothing can be seen.
    """
    if key is None:
        return None
    if not checked_text("idempotency_key", key, KEY_LIMIT).strip():
        reason = "it has no visible character"
        raise ValidationError.of("E305", argument="idempotency_key", reason=reason)
    return key


def checked_reason(reason: str | None) -> str:
    """The reason without outer blanks.

    Raises:
        ValidationError: E302 too long, E303 unusable characters, E305 there is none.
    """
    text = checked_text("reason", reason or "", REASON_LIMIT).strip()
    if not text:
        raise ValidationError.of("E305", argument="reason", reason="it is empty")
    return text
