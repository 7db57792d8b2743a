"""Features are listed newest first, page by page, none twice and none left out."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.views import FeatureListReply
from cde_orchestrator.domain.exceptions import ProjectError, ValidationError
from cde_orchestrator.domain.lease import Claim
from tests.fakes import NOON, World, catalog, older_feature, writing_workflow


def with_features(world: World, *created: datetime, **members: object) -> World:
    """The world with features that were created then, named by their place."""
    project = world.project
    for place, moment in enumerate(created, start=len(project.features)):
        feature = older_feature(project, id=f"id-{place:03}", name=f"feature-{place}", **members)
        feature.created_at = feature.updated_at = moment
    world.repository.put(project)
    return world


def minutes(count: int) -> list[datetime]:
    """So many moments, a minute apart."""
    return [NOON + timedelta(minutes=number) for number in range(count)]


def claim(until: datetime) -> Claim:
    """A claim of an agent that lasts until then."""
    return Claim(
        agent="claude",
        client="cli:1",
        process=None,
        place="desk",
        deliberate=True,
        since=NOON,
        until=until,
    )


def names(reply: FeatureListReply) -> list[str]:
    """The names on a page."""
    return [row["name"] for row in reply["features"]]


def pages(world: World, limit: int, status: str | None = None) -> list[list[str]]:
    """The names on each page, as long as there is a next one."""
    found, cursor = [], None
    while True:
        reply = world.run(ListFeatures(limit=limit, cursor=cursor, status=status))
        found.append(names(reply))
        cursor = reply["next_cursor"]
        if cursor is None:
            return found


def test_a_project_without_features_has_an_empty_list(world: World) -> None:
    reply = world.run(ListFeatures())

    assert list(reply) == ["project", "features", "total", "next_cursor"]
    assert reply["project"]["name"] == "shop"
    assert reply["features"] == []
    assert reply["total"] == 0
    assert reply["next_cursor"] is None


def test_a_row_tells_what_the_contract_says(world: World) -> None:
    reply = with_features(world, NOON).run(ListFeatures())

    assert reply["features"] == [
        {
            "id": "id-000",
            "name": "feature-0",
            "status": "designing",
            "current_phase": "design",
            "updated_at": "2025-11-10T12:00:00+00:00",
            "goal": "An older wish",
            "waits_for": "agent",
            "agent": None,
        }
    ]


def test_the_newest_feature_comes_first(world: World) -> None:
    reply = with_features(world, *minutes(3)).run(ListFeatures())

    assert names(reply) == ["feature-2", "feature-1", "feature-0"]
    assert reply["total"] == 3


def test_moments_are_compared_as_moments_whatever_their_offset(world: World) -> None:
    earlier = datetime(2025, 11, 10, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    later = datetime(2025, 11, 10, 11, 0, tzinfo=UTC)

    assert pages(with_features(world, earlier, later), 1) == [["feature-1"], ["feature-0"]]


def test_moments_with_and_without_fractions_are_in_order(world: World) -> None:
    moments = [NOON + timedelta(microseconds=number) for number in (0, 1, 10, 999_999)]
    reply = with_features(world, *moments).run(ListFeatures())

    assert names(reply) == [f"feature-{number}" for number in (3, 2, 1, 0)]


def test_a_page_is_no_longer_than_the_limit(world: World) -> None:
    with_features(world, *minutes(5))

    assert pages(world, 2) == [
        ["feature-4", "feature-3"],
        ["feature-2", "feature-1"],
        ["feature-0"],
    ]


def test_a_full_last_page_has_no_next_one(world: World) -> None:
    assert len(pages(with_features(world, *minutes(4)), 2)) == 2


def test_each_page_tells_the_total(world: World) -> None:
    with_features(world, *minutes(3))
    first = world.run(ListFeatures(limit=2))
    second = world.run(ListFeatures(limit=2, cursor=first["next_cursor"]))

    assert first["total"] == second["total"] == 3


def test_a_page_has_50_features_unless_asked_otherwise_and_100_at_the_most(world: World) -> None:
    with_features(world, *minutes(101))

    assert [len(page) for page in pages(world, 10**9)] == [100, 1]
    assert len(world.run(ListFeatures())["features"]) == 50


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_without_features_is_refused(world: World, limit: int) -> None:
    with pytest.raises(ValidationError) as caught:
        world.run(ListFeatures(limit=limit))

    assert caught.value.code == "E305"
    assert caught.value.context["argument"] == "limit"


def test_features_that_come_meanwhile_neither_double_nor_hide_any(world: World) -> None:
    with_features(world, *minutes(4))
    first = world.run(ListFeatures(limit=2))
    with_features(world, NOON + timedelta(hours=1))
    second = world.run(ListFeatures(limit=2, cursor=first["next_cursor"]))

    assert names(first) + names(second) == [f"feature-{number}" for number in (3, 2, 1, 0)]
    assert second["total"] == 5


@given(
    st.lists(st.sampled_from(minutes(3)), max_size=12),
    st.integers(min_value=1, max_value=5),
)
def test_the_pages_together_hold_every_feature_once(created: list[datetime], limit: int) -> None:
    world = with_features(World.active(), *created)
    found = [name for page in pages(world, limit) for name in page]

    assert sorted(found) == sorted(f"feature-{place}" for place in range(len(created)))


def statuses(world: World) -> World:
    """A project with a feature in each of these statuses."""
    for status in ("defining", "building", "completed", "failed", "cancelled"):
        with_features(world, NOON, status=status)
    return world


@pytest.mark.parametrize(
    ("status", "count"),
    [(None, 5), ("open", 2), ("defining", 1), ("completed", 1), ("failed", 1), ("testing", 0)],
)
def test_a_list_can_be_narrowed_to_a_status(world: World, status: str | None, count: int) -> None:
    reply = statuses(world).run(ListFeatures(status=status))

    assert len(reply["features"]) == reply["total"] == count


def test_a_narrowed_list_is_paged_too(world: World) -> None:
    assert [len(page) for page in pages(statuses(world), 1, status="open")] == [1, 1]


def encoded(text: str) -> str:
    """A cursor of this content."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "abc",
        "页",
        "a b",
        "====",
        "_w",
        "-" * 99,
        *map(encoded, ["|", "2025|", "|id", "no bar"]),
    ],
    ids=ascii,
)
def test_a_cursor_that_does_not_come_from_the_list_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(ValidationError) as caught:
        world.run(ListFeatures(cursor=cursor))

    assert caught.value.code == "E308"
    assert caught.value.context == {"cursor": cursor, "near": ""}


