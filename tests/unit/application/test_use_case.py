"""Every use case has a name for logs and the journal, and says whether it changes the project."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import FrozenInstanceError, fields
from typing import Any, cast

import pytest

from cde_orchestrator import application
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.projects.get_project_info import GetProjectInfo
from cde_orchestrator.application.projects.set_project_status import SetProjectStatus
from cde_orchestrator.application.use_case import UseCase

PATH = application.__path__


def use_cases() -> list[type[UseCase[Any]]]:
    """Every use case of the product."""
    names = [each.name for each in pkgutil.walk_packages(PATH, f"{application.__name__}.")]
    return [
        member
        for name in names
        for member in vars(importlib.import_module(name)).values()
        if isinstance(member, type) and issubclass(member, UseCase) and member.__module__ == name
        if member is not UseCase
    ]


@pytest.mark.parametrize(
    ("use_case", "name"),
    [
        (StartFeature, "start_feature"),
        (SubmitWork, "submit_work"),
        (GetProjectInfo, "get_project_info"),
        (ListFeatures, "list_features"),
    ],
)
def test_a_use_case_bears_the_name_of_what_it_does(use_case: type[UseCase[Any]], name: str) -> None:
    assert use_case.operation() == name


@pytest.mark.parametrize("use_case", use_cases())
def test_a_use_case_is_a_value_of_named_arguments(use_case: type[UseCase[Any]]) -> None:
    members = fields(cast("Any", use_case))
    arguments: Any = {member.name: "x" for member in members}
    made = use_case(**arguments)

    assert all(member.kw_only for member in members)
    assert made == use_case(**arguments)
    for member in members:
        with pytest.raises(FrozenInstanceError):
            setattr(made, member.name, "y")


def test_no_two_use_cases_bear_the_same_name() -> None:
    names = [use_case.operation() for use_case in use_cases()]

    assert names
    assert len(names) == len(set(names))


def test_a_use_case_tells_its_arguments_by_name() -> None:
    assert SetProjectStatus(status="active").arguments() == {"status": "active"}
    assert GetProjectInfo().arguments() == {}
