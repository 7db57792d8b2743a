"""The acceptance criteria of a specification: what must be proven before a feature is done."""

from __future__ import annotations

import hashlib
from dataclasses import field

from cde_orchestrator.domain import markdown
from cde_orchestrator.domain.marked_items import Mark, defining, plain_words
from cde_orchestrator.domain.value import Value

TEXT_LIMIT = 500

CRITERION = Mark("AC")


class Criterion(Value):
    """Something that a feature must fulfil, as its specification says it.

    Attributes:
        id: as ``AC1``.
        text: in one line, at most 500 characters; empty where nothing follows the id.
        line: where it is in the specification, from 1.
        digest: SHA-256 of all its words, of which ``text`` may be the beginning; empty where they
            are not known.
    """

    id: str
    text: str
    line: int
    digest: str = field(default="", compare=False)

    def says(self, text: str, digest: str) -> bool:
        """Whether it is one that was kept with a text, and a digest if it was kept with one."""
        if digest and self.digest:
            return digest == self.digest
        return " ".join(self.text.split()) == " ".join(text.split())


def criteria_of_file(data: bytes) -> list[Criterion]:
    """The criteria of a specification, whatever its bytes are; a mark of UTF-8 is no text of it."""
    return criteria_in(data.decode("utf-8-sig", "replace"))


def criteria_in(text: str) -> list[Criterion]:
    """The criteria of a Markdown text, each once, in the order of their first mention.

    A list item or a heading defines one rather than a row of a table does.
    """
    lines = markdown.read(text)
    items = [(item, plain_words(item.words)) for item in defining(CRITERION.all_in(lines))]
    return [  # what is kept of proofs has the words without marks before them
        Criterion(item.id, words[:TEXT_LIMIT], lines[item.index].number, _digest(words))
        for item, words in items
    ]


def overlooked_in(text: str) -> list[tuple[int, str]]:
    """Lines under a heading about criteria that seem to begin with one that is not counted."""
    return CRITERION.overlooked_in(markdown.read(text), "criteri")


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
