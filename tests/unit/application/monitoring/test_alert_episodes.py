"""Events of one alert are one row."""

from __future__ import annotations

from cde_orchestrator.application.monitoring.alert_episodes import episodes
from cde_orchestrator.application.ports.health import AlertEvent, AlertState


def event(minute: int, state: AlertState, message: str = "", name: str = "disk") -> AlertEvent:
    """An event of an alert, at a minute."""
    return {
        "at": f"2026-01-01T00:{minute:02d}:00+00:00",
        "name": name,
        "title": name.title(),
        "severity": "warning",
        "state": state,
        "figure": None,
        "message": message,
    }


def newest_first(*events: AlertEvent) -> list[AlertEvent]:
    """Events in the order in which they are kept."""
    return [*reversed(events)]


def test_an_alert_is_one_row_from_its_beginning_to_its_end() -> None:
    (row,) = episodes(
        newest_first(
            event(1, "pending", "9 MB are free."),
            event(2, "firing", "7 MB are free."),
            event(3, "firing", "6 MB are free."),
            event(9, "resolved", "Back to normal."),
        )
    )

    assert (row["began"][14:16], row["at"][14:16]) == ("01", "09")
    assert (row["state"], row["message"], row["events"]) == ("resolved", "6 MB are free.", 4)


def test_one_that_comes_back_is_another_row_and_the_last_to_change_is_first() -> None:
    rows = episodes(
        newest_first(
            event(1, "firing", "once"),
            event(2, "pending", "slow", name="slow"),
            event(3, "resolved"),
            event(4, "firing", "again"),
            event(5, "inactive", name="slow"),
        )
    )

    assert [(each["name"], each["message"]) for each in rows] == [
        ("slow", "slow"),
        ("disk", "again"),
        ("disk", "once"),
    ]


def test_one_whose_beginning_is_not_kept_any_more_has_what_is_known() -> None:
    (row,) = episodes([event(3, "resolved", "Back to normal.")])

    assert (row["began"], row["message"]) == (row["at"], "Back to normal.")
    assert episodes([]) == []
