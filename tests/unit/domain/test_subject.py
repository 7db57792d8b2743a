from __future__ import annotations

from cde_orchestrator.domain.project import Project
from cde_orchestrator.domain.subject import name_subject, naming_subject, subject


def test_names_are_known_inside_and_forgotten_after() -> None:
    with naming_subject() as names:
        name_subject(feature="login")
        with naming_subject():
            assert subject() == {}
        assert subject() == names == {"feature": "login"}
    assert subject() == {}


def test_nothing_is_named_outside_of_an_operation() -> None:
    name_subject(feature="login")
    assert subject() == {}


def test_a_feature_that_is_started_is_named_and_one_that_is_looked_up_is_not(
    project: Project,
) -> None:
    with naming_subject():
        started = project.start_feature("Add login")
        assert subject() == {"feature_id": started.id, "feature": "add-login"}
    with naming_subject():
        assert project.feature("add-login") is started
        assert subject() == {}
