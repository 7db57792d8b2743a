"""Texts of others as trees of harmless elements."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cde_orchestrator.web.markdown import DEPTH_LIMIT, NODES_LIMIT, SHOWN_CHARACTERS, Node, drawn

KNOWN = {
    *{"a", "blockquote", "br", "code", "del", "em", "h4", "h5", "h6", "hr", "li", "ol", "p"},
    *{"pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"},
}
HOSTILE = {
    "script": "<script>window.hurt = 1</script>\n\n<img src=x onerror='window.hurt = 1'>",
    "svg": "<svg onload=alert(1)><a href='javascript:alert(1)'>x</a></svg>",
    "links": "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](data:text/html,x) "
    "[d](vbscript:x) [e](&#106;avascript:alert(1)) [f](<java\tscript:alert(1)>) [g](//e.org/x)",
    "auto": "<javascript:alert(1)> <data:text/html,x> <ftp://e.org>",
    "images": "![x](https://e.org/x.png) ![y](javascript:alert(1)) ![z](data:image/svg+xml,x)",
    "nested": "![[a](https://e.org)](https://e.org/x.png) [![b](x.png)](https://e.org)",
    "attributes": "| a |\n|:-:|\n| <td onclick=x style='position:fixed'> |\n\n1000000000000. x",
    "references": "[x][r]\n\n[r]: javascript:alert(1) 'title'",
    "odd": "[x](http://[) \x00 \u202egnp.exe \u2066\ufeff **bold",
    "quotes": "> " * 50_000,
    "lists": "- " * 50_000,
    "emphasis": "*a " * 3_000 + "b* " * 3_000,
    "brackets": "[" * 100_000,
    "pictures": "![" * 50_000,
    "table": "|a" * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + "|\n" * 20_000,
    "rows": "|a|b|\n|-|-|\n" + "|x|y|\n" * 100_000,
    "long": "word *em* `code` [a](https://e.org)\n\n" * 60_000,
}


def every(nodes: list[Node], depth: int = 1) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Each element with its attributes and how deep it is."""
    for node in nodes:
        if not isinstance(node, str):
            tag, inner, *known = node
            yield tag, *(known or [{}]), depth
            yield from every(inner, depth + 1)


def words(nodes: list[Node]) -> str:
    """All of the text."""
    return "".join(node if isinstance(node, str) else words(node[1]) for node in nodes)


def test_what_people_write_is_drawn() -> None:
    text = (
        "# Login\n\nWith *a* **key**, ~~no~~ `word`.  \nEnd\n\n- [x] done\n- [ ] open\n- plain\n\n"
        "3. third\n\n> said\n\n---\n\n```py\nx = 1\n```\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n"
    )
    nodes = drawn(text)["nodes"]

    assert nodes[:2] == [
        ["h4", ["Login"], {"level": 1}],
        [
            "p",
            [
                *("With ", ["em", ["a"]], " ", ["strong", ["key"]], ", ", ["del", ["no"]], " "),
                *(["code", ["word"]], ".", ["br", []], "End"),
            ],
        ],
    ]
    assert nodes[2] == ["ul", [["li", ["☑ done"]], ["li", ["☐ open"]], ["li", ["plain"]]]]
    assert nodes[3] == ["ol", [["li", ["third"]]], {"start": 3}]
    assert nodes[4:7] == [["blockquote", [["p", ["said"]]]], ["hr", []], ["pre", ["x = 1\n"]]]
    assert ["td", ["2"], {"align": "right"}] in nodes[7][1][1][1][0][1]


def test_only_links_that_lead_somewhere_are_links() -> None:
    nodes = drawn(
        "[a](https://e.org/x) [b](mailto:a@e.org) [c](../spec.md) [d](#goal) ![e](https://e.org/p)"
    )["nodes"]

    links = [known["href"] for tag, known, _ in every(nodes) if tag == "a"]
    assert links == ["https://e.org/x", "mailto:a@e.org", "https://e.org/p"]
    assert words(nodes) == "a b c d image: e"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_becomes_known_elements_and_not_too_many(name: str) -> None:
    text = HOSTILE[name]
    found = drawn(text)
    elements = list(every(found["nodes"]))

    assert {tag for tag, _, _ in elements} <= KNOWN
    for tag, known, depth in elements:
        assert depth <= DEPTH_LIMIT + 1
        assert known.keys() <= {"href", "title", "level", "start", "align"}
        if tag == "a":
            assert known["href"].lower().startswith(("http://", "https://", "mailto:"))
    assert len(elements) <= NODES_LIMIT
    assert len(json.dumps(found)) < 40 * SHOWN_CHARACTERS
    assert found["partial"] or len(text) <= SHOWN_CHARACTERS


def test_markup_is_shown_as_it_was_written() -> None:
    for text in ("<script>alert(1)</script>", "<b onclick=x>bold</b>", "a <!-- b --> c"):
        assert words(drawn(text)["nodes"]) == text
