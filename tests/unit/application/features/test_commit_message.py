"""The subject of a commit fits, says what it leaves out, and the body has the rest."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.features.commit_message import (
    SUBJECT_LIMIT,
    commit_message,
    commit_subject,
    subject_of,
)
from cde_orchestrator.application.features.report_feature import ReportFeature, ReportReply
from cde_orchestrator.application.features.start_feature import StartFeature
from tests.fakes import World

LONG = "Let people who forgot their password have a link by mail that lets them choose another one"
SCOPED = (
    "feat(login): add a login page with a form for the name, a link to a new password and tests"
)
BUG = "Bug: the login page fails when the name has a sign that is no letter or digit at all"
PAYPAL = "Support e.g. PayPal and credit cards where people pay for what they have in their baskets"
NAMED = (
    "Add a reset of passwords. It sends a mail with a link that holds for an hour and works once"
)


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        ("Add a login page.", "Add a login page"),
        (NAMED, "Add a reset of passwords"),
        (LONG, "Let people who forgot their password have a link by mail that lets them…"),
        ("Read v1.2 files " + "and so on " * 8, "Read v1.2 files " + "and so on " * 5 + "and…"),
        (SCOPED, "feat(login): add a login page with a form for the name, a link to a new…"),
        (BUG, "Bug: the login page fails when the name has a sign that is no letter or…"),
        (PAYPAL, "Support e.g. PayPal and credit cards where people pay for what they…"),
        (
            "Do it now. " + LONG,
            "Do it now. Let people who forgot their password have a link by mail…",
        ),
        (
            "Add carts, lists etc. " + "and so on " * 6,
            "Add carts, lists etc. " + "and so on " * 4 + "and so on…",
        ),
        ("Fix it. Then show the new total. " + LONG, "Fix it. Then show the new total"),
        ("名" * 100, "名" * 71 + "…"),
        ("x" * 72, "x" * 72),
        ("", ""),
    ],
)
def test_a_subject_is_a_line_a_sentence_or_words_that_end_with_a_mark(
    line: str, subject: str
) -> None:
    assert subject_of(line) == subject
    assert len(subject_of(line)) <= SUBJECT_LIMIT


def report(world: World, goal: str) -> ReportReply:
    world.run(StartFeature(prompt=goal, name="login"))
    return world.run(ReportFeature(feature_id="login"))


def test_the_body_begins_with_a_goal_that_is_no_subject(world: World) -> None:
    message = commit_message(report(world, NAMED))

    assert message.startswith(
        "Add a reset of passwords\n\n"
        "Add a reset of passwords. It sends a mail with a link that holds for an\n"
        "hour and works once\n\n"
    )


def test_a_goal_that_is_a_subject_is_said_once(world: World) -> None:
    message = commit_message(report(world, "Add a login page\n\nMore of it."))

    assert message.count("Add a login page") == 1


def test_a_goal_that_is_no_line_gives_the_name(world: World) -> None:
    assert commit_subject({**report(world, "Go"), "goal": "\n"}) == "Add login"
