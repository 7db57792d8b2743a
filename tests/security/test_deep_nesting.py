"""Content that is nested without end, wherever something is read, ends with a code or is ignored.

The project is made as it was before each case. Which files there are is found, and so is each
member of the stored state: a new one is tried as soon as there is one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import command_line
from tests.integration.cli.commands import environment
from tests.repository import git
from tests.security import workload
from tests.security.test_every_path import remove
from tests.soak import SOAK
from tests.state_stores import sealed

pytestmark = [
    pytest.mark.faults,
    pytest.mark.soak,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="no other system limits memory as strictly"),
]
SAMPLE = 5
MEMORY_BYTES = 1_200_000_000
"""What a command may address; its program and libraries have two thirds of it."""
MANY = 100_000
PARSED = 900
"""Levels that a parser still follows, and Python does not."""


def lists(levels: int) -> str:
    """A list in a list."""
    return "[" * levels + "]" * levels


def objects(levels: int) -> str:
    """An object in an object."""
    return '{"a":' * levels + "1" + "}" * levels


JSON = {
    "lists": lists(MANY),
    "objects": objects(MANY),
    "lists without an end": "[" * MANY,
    "lists that are parsed": lists(PARSED),
    "members that are parsed": "{"
    + ",".join(f'"{key}":{objects(PARSED)}' for key in ("operations", "record", "projects", "id"))
    + ',"at":1}',
}
TOML = {
    "lists": f"x = {lists(MANY)}",
    "tables": "x = " + "{a = " * MANY,
    "a key of many parts": "a." * 400_000 + "a = 1",
    "a setting of many parts": "log_level." + "a." * 2_900 + "a = 1",
    "an agent of many parts": "agents.mine." + "a." * 2_900 + "a = 1",
    "a command in lists": f"[alerts]\ncommand = {lists(90)}",
    "a table of many parts": "[" + "a." * 400_000 + "a]\n",
}
YAML = {
    "lists": "[" * MANY,
    "objects": "{a: " * 30_000,
    "lists in block style": "- " * MANY + "x",
    "keys that are lists": "? " * MANY + "x",
    "aliases that multiply": "a0: &a0 [x]\n"
    + "".join(f"a{n + 1}: &a{n + 1} [{','.join([f'*a{n}'] * 9)}]\n" for n in range(30)),
    "indentation": "".join(" " * level + "a:\n" for level in range(600)),
}
TEMPLATES = {
    "parentheses": "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "lists": "{{ " + lists(50_000) + " }}",
    "conditions": "{% if a %}" * 5_000 + "{% endif %}" * 5_000,
}
READERS = (
    ("status", "one"),
    ("start", "Do three", "--name", "three"),
    ("doctor",),
    ("health",),
    ("trust", "--list"),
)
"""What is run on each."""
MORE = {
    ".cde/logs/cde.log": (("logs",),),
    ".cde/errors": (("errors", "list"),),
    ".cde/workflow.yml": (("workflow", "validate"),),
    ".cde/config.toml": (("project", "settings"), ("agents", "list")),
    ".cde/prompts": (("status", "one", "--prompt"),),
    ".cde/breakers": (("health", "breakers"),),
    ".cde/state.json": (("state", "verify"),),
    ".cde/journal.jsonl": (("state", "verify"), ("state", "history")),
}
REFUSED = {
    ".cde/workflow.yml": ("E31", "workflow.yml"),
    ".cde/config.toml": ("E320", "config.toml"),
}
"""What is said where a file is in force and cannot be read."""
MANIFESTS = ("pyproject.toml", "package.json", "Cargo.toml", "composer.json", "Pipfile")
IMPORTS: tuple[tuple[str, ...], ...] = (
    ("state", "import", "FILE"),
    ("state", "merge", "FILE", "FILE", "FILE"),
    ("submit", "one", "work", "--results-file", "FILE"),
    ("save", "one", "A note", "--data-file", "FILE"),
)


@dataclass
class Project:
    """A project that is made as it was again and again, and the folders of a person.

    Attributes:
        root: its folder.
        person: the folders of who uses it.
        kept: both as they were.
    """

    root: Path
    person: Path
    kept: Path

    def begin(self) -> None:
        """Have all as it was."""
        for folder in (self.root, self.person):
            for entry in folder.iterdir():
                remove(entry)
            shutil.copytree(self.kept / folder.name, folder, symlinks=True, dirs_exist_ok=True)

    def run(self, *words: str) -> tuple[int, str]:
        """The exit code, and what was said; no code and nothing where it does not end."""
        own = environment(
            XDG_CONFIG_HOME=str(self.person / "config"), XDG_STATE_HOME=str(self.person / "state")
        )
        try:
            done = command_line.cde(
                *words, cwd=self.root, environment=own, memory_bytes=MEMORY_BYTES
            )
        except TimeoutError:
            return -1, "it hangs"
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def faults(self, words: tuple[str, ...], *wanted: str) -> Iterator[str]:
        """What should not be where this is done: a crash, or nothing said of what is wanted."""
        code, said = self.run(*words)
        signs = ("E999", "Traceback", "RecursionError", "MemoryError", "recursion depth")
        if code not in {0, 1, 2} or any(sign in said for sign in signs):
            yield f"{words} ends with {code}: {said[:3_000]}"
        elif any(each not in said for each in wanted):
            yield f"{words} does not say {wanted}: {said[:1_000]}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One that has been worked on."""
    top = tmp_path_factory.mktemp("deep")
    made = Project(top / "project", top / "person", top / "kept")
    for folder in (made.root, made.person, made.kept):
        folder.mkdir()
    git(made.root, "init", "--quiet")
    workload.make(made.root)
    for words in (*workload.BEGINNING, ("state", "compact"), ("health",)):
        assert made.run(*words)[0] == (1 if words[-1] == "nothing" else 0), words
    breakers = made.root / ".cde" / "breakers"
    breakers.mkdir(exist_ok=True)
    (breakers / "git.json").write_text("{}")
    (made.root / ".cde" / "telemetry.db-pending").touch(0o600)
    for folder in (made.root, made.person):
        shutil.copytree(folder, made.kept / folder.name, symlinks=True)
    return made


