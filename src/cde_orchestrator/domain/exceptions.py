"""The exceptions of the product: each carries a code of the catalogue.

Raise with ``of``, which takes the words from the catalogue::

    raise FeatureError.of("E102", reference=reference)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from cde_orchestrator.domain.agent_run import AgentReport
from cde_orchestrator.domain.errors.template import fill, jsonable, storable
from cde_orchestrator.domain.patterns import pattern

if TYPE_CHECKING:
    from cde_orchestrator.domain.errors.entry import ErrorMessage, Fix

_CODE = pattern(r"E[0-9]{3}")
_ABOUT_THE_WORK = frozenset(
    "E110 E111 E112 E114 E115 E116 E117 E118 E119 E123 E130 E131 E132 "  # noqa: SIM905
    "E134 E135 E139".split()
)
_REFUSALS = frozenset(
    "E207 E208 E209 E211 E219 E227 E228 E902 E904 E908 E909 E910 E911 "  # noqa: SIM905
    "E912 E924 E936 E937 E938 E939 E940".split()
)
"""Codes of the state and the system with which the product only says no, as it should."""

_MISTAKES = frozenset(
    "E102 E103 E106 E107 E113 E126 E142 E143 E144 E145 E153 E154 E208 E209 "  # noqa: SIM905
    "E301 E302 E303 E304 E305 E306 E307 E308 E309 E316 E317 E318 E321 E322 E323 E329 "
    "E904 E910".split()
)
"""Codes of an input that names what is not there, or is no input: it is read, and typed again."""


def is_mistake(code: str) -> bool:
    """Whether the error is a mistake in the input, for which a line and the remedy are enough."""
    return code in _MISTAKES


def _entry(code: str) -> ErrorMessage:
    """The catalogue's entry; a process in which nothing fails does not load it."""
    from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES

    return ERROR_MESSAGES[code]


class CDEError(Exception):
    """A failure with a code, the facts that explain it and a documented way out.

    Attributes:
        code: ``E`` and three digits, within the class's range.
        context: facts about the failure; fills the catalogue's placeholders.
        recoverable: whether the caller can correct it and try again.
        timestamp: when it was made, UTC.
        correlation_id: names the call that failed, in log, journal and report; None outside
            of any call.
        report_id: names the report that was written about it; None when there is none.
        report_tried: whether it was tried to write one, which is done once.
        fixes: what leads out of the very state that failed; the catalogue's fixes if empty.
    """

    codes: ClassVar[range] = range(1, 1000)

    def __init__(
        self,
        message: str,
        code: str,
        context: Mapping[str, Any] | None = None,
        recoverable: bool = True,
    ) -> None:
        """Make the error.

        Raises:
            ValueError: the code is malformed or outside the class's range.
        """
        if not _CODE.fullmatch(code):
            raise ValueError(f"{code!r} is not an error code; it is E and three digits")
        if int(code[1:]) not in self.codes:
            raise ValueError(f"{code} is outside the range of {type(self).__name__}")
        super().__init__(message)
        self.code = code
        self.context: dict[str, Any] = dict(context or {})
        self.recoverable = recoverable
        self.timestamp = datetime.now(UTC)
        self.correlation_id: str | None = None
        self.report_id: str | None = None
        self.report_tried = False
        self.fixes: tuple[Fix, ...] = ()

    @classmethod
    def of(cls, code: str, **context: Any) -> Self:
        """Make the error with the catalogue's description and recoverability."""
        entry = _entry(code)
        return cls(fill(entry.description, context), code, context, entry.recoverable)

    def fixed_by(self, fixes: Sequence[Fix]) -> Self:
        """The error, with fixes that were chosen for the state at hand, if there are any."""
        self.fixes = tuple(fixes)
        return self

    def also(self, words: str) -> Self:
        """The error, whose message ends with these words, if there are any."""
        if words:
            before = self.context.get("also")
            self.context["also"] = f"{before} {words}" if before else words
            self.args = (f"{self.message} {words}",)
        return self

    @property
    def is_failure(self) -> bool:
        """Whether the state or the system around the product failed.

        Any other error is a refusal: everything works, and the caller has to do otherwise.
        """
        return self.code[1] in "29" and self.code not in _REFUSALS

    @property
    def message(self) -> str:
        """What happened, in one or two sentences."""
        return str(self.args[0])

    @property
    def reason(self) -> str:
        """Why, without what it is about; the message where no more is known."""
        return str(self.context.get("reason", self.message))

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON data: type, code, message, context, recoverable, timestamp."""
        return {
            "type": type(self).__name__,
            "code": self.code,
            "message": storable(self.message),
            "context": jsonable(self.context),
            "recoverable": self.recoverable,
            "timestamp": self.timestamp.isoformat(),
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with code, context and timestamp, across processes."""
        return type(self).__new__, (type(self), self.message), self.__dict__.copy()


