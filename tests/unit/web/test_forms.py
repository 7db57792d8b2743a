"""Forms for a person's decision: each once, for one browser, and not for ever."""

from __future__ import annotations

import pytest

from cde_orchestrator.web.actions.forms import FORM_SECONDS, FORMS_KEPT, Forms


class Now:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def forms(now: Now) -> Forms:
    return Forms(clock=now)


def test_a_form_is_answered_once(forms: Forms) -> None:
    word = forms.give("one", "login", "digest")
    assert forms.take(word, "one", "login") == "digest"
    assert forms.take(word, "one", "login") is None


@pytest.mark.parametrize(("session", "feature"), [("other", "login"), ("one", "logout")])
def test_a_form_of_another_browser_or_feature_is_used_up_unanswered(
    forms: Forms, session: str, feature: str
) -> None:
    word = forms.give("one", "login", "digest")
    assert forms.take(word, session, feature) is None
    assert forms.take(word, "one", "login") is None


def test_a_form_is_good_for_an_hour(forms: Forms, now: Now) -> None:
    words = [forms.give("one", "login", "digest") for _ in range(2)]
    now.seconds = FORM_SECONDS
    assert forms.take(words[0], "one", "login") == "digest"
    now.seconds += 1
    assert forms.take(words[1], "one", "login") is None


def test_the_newest_forms_are_kept(forms: Forms) -> None:
    words = [forms.give("one", "login", "digest") for _ in range(FORMS_KEPT + 1)]
    assert forms.take(words[0], "one", "login") is None
    assert forms.take(words[1], "one", "login") == "digest"
