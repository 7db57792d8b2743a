"""State files of older releases are taken over whole."""

from __future__ import annotations

import copy
import json
import uuid
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.adapters.repositories.codec import decode_project
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.legacy import BEFORE, migrate
from cde_orchestrator.domain.exceptions import StateError
from cde_orchestrator.domain.names import slug_from
from cde_orchestrator.domain.project import ProjectStatus

PROJECT: dict[str, Any] = {
    "id": "project-1",
    "name": "The shop",
    "path": "/elsewhere/shop",
    "status": "active",
    "created_at": "2025-11-01T10:00:00+00:00",
    "updated_at": "2025-11-02T10:00:00+00:00",
    "metadata": {"owner": "Ada"},
    "features": [],
}
FEATURE: dict[str, Any] = {
    "id": "feature-1",
    "project_id": "project-1",
    "prompt": "Add a login page",
    "status": "designing",
    "current_phase": "design",
    "workflow_type": "standard",
    "created_at": "2025-11-01T10:00:00+00:00",
    "updated_at": "2025-11-02T10:00:00+00:00",
    "artifacts": [{"path": "spec.md"}],
    "metadata": {"branch": "login"},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def migrated(**changes: Any) -> dict[str, Any]:
    """The document of the example with these members changed; None takes one away."""
    content = {key: value for key, value in {**PROJECT, **changes}.items() if value is not None}
    return migrate(copy.deepcopy(content), "/home/shop")


def only_feature(**changes: Any) -> dict[str, Any]:
    """The document of the example feature with these members changed; None takes one away."""
    entry = {key: value for key, value in {**FEATURE, **changes}.items() if value is not None}
    (feature,) = migrated(features=[entry])["features"].values()
    assert isinstance(feature, dict)
    return feature


def is_uuid(text: str) -> bool:
    """Whether it is a random UUID in its usual form."""
    made = uuid.UUID(text)
    return made.version == 4 and str(made) == text


def test_a_project_is_taken_over_as_it_was() -> None:
    document = migrated()

    assert document == {**PROJECT, "workflows": {}, "features": {}}
    assert list(document)[-1] == "features"


def test_a_feature_is_taken_over_as_it_was_and_gets_a_name() -> None:
    assert only_feature() == {
        **FEATURE,
        "name": "add-a-login-page",
        "workflow_digest": None,
        "phases": {},
    }


def test_what_was_taken_over_can_be_worked_with() -> None:
    document = migrated(features=[FEATURE])
    index = FeatureIndex()
    index.follow(document, None)
    project = decode_project(document, index, "/home/shop")

    assert project.status is ProjectStatus.ACTIVE
    assert project.path == "/home/shop"
    feature = project.feature("add-a-login-page")
    assert feature.artifacts == [{"path": "spec.md"}]
    assert project.workflow_of(feature) is None


def test_keys_that_are_not_known_are_carried_along() -> None:
    document = migrated(theme="dark", features=[{**FEATURE, "priority": {"level": 1}}])

    assert document["theme"] == "dark"
    assert document["features"]["feature-1"]["priority"] == {"level": 1}


def test_features_by_id_are_taken_over_like_a_list_of_them() -> None:
    assert migrated(features={"feature-1": FEATURE}) == migrated(features=[FEATURE])


def test_features_that_are_keyed_by_id_keep_their_ids() -> None:
    entry = {key: value for key, value in FEATURE.items() if key != "id"}

    assert list(migrated(features={"feature-1": entry})["features"]) == ["feature-1"]


def test_the_id_in_a_feature_wins_over_its_key() -> None:
    assert list(migrated(features={"key": FEATURE})["features"]) == ["feature-1"]


def test_features_keep_their_order() -> None:
    features = [{**FEATURE, "id": f"feature-{number}"} for number in (3, 1, 2)]

    assert list(migrated(features=features)["features"]) == ["feature-3", "feature-1", "feature-2"]


def test_features_of_one_prompt_get_different_names() -> None:
    features = [{**FEATURE, "id": f"feature-{number}"} for number in range(3)]
    names = [feature["name"] for feature in migrated(features=features)["features"].values()]

    assert names == ["add-a-login-page", "add-a-login-page-2", "add-a-login-page-3"]


def test_a_name_that_a_feature_bears_already_is_kept() -> None:
    assert only_feature(name="login")["name"] == "login"


def test_of_two_features_with_one_id_none_is_lost() -> None:
    first, second = {**FEATURE, "prompt": "First"}, {**FEATURE, "prompt": "Second"}
    features = migrated(features=[first, second])["features"]

    assert [feature["prompt"] for feature in features.values()] == ["First", "Second"]
    assert all(key == feature["id"] for key, feature in features.items())


def test_ids_that_are_missing_are_made() -> None:
    document = migrated(id=None, features=[{"prompt": "Add login"}])
    (feature_id,) = document["features"]

    assert is_uuid(document["id"])
    assert is_uuid(feature_id)
    assert document["features"][feature_id]["project_id"] == document["id"]


def test_ids_that_are_numbers_become_text() -> None:
    assert migrated(id=7)["id"] == "7"
    assert only_feature(id=8)["id"] == "8"


@pytest.mark.parametrize(
    ("path", "name"), [("/home/shop", "shop"), ("shop", "shop"), ("/", "project")]
)
def test_a_project_without_a_name_takes_that_of_its_folder(path: str, name: str) -> None:
    document = migrate({"id": "1"}, path)

    assert document["name"] == name
    assert document["path"] == path


@pytest.mark.parametrize("status", [each.value for each in ProjectStatus])
def test_a_status_that_is_known_is_kept(status: str) -> None:
    assert migrated(status=status)["status"] == status


@pytest.mark.parametrize("status", [None, "", "ACTIVE", "paused", 1, True, [], {}, ["active"]])
def test_a_status_that_is_not_known_becomes_error(status: object) -> None:
    assert migrated(status=status)["status"] == "error"


def test_what_a_feature_lacks_is_filled_in() -> None:
    (feature,) = migrate({"id": "1", "features": [{}]}, "/home/shop")["features"].values()
    moments = [feature.pop("created_at"), feature.pop("updated_at")]

    assert is_uuid(feature.pop("id"))
    assert all(datetime.fromisoformat(moment).utcoffset() is not None for moment in moments)
    assert feature == {
        "project_id": "1",
        "name": "feature",
        "prompt": "",
        "status": "defining",
        "current_phase": None,
        "workflow_type": "default",
        "workflow_digest": None,
        "phases": {},
        "artifacts": [],
        "metadata": {},
    }


@pytest.mark.parametrize("moment", ["2025-11-10T10:00:00", "2025-11-10T10:00:00.000001+02:00"])
def test_a_moment_is_kept_whatever_its_offset(moment: str) -> None:
    assert migrated(created_at=moment)["created_at"] == moment
    assert only_feature(updated_at=moment)["updated_at"] == moment


@pytest.mark.parametrize("moment", [None, "", "yesterday", 1.5, [], {"at": 1}, "2025-13-01"])
def test_a_moment_that_cannot_be_read_becomes_now(moment: object) -> None:
    document = migrated(created_at=moment)

    assert datetime.fromisoformat(document["created_at"]).utcoffset() is not None
    assert document["created_at"] != PROJECT["created_at"]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [(None, {}), ({}, {}), ({"a": 1}, {"a": 1}), (["a"], {"value": ["a"]}), ("x", {"value": "x"})],
)
def test_metadata_that_is_no_object_is_kept_in_one(metadata: object, expected: object) -> None:
    assert migrated(metadata=metadata)["metadata"] == expected
    assert only_feature(metadata=metadata)["metadata"] == expected


