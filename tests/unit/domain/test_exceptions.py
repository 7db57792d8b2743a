from __future__ import annotations

import pytest

from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import (
    CDEError,
    CDESystemError,
    CircuitBreakerOpenError,
    FeatureError,
    ValidationError,
    besides,
)


def test_what_is_no_failure_of_the_state_or_the_system_is_a_refusal() -> None:
    failures = {code for code in ERROR_MESSAGES if CDEError.of(code).is_failure}

    assert {code[1] for code in failures} == {"2", "9"}
    refusals = {code for code in ERROR_MESSAGES if code[1] in "29"} - failures
    assert refusals == {
        *("E207", "E208", "E209", "E211", "E219", "E227", "E228"),
        *("E902", "E904", "E908", "E909", "E910", "E911", "E912", "E924"),
        *("E936", "E937", "E938", "E939", "E940"),
    }
    assert {"E201", "E203", "E204", "E205", "E206", "E217", "E906", "E999"} <= failures


def test_the_error_of_an_open_breaker_can_be_made_with_anything_or_nothing() -> None:
    bare = CircuitBreakerOpenError()
    assert bare.message == (
        "breaker failed several times in a row (last: unknown), so it is not called for 0 seconds."
    )
    assert bare.recoverable

    told = CircuitBreakerOpenError("closed for now", context={"retry_after_seconds": 3})
    assert (told.message, told.code, told.retry_after_seconds) == ("closed for now", "E903", 3.0)


def refuse_a_name() -> None:
    raise ValidationError.of("E304", name="A B", reason="it has a blank", limit=60, example="a-b")


def test_all_that_is_wrong_with_an_input_is_said_at_once() -> None:
    with pytest.raises(FeatureError) as caught, besides(refuse_a_name, lambda: None):
        raise FeatureError.of("E102", reference="x", near="")

    assert caught.value.code == "E102"
    assert caught.value.context["also"].startswith("Besides: 'A B' is no name for a feature")
    assert caught.value.message.endswith(caught.value.context["also"])


def test_what_is_no_mistake_of_the_input_is_said_alone() -> None:
    with pytest.raises(CDESystemError) as broken, besides(refuse_a_name):
        raise CDESystemError.of("E999")
    with pytest.raises(FeatureError) as mistaken, besides(broken_check):
        raise FeatureError.of("E102", reference="x", near="")

    assert "also" not in broken.value.context
    assert "also" not in mistaken.value.context
    with besides(broken_check):
        pass


def broken_check() -> None:
    raise CDESystemError.of("E999")
