"""The parts that watch a project, together."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.monitoring.get_health import GetHealth
from cde_orchestrator.application.monitoring.show_dashboard import ShowDashboard
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.domain.exceptions import CDEError


def test_what_a_process_did_is_known_to_the_next_one(tmp_path: Path) -> None:
    first = build_application(tmp_path)
    first.handle(OnboardProject())
    first.handle(ListFeatures())
    first.close()

    page = build_application(tmp_path).handle(ShowDashboard())

    counted = {each["operation"]: each["calls"] for each in page["slowest"]}
    assert counted == {"onboard_project": 1, "list_features": 1}
    assert sum(point["operations"] for point in page["history"]["points"]) == 2


def test_a_call_that_was_not_counted_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".cde").mkdir()
    application = build_application(tmp_path)
    application.close()
    assert list((tmp_path / ".cde").iterdir()) == []


def test_a_server_is_watched_by_a_thread_until_it_ends(tmp_path: Path) -> None:
    def is_watched() -> bool:
        return any(thread.name == "cde-sampler" for thread in threading.enumerate())

    application = build_application(tmp_path)
    application.handle(OnboardProject())
    assert not is_watched()
    application.watch()
    assert is_watched()
    application.close()
    assert not is_watched()


def test_settings_that_are_mended_count_from_then_on(tmp_path: Path) -> None:
    application = build_application(tmp_path)
    application.handle(OnboardProject())
    application.close()
    config = tmp_path / ".cde" / "config.toml"
    config.write_text("alert_disk_free_mb = 'much'\n")
    application = build_application(tmp_path)
    application.watch()
    with pytest.raises(CDEError) as refused:
        application.handle(ListFeatures())
    assert refused.value.code == "E314"
    assert application.handle(GetHealth())["details"]["settings"]["error_code"] == "E314"

    config.write_text("alert_disk_free_mb = 12\n")

    assert application.handle(ListFeatures())["features"] == []
    health = application.handle(GetHealth())
    assert health["checks"]["settings"] == "ok"
    assert health["details"]["disk_space"]["threshold"] == 12
    assert {each["operation"] for each in health["metrics"]["operations"]} >= {"list_features"}
    application.close()
