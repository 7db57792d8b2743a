"""Lazy work does not pass, and the refusal says what is wrong where."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from math import isqrt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cde_orchestrator
from cde_orchestrator.adapters.project_files.content_syntax import ParsingContentValidator
from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.exceptions import OutputError
from cde_orchestrator.domain.gate import Gate, OtherVerdict, Problem
from cde_orchestrator.domain.workflow import Output, OutputType, Phase
from tests.proportion import require_proportion

PROMPTS = Path(cde_orchestrator.__file__).parent / "adapters" / "workflows" / "packaged" / "prompts"
GOOD = "# Spec\n\n## Goal\n\nPeople can log in.\n\n## Scope\n\n### In\n\n- a page\n"


def gate(*outputs: Output, skeleton: str = "") -> Gate:
    return Gate(
        phase=Phase(id="define", outputs=outputs),
        feature_name="login",
        syntax=ParsingContentValidator().error_in,
        search=ParsingContentValidator().search,
        skeleton=skeleton,
        back_to="define",
    )


def spec(
    *must_contain: str, kind: OutputType = "markdown", min_bytes: int = 1, required: bool = True
) -> Output:
    return Output(
        id="spec",
        path="specs/{feature}/spec.md",
        type=kind,
        min_bytes=min_bytes,
        required=required,
        must_contain=must_contain,
    )


def problems(content: str | bytes | None, output: Output, skeleton: str = "") -> list[Problem]:
    data = content.encode() if isinstance(content, str) else content
    return gate(output, skeleton=skeleton).problems({} if data is None else {"spec": data})


def codes(content: str | bytes | None, output: Output, skeleton: str = "") -> list[str]:
    return [problem.code for problem in problems(content, output, skeleton)]


def test_each_criterion_of_the_covered_output_has_a_task() -> None:
    listing = Output(id="tasks", path="tasks.md", covers="spec")
    own = Output(id="plan", path="plan.md", covers="plan")
    plain = gate(listing, own)
    before = replace(plain, covered={"spec": b"- AC1: a\n- AC2: b\n"})
    tasks = b"## Tasks\n- T1: for AC1\n"
    plan = b"## Criteria\n- AC3: c\n\n## Tasks\n- T1: for AC3\n"

    (found,) = before.problems({"tasks": tasks, "plan": plan})
    assert (found.code, found.output, found.line) == ("E115", "tasks", 1)
    assert "AC2" in found.problem
    assert "AC2" in found.fix
    assert plain.problems({"tasks": tasks, "plan": plan}) == []
    (found,) = plain.problems({"tasks": tasks, "plan": plan.replace(b"for AC3", b"it")})
    assert "AC3" in found.problem
    text = {"tasks": b"Words.\n", "plan": plan}
    assert [each.output for each in before.problems(text)] == ["tasks"]
    assert replace(before, are_tasks_listed=True).problems(text) == []
    same = gate(replace(listing, type="text"), own)
    assert same.problems({"tasks": b"Words.\n", "plan": plan}) == []


def test_good_work_passes() -> None:
    output = spec(" ## Goal", "##  Scope ##", r"re:^- a\b", "log in", min_bytes=20)

    assert codes(GOOD, output, skeleton="# Spec\n## Goal\n<fill: who>\n") == []
    gate(output).require({"spec": GOOD.encode()})


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ("- AC1: it is light\n- AC-2: it is dark", ["has 'AC-2', which is not counted"]),
        ("It is light.", ["has no criterion"]),
        ("- AC1: it is light", []),
    ],
)
def test_criteria_that_must_be_proven_are_counted_or_refused(
    criteria: str, said: list[str]
) -> None:
    text = f"{GOOD}\n## Acceptance criteria\n\n{criteria}\n".encode()
    plain = gate(spec())
    proving = replace(plain, proven=frozenset({"spec"}))

    found = proving.problems({"spec": text})

    assert plain.problems({"spec": text}) == []
    assert [each.code for each in found] == ["E115"] * len(said)
    assert all(word in each.problem for word, each in zip(said, found, strict=True))


def test_an_optional_output_may_be_missing_but_is_checked_if_it_is_there() -> None:
    assert codes(None, spec(required=False)) == []
    assert codes(" ", spec(required=False)) == ["E111"]


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (None, "markdown", "E110"),
        ("", "markdown", "E111"),
        (" \n\t\r\n", "json", "E111"),
        ("\ufeff\n", "markdown", "E111"),
        (b"# Spec\n\xff\xfe", "markdown", "E116"),
        ('{"a": ', "json", "E116"),
        ("[NaN]", "json", "E116"),
        ("a: [1\n", "yaml", "E116"),
        ("a = \n", "toml", "E116"),
        ("[" * 100_000, "json", "E116"),
        (f"{'a.' * 4_000}b = 1\n" * 2, "toml", "E116"),
        ("# Spec\n\n## Goal\n\n## Scope\n", "markdown", "E114"),
        ("# Spec\n\n<!-- say who needs\nwhat -->\n\n---\n", "markdown", "E114"),
        ("# Spec\n\n```\n\n```\n", "markdown", "E114"),
        ("# Spec\n\n<fill: who needs what>\n", "markdown", "E117"),
        ("# Spec\n\n<fill: cut off\nat the line\n", "markdown", "E117"),
        ("# Spec\n\n&lt;fill: who &amp; what&gt;\n", "markdown", "E117"),
        ("# Spec\n\n&lt;fill&gt;, and more\n", "markdown", "E117"),
        ("Hello {{ feature.name }}\n", "markdown", "E117"),
        ("Hello [NEEDS CLARIFICATION: who?]\n", "markdown", "E117"),
        ("## Goal\n\n- TODO: write this\n- ...\n", "markdown", "E117"),
        ("## Goal\n\n- [x] TODO: write this\n- [X] ...\n", "markdown", "E117"),
        ("## Goal\n\nStatus: TBD\n", "markdown", "E117"),
        ("| AC1 | TBD |\n", "markdown", "E117"),
        ("TODO\n", "text", "E117"),
        ("## Goal\n\n[Insert goal here]\n", "markdown", "E117"),
        ("Goal: [INSERT THE GOAL]\n", "markdown", "E117"),
        ("# [your title here]\n\nText.\n", "markdown", "E117"),
        ("- <Your text here>\n", "markdown", "E117"),
        ("<your_text_here>\n", "text", "E117"),
        ("## Goal\n\nLorem ipsum dolor sit amet, consectetur.\n", "markdown", "E117"),
        ("## Goal\n\n*lorem ipsum*\n", "markdown", "E117"),
        ("Lorem ipsum dolor sit\namet.\n", "text", "E117"),
        ("a: !!python/object/apply:os.system [ls]\n", "yaml", "E116"),
        ("a: !Mine {b: 1}\n", "yaml", "E116"),
        ("a: &x 1\n---\nb: *x\n", "yaml", "E116"),
        ('now: "<fill: this>"\n', "yaml", "E117"),
    ],
)
def test_each_kind_of_lazy_work_has_its_code(
    content: str | bytes | None, kind: OutputType, code: str
) -> None:
    with pytest.raises(OutputError) as caught:
        gate(spec(kind=kind)).require(
            {}
            if content is None
            else {"spec": content.encode() if isinstance(content, str) else content}
        )

    assert caught.value.code == code
    assert caught.value.context["outputs"][0]["fix"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"a": 1}', "json"),
        ("a: &x [1]\nb: *x\n---\nc: 1\n", "yaml"),
        ("a: !!str 1\nb: ! x\nc: 2026-01-01\n--- [1]\n...\n---\n", "yaml"),
        ("a.b = 1\n", "toml"),
        ("See [insert a row here](#rows), [your page here][1], [x] and [ ].\n", "markdown"),
        ("A <b>word</b>, <input name=x>, List<str>, [1], `<your text here>`.\n", "markdown"),
        ("Press [Insert]; we add [your] text there.\n", "markdown"),
        ("No lorem ipsum is left. Lorem ipsum was there.\n", "markdown"),
        ("<button>Your name, here</button>\n", "text"),
        ("anything\n", "text"),
        ("The slot is written `<fill: what>`, the variable `{{ name }}`.\n", "markdown"),
        ("See:\n\n```yaml\nkey: {{ value }} # TODO\n```\n", "markdown"),
        ("See:\n\n~~~\n<fill: this>\n```\n~~~\n\nDone.\n", "markdown"),
        ("We keep a list of TODO comments; none is left.\n", "markdown"),
        ("## Goal\n\nTODO: ask Eve.\n\nPeople can log in.\n", "markdown"),
        ("``` not a fence ```\n", "markdown"),
        ("None: there is nothing to say.\n", "markdown"),
    ],
)
def test_what_only_looks_lazy_passes(text: str, kind: OutputType) -> None:
    assert codes(text, spec(kind=kind)) == []


def test_too_few_bytes_are_told_with_how_many_are_asked_for() -> None:
    (problem,) = problems("# Spec\n\nShort.\n", spec(min_bytes=400))

    assert (problem.code, problem.line) == ("E114", None)
    assert "400" in problem.problem


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ("## Goal", "# Goal\n\nText.\n"),
        ("## Goal", "### Goal\n\nText.\n"),
        ("## Goal", "Text.\n\n```\n## Goal\nText.\n```\n"),
        (r"re:\bAC1\b", "AC10\n"),
        ("re:(", "(\n"),
        ("exact words", "Exact words\n"),
    ],
)
def test_content_that_must_be_there_is_missed(wanted: str, text: str) -> None:
    assert codes(text, spec(wanted)) == ["E115"]


@pytest.mark.parametrize(
    "text",
    [
        "# Spec\n\nText.\n\n## Goal\n\n## Scope\n\nText.\n",
        "# Spec\n\nText.\n\n## Goal\n\n---\n\n<!-- later -->\n",
        "## Scope\n\nText.\n\n## Goal",
    ],
)
def test_a_section_that_must_be_there_has_answer(text: str) -> None:
    (problem,) = problems(text, spec("## Goal"))

    assert problem.code == "E115"
    assert problem.line == text[: text.index("## Goal")].count("\n") + 1


@pytest.mark.parametrize(
    "text", ["## Goal\n\n### First\n\nText.\n", "## Goal\n\nText.\n\n## Goal\n\n## Scope\n"]
)
def test_a_section_that_has_answer_somewhere_passes(text: str) -> None:
    assert codes(text, spec("## Goal")) == []


def test_a_search_that_takes_too_long_is_a_problem() -> None:
    held = replace(gate(spec("re:(a+)+b")), search=lambda _expression, _text: None)
    (problem,) = held.problems({"spec": b"aaa\n"})

    assert (problem.code, problem.line) == ("E115", None)
    assert "too long" in problem.problem
    assert problem.fix == "Simplify the text, or let a person simplify the expression"


@pytest.mark.parametrize(
    "text",
    [
        lambda n: "# a" + " " * (7_500 * n) + "b",
        lambda n: "[TODO" * (15_000 * n),
        lambda n: "[insert the " * (7_500 * n),
        lambda n: "lorem ipsum dolor " * (5_000 * n),
        lambda n: "TODO" + " " * (15_000 * n) + "x",
        lambda n: "".join("`" * length + "a" for length in range(1, 150 * isqrt(n))),
        lambda n: "# a\n" * (7_500 * n),
        lambda n: "## a\n### b\n" * (3_750 * n),
        lambda n: "<a" + " b" * (15_000 * n) + "!",
        lambda n: "<a b" + " " * (15_000 * n) + "!",
        lambda n: "<div>\na" + " " * (15_000 * n) + "b",
        lambda n: "a\n---\n" * (5_000 * n),
    ],
    ids=[
        *("heading", "slots", "left over", "filler", "put off", "code spans", "headings"),
        *("nested", "attributes", "blanks in a tag", "blanks in HTML", "underlines"),
    ],
)
def test_no_text_takes_longer_than_in_proportion_to_its_length(text: Callable[[int], str]) -> None:
    require_proportion(lambda each: problems(each, spec("## Goal"), skeleton="A line.\n"), text)


WORDS = st.lists(st.sampled_from(["insert", "Your", "goal", "here", "lorem", "1"]), min_size=1)


@given(WORDS, st.sampled_from(["[{}](url)", "[{}][1]", "List<{}>", "`[{}]`", "[ ] {}"]))
def test_links_boxes_generics_and_code_are_no_left_over_template(
    words: list[str], shape: str
) -> None:
    text = "We chose " + shape.format(("_" if "<" in shape else " ").join(words)) + " for it.\n"

    assert codes(text, spec()) == []


@given(
    st.sampled_from(["[{}]", "<{}>"]),
    st.sampled_from(["insert", "YOUR", "Describe"]),
    st.text("abc XYZ", max_size=40),
)
def test_a_slot_of_a_template_is_refused_in_any_words(shape: str, verb: str, words: str) -> None:
    assert codes(f"Goal: {shape.format(f'{verb} {words} here')}\n", spec()) == ["E117"]


def test_a_document_of_endless_lines_is_refused_without_being_read() -> None:
    text, calls = "a\n" * 3_000_000, itertools.count()
    sys.setprofile(lambda *_: next(calls) and None)
    try:
        (problem,) = problems(text, spec("## Goal"))
    finally:
        sys.setprofile(None)

    assert (problem.code, problem.line) == ("E116", None)
    assert next(calls) < 3_000
    assert codes("a\n" * 20_000, spec()) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a `b` c", "a `code` c"),
        ("``a`b`` c`", "`code` c`"),
        ("` a `` b ` c", "`code` c"),
        ("``` a", "``` a"),
        ("`a` `b`", "`code` `code`"),
    ],
)
def test_spans_of_code_are_told_apart_from_prose(text: str, told: str) -> None:
    assert markdown.without_code_spans(text) == told


def test_a_longer_line_is_quoted_up_to_its_fortieth_character() -> None:
    (whole,) = problems(f"TODO {'x' * 35}\n", spec(kind="text"))
    (cut,) = problems(f"TODO {'x' * 1_000_000}\n", spec(kind="text"))

    (barely,) = problems(f"TODO {'x' * 36}\n", spec(kind="text"))

    assert repr(f"TODO {'x' * 35}") in whole.problem
    assert repr(f"TODO {'x' * 34}…") in barely.problem
    assert repr(f"TODO {'x' * 34}…") in cut.problem


def test_headings_with_a_comment_of_several_lines_are_no_content() -> None:
    text = "# Spec\n\n<!-- who\nneeds\nit -->\n\n## Goal\n"
    assert codes(text, spec()) == ["E114"]
    assert codes(text, spec("## Goal")) == ["E114", "E115"]


def test_a_heading_that_ends_with_a_mark_is_asked_for_with_it() -> None:
    assert codes("## C#\n\nSharp.\n", spec("## C#")) == []
    assert codes("## C\n\nBlunt.\n", spec("## C#")) == ["E115"]


def test_other_types_than_markdown_are_searched_as_they_are() -> None:
    assert codes("# Goal\n", spec("# Goal", kind="text")) == []
    assert codes("goal\n", spec("# Goal", kind="text")) == ["E115"]


def test_an_answer_that_only_repeats_the_prompt_is_refused() -> None:
    prompt = "Say who needs `it`.\n\n## Goal\nWho needs what.\n"

    assert codes("## Goal\n\nWho needs what.\n", spec(), prompt) == ["E117"]
    assert codes("Say who needs `it`.\n", spec(), prompt) == ["E117"]
    assert codes("## Goal\n\nWho needs what.\nEverybody.\n", spec(), prompt) == []


def test_every_problem_of_every_output_is_named_with_its_place() -> None:
    second = Output(id="notes", path="notes.txt", type="text")
    with pytest.raises(OutputError) as caught:
        gate(spec("## Goal", "## Scope"), second).require({"spec": b"# Spec\n\n## Goal\n"})

    assert caught.value.code == "E110"
    assert [
        (each["code"], each["output"], each.get("line")) for each in caught.value.context["outputs"]
    ] == [
        ("E114", "spec", None),
        ("E115", "spec", 3),
        ("E115", "spec", None),
        ("E110", "notes", None),
    ]
    assert "specs/login/spec.md" in caught.value.message


PACKAGED = [
    (workflow.id, phase, output)
    for workflow in YamlWorkflowRepository().load_packaged().workflows.values()
    for phase in workflow.phases
    for output in phase.outputs
    if output.type == "markdown"  # a prompt has an example of the others, and no skeleton
]


@pytest.mark.parametrize(("workflow", "phase", "output"), PACKAGED)
def test_the_skeleton_of_a_packaged_prompt_does_not_pass_its_own_gate(
    workflow: str, phase: Phase, output: Output
) -> None:
    prompt = (PROMPTS / phase.prompt).read_text()
    skeleton = re.search(r"^````markdown\n(.*?)^````$", prompt, re.DOTALL | re.MULTILINE)
    assert skeleton is not None
    untouched = skeleton[1].replace("{{ feature.name }}", "login")
    for lazy in (untouched, untouched.replace("<fill:", "TODO:").replace(">", "")):
        found = {problem.code for problem in gate(output).problems({output.id: lazy.encode()})}
        assert "E117" in found, lazy
    bare = "".join(line for line in skeleton[1].splitlines(True) if line.startswith("#"))
    found = {problem.code for problem in gate(output).problems({output.id: bare.encode()})}
    assert "E114" in found


def verdict(*passing: str, kind: OutputType = "markdown") -> Output:
    return Output(id="spec", path="review.md", type=kind, verdict=passing)


APPROVED = verdict("approved", "approved with follow-ups", "max")


@pytest.mark.parametrize(
    "line",
    [
        "Verdict: approved",
        "verdict:  APPROVED.",
        "  - **Verdict:** approved with follow-ups",
        "**Verdict: Approved with  follow-ups.**",
        "**Verdict**: _approved_.",
        "1. Verdict: `approved`",
        "### Verdict: approved",
        "Verdict: approved <!-- as ever -->",
        "Verdict: MAX",
    ],
)
def test_a_verdict_that_passes_may_be_emphasised(line: str) -> None:
    assert codes(f"# Review\n\nAll is well.\n\n{line}\n", APPROVED) == []


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("Verdict: approved, or rejected", 3),
        ("Verdict: changes needed (two)", 3),
        ("Verdict: " + "no " * 30, 3),
        ("Verdict: not ready\nVerdict: changes needed", 3),
        ("Verdict: approved, if somebody writes the tests", 3),
        ("Verdict: approved\nVerdict: changes needed", 4),
        ("Verdict:", 3),
        ("Approved.", None),
        ("The verdict: approved", None),
        ("> Verdict: approved", None),
        ("```\nVerdict: approved\n```", None),
        ("Words.\n<!--\nVerdict: approved\n-->", None),
        ("| Verdict: approved |", None),
    ],
)
def test_no_verdict_or_none_that_is_understood_is_refused_at_its_line(
    line: str, at: int | None
) -> None:
    found = problems(f"# Review\n\n{line}\n", APPROVED)

    assert [(each.code, each.line) for each in found] == [("E131", at)]
    assert "'Verdict: approved' or 'Verdict: approved with follow-ups' or" in found[0].problem


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Verdict: changes needed", "changes needed"),
        ("**Verdict:** Not approved.", "Not approved"),
        ("- Verdict: `rejected`", "rejected"),
        ("Verdict: no\nVerdict: NO", "no"),
        ("Verdict: 不行", "不行"),
    ],
)
def test_another_verdict_passes_the_gate_and_is_named(line: str, words: str) -> None:
    content = f"# Review\n\n{line}\n".encode()
    assert problems(content.decode(), APPROVED) == []
    found = gate(APPROVED).other_verdict({"spec": content})
    assert found == OtherVerdict("spec", APPROVED.path_for("login"), 3, words)


@pytest.mark.parametrize(
    "contents", [{}, {"spec": b"# Review\n\nVerdict: approved\n"}, {"other": b"Verdict: no\n"}]
)
def test_no_other_verdict_is_named_where_there_is_none(contents: dict[str, bytes]) -> None:
    other = Output(id="other", path="other.txt", type="text")
    assert gate(other, APPROVED).other_verdict(contents) is None


def test_no_verdict_is_quoted_with_where_to_go_back_to() -> None:
    judging = replace(gate(verdict("fixed")), back_to="fix")
    with pytest.raises(OutputError) as refused:
        judging.require({"spec": b"# Proof\n\nWords.\n\nVerdict: not, fixed\n"})

    assert refused.value.code == "E131"
    assert "'Verdict: not, fixed'" in refused.value.context["problems"]
    assert refused.value.context["back_to"] == "fix"


def test_a_verdict_is_read_in_plain_text_too() -> None:
    assert codes("Words\nVerdict: fixed\n", verdict("fixed", kind="text")) == []
    (found,) = problems("Words\nVerdict: ?\n", verdict("fixed", kind="text"))
    assert (found.code, found.line) == ("E131", 2)
    other = gate(verdict("fixed", kind="text")).other_verdict({"spec": b"Verdict: not\n"})
    assert other is not None
    assert other.words == "not"


def test_a_verdict_that_nobody_asked_for_may_say_anything() -> None:
    assert codes("# Review\n\nVerdict: bad\n", verdict()) == []


def test_a_slot_behind_blank_lines_is_told_with_its_line() -> None:
    assert [problem.line for problem in problems("\n\n<fill: x>\n", spec(kind="text"))] == [3]
    assert [problem.line for problem in problems("\nTBD\n", spec(kind="text"))] == [1]


def test_a_slot_in_a_text_is_quoted_by_itself() -> None:
    (found,) = problems("Hello <fill: who>, and more\n", spec(kind="text"))
    assert found.problem == "still has the placeholder '<fill: who>'"
    (found,) = problems("short\n", spec(min_bytes=9))
    assert found.problem == "has 6 bytes of at least 9"
    assert found.fix == "Write what the phase's prompt asks for, in full"


def test_a_heading_that_is_missing_is_told_from_one_that_is_code() -> None:
    (missing,) = problems("# A\n\ntext\n", spec("## Goal"))
    (hidden,) = problems("# A\n\n```\n## Goal\n```\n", spec("## Goal"))
    assert missing.problem == "lacks the heading '## Goal'"
    assert hidden.problem == "has the heading '## Goal' only inside a code block"


def test_an_underlined_heading_is_what_is_asked_for_and_one_in_html_is_not() -> None:
    assert problems("Goal\n----\n\ntext\n", spec("## Goal")) == []
    (hidden,) = problems("# A\n\n<div>\n## Goal\n</div>\n", spec("## Goal"))
    assert hidden.problem == "has the heading '## Goal' only inside code or HTML"


REPEATED = "# Review\n\nWrite what was found in the code of the change.\n"
NONE = "if there is none, write None and why"
WANTED = "'Verdict: fixed' or 'Verdict: sound'"
FILL = f"Replace it with real content; {NONE}"


@pytest.mark.parametrize(
    ("content", "output", "expected"),
    [
        (
            None,
            spec(),
            (
                "E110",
                None,
                "is missing",
                "Write the file, or give its text under the output's id, spec",
            ),
        ),
        (
            b"",
            spec(),
            ("E111", None, "is empty", "Write the content that the phase asks for"),
        ),
        (
            b"\n# Spec\n\xff\n\xfe",
            spec(),
            ("E116", 3, "is not UTF-8 text", "Save the file as UTF-8"),
        ),
        (
            b"a",
            spec(kind="json"),
            (
                "E116",
                None,
                "is not valid json: Expecting value: line 1 column 1 (char 0)",
                "Correct it until a parser of json accepts it",
            ),
        ),
        (
            b"a\n" * 200_001,
            spec(),
            (
                "E116",
                None,
                "has 200001 lines; at most 200000 are accepted",
                "Shorten it; leave out generated data",
            ),
        ),
        (
            b"# A\n\n## B\n",
            spec(),
            ("E114", None, "has only headings", "Write the content under each"),
        ),
        (
            b"short\n",
            spec(min_bytes=7),
            (
                "E114",
                None,
                "has 6 bytes of at least 7",
                "Write what the phase's prompt asks for, in full",
            ),
        ),
        (
            b"<fill: x>\n",
            spec(kind="text"),
            ("E117", 1, "still has the placeholder '<fill: x>'", FILL),
        ),
        (
            b"# A\n\nSay {{ this }}\n",
            spec(),
            ("E117", 3, "still has the placeholder '{{ this }}'", FILL),
        ),
        (
            b"# A\n\n- TODO: later\n",
            spec(),
            ("E117", 3, "says '- TODO: later' instead of content", FILL),
        ),
        (
            REPEATED.encode(),
            spec(),
            (
                "E117",
                None,
                "only repeats the phase's prompt",
                "Write the answer to the prompt instead",
            ),
        ),
        (
            b"text\n",
            spec("exact words"),
            ("E115", None, "lacks 'exact words'", "Add 'exact words' with its content"),
        ),
        (
            b"text\n",
            spec("re:AC[0-9]"),
            ("E115", None, "has no match of AC[0-9]", "Write what AC[0-9] asks for"),
        ),
        (
            b"text\n",
            spec("## Goal"),
            (
                "E115",
                None,
                "lacks the heading '## Goal'",
                "Write the line ## Goal outside code and HTML, with its content below",
            ),
        ),
        (
            b"# A\n\ntext\n\n## Goal\n",
            spec("## Goal"),
            ("E115", 5, "has nothing under the heading '## Goal'", f"Write its content; {NONE}"),
        ),
        (
            b"text\nVerdict: broken?\n",
            Output(id="spec", path="review.md", verdict=("fixed", "sound")),
            (
                "E131",
                2,
                f"says 'Verdict: broken?'; {WANTED} passes",
                f"Write one line with the verdict alone: {WANTED} if it is true",
            ),
        ),
        (
            b"text\n",
            Output(id="spec", path="review.md", verdict=("fixed", "sound")),
            (
                "E131",
                None,
                f"has no line {WANTED}",
                f"Write the line {WANTED} if it is true",
            ),
        ),
    ],
    ids=range(17),
)
def test_a_problem_is_reported_with_its_place_and_what_to_do(
    content: bytes | None, output: Output, expected: tuple[str, int | None, str, str]
) -> None:
    (found,) = problems(content, output, REPEATED)
    path = output.path_for("login")
    assert found == Problem(expected[0], "spec", path, *expected[1:])
    place = path if expected[1] is None else f"{path}:{expected[1]}"
    assert str(found) == f"spec at {place} {expected[2]}"


def test_a_document_may_have_200_000_lines() -> None:
    assert codes(b"a" + b"\n" * 200_000, spec()) == []


def test_a_search_that_takes_too_long_names_its_expression() -> None:
    held = replace(gate(spec("re:(a+)+b")), search=lambda _expression, _text: None)
    (problem,) = held.problems({"spec": b"aaa\n"})

    assert problem.problem == "took too long to search for (a+)+b"


def test_a_refusal_has_every_problem_in_its_context() -> None:
    second = Output(id="notes", path="notes.txt", type="text")
    with pytest.raises(OutputError) as caught:
        gate(spec("## Goal"), second).require({"spec": b"# A\n\ntext\n\n## Goal\n"})

    nothing, missing = (
        "has nothing under the heading '## Goal'",
        "Write the file, or give its text under the output's id, notes",
    )
    assert caught.value.context == {
        "feature": "login",
        "phase": "define",
        "back_to": "define",
        "problems": f"spec at specs/login/spec.md:5 {nothing}; notes at notes.txt is missing",
        "outputs": [
            {
                "code": "E115",
                "output": "spec",
                "path": "specs/login/spec.md",
                "line": 5,
                "problem": nothing,
                "fix": f"Write its content; {NONE}",
            },
            {
                "code": "E110",
                "output": "notes",
                "path": "notes.txt",
                "problem": "is missing",
                "fix": missing,
            },
        ],
    }


LEAST_FIRST: dict[str, tuple[str | None, dict[str, Any]]] = {
    "E131": ("Verdict: ?", {"verdict": ("yes",)}),
    "E115": ("text", {"must_contain": ("words",)}),
    "E114": ("text", {"min_bytes": 90}),
    "E117": ("<fill: x>", {}),
    "E116": ("[", {"type": "json"}),
    "E111": ("", {}),
    "E110": (None, {}),
}


def test_of_several_problems_that_comes_first_which_must_be_solved_first() -> None:
    outputs: list[Output] = []
    contents: dict[str, bytes] = {}
    for code, (text, declared) in LEAST_FIRST.items():
        outputs.append(replace(Output(id=code, path=code, type="text"), **declared))
        contents |= {code: text.encode()} if text is not None else {}
        with pytest.raises(OutputError) as caught:
            gate(*outputs).require(contents)
        assert caught.value.code == code
