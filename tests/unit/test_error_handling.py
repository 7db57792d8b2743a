"""The exceptions: a hierarchy by ranges of codes, each with its context, safe to pass on."""

from __future__ import annotations

import copy
import errno
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.domain.errors.approval_messages import APPROVAL_MESSAGES
from cde_orchestrator.domain.errors.feature_messages import FEATURE_MESSAGES
from cde_orchestrator.domain.errors.finish_messages import FINISH_MESSAGES
from cde_orchestrator.domain.errors.growth_messages import GROWTH_MESSAGES
from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.errors.page_messages import PAGE_MESSAGES
from cde_orchestrator.domain.errors.project_messages import PROJECT_MESSAGES
from cde_orchestrator.domain.errors.proof_messages import PROOF_MESSAGES
from cde_orchestrator.domain.errors.state_messages import STATE_MESSAGES
from cde_orchestrator.domain.errors.system_messages import SYSTEM_MESSAGES
from cde_orchestrator.domain.errors.validation_messages import VALIDATION_MESSAGES
from cde_orchestrator.domain.exceptions import (
    AgentError,
    AgentUnavailableError,
    BackendUnreachableError,
    CDEError,
    CDESystemError,
    CircuitBreakerOpenError,
    ConcurrentChangeError,
    FeatureError,
    LockTimeoutError,
    OutputError,
    ProjectError,
    ReadOnlyModeError,
    StateError,
    UntrustedBackendError,
    ValidationError,
)
from cde_orchestrator.domain.project import ProjectStatus
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from tests.catalogue import wishes

