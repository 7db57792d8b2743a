"""Reads what a runner wrote in the form of JUnit, which may be a stranger's.

Python's expat is used without anything on top of it. A document type is refused, so that no
entity is declared and none can grow; the bytes, the depth and the number of tests are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from cde_orchestrator.domain.proofs import Outcome

MOST_BYTES = 32 * 1024 * 1024
_MOST_DEPTH = 100
_MOST_TESTS = 200_000
_MOST_TEXT = 20_000
_RED: Mapping[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}


class JUnitError(ValueError):
    """The text is not such a file."""


@dataclass(slots=True)
class Case:
    """A test, as the file has it.

    Attributes:
        file: the path that it or one of its suites has; empty where there is none.
        detail: why it did not pass.
    """

    file: str
    place: str
    name: str
    outcome: Outcome = "passed"
    detail: str = ""


@dataclass(slots=True)
class _Reader:
    cases: list[Case] = field(default_factory=list)
    _files: list[str] = field(default_factory=list)
    _case: Case | None = None
    _texts: list[str] | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if len(self._files) >= _MOST_DEPTH or len(self.cases) >= _MOST_TESTS:
            raise JUnitError("it is too deep or too long")
        above = self._files[-1] if self._files else ""
        file = attributes.get("file") or attributes.get("filepath") or above
        self._files.append(file)
        name = tag.rpartition("}")[2].rpartition(":")[2]
        if name == "testcase":
            place = attributes.get("classname", "")
            self._case = Case(file, place, attributes.get("name", ""))
            self.cases.append(self._case)
        elif self._case is not None and name in _RED and self._case.outcome != "failed":
            self._case.outcome = _RED[name]
            self._texts = [attributes.get("message", "")[:_MOST_TEXT], "\n"]

    def end(self, tag: str) -> None:
        """An element ends."""
        self._files.pop()
        name = tag.rpartition(":")[2]
        if self._case is not None and self._texts is not None and name in _RED:
            self._case.detail = "".join(self._texts).strip()
            self._texts = None
        if name == "testcase":
            self._case = None

    def text(self, data: str) -> None:
        """A piece of text."""
        if self._texts is not None and len(self._texts) < _MOST_TEXT:
            self._texts.append(data[:_MOST_TEXT])

    def refuse(self, *_: object) -> None:
        """A document type: nothing that writes such files has one."""
        raise JUnitError("it has a document type, which is refused")


def cases_of(data: bytes) -> list[Case]:
    """The tests of a JUnit file, in its order; JUnitError where it is not one."""
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise JUnitError(str(error)) from error
    return reader.cases
