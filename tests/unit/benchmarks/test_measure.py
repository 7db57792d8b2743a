"""Figures: what is compared, when it is reached, and how works are run in turns."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as command
from benchmarks.measure import QUICK, Compared, Figure, interleaved, p99, runs_of, show, verdict


def figure(**members: object) -> Figure:
    """A figure of three runs."""
    given = {"key": "k", "name": "n", "samples": [2.0, 9.0, 4.0], **members}
    return Figure(**given)  # type: ignore[arg-type]  # members are those of the test


def test_the_99th_of_100_is_not_the_worst() -> None:
    assert p99([*range(1, 101)]) == 99
    assert p99([5.0]) == 5.0
    assert p99([3.0, 1.0, 2.0]) == 3.0


@pytest.mark.parametrize(
    ("compared", "value"),
    [("ratio", 2.0), ("p99 ratio", 3.0), ("difference", 2.0), ("value", 4.0), ("p99", 9.0)],
)
def test_what_is_compared(compared: Compared, value: float) -> None:
    assert figure(compared=compared, yardstick_samples=[1.0, 2.0, 3.0]).value == value


def test_the_ratio_of_pairs_is_the_median_of_theirs() -> None:
    paired = figure(samples=[10.0, 30.0, 8.0], yardstick_samples=[5.0, 10.0, 1.0], paired=True)

    assert paired.value == 3.0


def test_a_ratio_without_a_yardstick_is_not_made_up() -> None:
    assert figure().value is None
    assert figure(reach=1.0).reached is None


def test_a_figure_is_reached_at_its_bound_and_missed_beyond_it() -> None:
    assert figure(compared="value", reach=4.0).reached is True
    assert figure(compared="value", reach=3.9).reached is False
    assert figure(compared="value", reach=4.0, at_least=True).reached is True
    assert figure(compared="value", reach=4.1, at_least=True).reached is False


def test_what_is_missing_has_no_number_and_is_neither_reached_nor_missed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = figure(samples=(), missing="no network", reach=1.0)

    assert (missing.value, missing.reached, verdict([missing])) == (None, None, 0)
    show([missing])
    assert "not measured: no network" in capsys.readouterr().out


def test_a_reason_of_a_program_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    show([figure(samples=(), missing="npm error [/bold] [red]404")])

    assert "not measured: npm error [/bold] [red]404" in capsys.readouterr().out


def test_the_verdict_names_what_is_not_reached(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [figure(compared="value", reach=reach) for reach in (4.0, 3.0)]

    assert verdict(figures) == 1
    assert capsys.readouterr().out == "Not reached: n, 4.00 > 3.0\n"


def test_works_alternate_and_the_warm_up_is_dropped() -> None:
    order: list[str] = []

    def work(name: str) -> float:
        order.append(name)
        return len(order)

    samples = interleaved(2, lambda: work("a"), lambda: work("b"), warm_up=1)

    assert "".join(order) == "abbaab"
    assert samples == [[4, 5], [3, 6]]


def test_a_short_pass_measures_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUICK, "1")
    assert runs_of(300, 5) == 5
    monkeypatch.setenv(QUICK, "0")
    assert runs_of(300, 5) == 300


def test_a_family_that_fails_takes_nothing_else_with_it() -> None:
    def fails() -> list[Figure]:
        raise RuntimeError("the server ended\nTraceback")

    (shown,) = command.measured("calls", fails)

    assert (shown.missing, shown.value) == ("the server ended", None)


def test_every_family_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "cobol"])

    with pytest.raises(SystemExit):
        command.main()