@pytest.mark.parametrize("artifacts", [[], ["a"], {"define": "spec.md"}, "spec.md"])
def test_artifacts_are_kept_whatever_they_are(artifacts: object) -> None:
    assert only_feature(artifacts=artifacts)["artifacts"] == artifacts


def test_one_of_the_two_keys_is_enough() -> None:
    assert migrate({"id": "1"}, "/home/shop")["features"] == {}
    assert migrate({"features": []}, "/home/shop")["status"] == "error"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"name": "shop"},
        {"version": 3, "items": []},
        {"id": "1", "features": "none"},
        {"id": "1", "features": 3},
        {"id": "1", "features": ["feature"]},
        {"id": "1", "features": [None]},
        {"id": "1", "features": {"feature-1": "text"}},
    ],
)
def test_a_file_of_another_make_is_refused_and_never_taken_for_empty(
    content: dict[str, Any],
) -> None:
    with pytest.raises(StateError) as refused:
        migrate(content, "/home/shop")

    assert refused.value.code == "E201"
    assert refused.value.context["path"] == "/home/shop"


def test_taking_over_leaves_the_file_content_alone() -> None:
    content = {**copy.deepcopy(PROJECT), "features": [copy.deepcopy(FEATURE)]}
    before = copy.deepcopy(content)
    migrate(content, "/home/shop")

    assert content == before


