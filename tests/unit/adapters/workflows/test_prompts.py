"""Prompts are filled in, the project's own first, and no template does harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cde_orchestrator.adapters.workflows import prompts
from cde_orchestrator.adapters.workflows.prompts import (
    ENTRIES_LIMIT,
    KEPT_PROMPTS,
    TEMPLATE_LIMIT_BYTES,
    JinjaPromptRenderer,
)
from cde_orchestrator.adapters.workflows.sandbox import RENDERED_LIMIT_CHARACTERS
from cde_orchestrator.domain.exceptions import ValidationError
from tests.unit.adapters.workflows.prompt_variables import (
    VARIABLES,
    packaged_phases,
    put,
    render,
    variables_of,
)


def refusal(root: Path, text: str | bytes) -> ValidationError:
    """The error that filling in this text raises."""
    with pytest.raises(ValidationError) as raised:
        render(root, text)
    return raised.value


def test_the_project_s_own_template_takes_the_place_of_the_packaged_one(tmp_path: Path) -> None:
    put(tmp_path, "standard/define.md", "Mine: {{ feature.name }}\n")

    prompt = JinjaPromptRenderer().render(tmp_path, "standard/define.md", VARIABLES)

    assert prompt == "Mine: login"


def test_a_packaged_template_includes_a_partial_of_the_project(tmp_path: Path) -> None:
    put(tmp_path, "_gate.md", "Our own gate")
    workflow, phase = packaged_phases()[0]
    variables = variables_of(workflow, phase, full=False)

    prompt = JinjaPromptRenderer().render(tmp_path, phase.prompt, variables)

    assert prompt.endswith("Our own gate")


def test_what_was_loaded_is_used_only_as_long_as_no_file_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = tmp_path / "packaged"
    put(packaged, "a.md", "one {% include 'b.md' %} {{ n }}")
    put(packaged, "b.md", "two")
    monkeypatch.setattr(prompts, "PACKAGED_PROMPTS", packaged / ".cde" / "prompts")
    project, renderer = tmp_path / "project", JinjaPromptRenderer()

    def prompt(number: int) -> str:
        return renderer.render(project, "a.md", {"n": number})

    assert prompt(1) == "one two 1"
    loaded = renderer._loaded
    assert (prompt(2), renderer._loaded) == ("one two 2", loaded)
    put(packaged, "b.md", "three")
    assert prompt(3) == "one three 3"
    put(project, "b.md", "mine")
    assert prompt(4) == "one mine 4"
    (project / ".cde" / "prompts" / "b.md").unlink()
    assert prompt(5) == "one three 5"


def test_a_changed_template_is_seen_at_once(tmp_path: Path) -> None:
    assert render(tmp_path, "one") == "one"
    assert render(tmp_path, "two") == "two"


RENDERED: list[tuple[str, str]] = [
    ("{% if true %}\nyes\n{% endif %}\n", "yes\n"),
    ("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc"),
    ("<b>{{ '<&>' }}", "<b><&>"),
    ("{% for n in numbers %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/3 2/3 3/3 "),
    ("{% for n in numbers %}{{ n }}{{ ',' if not loop.last }}{% endfor %}", "1,2,3"),
    ("{% for n in numbers if n > 1 %}{{ n }}{% else %}none{% endfor %}", "23"),
    ("{% for n in [] %}{{ n }}{% else %}none{% endfor %}", "none"),
    ("{% for n in [1, [2]] recursive %}{{ n if n is number else loop(n) }}{% endfor %}", "12"),
    ("{{ '-' * 3 }}{{ 2 * 'ab' }}{{ [1] * 2 }}{{ 6 * 7 }}{{ 7 % 4 }}", "---abab[1, 1]423"),
    ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{{ m('a') }}", "<1><a>"),
    ("{% include 'missing.md' ignore missing %}done", "done"),
    ("{{ feature.nothing is defined }}", "False"),
    ("{{ range(3) | list }}", "[0, 1, 2]"),
    ("{{ 10000000000000000000 * 5 }}", "50000000000000000000"),
    ("{{ 'a' ~ 1 }}{{ 'a' + 'b' }}{{ '%5d' % 1 }}{{ 2 ** 10 }}", "a1ab    11024"),
    ("{% for a in range(999) %}{% for b in range(999) %}{% endfor %}{% endfor %}much", "much"),
    ("\ufeffno mark", "no mark"),
]


@pytest.mark.parametrize(("text", "prompt"), RENDERED)
def test_templates_have_what_jinja_offers(tmp_path: Path, text: str, prompt: str) -> None:
    assert render(tmp_path, text) == prompt


@pytest.mark.parametrize(
    "name", ["missing.md", "../workflow.yml", "/etc/passwd", "a\0.md", "", "..\\x.md", "a/../b.md"]
)
def test_a_template_that_is_nowhere_is_missing(tmp_path: Path, name: str) -> None:
    put(tmp_path, "../workflow.yml", "secret")

    with pytest.raises(ValidationError) as raised:
        JinjaPromptRenderer().render(tmp_path, name, VARIABLES)

    assert raised.value.code == "E312"
    assert raised.value.context == {"template": name, "phase": "plan"}


@pytest.mark.parametrize("variables", [{}, {"phase": "plan"}, {"phase": {}}])
def test_a_missing_template_of_an_unknown_phase_is_named_too(
    tmp_path: Path, variables: Mapping[str, Any]
) -> None:
    with pytest.raises(ValidationError) as raised:
        JinjaPromptRenderer().render(tmp_path, "missing.md", variables)

    assert raised.value.context == {"template": "missing.md", "phase": "?"}


@pytest.mark.parametrize(
    "text",
    [
        "{% include 'part.md' %}",
        "{% include ['part.md', 'part.md'] %}",
        "{% extends 'part.md' %}",
        "{% import 'part.md' as part %}",
    ],
)
def test_a_missing_part_of_a_template_is_named(tmp_path: Path, text: str) -> None:
    error = refusal(tmp_path, text)

    assert (error.code, error.context["template"]) == ("E312", "part.md")


NOT_VALID: list[tuple[str, str, int | None]] = [
    # what it is, the template, the line that is named
    ("a syntax error", "one\n{% if %}", 2),
    ("an unknown tag", "{% exec 'x' %}", 1),
    ("an unknown filter", "\n\n{{ 1 | shell }}", 3),
    ("an unknown variable", "one\n\n{{ secret }}", 3),
    ("an unknown attribute", "{{ feature.goal }}", 1),
    ("a loop over an unknown variable", "\n{% for n in nothing %}{% endfor %}", 2),
    ("a loop over a number", "\n{% for n in 5 %}{% endfor %}", 2),
    ("nothing at all", "", None),
    ("nothing but blanks", " \n\n{# a remark #}\n", None),
    ("nothing from an empty list", "{% for n in [] %}{{ n }}{% endfor %}", None),
    ("a list of what nobody gave", "\n{{ [feature] | map(attribute='no') | list }}", 2),
    ("a mapping of what nobody gave", "\n{{ {'a': secret} }}", 2),
    ("a list that is not shown as one", "\n{{ ['a'] | map('upper') }}", 2),
    ("a private attribute", "{{ feature.__class__ }}", 1),
    ("a private attribute by a filter", "{{ feature | attr('__class__') }}", 1),
    ("a way out by subclasses", "{{ ''.__class__.__mro__[1].__subclasses__() }}", 1),
    ("a way out by a format", "{{ '{0.__class__}'.format(feature) }}", 1),
    ("a change of a variable", "one\n{{ numbers.append(4) }}", 2),
    ("a division by zero", "\n{{ 1 / 0 }}", 2),
    ("wrong types", "\n{{ 'a' + 1 }}", 2),
    ("a wrong value", "\n{{ 'a'.index('b') }}", 2),
    ("a call of no function", "\n{{ feature() }}", 2),
    ("an include of no name", "\n{% include 5 %}", 2),
    ("an include of itself", "{% include 'own.md' %}", 1),
    ("a macro that calls itself", "{% macro m() %}\n{{ m() }}{% endmacro %}{{ m() }}", 2),
    ("blocks too deep for Python", "{% for a in [1] %}" * 30 + "{% endfor %}" * 30, None),
    ("brackets too deep", "{{ " + "(" * 5_000 + ")" * 5_000 + " }}", None),
    ("made-up text", "{{ lipsum() }}", 1),
    ("a huge range", "{{ range(10000000) }}", 1),
    ("a number of too many digits", "{{ 9 ** 9999 }}", None),
    ("a huge text", "\n{{ 'ab' * 1000000000 }}", 2),
    ("another huge text", "\n{{ 1000000000 * 'ab' }}", 2),
    ("a huge list", "\n{{ [0] * 1000000000 }}", 2),
    ("a huge padding", "\n{{ '%1000000000d' % 1 }}", 2),
    ("a wide column", "\n{{ 'a'.ljust(1000000000) }}", 2),
    ("a wide centre", "\n{{ 'a' | center(1000000000) }}", 2),
    ("a wide format", "\n{{ '{:>1000000000}'.format('a') }}", 2),
    ("a format as wide as is said", "\n{{ '{:>{}}'.format('a', '1000000000') }}", 2),
    ("a wide format by a filter", "\n{{ '%1000000000s' | format('a') }}", 2),
    ("a replacement by much", "\n{{ ('a' * 9999) | replace('a', 'b' * 9999) }}", 2),
    ("a replacement by a call", "\n{{ ('a' * 999).replace('a', 'b' * 9999) }}", 2),
    (
        "a text that doubles",
        (
            "{% set n = namespace(t='ab') %}{% for i in range(60) %}\n"
            "{% set n.t = n.t ~ n.t %}{% endfor %}"
        ),
        2,
    ),
    (
        "a text that doubles by adding",
        (
            "{% set n = namespace(t='ab') %}{% for i in range(60) %}\n"
            "{% set n.t = n.t + n.t %}{% endfor %}"
        ),
        2,
    ),
    ("more memory than there is", "\n{{ feature.name.center(1000000000000000000) }}", 2),
]


@pytest.mark.parametrize(
    ("text", "line"), [case[1:] for case in NOT_VALID], ids=[case[0] for case in NOT_VALID]
)
def test_a_template_that_cannot_be_filled_in_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int | None
) -> None:
    error = refusal(tmp_path, text)

    assert (error.code, error.context["template"]) == ("E313", "own.md")
    if line is not None:
        assert error.context["reason"].startswith(f"line {line}: ")


def test_a_prompt_is_produced_up_to_the_limit(tmp_path: Path) -> None:
    rest = RENDERED_LIMIT_CHARACTERS - 100_000
    text = f"{{% for n in range(100) %}}{{{{ 'x' * 1000 }}}}{{% endfor %}}{{{{ 'x' * {rest} }}}}"

    assert len(render(tmp_path, text)) == RENDERED_LIMIT_CHARACTERS
    error = refusal(tmp_path, text + "y")

    assert (error.code, error.context["template"]) == ("E313", "own.md")


def test_an_error_in_an_included_template_names_that_one(tmp_path: Path) -> None:
    put(tmp_path, "part.md", "one\n\n{{ secret }}")
    failing = refusal(tmp_path, "{% include 'part.md' %}")
    put(tmp_path, "part.md", "one\n{% if %}")
    wrong = refusal(tmp_path, "{% include 'part.md' %}")

    assert failing.context["template"] == wrong.context["template"] == "part.md"
    assert failing.context["reason"].startswith("line 3: ")
    assert wrong.context["reason"].startswith("line 2: ")


def test_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, b"one\ntwo\nGr\xfc\xdfe")

    assert (error.code, error.context["template"]) == ("E313", "own.md")
    assert error.context["reason"].startswith("line 3: ")


def test_a_template_that_is_too_large_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "x" * (TEMPLATE_LIMIT_BYTES + 1)).code == "E313"


OBSTACLES: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a named pipe": os.mkfifo,
    "a link out of the prompts": lambda path: path.symlink_to("../workflow.yml"),
    "a link out of the project": lambda path: path.symlink_to("/etc/passwd"),
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere.md"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("make", OBSTACLES.values(), ids=OBSTACLES)
@pytest.mark.parametrize("name", ["_gate.md", "part.md"])
def test_a_template_that_cannot_be_read_is_refused_and_no_other_one_taken(
    tmp_path: Path, make: Callable[[Path], object], name: str
) -> None:
    put(tmp_path, "../workflow.yml", "secret")
    put(tmp_path, "own.md", f"{{% include '{name}' ignore missing %}}")
    make(tmp_path / ".cde" / "prompts" / name)

    with pytest.raises(ValidationError) as raised:
        JinjaPromptRenderer().render(tmp_path, "own.md", VARIABLES)

    assert (raised.value.code, raised.value.context["template"]) == ("E313", name)


def test_a_folder_of_prompts_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "own.md").write_text("secret", encoding="utf-8")
    (tmp_path / ".cde").mkdir()
    (tmp_path / ".cde" / "prompts").symlink_to("../elsewhere")

    with pytest.raises(ValidationError) as raised:
        JinjaPromptRenderer().render(tmp_path, "own.md", VARIABLES)

    assert raised.value.code == "E313"


def test_a_link_among_the_prompts_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "real/part.md", "text")
    (tmp_path / ".cde" / "prompts" / "link.md").symlink_to("real/part.md")
    (tmp_path / ".cde" / "prompts" / "link").symlink_to("real")

    for name in ("link.md", "link/part.md"):
        with pytest.raises(ValidationError) as raised:
            JinjaPromptRenderer().render(tmp_path, name, VARIABLES)
        assert (raised.value.code, raised.value.context["template"]) == ("E313", name)
        assert raised.value.context["reason"] == "a link is in its place"


def test_more_templates_than_a_project_needs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(ENTRIES_LIMIT):
        put(tmp_path, f"{number}.md", "")
    assert render(tmp_path / "other", "own") == "own"
    assert str(ENTRIES_LIMIT) in refusal(tmp_path, "own").context["reason"]
    monkeypatch.setattr(prompts, "TOTAL_LIMIT_BYTES", 5)
    put(tmp_path / "third", "a.md", "12345")
    assert "in all" in refusal(tmp_path / "third", "own{% include 'a.md' %}").context["reason"]
    monkeypatch.setattr(prompts, "TOTAL_LIMIT_BYTES", 105)
    for name in ("a.md", "b.md"):  # fewer characters than are accepted, and more bytes
        put(tmp_path / "fourth", name, "é" * 20)
    both = "{% include 'a.md' %}{% include 'b.md' %}"
    assert "in all" in refusal(tmp_path / "fourth", both).context["reason"]


def test_a_project_whose_own_folder_is_a_link_has_its_prompts(tmp_path: Path) -> None:
    put(tmp_path / "real", "own.md", "text")
    project = tmp_path / "project"
    project.mkdir()
    (project / ".cde").symlink_to(tmp_path / "real" / ".cde")

    assert JinjaPromptRenderer().render(project, "own.md", VARIABLES) == "text"


def test_a_goal_is_text_and_never_a_template(tmp_path: Path) -> None:
    goal = "{{ secret }}{% include 'x' %}"

    assert render(tmp_path, "{{ goal }}", {"goal": goal}) == goal


class CountingRenderer(JinjaPromptRenderer):
    """Counts what it renders for the first time, or again."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def _render(self, *arguments: Any) -> Any:
        self.made += 1
        return super()._render(*arguments)