@contextmanager
def besides(*checks: Callable[[], object]) -> Iterator[None]:
    """With a mistake that is refused in the block, what else is wrong with the input is said.

    Args:
        checks: of the rest of the input; each raises what it refuses.

    Raises:
        CDEError: what is raised in the block.
    """
    try:
        yield
    except CDEError as error:
        for check in checks if is_mistake(error.code) else ():
            try:
                check()
            except CDEError as other:
                if is_mistake(other.code):
                    error.also(f"Besides: {other.message}")
        raise


class ProjectError(CDEError):
    """Project failures (E001-E099)."""

    codes = range(1, 100)


class FeatureError(CDEError):
    """Feature and phase failures (E100-E199)."""

    codes = range(100, 200)

    @property
    def is_about_the_work(self) -> bool:
        """Whether it is the work that must become better before it can be accepted.

        Its outputs do not pass the gate (E110 to E117 but for E113, E130 to E132), its check
        failed or took too long (E118, E119), it changed meanwhile (E123), or its proofs cannot be
        used or prove nothing (E134, E135, E139).
        """
        return self.code in _ABOUT_THE_WORK


class StateError(CDEError):
    """Failures of the stored state (E200-E299)."""

    codes = range(200, 300)


class ValidationError(CDEError):
    """Input that cannot be accepted (E300-E399)."""

    codes = range(300, 400)


class CDESystemError(CDEError):
    """Failures of the system around the product (E900-E999)."""

    codes = range(900, 1000)


class ReadOnlyModeError(StateError):
    """The state cannot be written, so changes are refused (E206)."""


class LockTimeoutError(StateError):
    """Another process held the project's lock for too long (E205)."""


class ConcurrentChangeError(StateError):
    """Somebody else changed the same thing since it was loaded (E207)."""


class BackendUnreachableError(StateError):
    """The database with the state does not answer (E217)."""


class UntrustedBackendError(StateError):
    """Nobody trusts the database that the project's settings name, so it is not asked (E218)."""


class OutputError(FeatureError):
    """A phase's outputs do not pass its gate (E110-E117, E130-E132)."""


class AgentError(CDESystemError):
    """An agent that was started did not get its work done (E905-E907).

    Attributes:
        report: what its program reported before.
    """

    report: AgentReport = AgentReport()

    def reporting(self, report: AgentReport) -> Self:
        """The error, with what the program reported."""
        self.report = report
        return self


class AgentUnavailableError(AgentError):
    """An agent did not try: its model is busy (E939), or it cannot work here (E942)."""


class CircuitBreakerOpenError(CDESystemError):
    """A failing part is given time to recover; calls are refused meanwhile (E903)."""

    def __init__(
        self,
        message: str | None = None,
        code: str = "E903",
        context: Mapping[str, Any] | None = None,
        recoverable: bool = True,
    ) -> None:
        known = {"breaker": "breaker", "retry_after_seconds": 0, "last_failure": "unknown"}
        facts = {**known, **(context or {})}
        message = message or fill(_entry("E903").description, facts)
        super().__init__(message, code, facts, recoverable)

    @property
    def retry_after_seconds(self) -> float:
        """Seconds until a trial call is let through."""
        return float(self.context.get("retry_after_seconds", 0.0))
