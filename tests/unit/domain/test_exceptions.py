from __future__ import annotations

from cde_orchestrator.domain.errors.messages import ERROR_MESSAGES
from cde_orchestrator.domain.exceptions import CDEError, CircuitBreakerOpenError


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
