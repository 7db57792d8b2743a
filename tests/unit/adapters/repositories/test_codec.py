"""Projects become documents and come back; what changed is told and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.adapters.repositories.codec import (
    StoredFeatures,
    _readers_of,
    decode_feature,
    decode_project,
    encode_feature,
    encode_project,
)
from cde_orchestrator.adapters.repositories.conflicts import features_of, fitting_changes
from cde_orchestrator.adapters.repositories.feature_index import FeatureIndex
from cde_orchestrator.adapters.repositories.filesystem import FilesystemProjectRepository
from cde_orchestrator.adapters.repositories.validation import checked_document
from cde_orchestrator.domain import feature, lease, phase_record, records
from cde_orchestrator.domain.exceptions import FeatureError, StateError
from cde_orchestrator.domain.feature import Feature
from cde_orchestrator.domain.project import Project, ProjectStatus
from cde_orchestrator.domain.records import Artifact
from cde_orchestrator.domain.value import completed
from cde_orchestrator.storage.format import journal
from cde_orchestrator.storage.format.feature_texts import touched_features
from cde_orchestrator.storage.format.json_patch import Document, Patch, apply, diff
from cde_orchestrator.storage.store import StateStore
from cde_orchestrator.testing import ManualClock
from tests.fakes import NOON, active_project, older_feature, writing_workflow

AT = "2025-11-10T12:00:00+00:00"


def feature_document(feature_id: str = "aa11", name: str = "login", **members: Any) -> Document:
    """A feature as it is stored."""
    return {
        "id": feature_id,
        "project_id": "project-1",
        "name": name,
        "prompt": "Add login",
        "status": "defining",
        "current_phase": "define",
        "workflow_type": "standard",
        "workflow_digest": None,
        "created_at": AT,
        "updated_at": AT,
        "phases": {
            "define": {
                "id": "define",
                "status": "completed",
                "attempts": 2,
                "started_at": AT,
                "completed_at": AT,
                "outputs": [{"id": "spec", "path": "spec.md", "sha256": "0" * 64, "size": 3}],
            },
            "build": {
                "id": "build",
                "status": "pending",
                "attempts": 0,
                "started_at": None,
                "completed_at": None,
                "outputs": [],
            },
        },
        "artifacts": [{"path": "old.md"}],
        "metadata": {"branch": {"name": "login"}},
        **members,
    }


def document_with(*features: Document, **members: Any) -> Document:
    """A project as it is stored."""
    return {
        "id": "project-1",
        "name": "shop",
        "path": "/home/shop",
        "status": "active",
        "created_at": AT,
        "updated_at": AT,
        "metadata": {"languages": ["Python"]},
        "workflows": {},
        **members,
        "features": {feature["id"]: feature for feature in features},
    }


def loaded(document: Document, clock: ManualClock | None = None) -> Project:
    """The project of a document, with an index of its own."""
    index = FeatureIndex()
    index.follow(document, None)
    return decode_project(document, index, "/home/shop", clock or ManualClock())


TWO = document_with(feature_document(), feature_document("bb22", "logout"))


def test_a_project_comes_back_as_it_was() -> None:
    project = loaded(TWO)

    assert encode_project(project) == {key: TWO[key] for key in TWO if key != "features"}
    assert project.status is ProjectStatus.ACTIVE
    assert project.created_at == NOON


def test_a_feature_comes_back_as_it_was() -> None:
    document = feature_document()
    feature = decode_feature(document)

    assert encode_feature(feature) == document
    assert feature.phases["define"].outputs == [
        Artifact(id="spec", path="spec.md", sha256="0" * 64, size=3)
    ]


def test_a_feature_made_today_comes_back_from_json_as_it_was() -> None:
    feature = active_project(ManualClock()).start_feature("Add login", workflow=writing_workflow())
    feature.complete_phase(
        "define", [Artifact("spec", "a.md", "0" * 64, 1)], writing_workflow(), NOON
    )

    assert decode_feature(json.loads(json.dumps(encode_feature(feature)))) == feature


def test_keys_that_are_not_known_are_kept_on_every_level() -> None:
    feature = feature_document(priority=1)
    feature["phases"]["define"]["reviewer"] = {"name": "Ada"}
    document = document_with(feature, theme="dark")
    project = loaded(document)

    assert project.extra == {"theme": "dark"}
    assert encode_project(project)["theme"] == "dark"
    assert encode_feature(project.feature("login")) == feature


def test_a_project_is_at_the_place_where_it_was_found() -> None:
    moved = {**TWO, "path": "/before/shop"}
    project = loaded(moved)

    assert project.path == "/home/shop"
    assert project_changes(project) == [{"op": "add", "path": "/path", "value": "/home/shop"}]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-11-10T12:00:00", datetime(2025, 11, 10, 12, tzinfo=UTC)),
        ("2025-11-10T13:00:00+01:00", datetime(2025, 11, 10, 12, tzinfo=UTC)),
        ("2025-11-10", datetime(2025, 11, 10, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_in_utc(text: str, moment: datetime) -> None:
    feature = decode_feature(feature_document(created_at=text))

    assert feature.created_at == moment
    assert feature.created_at.utcoffset() is not None


def test_what_older_files_leave_out_is_empty() -> None:
    document = {
        key: value for key, value in TWO.items() if key not in {"metadata", "workflows", "features"}
    }
    project = loaded(document)

    assert project.metadata == {}
    assert project.workflows == {}
    assert len(project.features) == 0
    assert decode_feature(feature_document()).workflow_digest is None


def test_a_project_tells_the_time_by_the_clock_that_it_is_given(clock: ManualClock) -> None:
    project = loaded(TWO, clock)
    clock.advance()

    assert project.start_feature("Add export").created_at == clock.now


def stored_features(project: Project) -> StoredFeatures:
    assert isinstance(project.features, StoredFeatures)
    return project.features


def project_changes(project: Project) -> Patch:
    """What was changed in a project that nobody else changed."""
    features = stored_features(project)
    document = {**features.loaded, "features": features.base}
    return fitting_changes(project, features, document, FeatureIndex())[0]


def patched(document: Document, project: Project) -> Document:
    """The document with the project's changes, by way of JSON as in the journal."""
    return apply(document, json.loads(json.dumps(project_changes(project))))


