"""What a project's own files say of how it is worked on: instructions, commands, a checklist.

A command is put together from constants of this module, as in ``inspector``: of a manifest, only
names that are known here count. The checklist alone is in the project's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cde_orchestrator.adapters.project_files.manifests import ProjectFolder, Strings
from cde_orchestrator.domain.errors.template import plain
from cde_orchestrator.domain.secrets import without_secrets

COMMANDS_OF_A_KIND = 3
CHECKLIST_ITEMS = 12
ITEM_LIMIT = 200
"""Characters of an item of a checklist."""

_KINDS = {
    "test": ("test", "tests", "unit"),
    "lint": ("lint", "style", "format", "fmt", "ruff", "flake8", "eslint", "pre-commit"),
    "type": (
        *("typing", "types", "type", "mypy", "pyright", "tsc"),
        *("typecheck", "type-check", "check-types", "type_check"),
    ),
    "docs": ("docs", "doc"),
    "changelog": ("changelog", "changes", "news", "towncrier", "changeset"),
}
"""By kind, the names that scripts, targets, environments, sessions and hooks have for it."""
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}
_HOOK_KINDS = {"mypy": "type", "pyright": "type"}
_INSTRUCTIONS = (
    *("AGENTS.md", "CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md"),
    *(
        f"{folder}CONTRIBUTING{suffix}"
        for folder in ("", ".github/", "docs/")
        for suffix in (".md", ".rst", ".txt", "")
    ),
)
_TEMPLATES = tuple(
    f"{folder}{name}"
    for folder in (".github/", "", "docs/")
    for name in ("pull_request_template.md", "PULL_REQUEST_TEMPLATE.md")
)
_CHANGELOGS = tuple(
    f"{name}{suffix}"
    for name in ("CHANGELOG", "CHANGES", "HISTORY", "NEWS")
    for suffix in (".md", ".rst", ".txt", "")
)
_FRAGMENTS = ("changes.d", "changelog.d", "newsfragments", ".changeset")
_ITEM = re.compile(r"[ \t]{0,8}[-*+] +(?P<box>\[[ xX]\] +)?(?P<words>\S.*)")
_SECTION = re.compile(r"\[testenv:([^\s\]]{1,80})\]")
_LISTED = re.compile(r"env_?list[ \t]*=(.*)")
_ENVIRONMENT = re.compile(r"[^\s,{}]*+(?:\{[^{}]*+\}[^\s,{}]*+)+|[^\s,{}]++")
_CHOICE = re.compile(r"([^{}]*)\{([^{}]*)\}([^{}]*)")
"""One of several parts of a name, as in ``{lint,type}``."""
_SESSION = re.compile(r"@(?:nox\.)?session\b")
_NAMED = re.compile(r"\bname\s*=(?:\s*[\"']([\w.-]{1,40})[\"'])?")
_FUNCTION = re.compile(r"def (\w{1,40})\s*\(")
_HOOK = re.compile(r"^[ \t]{0,20}(?:- )?id:[ \t]{0,20}([\w.-]{1,40})[ \t\r]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Conventions:
    """How a project is worked on.

    Attributes:
        instructions: files for agents and contributors.
        commands: each with its ``kind``, ``command`` and ``source``, the file that has it.
        changelog: files or folders in which a change is announced.
        checklist: what the pull request template asks for.
    """

    instructions: Strings
    commands: tuple[Mapping[str, str], ...]
    changelog: Strings
    checklist: Strings


def conventions_of(
    folder: ProjectFolder, package_manager: str, script_test: Strings
) -> Conventions:
    """What the folder's files say.

    Args:
        folder: the project's.
        package_manager: what runs the scripts of ``package.json``.
        script_test: the command of its script ``test``; empty where it has none of use.
    """
    return Conventions(
        instructions=_instructions(folder),
        commands=tuple(_bounded(_commands(folder, package_manager, script_test))),
        changelog=(*folder.present(*_CHANGELOGS), *folder.folders(*_FRAGMENTS)),
        checklist=_checklist(folder),
    )


def makefile_of(folder: ProjectFolder) -> Strings:
    """The name of the file that make would read."""
    return folder.readable("GNUmakefile", "makefile", "Makefile")[:1]


def make_targets(makefile: str) -> Iterator[str]:
    """The targets for which a makefile has a rule."""
    for line in makefile.split("\n"):
        targets, colon, rest = line.partition("#")[0].partition(":")
        assigns = "=" in targets or rest.lstrip(":").startswith("=")
        if colon and not assigns and not line.startswith("\t"):
            yield from targets.split()


def _instructions(folder: ProjectFolder) -> Strings:
    """The files by name; of two names for one file, as a link makes them, the first."""
    found: dict[object, str] = {}
    for name in folder.present(*_INSTRUCTIONS):
        found.setdefault(folder.place(name), name)
    return tuple(found.values())


def _commands(
    folder: ProjectFolder, package_manager: str, script_test: Strings
) -> Iterator[Mapping[str, str]]:
    for name in makefile_of(folder):
        yield from _known(make_targets(folder.text(name)), "make {}", name)
    if script_test:
        yield {"kind": "test", "command": " ".join(script_test), "source": "package.json"}
    package = folder.content("package.json")
    scripts = package.get("scripts") if isinstance(package, dict) else None
    if isinstance(scripts, dict):
        others = (name for name in scripts if name != "test")
        yield from _known(others, f"{package_manager} run {{}}", "package.json")
    tox = {"tox.ini": _environments(folder.head("tox.ini"))}
    tox["pyproject.toml"] = _tox_in(folder.content("pyproject.toml"))
    for name, environments in tox.items():
        yield from _known(environments, "tox -e {}", name)
    yield from _known(_sessions(folder.head("noxfile.py")), "nox -s {}", "noxfile.py")
    for name in (".pre-commit-config.yaml", ".pre-commit-config.yml"):
        if hooks := folder.head(name):
            everything = "pre-commit run --all-files"
            yield {"kind": "lint", "command": everything, "source": name}
            for hook in _HOOK.findall(hooks):
                if kind := _HOOK_KINDS.get(hook):
                    command = f"pre-commit run {hook} --all-files"
                    yield {"kind": kind, "command": command, "source": name}


def _known(names: Iterable[object], command: str, source: str) -> Iterator[Mapping[str, str]]:
    """The commands for those of the names that say what they are for."""
    found = set(filter(_is_known, names))
    for name, kind in _KIND_OF.items():
        if name in found:
            yield {"kind": kind, "command": command.format(name), "source": source}


def _is_known(name: object) -> bool:
    return isinstance(name, str) and name in _KIND_OF


def _bounded(commands: Iterable[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    """The commands by kind, a few of each."""
    found = [*commands]
    for kind in _KINDS:
        yield from [each for each in found if each["kind"] == kind][:COMMANDS_OF_A_KIND]


def _environments(ini: str) -> set[str]:
    """The environments of a ``tox.ini``: its sections, and the words of its lists."""
    found, is_listed = _expanded(" ".join(_SECTION.findall(ini))), False
    for written in ini.split("\n"):
        line = written.partition("#")[0]
        listed = _LISTED.match(line)
        is_listed = listed is not None or (is_listed and line[:1] in {"", " ", "\t"})
        if is_listed:
            found |= _expanded(listed[1] if listed else line)
    return found


def _expanded(names: str) -> set[str]:
    """The names, of ``{lint,type}`` both; none of one with several choices, which is long."""
    found: set[str] = set()
    for name in _ENVIRONMENT.findall(names):
        if choice := _CHOICE.fullmatch(name):
            parts = choice[2].split(",")
            found |= {f"{choice[1]}{part.strip()}{choice[3]}" for part in parts}
        elif "{" not in name:
            found.add(name)
    return found


def _tox_in(pyproject: object) -> set[str]:
    tool = pyproject.get("tool") if isinstance(pyproject, dict) else None
    tox = tool.get("tox") if isinstance(tool, dict) else None
    if not isinstance(tox, dict):
        return set()
    listed, tables, ini = tox.get("env_list"), tox.get("env"), tox.get("legacy_tox_ini")
    found = _environments(ini) if isinstance(ini, str) else set()
    for names in (listed, tables):
        found |= set(filter(_is_known, names)) if isinstance(names, list | dict) else set()
    return found


def _sessions(noxfile: str) -> Iterator[str]:
    """The sessions of nox: the functions, or the names that they are given."""
    is_session, is_open, name = False, False, None
    for written in noxfile.split("\n"):
        line = written.partition("#")[0]
        if function := _FUNCTION.match(line):
            if is_session:
                yield function[1] if name is None else name
            is_session, is_open, name = False, False, None
        elif line.startswith("@"):
            is_open = _SESSION.match(line) is not None
            is_session = is_session or is_open
        if is_open and (named := _NAMED.search(line)):
            name = named[1] or ""  # one that is computed is not known


def _checklist(folder: ProjectFolder) -> Strings:
    """The items of a list in the pull request template; those with a box, where there are any.

    They may be in a comment, which is where a template has what is not to be submitted.
    """
    for name in _TEMPLATES:
        items = [*_items(folder.head(name))]
        if items:
            boxes = [words for words, is_box in items if is_box] or [words for words, _ in items]
            shown = (plain(without_secrets(words), ITEM_LIMIT) for words in boxes)
            return tuple(shown)[:CHECKLIST_ITEMS]
    return ()


def _items(text: str) -> Iterator[tuple[str, bool]]:
    """The items of lists, each with the lines that continue it, and whether it has a box."""
    words, is_box = "", False
    for line in [*text.split("\n"), ""]:
        item = _ITEM.fullmatch(line.rstrip())
        if words and item is None and line[:1] in {" ", "\t"} and line.strip():
            words = f"{words} {line.strip()}"[: ITEM_LIMIT * 2]
            continue
        if words:
            yield words, is_box
        words, is_box = (item["words"], item["box"] is not None) if item else ("", False)
