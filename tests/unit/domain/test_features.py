"""Features are found by id, by name or by the beginning of an id."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.features import FeatureList, FeatureSummary, find_feature
from tests.fakes import NOON


def feature(feature_id: str, name: str) -> Feature:
    """A feature that is being defined."""
    return Feature(
        id=feature_id,
        project_id="project",
        name=name,
        prompt="A wish",
        status="defining",
        current_phase="define",
        workflow_type="standard",
        created_at=NOON,
        updated_at=NOON,
    )


LOGIN = feature("aa11-login", "login")
LOGOUT = feature("aa22-logout", "logout")
EXPORT = feature("bb11-export", "export")
FEATURES = FeatureList([LOGIN, LOGOUT, EXPORT])


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("aa11-login", LOGIN),
        ("logout", LOGOUT),
        ("b", EXPORT),
        ("aa2", LOGOUT),
        ("  export\n", EXPORT),
        ("BB11", EXPORT),
        (" AA11-Login ", LOGIN),
        ("LOGIN", LOGIN),
        ("logi", LOGIN),
        ("Logo", LOGOUT),
        ("exp", EXPORT),
    ],
)
def test_a_feature_is_found(reference: str, found: Feature) -> None:
    assert find_feature(FEATURES, reference) is found


@pytest.mark.parametrize("reference", ["", " ", "\n", "cc", "aa11-login-x", "{id}"])
def test_a_reference_that_fits_nothing_is_refused_as_it_was_given(reference: str) -> None:
    with pytest.raises(FeatureError) as refused:
        find_feature(FEATURES, reference)

    assert refused.value.code == "E102"
    assert refused.value.context["reference"] == reference


@pytest.mark.parametrize(
    ("reference", "near"),
    [
        ("logn", " (did you mean login or logout?)"),
        ("Log-Out", " (did you mean logout?)"),
        ("exprot", " (did you mean export?)"),
        ("something", ""),
        (" ", ""),
    ],
)
def test_a_near_miss_is_answered_with_what_may_be_meant(reference: str, near: str) -> None:
    with pytest.raises(FeatureError) as refused:
        find_feature(FEATURES, reference)

    assert refused.value.context["near"] == near
    assert refused.value.message.endswith(f"'{reference}'{near}.")


def test_the_beginning_of_two_names_is_refused_with_both_of_them() -> None:
    with pytest.raises(FeatureError) as refused:
        find_feature(FEATURES, "log")

    assert refused.value.context == {"reference": "log", "candidates": "login, logout"}


def test_nothing_is_found_where_there_is_nothing() -> None:
    with pytest.raises(FeatureError) as refused:
        find_feature(FeatureList(), "login")

    assert refused.value.code == "E102"


def test_the_beginning_of_two_ids_is_refused_with_both_of_them() -> None:
    with pytest.raises(FeatureError) as refused:
        find_feature(FEATURES, "aa")

    assert refused.value.code == "E103"
    assert refused.value.context == {"reference": "aa", "candidates": "aa11-login, aa22-logout"}


def test_the_beginning_of_several_ids_is_refused_with_the_first_of_them() -> None:
    many = FeatureList(feature(f"aa{number}", f"name-{number}") for number in range(7))

    with pytest.raises(FeatureError) as refused:
        find_feature(many, "aa")

    assert refused.value.code == "E103"
    assert refused.value.context["candidates"] == "aa0, aa1, aa2, aa3, aa4"


def test_an_exact_name_wins_over_the_beginning_of_an_id() -> None:
    named_like_an_id = feature("cc11", "aa")

    assert find_feature(FeatureList([LOGIN, LOGOUT, named_like_an_id]), "aa") is named_like_an_id


def test_an_exact_id_wins_over_another_features_name() -> None:
    named_like_an_id = feature("cc11", LOGIN.id)

    assert find_feature(FeatureList([named_like_an_id, LOGIN]), LOGIN.id) is LOGIN


def test_an_id_of_an_older_release_is_found_by_its_beginning_as_it_is_written() -> None:
    older = feature("FEAT-12", "older")

    assert find_feature(FeatureList([LOGIN, older]), "FEAT-1") is older


def test_a_list_of_features_keeps_the_order_in_which_they_came() -> None:
    features = FeatureList([EXPORT])
    features.add(LOGIN)

    assert len(features) == 2
    assert list(features) == [EXPORT, LOGIN]
    assert features.has_name("login")
    assert not features.has_name("logout")
    assert features.ids_beginning("aa") == [LOGIN.id]
    assert [features.goal_of(each) for each in (LOGIN.id, "none")] == [LOGIN.prompt, ""]


def test_features_may_be_added_while_the_list_is_walked() -> None:
    features = FeatureList([LOGIN])
    for each in features:
        features.add(feature(f"{each.id}-2", f"{each.name}-2"))

    assert len(features) == 2


def test_a_summary_tells_what_a_list_shows() -> None:
    assert FEATURES.summaries()[0] == FeatureSummary(
        id="aa11-login",
        name="login",
        status="defining",
        current_phase="define",
        created_at=NOON,
        updated_at=NOON,
    )
    assert [summary.name for summary in FEATURES.summaries()] == ["login", "logout", "export"]


def test_features_have_places_as_in_a_list() -> None:
    assert FEATURES[0] is LOGIN
    assert FEATURES[-1] is EXPORT
    assert FEATURES[1:] == [LOGOUT, EXPORT]
    assert FEATURES[::2] == [LOGIN, EXPORT]
    with pytest.raises(IndexError):
        FEATURES[3]


def test_a_feature_that_went_just_now_has_no_place() -> None:
    class Vanishing(FeatureList):
        def by_id(self, feature_id: str) -> Feature | None:
            return None

    features = Vanishing([LOGIN])

    assert features[:] == [*features] == []
    with pytest.raises(IndexError):
        features[0]