def test_a_project_that_was_only_read_has_no_changes() -> None:
    project = loaded(TWO)
    project.feature("login")
    list(project.features)
    project.features.summaries()

    assert project_changes(project) == []


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        (lambda p: p.archive(), ["/status"]),
        (lambda p: p.metadata.update(git=True), ["/metadata/git"]),
        (lambda p: p.metadata["languages"].append("Rust"), ["/metadata/languages"]),
        (lambda p: p.metadata.clear(), ["/metadata/languages"]),
        (lambda p: p.keep_workflow(writing_workflow()), ["/workflows/"]),
        (
            lambda p: p.feature("login").metadata["branch"].update(name="x"),
            ["/features/aa11/metadata/branch/name"],
        ),
        (lambda p: p.feature("bb22").artifacts.append("a"), ["/features/bb22/artifacts"]),
        (
            lambda p: p.feature("login").phases["build"].begin(NOON),
            [
                "/features/aa11/phases/build/status",
                "/features/aa11/phases/build/attempts",
                "/features/aa11/phases/build/started_at",
            ],
        ),
    ],
)
def test_a_change_is_told_by_what_it_touched(
    change: Callable[[Project], object], paths: list[str]
) -> None:
    before = copy.deepcopy(TWO)
    project = loaded(TWO)
    change(project)
    changes = project_changes(project)

    assert len(changes) == len(paths)
    for operation, path in zip(changes, paths, strict=True):
        assert operation["path"].startswith(path)
    assert before == TWO