def test_a_cursor_is_one_word_without_special_characters(world: World) -> None:
    cursor = with_features(world, *minutes(2)).run(ListFeatures(limit=1))["next_cursor"]

    assert cursor is not None
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_folder_without_a_project_has_no_list(folder: World) -> None:
    with pytest.raises(ProjectError) as caught:
        folder.run(ListFeatures())

    assert caught.value.code == "E004"


def test_a_status_that_no_feature_can_have_is_refused_with_those_there_are(world: World) -> None:
    with_features(world, NOON, status="polishing")

    with pytest.raises(ValidationError) as caught:
        world.run(ListFeatures(status="desinging"))
    assert caught.value.code == "E305"
    assert caught.value.context["argument"] == "status"
    for status in ("open", "designing", "in_progress", "cancelled", "polishing"):
        assert status in caught.value.context["reason"]


def test_a_status_that_only_a_workflow_names_gives_an_empty_list(world: World) -> None:
    workflow = writing_workflow()
    phase = replace(workflow.first, status="sketching")
    world.workflows.own = catalog(replace(workflow, phases=(phase,)), packaged=False)

    assert world.run(ListFeatures(status="sketching"))["features"] == []
    world.workflows.failure = ValidationError.of("E310", path="w.yml", line=1, reason="a tab")
    assert world.run(ListFeatures(status="designing"))["features"] == []
    with pytest.raises(ValidationError) as caught:
        world.run(ListFeatures(status="sketching"))
    assert caught.value.code == "E305"


def test_a_list_can_be_narrowed_to_a_word_a_workflow_and_who_is_waited_for(world: World) -> None:
    with_features(world, *minutes(4))
    project = world.project
    first, second, third, last = project.features
    first.prompt = "Add a Login page"
    second.name = "login-again"
    third.workflow_type = "brief"
    last.status = "waits_for_person"
    third.claim = claim(world.clock() + timedelta(minutes=1))
    world.repository.put(project)

    def found(**wanted: Any) -> list[str]:
        return names(world.run(ListFeatures(**wanted)))

    assert found(word="LOGIN") == ["login-again", "feature-0"]
    assert found(word="login", status="completed") == []
    assert found(workflow="brief") == [third.name]
    assert found(waits_for="person") == [last.name]
    assert found(waits_for="agent", word="login") == ["login-again", "feature-0"]
    assert found(agent="claude") == [third.name]
    assert found(word="nothing of it") == []


def test_what_waits_for_a_person_can_come_first_each_part_newest_first(world: World) -> None:
    with_features(world, *minutes(5))
    project = world.project
    for place in (0, 2):
        project.features[place].status = "waits_for_person"
    world.repository.put(project)

    reply = world.run(ListFeatures(limit=3, waiting_first=True))

    assert names(reply) == ["feature-2", "feature-0", "feature-4"]
    assert (reply["total"], reply["next_cursor"]) == (5, None)


def test_a_claim_that_ran_out_is_no_agent_at_work(world: World) -> None:
    with_features(world, NOON)
    project = world.project
    project.features[0].claim = claim(world.clock() - timedelta(seconds=1))
    world.repository.put(project)

    row = world.run(ListFeatures())["features"][0]
    assert (row["waits_for"], row["agent"]) == ("agent", None)


def test_whom_a_feature_can_wait_for_is_a_person_or_an_agent(world: World) -> None:
    with pytest.raises(ValidationError) as refused:
        world.run(ListFeatures(waits_for="nobody"))
    assert refused.value.code == "E305"


def test_a_long_goal_is_cut_between_words(world: World) -> None:
    with_features(world, NOON)
    project = world.project
    project.features[0].prompt = "First line\n\n" + "word " * 400
    world.repository.put(project)

    goal = world.run(ListFeatures())["features"][0]["goal"]
    assert goal.startswith("First line word word")
    assert goal.endswith("word…")
    assert len(goal) <= 72


def test_a_long_goal_without_spaces_is_cut_between_characters(world: World) -> None:
    with_features(world, NOON)
    project = world.project
    project.features[0].prompt = "請求書を月ごとに出力する" * 40
    world.repository.put(project)

    goal = world.run(ListFeatures())["features"][0]["goal"]
    assert goal.startswith("請求書を月ごとに出力する請求書")
    assert goal.endswith("…")
    assert len(goal) == 72
