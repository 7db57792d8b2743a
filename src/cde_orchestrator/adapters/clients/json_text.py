"""JSON with comments, changed by position: every byte that is not the entry stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from cde_orchestrator.domain.clients import Entry

_BLANKS = " \t\r\n"
_BLANK = re.compile(r"[ \t\r\n]*")
_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_KEY = re.compile(r'"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*"')
# What does not end reaches to the end: else each of its characters would be tried as a beginning.
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_COMMENT = re.compile(rf"{_STRING}|//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_LAST_COMMA = re.compile(rf"{_STRING}|,(?=[ \t\r\n]*[}}\]])", re.DOTALL)
_INDENT = re.compile(r"\n([ \t]*)\Z")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of an object: the positions of its key, value, end and comma; -1 for no comma."""

    key: str
    start: int
    at: int
    end: int
    comma: int
    value: Any


@dataclass(frozen=True, slots=True)
class _Object:
    start: int
    end: int
    members: tuple[_Member, ...]

    def named(self, key: str) -> _Member | None:
        """The member of that key.

        Raises:
            ValueError: there are two.
        """
        found = [each for each in self.members if each.key == key]
        if len(found) > 1:
            raise ValueError(f"it has '{key}' twice")
        return found[0] if found else None


def parsed(text: str) -> dict[str, Any]:
    """The content, without comments; of an empty file an empty object.

    Raises:
        ValueError: it is not an object in JSON, with comments and trailing commas at most.
    """
    return {each.key: each.value for each in _top(text).members} if text.strip() else {}


def with_entry(text: str, section: str, name: str, entry: Entry, own: Collection[str]) -> str:
    """The text with the entry; an entry of that name keeps its members that are not in ``own``.

    Raises:
        ValueError: as ``parsed``, or what belongs above the entry is no object, or is there twice.
    """
    if not text.strip():
        return _written({section: {name: entry}}, "", "  ", "\n") + "\n"
    if _top(text).named(section) is None:
        return _added(text, _top(text), section, {name: entry})
    servers = _below(text, section)
    if servers.named(name) is None:
        return _added(text, servers, name, entry)
    for key in (*entry, *sorted({*own} - {*entry})):
        text = _with_member(text, (section, name), key, entry)
    return text


def with_members(text: str, section: str, members: Entry, own: Collection[str]) -> str:
    """The text with these members in a section; those of ``own`` that are not given go.

    A section that becomes empty stays, but for a file with nothing else, which becomes empty.

    Raises:
        ValueError: as ``with_entry``.
    """
    if parsed(text).get(section) is None:
        if not members:
            return text
        if not text.strip():
            return _written({section: members}, "", "  ", "\n") + "\n"
        return _added(text, _top(text), section, members)
    for key in (*members, *sorted({*own} - {*members})):
        text = _with_member(text, (section,), key, members)
    return "" if parsed(text) == {section: {}} else text


def without_entry(text: str, section: str, name: str) -> str:
    """The text without the entry, which it has."""
    return _without(text, _below(text, section), name)


def _with_member(text: str, where: tuple[str, ...], key: str, entry: Entry) -> str:
    inside = _below(text, *where)
    there = inside.named(key)
    if key not in entry:
        return text if there is None else _without(text, inside, key)
    if there is None:
        return _added(text, inside, key, entry[key])
    if there.value == entry[key]:
        return text
    indent = _indent_at(text, there.start) or ""
    return (
        text[: there.at]
        + _written(entry[key], indent, _unit(text), _break(text))
        + (text[there.end :])
    )


def _added(text: str, there: _Object, key: str, value: Any) -> str:
    """The text with one more member at the end of an object."""
    inside = text[there.start + 1 : there.end - 1]
    at = there.start + 1 + len(inside.rstrip(_BLANKS))  # after what may be a comment
    last = there.members[-1] if there.members else None
    unit, line = _unit(text), _break(text)
    if "\n" not in (inside if last else text):
        member = f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        blank = " " if inside.strip(_BLANKS) else ""
        added = f"{blank}{member}"
        rest = text[at:]
    else:
        outer = _line_indent(text, there.start)
        indent = _indent_at(text, last.start) if last else None
        indent = outer + unit if indent is None else indent
        added = f"{line}{indent}{json.dumps(key)}: {_written(value, indent, unit, line)}"
        rest = text[at:]
        if last is None and "\n" not in text[at : there.end]:  # its end begins a line of its own
            rest = line + outer + text[there.end - 1 :]
    if last is None:
        return text[:at] + added + rest
    if last.comma >= 0:
        return text[:at] + added + "," + rest
    return text[: last.end] + "," + text[last.end : at] + added + rest