def test_what_was_changed_is_there_when_the_project_is_loaded_again() -> None:
    project = loaded(TWO)
    project.archive()
    project.metadata["git"] = True
    project.feature("login").status = "cancelled"
    after = loaded(patched(TWO, project))

    assert after.status is ProjectStatus.ARCHIVED
    assert after.metadata == {"languages": ["Python"], "git": True}
    assert after.feature("login") == project.feature("login")
    assert after.feature("logout") == loaded(TWO).feature("logout")


def test_a_new_feature_is_added_whole() -> None:
    project = loaded(TWO)
    feature = project.start_feature("Add export", workflow=writing_workflow())
    after = loaded(patched(TWO, project))

    assert after.feature("add-export") == feature
    assert after.workflow_of(feature) == writing_workflow()
    assert len(after.features) == 3


@pytest.mark.parametrize("feature_id", ["feat/1", "feat~1x", "~0", "/", "a/b/c", "功能"])
def test_a_feature_with_any_id_of_an_older_release_can_be_changed(feature_id: str) -> None:
    document = document_with(feature_document(feature_id), feature_document("bb22", "logout"))
    project = loaded(document)
    project.feature(feature_id).metadata["key"] = "value"
    changes = project_changes(project)
    after = apply(document, changes)

    assert after["features"][feature_id]["metadata"]["key"] == "value"
    assert set(after["features"]) == set(document["features"])
    assert set(touched_features(changes) or ()) == {feature_id}


def test_all_features_of_a_project_that_was_never_stored_are_new(project: Project) -> None:
    project.activate()
    feature = project.start_feature("Add login")
    features = features_of(project, FeatureIndex())

    assert [*features] == [feature]
    assert features.base == {}
    assert features_of(loaded(TWO), FeatureIndex()).decoded == {}


def test_features_are_decoded_when_they_are_asked_for() -> None:
    project = loaded(TWO)
    features = stored_features(project)
    assert features.decoded == {}

    login = project.feature("login")
    assert list(features.decoded) == ["aa11"]
    assert features.by_id("aa11") is login
    assert features.by_id("unheard-of") is None


def test_stored_and_new_features_are_found_alike() -> None:
    project = loaded(TWO)
    features = stored_features(project)
    new = project.start_feature("Add export")

    assert len(features) == 3
    assert [feature.name for feature in features] == ["login", "logout", "add-export"]
    assert features.by_id(new.id) is features.by_name("add-export") is new
    assert features.has_name("add-export")
    assert features.has_name("login")
    assert not features.has_name("export")
    assert features.by_name("export") is None
    assert features.ids_beginning(new.id[:8]) == [new.id]
    assert features.ids_beginning("aa11") == ["aa11"]
    assert project.feature(new.id[:8]) is new


@pytest.mark.parametrize("feature_id", ["feature-\uffff", "feature-功能", "feature-🚀"])
def test_an_id_is_found_by_its_beginning_whatever_follows(feature_id: str) -> None:
    project = loaded(document_with(feature_document(feature_id)))

    assert project.feature("feature-").id == feature_id


def test_features_have_places_and_only_those_asked_for_are_decoded() -> None:
    features = stored_features(loaded(TWO))

    assert features[1].name == "logout"
    assert features[-1] is features[1]
    assert list(features.decoded) == ["bb22"]
    assert [each.name for each in features[:1]] == ["login"]
    assert features[5:] == []
    with pytest.raises(IndexError):
        features[2]


def test_the_names_of_stored_features_are_taken() -> None:
    project = loaded(document_with(feature_document("aa11", "add-login")))

    assert project.start_feature("Add login").name == "add-login-2"
    with pytest.raises(FeatureError) as refused:
        project.start_feature("Again", name="add-login")
    assert refused.value.code == "E104"


def test_summaries_tell_what_features_are_now_and_come_in_order() -> None:
    project = loaded(TWO)
    project.feature("logout").status = "cancelled"
    project.start_feature("Add export")
    summaries = project.features.summaries()

    assert [(each.name, each.status) for each in summaries] == [
        ("login", "defining"),
        ("logout", "cancelled"),
        ("add-export", "defining"),
    ]
    assert project.features.newest(2) == summaries[1:]
    assert project.features.newest(5) == summaries


