"""The results file, the page that is made of it, and its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import page as pages
from benchmarks import results
from benchmarks.measure import Figure
from benchmarks.peers import PEERS, figures_of, versions_of
from benchmarks.plots import plot

FIGURES = [
    Figure(
        key=f"change-{features}",
        name=f"durable change, {features} features",
        samples=[2.0 * features, 3.0 * features, 2.5 * features],
        yardstick="append",
        yardstick_samples=[1.0, 1.0, 1.0],
        reach=30.0,
        first="2.7",
        features=features,
    )
    for features in (10, 100)
]
MACHINE = {
    "processor": "A processor",
    "cores": 2,
    "memory_mb": 24_000,
    "system": "Linux",
    "load_before": 0.1,
}


def found(figures: list[Figure], **machine: object) -> dict[str, Any]:
    """What the file has of these figures, as it is read again."""
    return results.content(figures, {**MACHINE, **machine}, {"backlog.md": "1.2.3"})


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file, wanted = tmp_path / "results.json", found(FIGURES)

    results.write(file, wanted)

    assert results.read(file) == wanted
    numbers = wanted["figures"][0]
    assert (numbers["runs"], numbers["median"], numbers["p99"]) == (3, 25.0, 30.0)
    assert (numbers["yardstick_runs"], numbers["yardstick_median"]) == (3, 1.0)
    assert (numbers["value"], numbers["reached"]) == (25.0, True)
    assert wanted["versions"]["backlog.md"] == "1.2.3"
    assert {"Python", "mcp", "orjson"} < wanted["versions"].keys()


def test_results_of_another_schema_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.write(file, {**found(FIGURES), "schema_version": 2})

    with pytest.raises(ValueError, match="measure again"):
        results.read(file)


def test_the_page_has_each_figure_with_its_yardstick_and_whether_it_is_reached() -> None:
    text = pages.page(found(FIGURES))

    assert (
        "| durable change, 10 features | append: 1 ms | 2.7 | **25 times** (25 ms, p99 30) "
        "| 30 times | reached |" in text
    )
    assert "| 30 times | [missed](#change-100) |" in text
    assert '<a id="change-100"></a>**durable change, 100 features**: ' in text
    assert "A processor, 2 cores, 24,000 MB, Linux; load 0.1 before" in text
    assert "The machine did other work" not in text


def test_the_page_says_that_the_machine_was_busy() -> None:
    assert "The machine did other work" in pages.page(found(FIGURES, load_before=2.5))


@pytest.mark.parametrize(("load", "is_busy"), [(0.5, False), (0.51, True)])
def test_a_quiet_machine_has_three_quarters_of_its_cores_to_spare(
    load: float, is_busy: bool
) -> None:
    page = pages.page(found(FIGURES, load_before=load))

    assert ("The machine did other work" in page) is is_busy


def test_a_reason_of_a_program_breaks_no_table() -> None:
    figures = [Figure(key="k", name="n", missing="<img src=x> a|b")]

    assert "| not measured: &lt;img src=x> a\\|b |" in pages.page(found(figures))


def test_the_page_depends_on_nothing_but_the_results_and_the_causes() -> None:
    same = found(FIGURES)

    assert pages.page(same) == pages.page(same)


def test_a_peer_that_cannot_be_installed_is_reported_and_has_no_number() -> None:
    figures = figures_of(
        {"cde": [1.0, 1.0], "backlog.md": [4.0, 4.0]}, {"task-master-ai": "no network"}
    )

    own, *peers = figures
    assert (own.value, own.reached) == (0.25, True)
    assert own.yardstick == "backlog.md, the faster peer"
    assert [peer.missing for peer in peers] == ["", "no network"]
    assert list(versions_of(figures)) == ["backlog.md"]
    assert "| not measured: no network |" in pages.page(found(figures))


def test_the_faster_peer_is_the_yardstick() -> None:
    own, *_ = figures_of({"cde": [1.0], PEERS[0].name: [4.0], PEERS[1].name: [2.0]}, {})

    assert own.yardstick_samples == [2.0]


def test_without_any_peer_nothing_is_compared() -> None:
    own, *_ = figures_of({"cde": [1.0]}, {peer.name: "no network" for peer in PEERS})

    assert own.value is None
    assert "no peer could be measured" in pages.page(found([own]))


def test_pictures_show_the_rows_that_were_measured() -> None:
    drawn = ElementTree.fromstring(pages.picture("growth-changes", found(FIGURES)))

    lines = [each for each in drawn.iter() if each.tag.endswith("polyline")]
    assert len(lines) == 1
    assert len(lines[0].attrib["points"].split()) == 2


def test_a_picture_quotes_names_and_grows_upwards() -> None:
    drawn = ElementTree.fromstring(plot("<a>", {"b & c": [(10, 1.0), (1_000, 100.0)]}))

    (line,) = (each for each in drawn.iter() if each.tag.endswith("polyline"))
    first, last = (tuple(map(float, each.split(","))) for each in line.attrib["points"].split())
    assert last[0] > first[0]
    assert last[1] < first[1]
    assert "b & c" in {each.text for each in drawn.iter()}


def test_the_causes_are_of_figures_that_there_are() -> None:
    known = {figure["key"] for figure in results.read()["figures"]}

    assert set(pages.causes()["figures"]) <= known


def test_each_figure_that_is_missed_has_a_cause_and_a_next_step() -> None:
    missed = {each["key"] for each in results.read()["figures"] if each["reached"] is False}

    written = pages.causes()["figures"]
    assert missed <= set(written)
    assert [
        key for key, said in written.items() if not (said.get("cause") and said.get("next"))
    ] == []