def test_equal_templates_and_variables_are_rendered_once(tmp_path: Path) -> None:
    renderer = CountingRenderer()
    put(tmp_path, "own.md", "{{ feature.name }}\n{% include 'part.md' ignore missing %}")

    texts = [renderer.render(tmp_path, "own.md", VARIABLES) for _ in range(3)]
    assert (texts[1:], renderer.made) == ([texts[0]] * 2, 1)
    other = {**VARIABLES, "feature": {**VARIABLES["feature"], "name": "other"}}
    assert renderer.render(tmp_path, "own.md", other).startswith("other")
    assert renderer.made == 2


def test_a_template_that_appears_changes_or_goes_is_seen_at_once(tmp_path: Path) -> None:
    renderer = CountingRenderer()
    put(tmp_path, "own.md", "own\n{% include 'part.md' ignore missing %}")

    def shown() -> str:
        return renderer.render(tmp_path, "own.md", VARIABLES).strip()

    assert shown() == "own"
    part = put(tmp_path, "part.md", "one")
    assert shown() == "own\none"
    times = part.stat().st_atime_ns, part.stat().st_mtime_ns
    part.write_text("two")
    os.utime(part, ns=times)
    assert shown() == "own\ntwo"
    part.unlink()
    assert shown() == "own"


def test_only_the_newest_prompts_are_kept(tmp_path: Path) -> None:
    renderer = CountingRenderer()
    workflow, phase = packaged_phases()[0]
    variables = variables_of(workflow, phase, full=True)
    for number in range(2 * KEPT_PROMPTS):
        renderer.render(tmp_path, phase.prompt, {**variables, "last_failure": str(number)})

    assert len(renderer._rendered) <= KEPT_PROMPTS