def test_after_a_save_only_later_changes_are_told() -> None:
    project = loaded(TWO)
    features = stored_features(project)
    project.start_feature("Add export")
    project.feature("login").status = "testing"
    document = patched(TWO, project)
    features.rebase(project_changes(project), document, project.workflows)
    assert project_changes(project) == []
    assert len(features) == 3

    project.feature("login").status = "reviewing"
    assert [operation["path"] for operation in project_changes(project)] == [
        "/features/aa11/status"
    ]


CHANGES_IN_PLACE: list[Callable[[Project, Feature], object]] = [
    lambda project, feature: project.metadata["tags"].append("later"),
    lambda project, feature: feature.metadata.update(later=1),
    lambda project, feature: feature.artifacts.append("later"),
]


def saved(tmp_path: Path) -> tuple[FilesystemProjectRepository, Project, Feature]:
    """A project with a new feature, just saved."""
    repository = FilesystemProjectRepository()
    project = repository.get_or_create(tmp_path)
    project.activate()
    project.metadata["tags"] = ["first"]
    feature = project.start_feature("Add login")
    repository.save(project)
    return repository, project, feature


@pytest.mark.parametrize("change", CHANGES_IN_PLACE)
def test_what_is_changed_after_a_save_is_kept_by_the_next_one(
    tmp_path: Path, change: Callable[[Project, Feature], object]
) -> None:
    repository, project, feature = saved(tmp_path)
    change(project, feature)
    repository.save(project)
    again = FilesystemProjectRepository().get(tmp_path)

    assert again.metadata == project.metadata
    assert again.feature("add-login") == feature


@pytest.mark.parametrize("change", CHANGES_IN_PLACE)
def test_what_is_changed_after_a_save_is_seen_by_nobody_else_until_it_is_saved(
    tmp_path: Path, change: Callable[[Project, Feature], object]
) -> None:
    repository, project, feature = saved(tmp_path)
    before = encode_feature(repository.get(tmp_path).feature("add-login"))
    change(project, feature)
    other = repository.get(tmp_path)

    assert other.metadata["tags"] == ["first"]
    assert encode_feature(other.feature("add-login")) == before


@pytest.mark.parametrize(
    ("paths", "touched"),
    [
        ([], set()),
        (["/status", "/metadata/features"], set()),
        (["/features/aa11"], {"aa11"}),
        (["/features/aa11/status", "/features/bb22", "/features/aa11/phases/x"], {"aa11", "bb22"}),
        ([""], None),
        (["/features"], None),
        (["/features/aa11", "/features"], None),
    ],
)
def test_a_patch_tells_which_features_it_touches(
    paths: list[str], touched: set[str] | None
) -> None:
    assert touched_features([{"op": "add", "path": path, "value": 1} for path in paths]) == touched


FEATURE_IDS = st.sampled_from(["aa11", "aa12", "ab", "bb22", "cc"])


@given(
    st.lists(
        st.dictionaries(FEATURE_IDS, st.sampled_from(["login", "logout", "export", "import"])).map(
            lambda named: {name: key for key, name in named.items()}
        ),
        max_size=6,
    )
)
def test_an_index_that_follows_is_like_one_made_anew(states: list[dict[str, str]]) -> None:
    following, document = FeatureIndex(), document_with()
    following.follow(document, None)
    for names in states:
        after = document_with(*(feature_document(key, name) for name, key in names.items()))
        changes = diff(document, after)
        document = apply(document, changes)
        following.follow(document, changes)
        anew = FeatureIndex()
        anew.follow(document, None)

        assert {name: following.id_of(name) for name in names} == names
        assert following.id_of("unheard-of") is None
        for prefix in ("", "a", "aa", "aa11", "b", "z"):
            assert following.ids_beginning(prefix) == anew.ids_beginning(prefix)
        assert sorted(map(repr, following.summaries())) == sorted(map(repr, anew.summaries()))