RANGES: list[tuple[type[CDEError], int, int]] = [
    (ProjectError, 1, 99),
    (FeatureError, 100, 199),
    (StateError, 200, 299),
    (ValidationError, 300, 399),
    (CDESystemError, 900, 999),
]
CATALOGUES: list[tuple[type[CDEError], Mapping[str, Any]]] = [
    (ProjectError, PROJECT_MESSAGES),
    (FeatureError, FEATURE_MESSAGES),
    (FeatureError, PROOF_MESSAGES),
    (FeatureError, APPROVAL_MESSAGES),
    (FeatureError, GROWTH_MESSAGES),
    (FeatureError, FINISH_MESSAGES),
    (FeatureError, {code: each for code, each in PAGE_MESSAGES.items() if code < "E300"}),
    (ValidationError, {code: each for code, each in PAGE_MESSAGES.items() if code > "E300"}),
    (StateError, STATE_MESSAGES),
    (ValidationError, VALIDATION_MESSAGES),
    (CDESystemError, SYSTEM_MESSAGES),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def error_classes(base: type[CDEError] = CDEError) -> Iterator[type[CDEError]]:
    """``CDEError`` and everything below it."""
    yield base
    for subclass in base.__subclasses__():
        if subclass.__module__.startswith("cde_orchestrator."):
            yield from error_classes(subclass)


CLASSES = list(error_classes())


def made(error_class: type[CDEError], **context: Any) -> CDEError:
    """An error of this class with the first code of its range."""
    code = f"E{error_class.codes.start:03}"
    return error_class("What happened", code, context, recoverable=False)


def strict_json(text: str) -> Any:
    """JSON as the standard has it: without NaN and Infinity."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text.encode(), parse_constant=refuse)


def same(one: CDEError, other: CDEError) -> bool:
    """Whether two errors say the same."""
    return (
        type(one) is type(other)
        and one.args == other.args
        and one.__dict__ == other.__dict__
        and str(one) == str(other)
    )


def test_custom_exceptions_hierarchy() -> None:
    assert issubclass(CDEError, Exception)
    families = {error_class for error_class in CLASSES if error_class.__base__ is CDEError}
    assert families == {error_class for error_class, *_ in RANGES}
    assert {each: each.__base__ for each in CLASSES if each not in {CDEError, *families}} == {
        OutputError: FeatureError,
        ReadOnlyModeError: StateError,
        LockTimeoutError: StateError,
        ConcurrentChangeError: StateError,
        BackendUnreachableError: StateError,
        UntrustedBackendError: StateError,
        AgentError: CDESystemError,
        AgentUnavailableError: AgentError,
        CircuitBreakerOpenError: CDESystemError,
    }


def test_error_codes_unique() -> None:
    # As written: of two entries with one code in the same dictionary, the first would be gone.
    folder = Path(inspect.getfile(CDEError)).parent / "errors"
    written = "".join(path.read_text("utf-8") for path in folder.glob("*_messages.py"))
    codes = re.findall(r'^    "(E\d{3})": ', written, re.MULTILINE)

    assert len(codes) == len(set(codes))
    assert set(codes) == set(ERROR_MESSAGES)
    for error_class, messages in CATALOGUES:
        assert all(int(code[1:]) in error_class.codes for code in messages)


def test_the_ranges_of_the_five_families_do_not_overlap() -> None:
    numbers = [number for error_class, *_ in RANGES for number in error_class.codes]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(("error_class", "first", "last"), RANGES)
def test_a_family_takes_the_codes_of_its_range_and_no_other(
    error_class: type[CDEError], first: int, last: int
) -> None:
    for number in (first, last):
        assert error_class("m", f"E{number:03}").code == f"E{number:03}"
    for number in {first - 1, last + 1} - {1000}:
        with pytest.raises(ValueError, match=r"range|code"):
            error_class("m", f"E{number:03}")


@pytest.mark.parametrize("error_class", CLASSES)
def test_a_subclass_takes_no_code_that_its_family_refuses(error_class: type[CDEError]) -> None:
    outside = sorted(set(range(1, 1000)) - set(error_class.codes))

    for number in outside[:: max(len(outside) // 20, 1)]:
        with pytest.raises(ValueError, match="outside the range"):
            error_class("m", f"E{number:03}")


@pytest.mark.parametrize(
    "code",
    [
        "",
        "E",
        "E1",
        "E01",
        "E0001",
        "e101",
        "101",
        "X101",
        "E1a1",
        "E-11",
        "E+11",
        "E 11",
        "E11 ",
        "E11\n",
        "E000",
        "E1.1",
        "E\u00b2\u00b2\u00b2",
        "E\u0661\u0660\u0661",
        "E\uff11\uff10\uff11",
    ],
)
def test_a_malformed_code_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match=r"range|code"):
        CDEError("m", code)


def test_error_context_capture() -> None:
    before = datetime.now(UTC)
    with pytest.raises(ProjectError) as caught:
        FilesystemProjectRepository().get_or_create("/invalid")
    error = caught.value

    assert before <= error.timestamp <= datetime.now(UTC)

    assert error.code == "E001"
    assert error.context["path"] == "/invalid"
    assert error.recoverable is False
    assert "/invalid" in error.message
    context = {"path": "/first"}
    kept = ProjectError("What happened", "E001", context)
    context["path"] = "/second"
    assert kept.context == {"path": "/first"}


def test_a_path_that_no_system_can_look_at_is_refused_for_its_characters() -> None:
    with pytest.raises(ValidationError) as caught:
        FilesystemProjectRepository().get_or_create("/in\x00valid")

    assert caught.value.code == "E303"


def test_an_error_says_when_it_was_made() -> None:
    before = datetime.now(UTC)
    timestamp = CDEError("m", "E101").timestamp

    assert timestamp.utcoffset() == timedelta(0)
    assert before <= timestamp <= datetime.now(UTC)


def test_an_error_made_by_hand_keeps_what_it_was_given() -> None:
    error = ProjectError(
        message="Project not found at path",
        code="E001",
        context={"path": "/invalid/path"},
        recoverable=False,
    )

    assert str(error) == error.message == "Project not found at path"
    assert error.args == ("Project not found at path",)
    assert error.context == {"path": "/invalid/path"}
    assert error.recoverable is False


def test_an_error_without_context_has_an_empty_one_of_its_own() -> None:
    one, other = CDEError("m", "E101"), CDEError("m", "E101")
    one.context["key"] = "value"

    assert other.context == {}
    assert other.recoverable is True


def test_the_context_is_a_copy_of_what_was_given() -> None:
    given_context = {"path": "/a"}
    error = CDEError("m", "E001", given_context)
    error.context["project_path"] = "/b"

    assert given_context == {"path": "/a"}


@pytest.mark.parametrize(("error_class", "messages"), CATALOGUES)
def test_an_error_of_the_catalogue_takes_its_words_and_its_recoverability(
    error_class: type[CDEError], messages: Mapping[str, Any]
) -> None:
    for code, entry in messages.items():
        error = error_class.of(code, **dict.fromkeys(wishes(entry), "x"))

        assert error.code == code
        assert error.recoverable is entry.recoverable
        assert set(error.context) == wishes(entry)
        assert "{" not in error.message
        assert "?" not in error.message


def test_an_error_of_another_family_cannot_be_made_from_the_catalogue() -> None:
    with pytest.raises(ValueError, match="outside the range of FeatureError"):
        FeatureError.of("E001", path="/a")


def test_a_code_that_the_catalogue_lacks_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(KeyError):
        FeatureError.of("E199")


def test_a_breaker_says_when_to_try_again() -> None:
    assert CircuitBreakerOpenError("m", "E903").retry_after_seconds == 0.0
    context = {"retry_after_seconds": 12}
    assert CircuitBreakerOpenError("m", "E903", context).retry_after_seconds == 12.0


class RefusingOnce(OsFileOps):
    """Refuses to make one change durable."""

    code = 0

    def fdatasync(self, descriptor: int) -> None:
        code, self.code = self.code, 0
        if code:
            raise OSError(code, os.strerror(code))
        super().fdatasync(descriptor)


def test_recovery_strategies(tmp_path: Path) -> None:
    ops = RefusingOnce()
    repository = FilesystemProjectRepository(ops=ops)
    project = repository.get_or_create(tmp_path)
    project.activate()

    # What is transient is tried again, unseen.
    ops.code = errno.EAGAIN
    repository.save(project)
    assert repository.get(tmp_path).status is ProjectStatus.ACTIVE

    # What is not leaves the state as it was, and says whether it is worth another try.
    project.archive()
    ops.code = errno.EIO
    with pytest.raises(StateError) as caught:
        repository.save(project)
    assert (caught.value.code, caught.value.recoverable) == ("E203", True)
    assert FilesystemProjectRepository().get(tmp_path).status is ProjectStatus.ACTIVE
    repository.save(project, force=True)
    assert FilesystemProjectRepository().get(tmp_path).status is ProjectStatus.ARCHIVED

    # A failing change rolls back what it changed.
    with suppress(FeatureError), repository.transaction(tmp_path) as loaded:
        loaded.activate()
        loaded.feature("nothing")
    assert repository.get(tmp_path).status is ProjectStatus.ARCHIVED

    # A critical failure turns the project read-only.
    project = repository.get(tmp_path)
    project.read_only_reason = "the disk refuses"
    with pytest.raises(ReadOnlyModeError):
        repository.save(project)
    repository.save(project, force=True)


def test_error_to_json_serialization() -> None:
    error = FeatureError.of("E101", status="ARCHIVED")
    error.context["path"] = Path("/home/shop")
    error.context["at"] = datetime(2025, 11, 10, tzinfo=UTC)

    assert strict_json(error.to_json()) == {
        "type": "FeatureError",
        "code": "E101",
        "message": "Cannot start feature in ARCHIVED status. Project must be ACTIVE.",
        "context": {
            "status": "ARCHIVED",
            "path": "/home/shop",
            "at": "2025-11-10 00:00:00+00:00",
        },
        "recoverable": True,
        "timestamp": error.timestamp.isoformat(),
    }
    other = StateError("It is \udcff", "E201", recoverable=False)
    assert strict_json(other.to_json().encode().decode()) == {
        "type": "StateError",
        "code": "E201",
        "message": "It is \\udcff",
        "context": {},
        "recoverable": False,
        "timestamp": other.timestamp.isoformat(),
    }


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_any_context_of_json_values_comes_back_from_json(context: dict[str, Any]) -> None:
    error = CDEError("m", "E101", context)

    assert strict_json(error.to_json())["context"] == context
    assert "\n" not in error.to_json()


STRANGERS_TO_JSON = {
    "a set": {1, 2},
    "bytes": b"bytes",
    "an object": object(),
    "an exception": ValueError("no"),
    "not a number": float("nan"),
    "infinity": [float("inf")],
    "a tuple as key": {(1, 2): "text"},
    "a path as key": {Path("/a"): "text"},
    "a lone surrogate": "a \udc80",
}


@pytest.mark.parametrize("value", STRANGERS_TO_JSON.values(), ids=STRANGERS_TO_JSON)
def test_a_value_that_json_has_no_word_for_becomes_text(value: object) -> None:
    error = CDEError("m", "E101", {"value": value})

    assert strict_json(error.to_json())["code"] == "E101"


def test_an_error_as_plain_data_has_the_words_of_its_json() -> None:
    error = made(CDEError, path="/a")

    assert strict_json(error.to_json()) == error.to_dict()


def by_copy(error: CDEError) -> CDEError:
    """A shallow copy."""
    return copy.copy(error)


def by_deepcopy(error: CDEError) -> CDEError:
    """A deep copy."""
    return copy.deepcopy(error)


def by_pickle(protocol: int) -> Callable[[CDEError], CDEError]:
    """A copy by way of pickle."""

    def through(error: CDEError) -> CDEError:
        loaded = pickle.loads(pickle.dumps(error, protocol))
        assert isinstance(loaded, CDEError)
        return loaded

    return through


COPIES = [by_copy, by_deepcopy, *map(by_pickle, range(pickle.HIGHEST_PROTOCOL + 1))]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("error_class", CLASSES)
def test_every_error_survives_pickle_and_copy(
    error_class: type[CDEError], copied: Callable[[CDEError], CDEError]
) -> None:
    error = made(error_class, path=Path("/a"), nested={"list": [1, "zwei"]}, nothing=None)
    error.add_note("while saving")

    assert same(copied(error), error)
    assert copied(error).__notes__ == ["while saving"]


@pytest.mark.parametrize("code", ERROR_MESSAGES)
def test_every_error_of_the_catalogue_survives_pickle(code: str) -> None:
    error_class = next(each for each, messages in CATALOGUES if code in messages)
    error = error_class.of(code, path="/a\n\x1b[31m", reason="🚀")

    assert same(pickle.loads(pickle.dumps(error)), error)


def test_an_error_is_understood_by_another_process() -> None:
    error = LockTimeoutError.of("E205", holder="process 7", waited_seconds=5.0)
    read = "import pickle, sys; print(pickle.load(sys.stdin.buffer).to_json())"
    finished = subprocess.run(
        [sys.executable, "-c", read], input=pickle.dumps(error), capture_output=True, check=True
    )

    assert finished.stdout.decode().strip() == error.to_json()


def test_an_error_can_be_raised_caught_by_its_family_and_told_from_its_cause() -> None:
    cause = OSError("disk")

    with pytest.raises(StateError) as caught:
        raise ReadOnlyModeError.of("E206", reason="the disk is full") from cause

    assert caught.value.__cause__ is cause
    assert caught.value.code == "E206"
