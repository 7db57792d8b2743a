"""A heading that is asked for is found as a person would find it, and a near miss is named."""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cde_orchestrator
from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.criteria import criteria_in, overlooked_in
from cde_orchestrator.domain.workflow import OutputType
from tests.proportion import require_proportion
from tests.unit.domain.test_gate import PROMPTS, codes, problems, spec

TEMPLATES = sorted(
    path.relative_to(PROMPTS).as_posix()
    for path in PROMPTS.rglob("*.md")
    if "<fill" in path.read_text("utf-8") and not path.name.startswith("_")
)
WORDS = st.text("abcdefghij éß", min_size=4, max_size=30).filter(lambda text: text.strip())
WRITTEN = st.sampled_from(
    [
        "## {}",
        "## {}:",
        "## **{}**",
        "## *{}*:",
        "## **{}:**",
        "## __{}__",
        "## `{}`",
        "## 1. {}",
        "## 2) {}",
        "## 1.2 {}",
        "## 3: {}",
        "##   {}   ##",
        "   ## {}",
        "## ~~{}~~",
        "{}\n---",
        "**{}:**\n-----",
    ]
)


@given(WORDS, WRITTEN, st.sampled_from([str, str.upper, str.lower, str.title]))
def test_a_heading_is_found_however_a_person_writes_it(words: str, shape: str, case: type) -> None:
    wanted = " ".join(words.split())
    text = f"# Report\n\nText.\n\n{shape.format(case(wanted))}\n\nIt is so.\n"
    if case(wanted).casefold() != wanted.casefold():
        return  # ß and the like have no way back

    assert codes(text, spec(f"## {wanted}")) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("## Symptoms", "## Symptoms"),
        ("### Symptom", "### Symptom"),
        ("# Symptom", "# Symptom"),
        ("## Symtom", "## Symtom"),
        ("## Smyptom", "## Smyptom"),
        ("## Sympton", "## Sympton"),
        ("## 4. Symptoms:", "## 4. Symptoms:"),
        ("## Symptom of the defect", "## Symptom of the defect"),
        ("**Symptom**", "**Symptom**"),
        ("Symptom:", "Symptom:"),
        ("##Symptom", "##Symptom"),
        ("####### Symptom", "####### Symptom"),
    ],
)
def test_a_near_miss_is_refused_with_its_line_and_what_is_expected(line: str, shown: str) -> None:
    (found,) = problems(f"# Defect\n\nText.\n\n{line}\n\nIt is red.\n", spec("## Symptom"))

    assert (found.code, found.line) == ("E115", 5)
    assert found.problem == f"has {shown!r} in place of the heading '## Symptom'"
    assert found.fix == "Write ## Symptom there"


@pytest.mark.parametrize(
    "line", ["## Cause", "The symptom is that it is red.", "## Symphony", "> ## Other", "## "]
)
def test_what_is_no_near_miss_is_only_missed(line: str) -> None:
    (found,) = problems(f"# Defect\n\n{line}\n\nIt is red.\n", spec("## Symptom"))

    assert (found.problem, found.line) == ("lacks the heading '## Symptom'", None)


def test_the_same_words_on_another_level_are_named_before_similar_ones() -> None:
    text = "Goal:\n\n## Goals\n\none\n\n### Goal\n\ntwo\n"
    assert [each.line for each in problems(text, spec("## Goal"))] == [7]


def test_a_number_that_is_asked_for_is_asked_for() -> None:
    assert codes("## 2. Scope\n\nText.\n", spec("## 2. Scope")) == []
    assert codes("## 3. Scope\n\nText.\n", spec("## 2. Scope")) == ["E115"]