def test_an_index_forgets_the_names_of_features_that_are_gone() -> None:
    index, before, after = FeatureIndex(), document_with(feature_document()), document_with()
    index.follow(before, None)
    index.follow(after, diff(before, after))

    assert index.id_of("login") is None
    assert index.ids_beginning("") == []
    assert index.summaries() == []


def test_a_member_that_no_release_wrote_so_far_has_its_default() -> None:
    document = feature_document()
    for optional in ("workflow_digest", "artifacts", "metadata"):
        del document[optional]
    for record in document["phases"].values():
        del record["started_at"], record["completed_at"], record["outputs"]

    feature = decode_feature(document)

    assert (feature.workflow_digest, feature.artifacts, feature.metadata) == (None, [], {})
    assert feature.phases["build"].outputs == []
    assert feature.phases["build"].completed_at is None


def test_every_field_that_a_feature_may_have_can_be_read() -> None:
    modules = (feature, lease, phase_record, records)
    kinds = [kind for module in modules for kind in vars(module).values() if type(kind) is type]
    homes = {module.__name__ for module in modules}
    own = {kind for kind in kinds if kind.__module__ in homes}
    stored = {kind for kind in own if is_dataclass(completed(kind))}
    stored.remove(lease.Caller)  # who calls now, which no state has

    assert {Feature, phase_record.PhaseRecord, lease.Claim, records.Baseline} <= stored
    for kind in stored:
        assert _readers_of(kind).keys() == get_type_hints(kind).keys()


@pytest.mark.parametrize(
    "work", [{"events": None}, {"entered": None}, {"evidence": {}}, {"past": None}]
)
def test_an_empty_member_of_the_work_is_none(work: dict[str, Any]) -> None:
    document = feature_document(work=work)
    document["phases"]["build"] |= {"work": work, "completed_at": ""}

    feature = decode_feature(document)

    assert feature.phases["build"].completed_at is None
    assert feature.phases["build"].evidence is None


def test_what_was_edited_until_no_feature_is_left_is_unreadable() -> None:
    document = feature_document(work={"closing": "a text"})
    project = loaded(document_with(document, feature_document("bb22", "search")))

    with pytest.raises(StateError) as caught:
        project.feature("login")
    assert caught.value.code == "E201"
    assert "aa11" in caught.value.message
    assert project.feature("search").name == "search"


@pytest.mark.parametrize(
    "path", ["/status", "/created_at", "/features/aa11/updated_at", "/features/aa11/name"]
)
def test_a_state_that_was_edited_is_unreadable_wherever_that_is(tmp_path: Path, path: str) -> None:
    store = StateStore(tmp_path)
    spoilt = document_with(feature_document(), path=str(tmp_path))
    *folders, name = path.strip("/").split("/")
    within: Any = spoilt
    for folder in folders:
        within = within[folder]
    within[name] = {"no": "text"}
    with store.exclusive():
        change = journal.Change(
            at=AT,
            operation="test",
            actor="test",
            correlation_id="1",
            changes=[{"op": "add", "path": "", "value": spoilt}],
        )
        store.commit(change)
    store.close()

    with pytest.raises(StateError) as caught:
        FilesystemProjectRepository().get(tmp_path).feature("login")
    assert caught.value.code == "E201"


class Watched(dict[str, Any]):
    """Calls somebody whenever it has changed."""

    def __init__(self, then: Callable[[], None], *content: Any) -> None:
        super().__init__(*content)
        self.then = then

    def __setitem__(self, *item: Any) -> None:
        super().__setitem__(*item)
        self.then()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self.then()

    def update(self, *others: Any, **named: Any) -> None:
        super().update(*others, **named)
        self.then()

    def pop(self, *key: Any) -> Any:
        found = super().pop(*key)
        self.then()
        return found


