"""What a call costs, in counts that no machine changes: a bound each, and the reason beside it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

import orjson
import pytest

from cde_orchestrator.adapters.repositories import codec, conflicts, documents
from cde_orchestrator.adapters.workflows import prompts, yaml_repository
from cde_orchestrator.application.features import related_features
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.infrastructure.system import acting_files, programs
from tests.repository import commit_first

FEATURES = 12


class Counts:
    """Counts calls of functions of the product, by the names that they are given here."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.counted: Counter[str] = Counter()
        self._patch = patch

    def watch(self, name: str, place: Any, function: str) -> None:
        """Count the calls of a function by this name."""
        real = getattr(place, function)

        @wraps(real)
        def counted(*arguments: Any, **named: Any) -> Any:
            self.counted[name] += 1
            return real(*arguments, **named)

        self._patch.setattr(place, function, counted)

    def watch_encodings(self, *texts: str) -> None:
        """Count what makes JSON of a value with a text; where JSON of it is taken, it is none."""
        real = orjson.dumps

        def counted(value: Any, *arguments: Any, **named: Any) -> bytes:
            self.counted.update(text for text in texts if text in repr(value))
            return real(value, *arguments, **named)

        self._patch.setattr(orjson, "dumps", counted)

    def of(self, work: Callable[[], object]) -> Counter[str]:
        """What was called meanwhile."""
        self.counted.clear()
        work()
        return Counter(self.counted)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[UseCase[Any]], Any]]:
    """Runs a use case in a project with features, as a server does."""
    root = tmp_path / "project"
    root.mkdir()
    application = build_application(root)
    application.handle(OnboardProject())
    for number in range(FEATURES):
        application.handle(StartFeature(prompt=f"Change {number}", name=f"change-{number}"))
    yield application.handle
    application.close()


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    found = Counts(monkeypatch)
    # What other tests of this process made is looked for by each call, until it is noted.
    monkeypatch.setattr(acting_files, "_set_up", set())
    monkeypatch.setattr(acting_files, "_own_writes", {})
    found.watch("programs", programs, "_run")
    found.watch("decoded", codec, "decode_feature")
    found.watch("features as stored", conflicts, "encode_feature")
    found.watch("compared", documents, "touched_of")
    found.watch("templates", prompts._Templates, "packaged")
    found.watch("related", related_features, "related_to")
    found.watch("workflow file", yaml_repository, "_read")
    found.watch("real paths", os.path, "realpath")
    return found


def test_a_start_costs_the_same_whatever_was_started_before(
    run: Callable[[UseCase[Any]], Any], counts: Counts
) -> None:
    run(StartFeature(prompt="Warm up"))  # what is kept is kept from now on
    first = counts.of(lambda: run(StartFeature(prompt="One more")))
    second = counts.of(lambda: run(StartFeature(prompt="And another")))

    for found in (first, second):
        assert found["programs"] == 0  # outside of a repository git would only say so
        assert found["decoded"] == 0  # goals are compared as they are stored
        assert found["compared"] == 1  # the feature before, which is new; the others are known
        assert found["related"] == 1  # for the prompt, and for the answer
        assert found["templates"] == 0  # they are in memory, and their files are the same
        assert found["workflow file"] == 2  # what is started, and what fits the goal
        # The folder that is judged (what is at its path, and whether it is still the same), what
        # the environment trusts, the folder for the state (read, and then changed), for what it
        # is made of, and for its outputs.
        assert found["real paths"] <= 7


def test_a_change_makes_json_of_a_feature_once_which_is_searched_for_secrets_and_written(
    run: Callable[[UseCase[Any]], Any], counts: Counts
) -> None:
    for number in range(3):  # by their goal they may be what is started
        run(StartFeature(prompt="Add a line", name=f"line-{number}"))
    counts.watch_encodings("Add a line", "Half is done")
    started = counts.of(lambda: run(StartFeature(prompt="Add a line", name="one-more")))
    saved = counts.of(lambda: run(SaveProgress(feature_id="one-more", note="Half is done")))

    assert (started["features as stored"], started["decoded"], started["Add a line"]) == (1, 0, 1)
    # It is decoded once for what is looked at before the project is held, and once to be changed.
    assert (saved["features as stored"], saved["decoded"], saved["Half is done"]) == (1, 2, 1)


def test_a_start_in_a_repository_asks_git_what_files_do_not_say(
    tmp_path: Path, run: Callable[[UseCase[Any]], Any], counts: Counts
) -> None:
    root = tmp_path / "project"
    (root / "a.py").write_text("x = 1\n")
    (root / ".gitignore").write_text(".cde/\n")
    commit_first(root)
    run(StartFeature(prompt="Warm up"))
    found = counts.of(lambda: run(StartFeature(prompt="One more")))

    # Places and settings; what the files are, what differs, their tree; the tree is kept for
    # the phase (what is kept, a tree with both, a ref) and as the base (a ref, those to let go).
    assert found["programs"] <= 10


def test_a_list_decodes_nothing_and_a_status_the_feature_that_is_meant(
    run: Callable[[UseCase[Any]], Any], counts: Counts
) -> None:
    run(GetFeatureStatus(feature_id="change-3"))
    listed = counts.of(lambda: run(ListFeatures(limit=FEATURES)))
    shown = counts.of(lambda: run(GetFeatureStatus(feature_id="change-3")))

    assert (listed["decoded"], listed["programs"]) == (0, 0)
    # The folder that is judged, what the environment trusts, and where the state is.
    assert listed["real paths"] <= 4
    assert (shown["decoded"], shown["programs"], shown["templates"]) == (1, 0, 0)
    assert shown["workflow file"] == 1  # for the workflow, and for what waits of a newer one
    assert shown["real paths"] <= 4