def contents_for(path: Path) -> dict[str, str]:
    """What is put in the place of a file of this name."""
    if path.suffix == ".toml" or path.name == "Pipfile":
        return TOML
    return {".yml": YAML, ".md": TEMPLATES}.get(path.suffix, JSON)


def places(project: Project) -> list[Path]:
    """The files that are read."""
    own = [project.root / ".cde", *project.root.glob(".git/cde"), project.person]
    found = [path for folder in own for path in folder.rglob("*") if path.is_file()]
    return sorted({*found, *(project.root / name for name in MANIFESTS)})


def test_what_is_nested_in_the_place_of_a_file_is_refused_or_ignored(project: Project) -> None:
    project.begin()
    every = [(path, name) for path in places(project) for name in contents_for(path)]
    chosen = random.Random(os.environ.get("CDE_SIMULATION_SEED", "1"))
    found = []
    for path, name in every if SOAK else chosen.sample(every, SAMPLE):
        project.begin()
        path.write_text(contents_for(path)[name])
        inner = path.relative_to(project.root.parent).as_posix().removeprefix("project/")
        more = [each for part, words in MORE.items() if inner.startswith(part) for each in words]
        for words in (*READERS, *more):
            wanted = REFUSED.get(inner, ()) if words[0] in {"start", "workflow"} else ()
            found += [f"{name} in {inner}: {fault}" for fault in project.faults(words, *wanted)]

    assert found == []


def test_what_is_nested_in_a_file_that_a_person_names_is_refused(project: Project) -> None:
    project.begin()
    file = project.root / "given.json"
    found = []
    for name, text in JSON.items():
        for words in IMPORTS:
            file.write_text(text)
            named = tuple(str(file) if each == "FILE" else each for each in words)
            faults = project.faults(named, "✗")
            found += [f"{name}: {fault}" for fault in faults]

    assert found == []


def members(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each member of a document, as the keys to it; of a list the first one."""
    if path:
        yield path
    inner: dict[Any, Any] = value if isinstance(value, dict) else {}
    if isinstance(value, list):
        inner = dict(enumerate(value[:1]))
    for key, each in inner.items():
        yield from members(each, (*path, key))


def with_member(document: dict[str, Any], path: tuple[Any, ...], text: str) -> str:
    """The document as JSON, with this text in the place of a member."""
    copy = json.loads(json.dumps(document))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = "here it is"
    return json.dumps(copy, separators=(",", ":")).replace('"here it is"', text)


def sealed_state(document: dict[str, Any], path: tuple[Any, ...], text: str) -> bytes:
    """A state file with a checksum that fits: a stranger can compute it too."""
    blank = {**document, "checksum": "0" * 32}
    return sealed(with_member(blank, path, text).replace('"checksum":"', '"checksum": "').encode())


def sealed_line(record: dict[str, Any], path: tuple[Any, ...], text: str) -> bytes:
    """A line of the journal with a checksum that fits."""
    body = {key: value for key, value in record.items() if key != "checksum"}
    data = with_member(body, path, text).encode()
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    return data[:-1] + f',"checksum":"{digest}"}}\n'.encode()


def test_what_is_nested_in_a_state_that_is_sealed_is_damage(project: Project) -> None:
    project.begin()
    state, journal = project.root / ".cde" / "state.json", project.root / ".cde" / "journal.jsonl"
    document = json.loads(state.read_bytes())
    *before, last = journal.read_bytes().splitlines(keepends=True)
    record = json.loads(last)
    every = [
        (file, path, text)
        for file, content in ((state, document), (journal, record))
        for path in members(content)
        if path != ("checksum",)
        for text in ("[]", "{}", "1", lists(190), lists(PARSED), objects(PARSED))
    ]
    chosen = random.Random(os.environ.get("CDE_SIMULATION_SEED", "1"))
    found = []
    for file, path, text in every if SOAK else chosen.sample(every, 3 * SAMPLE):
        project.begin()
        remove(project.root / ".git" / "cde")  # no other copy says what was there
        if file == state:
            file.write_bytes(sealed_state(document, path, text))
            remove(journal)
        else:
            file.write_bytes(b"".join(before) + sealed_line(record, path, text))
        for words in READERS[:3]:
            faults = project.faults(words)
            found += [f"{text[:20]} at {path} of {file.name}: {fault}" for fault in faults]

    assert found == []


@pytest.mark.parametrize("value", [lists(PARSED), objects(PARSED), lists(MANY), objects(MANY)])
def test_what_is_nested_in_arguments_is_refused_and_the_server_goes_on(
    project: Project, value: str
) -> None:
    project.begin()
    asked = {"feature_id": "one", "phase_id": "work", "note": "A note", "data": "here it is"}
    calls = [("cde_saveProgress", asked), ("cde_getFeatureStatus", {"feature_id": "one"})]
    answers, said = workload.served(project.root, environment(), calls, {'"here it is"': value})
    _, refused, shown = (json.loads(each)["result"] for each in answers)

    assert refused["isError"], refused
    assert refused["structuredContent"]["error"]["code"] in {"E303", "E305", "E315"}
    assert not shown.get("isError"), shown
    assert "RecursionError" not in "".join(answers) + said