@pytest.mark.parametrize("whole", [False, True])
def test_a_name_that_moves_to_another_feature_is_found_at_every_moment(whole: bool) -> None:
    seen: list[str | None] = []

    class Asked(FeatureIndex):
        """Is asked after each assignment and each change within."""

        def __setattr__(self, name: str, value: Any) -> None:
            is_watched = isinstance(value, dict)
            super().__setattr__(name, Watched(self.ask, value) if is_watched else value)
            self.ask()

        def ask(self) -> None:
            if "_names" in vars(self):
                seen.append(self.id_of("login"))

    index = Asked()
    before = document_with(feature_document("aa11", "login"), feature_document("bb22", "old"))
    after = document_with(feature_document("aa11", "new"), feature_document("bb22", "login"))
    index.follow(before, None)
    seen.clear()
    index.follow(after, None if whole else diff(before, after))

    assert len(seen) > 1
    assert None not in seen
    assert (index.id_of("login"), index.id_of("new"), index.id_of("old")) == ("bb22", "aa11", None)


def test_the_call_of_a_feature_that_went_is_forgotten() -> None:
    index = FeatureIndex()
    before = document_with(feature_document("aa11", work={"idempotency_key": "call"}))
    index.follow(before, None)
    assert index.id_of_call("call") == "aa11"

    after = document_with()
    index.follow(after, diff(before, after))
    assert index.id_of_call("call") is None
    index.follow(before, None)
    index.follow(after, None)
    assert (index.id_of_call("call"), index._names, index._keys) == (None, {}, {})


def test_an_index_takes_over_a_whole_new_document() -> None:
    index = FeatureIndex()
    index.follow(TWO, None)
    index.follow(document_with(), [{"op": "add", "path": "", "value": document_with()}])

    assert index.summaries() == []
    index.follow({}, None)
    assert index.ids_beginning("") == []


def test_a_feature_that_the_document_no_longer_has_is_not_walked() -> None:
    index = FeatureIndex()
    index.follow(TWO, None)
    document = copy.deepcopy(TWO)
    features = StoredFeatures(document, index)
    walk = iter(features)
    assert next(walk).name == "login"
    document["features"].clear()

    assert list(walk) == []


Change = Callable[[Document], object]


@pytest.fixture
def document() -> Document:
    """A valid state with two features."""
    project = active_project(ManualClock())
    project.metadata = {"languages": ["Python"]}
    features = {}
    for name in ("login", "logout"):
        feature = project.start_feature(f"Add {name}", name=name, workflow=writing_workflow())
        features[feature.id] = encode_feature(feature)
    loaded: Document = json.loads(json.dumps({**encode_project(project), "features": features}))
    return loaded


def login(document: Document) -> Any:
    """The first of its features."""
    return next(iter(document["features"].values()))


def with_older(document: Document, **members: Any) -> Document:
    """The document with a feature of an older release, which kept no workflow and no phases."""
    feature = older_feature(active_project(ManualClock()), **members)
    document["features"][feature.id] = encode_feature(feature)
    return document


def test_a_valid_state_is_given_back_as_it_is(document: Document) -> None:
    before = copy.deepcopy(document)

    assert checked_document(document) is document
    assert document == before


@pytest.mark.parametrize("current_phase", ["design", "unheard-of", None])
def test_a_feature_of_an_older_release_is_valid_before_it_has_phases(
    document: Document, current_phase: str | None
) -> None:
    older = with_older(document, current_phase=current_phase)

    assert checked_document(older) is older


def test_a_feature_of_an_older_release_is_refused_with_a_status_that_no_release_had(
    document: Document,
) -> None:
    with pytest.raises(StateError) as refused:
        checked_document(with_older(document, status="nonsense"))
    assert refused.value.code == "E210"


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_a_feature_may_be_closed_whatever_its_workflow(document: Document, status: str) -> None:
    login(document).update(status=status)

    assert checked_document(document) is document


def test_keys_that_are_not_known_are_no_mistake(document: Document) -> None:
    document["theme"] = "dark"
    login(document)["priority"] = 1

    assert checked_document(document) is document