def _without(text: str, there: _Object, key: str) -> str:
    """The text without a member, and without the comma and the line that it brought."""
    number = [each.key for each in there.members].index(key)
    member = there.members[number]
    before = there.members[number - 1] if number else None
    since = there.start + 1 if before is None else max(before.comma + 1, before.end)
    end = member.end if member.comma < 0 else member.comma + 1
    start = since + len(text[since : member.start].rstrip(_BLANKS))
    follows = text[end : text.find("\n", end)] if "\n" in text[end:] else text[end:]
    kept = _TRIVIA.match(f"{text[since:start]}x")
    swallows = kept is not None and kept.end() > start - since  # a comment to the line's end
    if swallows and follows.strip(_BLANKS):
        start = member.start  # or what follows would become part of a comment
    if member.comma < 0 and before is not None:
        return text[: before.comma] + text[before.comma + 1 : start] + text[end:]
    if not text[since : member.start].strip(_BLANKS) and len(there.members) == 1:
        rest = text[end : there.end - 1]
        return text[:since] + (rest if rest.strip(_BLANKS) else "") + text[there.end - 1 :]
    if before is None and "\n" not in text[since : member.start]:  # the next one takes its place
        end += len(text[end:]) - len(text[end:].lstrip(" \t"))
    return text[:start] + text[end:]


def _top(text: str) -> _Object:
    bare, _ = _read(text)
    at = _skip(bare, 0)
    if bare[at : at + 1] != "{":
        raise ValueError("it does not begin with an object")
    top = _object_at(text, at)
    if (rest := _skip(bare, top.end)) != len(text):
        raise _unexpected(text, rest)
    return top


@lru_cache(maxsize=2)
def _read(text: str) -> tuple[str, str]:
    """The text without comments, and without trailing commas too; each place stays where it is."""
    with suppress(ValueError, RecursionError):
        _DECODER.decode(text)
        return text, text  # the usual case, and the quick one
    bare = _COMMENT.sub(_blanked, text)

    def without(match: re.Match[str]) -> str:
        before = match.start()
        while before and bare[before - 1] in _BLANKS:
            before -= 1
        is_last = match.group() == "," and bare[before - 1 : before] not in {"{", "[", ",", ":"}
        return " " if is_last else match.group()

    return bare, _LAST_COMMA.sub(without, bare)


def _blanked(match: re.Match[str]) -> str:
    """Blanks in place of a comment; a string, and a comment without an end, stay."""
    found = match.group()
    is_comment = found.startswith("//") or (len(found) > 3 and found[:2] + found[-2:] == "/**/")
    return re.sub(r"[^\n]", " ", found) if is_comment else found


def _below(text: str, *keys: str) -> _Object:
    """The object that the keys lead to."""
    found = _top(text)
    for key in keys:
        member = found.named(key)
        if member is None or not isinstance(member.value, dict):
            raise ValueError(f"its '{key}' is not an object")
        found = _object_at(text, member.at)
    return found


def _object_at(text: str, at: int) -> _Object:
    bare, strict = _read(text)
    members, position = [], _skip(bare, at + 1)
    while bare[position : position + 1] != "}":
        key = _KEY.match(bare, position)
        if key is None:
            raise _unexpected(text, position)
        colon = _skip(bare, key.end())
        if bare[colon : colon + 1] != ":":
            raise _unexpected(text, colon)
        start = _skip(bare, colon + 1)
        try:
            value, end = _DECODER.raw_decode(strict, start)
        except RecursionError:
            raise ValueError("it is nested too deep") from None
        except json.JSONDecodeError as error:
            raise _unexpected(text, error.pos) from error
        position = comma = _skip(bare, end)
        if bare[comma : comma + 1] == ",":
            position = _skip(bare, comma + 1)
        elif bare[comma : comma + 1] == "}":
            comma = -1
        else:
            raise _unexpected(text, comma)
        name = json.loads(key.group())
        members.append(_Member(name, key.start(), start, end, comma, value))
    return _Object(at, position + 1, tuple(members))


def _skip(bare: str, at: int) -> int:
    """Where what follows the blanks begins."""
    found = _BLANK.match(bare, at)
    return at if found is None else found.end()


def _unexpected(text: str, at: int) -> ValueError:
    line = text.count("\n", 0, at) + 1
    what = f"{text[at]!r} is not expected" if at < len(text) else "it ends too early"
    return ValueError(f"line {line}: {what}")


def _indent_at(text: str, at: int) -> str | None:
    """The blanks before what begins a line; None where it does not."""
    found = _INDENT.search(text, max(0, at - 200), at)
    return found and found.group(1)


def _line_indent(text: str, at: int) -> str:
    """The blanks at the beginning of the line."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """By what the file indents."""
    members = _top(text).members
    return (_indent_at(text, members[0].start) if members else None) or "  "


def _break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _written(value: Any, indent: str, unit: str, line: str) -> str:
    """A value as people write it: objects in lines, lists in one."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + unit
    members = (
        f"{inner}{json.dumps(key)}: {_written(each, inner, unit, line)}"
        for key, each in value.items()
    )
    return "{" + line + f",{line}".join(members) + line + indent + "}"
