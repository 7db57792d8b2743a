"""The use cases about alerts."""

from __future__ import annotations

import pytest

from cde_orchestrator.application.monitoring.alerts import ListAlerts, SendTestAlert
from cde_orchestrator.application.ports.health import AlertsReply, AlertTestReply, Notice
from cde_orchestrator.domain.exceptions import CDEError
from tests.fakes import World
from tests.health_fakes import NoHealth


class Told(NoHealth):
    """Health whose notifiers answer as a test wants."""

    def __init__(self, *told: bool) -> None:
        self.told = told
        self.limits: list[int] = []

    def alerts(self, limit: int = 50) -> AlertsReply:
        self.limits.append(limit)
        return super().alerts(limit)

    def test_alert(self) -> AlertTestReply:
        notices: list[Notice] = [
            {"notifier": f"n{number}", "sent": told, "message": f"Message {number}."}
            for number, told in enumerate(self.told)
        ]
        return {"event": super().test_alert()["event"], "notices": notices}


def test_the_alerts_are_those_that_health_knows(world: World) -> None:
    health = Told()

    reply = ListAlerts(limit=3)(health=health)

    assert reply == {"alerts": [], "history": []}
    assert health.limits == [3]


@pytest.mark.parametrize("limit", [0, 1_001])
def test_a_history_has_a_sensible_length(world: World, limit: int) -> None:
    with pytest.raises(CDEError) as caught:
        ListAlerts(limit=limit)(health=NoHealth())

    assert caught.value.code == "E305"


def test_a_trial_says_who_was_told(world: World) -> None:
    reply = SendTestAlert()(health=Told(True, True))

    assert [notice["notifier"] for notice in reply["notices"]] == ["n0", "n1"]


def test_a_trial_that_did_not_reach_everybody_is_an_error(world: World) -> None:
    with pytest.raises(CDEError) as caught:
        SendTestAlert()(health=Told(True, False))

    assert caught.value.code == "E929"
    assert caught.value.context["notifier"] == "n1"