MISTAKES: dict[str, Change] = {
    "no id": lambda d: d.pop("id"),
    "no path": lambda d: d.pop("path"),
    "no name": lambda d: d.pop("name"),
    "no features": lambda d: d.pop("features"),
    "an unknown status": lambda d: d.update(status="paused"),
    "a moment that is none": lambda d: d.update(created_at="yesterday"),
    "a moment that is a number": lambda d: d.update(updated_at=7),
    "features that are a list": lambda d: d.update(features=[]),
    "a name that is a number": lambda d: d.update(name=7),
    "metadata that is a list": lambda d: d.update(metadata=[1]),
    "workflows that are a list": lambda d: d.update(workflows=[1]),
    "a workflow that is none": lambda d: d["workflows"].update({k: {} for k in d["workflows"]}),
    "a workflow that is gone": lambda d: d["workflows"].clear(),
    "a feature that is a list": lambda d: d["features"].update(x=[]),
    "a feature of another id": lambda d: login(d).update(id="other"),
    "a feature's name twice": lambda d: login(d).update(name="logout"),
    "a feature without a prompt": lambda d: login(d).pop("prompt"),
    "a feature's name that is a number": lambda d: login(d).update(name=7),
    "a feature's name that is a list": lambda d: login(d).update(name=["login"]),
    "a feature's prompt that is null": lambda d: login(d).update(prompt=None),
    "a feature's status that is a number": lambda d: login(d).update(status=7),
    "a feature's status that is unknown": lambda d: login(d).update(status="nonsense"),
    "a feature's status that its workflow has not": lambda d: login(d).update(status="reviewing"),
    "a feature's metadata that is a list": lambda d: login(d).update(metadata=[]),
    "a feature's workflow that is a list": lambda d: login(d).update(workflow_type=[]),
    "a current phase that is unknown": lambda d: login(d).update(current_phase="deploy"),
    "a phase that is unknown": lambda d: login(d)["phases"].update(
        deploy={**login(d)["phases"]["build"], "id": "deploy"}
    ),
    "a phase that is missing": lambda d: login(d)["phases"].pop("build"),
    "a phase of another id": lambda d: login(d)["phases"]["build"].update(id="define"),
    "a phase of an unknown status": lambda d: login(d)["phases"]["build"].update(status="lost"),
    "attempts that are text": lambda d: login(d)["phases"]["build"].update(attempts="two"),
    "an output without a path": lambda d: login(d)["phases"]["build"].update(
        outputs=[{"id": "report"}]
    ),
    "text that cannot be stored": lambda d: login(d).update(prompt="a\ud800b"),
    "a number that cannot be stored": lambda d: d["metadata"].update(number=2**70),
}


@pytest.mark.parametrize("change", MISTAKES.values(), ids=MISTAKES)
def test_a_state_with_a_mistake_is_refused(document: Document, change: Change) -> None:
    change(document)

    with pytest.raises(StateError) as refused:
        checked_document(document)
    assert refused.value.code == "E210"


def test_a_mistake_in_a_feature_is_told_with_its_id(document: Document) -> None:
    feature_id = login(document)["id"]
    login(document).pop("prompt")

    with pytest.raises(StateError) as refused:
        checked_document(document)
    assert feature_id in refused.value.context["where"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("schema_version", 99), ("sequence", 1), ("checksum", "x"), ("record_checksum", "")],
)
def test_a_state_with_keys_of_the_files_themselves_does_no_harm_to_them(
    tmp_path: Path, document: Document, key: str, value: object
) -> None:
    first = FilesystemProjectRepository()
    first.get_or_create(tmp_path)
    try:
        first.restore(tmp_path, first.checked_state({**document, key: value}))
    except StateError as refused:
        assert refused.code == "E210"  # noqa: PT017 - to be refused is as good as to be harmless
    first.close()

    second = FilesystemProjectRepository()
    with second.transaction(tmp_path) as project:
        project.metadata["still"] = "writable"
    second.close()
    assert second.verify(tmp_path) == []
    assert FilesystemProjectRepository().get(tmp_path).metadata["still"] == "writable"
