"""What a project's own files say about it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.value import Value

NAMES_SHOWN = 20
CHECKLIST_SHOWN = 12
WORDS_LIMIT = 200


class ProjectFacts(Value):
    """Facts about a project, each drawn from its files and never asked of a person.

    Attributes:
        languages: Names of programming languages, the primary one first.
        package_manager: The program that installs the dependencies of the primary language.
        test_command: Argument list of the command that runs the tests; empty when none is known.
        git: Whether the project lies in a git working tree.
        evidence: Names, relative to the project, of the files and folders behind the answer.
        instructions: Files for agents and contributors.
        commands: What else the project runs: its ``kind`` (test, lint, type, docs or changelog),
            the ``command`` in a line and its ``source``, the file that has it.
        changelog: Files and folders in which a change is announced.
        checklist: What the pull request template asks for, in the project's own words.
    """

    languages: tuple[str, ...]
    package_manager: str | None
    test_command: tuple[str, ...]
    git: bool
    evidence: tuple[str, ...]
    instructions: tuple[str, ...] = ()
    commands: tuple[Mapping[str, str], ...] = ()
    changelog: tuple[str, ...] = ()
    checklist: tuple[str, ...] = ()

    def to_metadata(self) -> dict[str, object]:
        """Return the facts as values that JSON can hold: the tuples become lists."""
        return {
            name: list(fact) if isinstance(fact, tuple) else fact
            for name, fact in asdict(self).items()
        }


CONVENTIONS = ("instructions", "commands", "changelog", "checklist")
"""The facts that say how others work on the project; where it is a stranger's, nobody should."""


_KINDS = {
    "test": "Other tests",
    "lint": "Lint",
    "type": "Types",
    "docs": "Docs",
    "changelog": "Change log",
}


def conventions_in(metadata: Mapping[str, Any], *, believed: bool = True) -> dict[str, list[Any]]:
    """How the project is worked on, as far as facts say so that were stored, maybe elsewhere.

    Args:
        metadata: facts as they were stored, of any type.
        believed: whether a person trusts the folder; else nothing is said.
    """
    found: dict[str, list[Any]] = {name: [] for name in CONVENTIONS}
    if not believed:
        return found
    for name in CONVENTIONS:
        stored = metadata.get(name)
        limit = CHECKLIST_SHOWN if name == "checklist" else NAMES_SHOWN
        for each in stored[:limit] if isinstance(stored, list) else ():
            if name != "commands":
                found[name].append(plain(each, WORDS_LIMIT))
            elif isinstance(each, dict):
                members = ("kind", "command", "source")
                found[name].append({key: plain(each.get(key, ""), WORDS_LIMIT) for key in members})
    return found


def convention_lines(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same in words, each with what it is about."""
    rules = conventions_in(metadata)
    commands: dict[str, list[str]] = {}
    for each in rules["commands"]:
        commands.setdefault(each["kind"], []).append(f"{each['command']} ({each['source']})")
    lines = [("Instructions", ", ".join(rules["instructions"]))]
    lines += [(_KINDS.get(kind, "Others"), ", ".join(found)) for kind, found in commands.items()]
    lines.append(("Changes listed in", ", ".join(rules["changelog"])))
    count = len(rules["checklist"])
    lines.append(("Checklist", f"{count} items of the pull request template" if count else ""))
    return [(about, words) for about, words in lines if words]


class OwnRules(Value):
    """What a person wrote down for every feature of a project.

    Attributes:
        text: as much as a prompt shows; empty where there is nothing.
        more: bytes that were left out, about.
        problem: why it cannot be read; empty where it can.
    """

    text: str = ""
    more: int = 0
    problem: str = ""


NO_RULES = OwnRules()