def _distance(one: str, other: str) -> int:
    """The textbook's: letters added, left out, replaced, or two neighbours exchanged."""
    rows = [list(range(len(other) + 1))]
    for at, its in enumerate(one, start=1):
        row = [at]
        for to, theirs in enumerate(other, start=1):
            least = min(rows[-1][to] + 1, row[-1] + 1, rows[-1][to - 1] + (its != theirs))
            if at > 1 and to > 1 and its == other[to - 2] and theirs == one[at - 2]:
                least = min(least, rows[-2][to - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]


@given(st.text("abc", min_size=6, max_size=9), st.text("abc", min_size=4, max_size=11))
def test_similar_words_are_those_within_two_slips(wanted: str, words: str) -> None:
    lines = markdown.read(f"## {words}\n")
    expected = _distance(words, wanted) <= 2 or words.startswith(f"{wanted} ")

    assert (markdown.nearest(lines, f"## {wanted}") is not None) == expected


def test_a_heading_without_words_has_no_near_miss() -> None:
    assert markdown.nearest(markdown.read("## \n\n## a\n"), "##") is None


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "## Goals\n" * (2_000 * n),
        lambda n: "### Gaol\n" * (2_000 * n),
        lambda n: "## " + "_" * (20_000 * n) + "a",
        lambda n: "## " + "1." * (20_000 * n),
        lambda n: "## " + "*a* " * (10_000 * n),
        lambda n: "**Goal**\n\n" * (2_000 * n),
        lambda n: "| <your " * (7_500 * n),
        lambda n: ": <your a-" * (7_500 * n),
        lambda n: "-" * (20_000 * n) + "<your",
    ],
    ids=["similar", "levels", "underscores", "number", "emphasis", "bold", "cells", "colons", "-"],
)
def test_headings_are_compared_in_proportion_to_the_text(text: object) -> None:
    assert callable(text)
    require_proportion(lambda each: problems(each, spec("## Goal"), skeleton="A line.\n"), text)


def _calls(text: str) -> int:
    calls = itertools.count()
    sys.setprofile(lambda *_: next(calls) and None)
    try:
        (found,) = problems(text, spec("## Goal"))
    finally:
        sys.setprofile(None)
    assert found.code == "E115"
    return next(calls)


def test_each_of_a_hundred_thousand_headings_costs_the_same() -> None:
    few = "".join(f"## {'Gaols' if each % 2 else 'Coal'}\n\na\n" for each in range(500))

    assert _calls(few * 66) <= 70 * _calls(few)  # 99,000 lines


def test_criteria_are_found_below_and_in_headings_as_a_person_writes_them() -> None:
    text = (
        "## **ACCEPTANCE CRITERIA:**\n\n- AC1: one\n\n### 2. AC2: two\n\n"
        "**AC3**: three\n---\n\nAC-4: four\n"
    )
    assert [each.id for each in criteria_in(text)] == ["AC1", "AC2", "AC3"]
    assert [word for _, word in overlooked_in(text)] == []
    assert [word for _, word in overlooked_in(text.replace("---", ""))] == ["AC3", "AC-4"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("The page greets `Hi` and shows <your name here> until then.\n", "markdown"),
        ("Give <name> as List<String>, in a <div>, with <fill-rule> and <filler>.\n", "markdown"),
        ("It sends <name>@<host>.\n", "markdown"),
        ("<div>\n<name>\n</div>\n", "markdown"),
        ("It shows <your name here> until then.\n", "text"),
        ("## Lost\n\nTODO comments are lost when a file is moved.\n", "markdown"),
        ("## Lost\n\nTODO items in code are not shown.\n", "markdown"),
    ],
)
def test_what_prose_is_about_is_no_placeholder(text: str, kind: OutputType) -> None:
    assert codes(text, spec(kind=kind)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Goal: <your goal here>\n",
        "- <describe it here>.\n",
        "## <your title here>\n\nText.\n",
        "| AC1 | <insert evidence here> |\n",
        "**<your-name-here>**\n",
        "## Goal\n\nTODO comments: write them.\n\n## Scope\n\nTODO later\n",
        "Say <fill> it.\n",
        "Say <FILL : it>.\n",
    ],
)
def test_a_slot_that_is_all_that_is_said_is_a_placeholder(text: str) -> None:
    assert codes(text, spec()) == ["E117"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_slot_of_a_packaged_template_passes_unfilled(template: str) -> None:
    text = (PROMPTS / template).read_text("utf-8")
    skeleton = re.search(r"^````markdown\n(.*?)^````$", text, re.DOTALL | re.MULTILINE)
    assert skeleton is not None
    slots = re.findall(r"<[^<>\n]*>", skeleton[1])
    assert slots
    assert all(slot.startswith("<fill: ") for slot in slots), slots
    parts = re.split(r"<fill: [^<>\n]*>", re.sub(r"\{[{%].*?[%}]\}", "x", skeleton[1]))
    for kept in range(len(slots)):
        fillings = [slot if at == kept else "said" for at, slot in enumerate(slots)]
        filled = "".join(
            part + filling for part, filling in zip(parts, [*fillings, ""], strict=True)
        )
        assert "E117" in codes(filled, spec()), filled
    assert "E117" not in codes("said".join(parts), spec())


def test_the_packaged_templates_are_all_tried() -> None:
    assert len(TEMPLATES) >= 15
    assert Path(cde_orchestrator.__file__).parent in PROMPTS.parents