@given(
    st.fixed_dictionaries(
        {"id": json_values},
        optional=dict.fromkeys(
            [*sorted(PROJECT.keys() - {"features", "id"}), "other"], json_values
        ),
    ),
    st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys([*FEATURE, "other"], json_values)),
        max_size=3,
    ),
)
def test_whatever_values_a_file_holds_a_document_comes_out(
    content: dict[str, Any], features: list[dict[str, Any]]
) -> None:
    document = migrate({**content, "features": features}, "/home/shop")
    index = FeatureIndex()
    index.follow(document, None)
    project = decode_project(document, index, "/home/shop")

    assert json.loads(json.dumps(document)) == document
    assert len(project.features) == len(list(project.features)) == len(features)
    assert len({feature.name for feature in project.features}) == len(features)
    assert [feature.prompt for feature in project.features] == [
        str(entry.get("prompt") or "") for entry in features
    ]


@given(st.text(min_size=1))
def test_a_feature_is_named_after_its_prompt(prompt: str) -> None:
    assert only_feature(prompt=prompt)["name"] == slug_from(prompt)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Search & Find It", "search-find-it"),
        ("--help", "help"),
        ("../../etc", "etc"),
        ("\u691c\u7d22", "jian-suo"),
        ("x" * 61, "x" * 30),
    ],
)
def test_a_name_that_is_good_for_no_path_is_made_one_and_kept_beside(old: str, new: str) -> None:
    feature = only_feature(name=old, metadata={"team": "web"})

    assert feature["name"] == new
    assert feature["metadata"] == {"team": "web", BEFORE: {"name": old}}


@pytest.mark.parametrize(
    ("old", "status", "new"),
    [
        ("PHASE_1_DEFINE", "defining", "define"),
        ("Phase: Test", "designing", "test"),
        ("PHASE_3", "designing", "design"),
        ("PHASE_3", "polishing", "PHASE_3"),
        ("polish", "polishing", "polish"),
    ],
)
def test_a_phase_is_taken_over_by_the_id_that_workflows_have_for_it(
    old: str, status: str, new: str
) -> None:
    feature = only_feature(current_phase=old, status=status)

    assert feature["current_phase"] == new
    before = feature["metadata"].get(BEFORE, {})
    assert before.get("current_phase") == (old if new != old else None)


@pytest.mark.parametrize(("phase", "new"), [("design", "designing"), ("polish", "in_progress")])
def test_a_status_that_no_feature_has_becomes_that_of_the_phase_and_is_kept_beside(
    phase: str, new: str
) -> None:
    feature = only_feature(current_phase=phase, status="polishing")

    assert feature["status"] == new
    assert feature["metadata"][BEFORE] == {"status": "polishing"}
