"""The facts about a project are found in its own files, and hostile files do no harm."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from cde_orchestrator.adapters.project_files import languages, manifests
from cde_orchestrator.adapters.project_files.inspector import FilesystemProjectInspector
from cde_orchestrator.adapters.project_files.languages import count_sources
from cde_orchestrator.domain.project_facts import ProjectFacts
from tests.nobody import as_nobody

Files = Mapping[str, str | bytes]

PYTEST = ("python", "-m", "pytest", "-q")
UNITTEST = ("python", "-m", "unittest", "discover")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project of one folder, beside which other folders may be made."""
    root = tmp_path / "project"
    root.mkdir()
    return root


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    """The log events of the test."""
    with capture_logs() as events:
        yield events


def write(root: Path, files: Files) -> None:
    """Write the files; a name that ends in a slash makes a folder."""
    for name, content in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def everywhere(name: str) -> str | None:
    """Where every program is installed."""
    return f"/usr/bin/{name}"


def inspect(
    root: Path, files: Files | None = None, found: Callable[[str], str | None] = everywhere
) -> ProjectFacts:
    """Write the files and return what the inspector finds."""
    write(root, files or {})
    return FilesystemProjectInspector(found).inspect(root)


def package(**keys: object) -> str:
    """Return a package.json."""
    return json.dumps(keys)


NPM_TEST = {"test": "vitest run"}
NODE_TYPESCRIPT = package(devDependencies={"typescript": "^5"}, scripts=NPM_TEST)
PROJECTS: list[tuple[str, Files, str, str | None, tuple[str, ...]]] = [
    # what it is, its files, primary language, package manager, test command
    ("a bare pyproject", {"pyproject.toml": "[project]\nname = 'x'"}, "Python", "pip", ()),
    ("a setup.py alone", {"setup.py": "setup()"}, "Python", "pip", ()),
    ("a setup.cfg alone", {"setup.cfg": "[metadata]"}, "Python", "pip", ()),
    ("requirements of a kind", {"requirements-dev.txt": "flask"}, "Python", "pip", ()),
    ("a tox.ini alone", {"tox.ini": "[tox]"}, "Python", "pip", ()),
    ("uv's lock file alone", {"uv.lock": ""}, "Python", "uv", ()),
    ("uv", {"uv.lock": "", "tests/": ""}, "Python", "uv", ("uv", "run", "pytest", "-q")),
    (
        "uv by its table",
        {"pyproject.toml": "[tool.uv]\n[tool.pytest.ini_options]"},
        "Python",
        "uv",
        ("uv", "run", "pytest", "-q"),
    ),
    (
        "poetry",
        {"poetry.lock": "", "tests/": ""},
        "Python",
        "poetry",
        ("poetry", "run", "pytest", "-q"),
    ),
    (
        "poetry by its table",
        {"pyproject.toml": "[tool.poetry.group.dev.dependencies]\npytest = '^8'"},
        "Python",
        "poetry",
        ("poetry", "run", "pytest", "-q"),
    ),
    ("pdm", {"pdm.lock": "", "tests/": ""}, "Python", "pdm", ("pdm", "run", "pytest", "-q")),
    (
        "pipenv",
        {"Pipfile": "[dev-packages]\npytest = '*'"},
        "Python",
        "pipenv",
        ("pipenv", "run", "pytest", "-q"),
    ),
    ("pipenv's lock file", {"Pipfile.lock": "{}"}, "Python", "pipenv", ()),
    (
        "pytest in a dependency group",
        {"pyproject.toml": "[dependency-groups]\ndev = ['ruff', 'pytest>=8']"},
        "Python",
        "pip",
        PYTEST,
    ),
    (
        "pytest in an extra",
        {"pyproject.toml": "[project.optional-dependencies]\nx = ['pytest-cov']"},
        "Python",
        "pip",
        PYTEST,
    ),
    (
        "pytest among the dependencies",
        {"pyproject.toml": "[project]\ndependencies = ['pytest']"},
        "Python",
        "pip",
        PYTEST,
    ),
    ("pytest in requirements", {"requirements.txt": "pytest==8"}, "Python", "pip", PYTEST),
    ("pytest in a comment", {"requirements.txt": "a # pytest\n# pytest"}, "Python", "pip", ()),
    ("pytest in setup.cfg", {"setup.cfg": "[tool:pytest]"}, "Python", "pip", PYTEST),
    ("pytest.ini", {"setup.py": "", "pytest.ini": ""}, "Python", "pip", PYTEST),
    ("a Python script with conftest", {"a.py": "", "conftest.py": ""}, "Python", None, PYTEST),
    (
        "a folder of unittest",
        {"setup.py": "", "test/test_a.py": ""},
        "Python",
        "pip",
        (*UNITTEST, "-s", "test"),
    ),
    (
        "a package of unittest",
        {"setup.py": "", "test/__init__.py": ""},
        "Python",
        "pip",
        UNITTEST,
    ),
    ("a lone test module", {"a.py": "", "test_a.py": ""}, "Python", None, UNITTEST),
    (
        "unittest with uv",
        {"uv.lock": "", "app/tests.py": ""},
        "Python",
        "uv",
        ("uv", "run", *UNITTEST),
    ),
    ("a package without scripts", {"package.json": "{}"}, "JavaScript", "npm", ()),
    ("npm", {"package.json": package(scripts=NPM_TEST)}, "JavaScript", "npm", ("npm", "test")),
    (
        "npm's placeholder",
        {"package.json": package(scripts={"test": 'echo "Error: no test specified" && exit 1'})},
        "JavaScript",
        "npm",
        (),
    ),
    ("a blank test", {"package.json": package(scripts={"test": " "})}, "JavaScript", "npm", ()),
    (
        "pnpm by key, which beats a lock file",
        {
            "package.json": package(packageManager="pnpm@9.1.0+sha512.ab", scripts=NPM_TEST),
            "yarn.lock": "",
        },
        "JavaScript",
        "pnpm",
        ("pnpm", "test"),
    ),
    (
        "a package manager that nobody knows",
        {"package.json": package(packageManager="rm -rf /@1", scripts=NPM_TEST)},
        "JavaScript",
        "npm",
        ("npm", "test"),
    ),
    (
        "TypeScript by dependency, yarn by lock file",
        {"package.json": NODE_TYPESCRIPT, "yarn.lock": ""},
        "TypeScript",
        "yarn",
        ("yarn", "test"),
    ),
    (
        "TypeScript by tsconfig, pnpm by lock file",
        {"package.json": "{}", "tsconfig.json": "// not JSON", "pnpm-lock.yaml": ""},
        "TypeScript",
        "pnpm",
        (),
    ),
    ("a tsconfig alone", {"tsconfig.json": "{}"}, "TypeScript", None, ()),
    (
        "bun",
        {"package.json": NODE_TYPESCRIPT, "bun.lockb": b"\0"},
        "TypeScript",
        "bun",
        ("bun", "run", "test"),
    ),
    (
        "npm by lock file",
        {"package.json": "{}", "package-lock.json": "{}"},
        "JavaScript",
        "npm",
        (),
    ),
    ("Rust", {"Cargo.toml": "[package]"}, "Rust", "cargo", ("cargo", "test")),
    ("Go", {"go.mod": "module x"}, "Go", "go", ("go", "test", "./...")),
    ("Maven", {"pom.xml": "<project/>"}, "Java", "maven", ("mvn", "test")),
    ("Maven's wrapper", {"pom.xml": "", "mvnw": ""}, "Java", "maven", ("./mvnw", "test")),
    ("Gradle", {"build.gradle": ""}, "Java", "gradle", ("gradle", "test")),
    (
        "Gradle's wrapper and Kotlin",
        {"build.gradle.kts": 'plugins { kotlin("jvm") }', "gradlew": ""},
        "Kotlin",
        "gradle",
        ("./gradlew", "test"),
    ),
    (
        "Kotlin by its files",
        {"build.gradle.kts": "", "src/A.kt": ""},
        "Kotlin",
        "gradle",
        ("gradle", "test"),
    ),
    ("C# by solution", {"App.sln": "\ufeff"}, "C#", "dotnet", ("dotnet", "test")),
    ("C# by project", {"App.csproj": "<Project/>"}, "C#", "dotnet", ("dotnet", "test")),
    ("Ruby without tests", {"Gemfile": ""}, "Ruby", "bundler", ()),
    ("RSpec", {"Gemfile": "", "spec/": ""}, "Ruby", "bundler", ("bundle", "exec", "rspec")),
    (
        "RSpec by file",
        {"Gemfile": "", ".rspec": ""},
        "Ruby",
        "bundler",
        ("bundle", "exec", "rspec"),
    ),
    (
        "Rake",
        {"Gemfile": "", "Rakefile": "", "test/": ""},
        "Ruby",
        "bundler",
        ("bundle", "exec", "rake", "test"),
    ),
    ("PHP without tests", {"composer.json": "{}"}, "PHP", "composer", ()),
    (
        "composer's script",
        {"composer.json": package(scripts={"test": ["phpunit"]})},
        "PHP",
        "composer",
        ("composer", "test"),
    ),
    (
        "phpunit by dependency",
        {"composer.json": package(**{"require-dev": {"phpunit/phpunit": "^11"}})},
        "PHP",
        "composer",
        ("vendor/bin/phpunit",),
    ),
    (
        "phpunit by its settings",
        {"composer.json": "{}", "phpunit.xml.dist": ""},
        "PHP",
        "composer",
        ("vendor/bin/phpunit",),
    ),
    ("Elixir", {"mix.exs": ""}, "Elixir", "mix", ("mix", "test")),
    ("Swift", {"Package.swift": ""}, "Swift", "swift", ("swift", "test")),
    ("CMake without tests", {"CMakeLists.txt": "# enable_testing()"}, "C++", None, ()),
    (
        "CMake",
        {"CMakeLists.txt": "project(x)\nInclude( CTest )"},
        "C++",
        None,
        ("ctest", "--test-dir", "build"),
    ),
    (
        "Meson and C",
        {"meson.build": "", "src/a.c": ""},
        "C",
        None,
        ("meson", "test", "-C", "build"),
    ),
    ("scripts of the shell", {"bin/a.sh": ""}, "Shell", None, ()),
]


@pytest.mark.parametrize(
    ("files", "language", "manager", "command"),
    [case[1:] for case in PROJECTS],
    ids=[case[0] for case in PROJECTS],
)
def test_an_ecosystem_is_known_by_its_files(
    project: Path,
    logged: list[EventDict],
    files: Files,
    language: str,
    manager: str | None,
    command: tuple[str, ...],
) -> None:
    facts = inspect(project, files)

    assert facts.languages[0] == language
    assert facts.package_manager == manager
    assert facts.test_command == command
    assert facts.evidence
    assert all((project / name).exists() for name in facts.evidence)
    assert not logged


def test_an_empty_folder_has_no_facts(project: Path) -> None:
    assert inspect(project) == ProjectFacts((), None, (), git=False, evidence=())


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_not_a_folder_has_no_facts(project: Path, name: str) -> None:
    write(project, {"file": "", ".git/": ""})

    assert inspect(project / name) == ProjectFacts((), None, (), git=False, evidence=())


def test_the_facts_can_be_written_as_json(project: Path) -> None:
    facts = inspect(project, {"uv.lock": "", "tests/": "", ".git/": ""})

    assert json.loads(json.dumps(facts.to_metadata())) == {
        "languages": ["Python"],
        "package_manager": "uv",
        "test_command": ["uv", "run", "pytest", "-q"],
        "git": True,
        "evidence": ["uv.lock", "tests", ".git"],
        "instructions": [],
        "commands": [],
        "changelog": [],
        "checklist": [],
    }


# Make


@pytest.mark.parametrize(
    "makefile",
    [
        "test:\n\tpytest\n",
        "lint test: build\n",
        "test:: a\r\n",
        "\ufefftest:",
        "x := 1\ntest : # why\n",
    ],
)
def test_a_rule_for_test_in_the_makefile_is_the_projects_own_word(
    project: Path, makefile: str
) -> None:
    facts = inspect(project, {"Makefile": makefile, "Cargo.toml": ""})

    assert facts.test_command == ("make", "test")
    assert facts.package_manager == "cargo"
    assert facts.evidence == ("Makefile", "Cargo.toml")


@pytest.mark.parametrize(
    "makefile",
    [
        "",
        "build:\n\techo test: done\n",
        "test := pytest\n",
        "test ::= pytest\n",
        "WORDS = the test: here\n",
        "# how to test: run it\n",
        ".PHONY: test\n",
        "tests:\n",
        "build: test\n",
        "test\n",
    ],
)
def test_a_makefile_without_a_rule_for_test_gives_no_command(project: Path, makefile: str) -> None:
    facts = inspect(project, {"Makefile": makefile, "Cargo.toml": ""})

    assert facts.test_command == ("cargo", "test")
    assert "Makefile" not in facts.evidence


def test_only_the_makefile_that_make_would_read_counts(project: Path) -> None:
    facts = inspect(project, {"GNUmakefile": "build:\n", "Makefile": "test:\n"})

    assert facts.test_command == ()


# Many languages


def test_a_polyglot_project_lists_its_languages_by_weight(project: Path) -> None:
    facts = inspect(
        project,
        {
            "pyproject.toml": "[project]\nname = 'x'",
            "uv.lock": "",
            "package.json": NODE_TYPESCRIPT,
            "pnpm-lock.yaml": "",
            "go.mod": "module x",
            **{f"web/{number}.ts": "" for number in range(30)},
            **{f"app/{number}.py": "" for number in range(20)},
            **{f"scripts/{number}.sh": "" for number in range(8)},
            "scripts/one.lua": "",
        },
    )

    assert facts.languages == ("TypeScript", "Python", "Go", "Shell")
    assert facts.package_manager == "pnpm"
    assert facts.test_command == ("pnpm", "test")
    assert facts.evidence == (
        *("package.json", "pnpm-lock.yaml"),
        *("pyproject.toml", "uv.lock"),
        "go.mod",
        *("web/0.ts", "app/0.py", "scripts/0.sh"),
    )


def test_a_language_of_many_files_outweighs_a_manifest_without_files(project: Path) -> None:
    files = {f"src/{number}.lua": "" for number in range(languages.MAX_DEPTH * 10)}

    facts = inspect(project, {**files, "package.json": package(scripts=NPM_TEST)})

    assert facts.languages == ("Lua", "JavaScript")
    assert facts.test_command == ("npm", "test")


def test_equal_weights_keep_one_order(project: Path) -> None:
    manifests = {"mix.exs": "", "go.mod": "", "Cargo.toml": "", "b.ex": "", "b.go": "", "b.rs": ""}

    facts = inspect(project, manifests)

    assert facts.languages == ("Elixir", "Rust", "Go")  # mix.exs is a file of Elixir too
    assert facts == inspect(project)


def test_the_command_of_a_lesser_language_serves_when_the_primary_has_none(project: Path) -> None:
    facts = inspect(project, {"a.js": "", "package.json": "{}", "go.mod": ""})

    assert facts.languages == ("JavaScript", "Go")
    assert facts.test_command == ("go", "test", "./...")


# Bounds of the walk


@pytest.mark.parametrize(
    "folder", [*sorted(languages.SKIPPED_FOLDERS), ".venv", ".git", ".hidden", "a/b/c/d/e"]
)
def test_the_walk_leaves_out_what_is_not_the_projects_own_or_lies_too_deep(
    project: Path, folder: str
) -> None:
    assert inspect(project, {f"{folder}/a.rs": ""}).languages == ()


def test_the_walk_reaches_four_folders_down(project: Path) -> None:
    assert inspect(project, {"a/b/c/d/a.rs": ""}).evidence == ("a/b/c/d/a.rs",)


def test_the_walk_follows_no_link(project: Path, tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/a.rs": "", "elsewhere/tests/": ""})
    (project / "link").symlink_to(tmp_path / "elsewhere")
    (project / "a.rs").symlink_to(tmp_path / "elsewhere" / "a.rs")
    (project / "self").symlink_to(project)

    assert inspect(project).languages == ()


def test_a_folder_of_data_does_not_hide_the_sources(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(languages, "MAX_ENTRIES", 40)
    monkeypatch.setattr(languages, "MAX_ENTRIES_PER_FOLDER", 10)
    write(project, {f"data/{number}.json": "" for number in range(60)})

    assert inspect(project, {"src/a.rs": ""}).languages == ("Rust",)


def test_the_walk_stops_at_its_bound(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "MAX_ENTRIES", 30)
    write(project, {f"{folder}/{number}.rs": "" for folder in "abcde" for number in range(20)})

    assert count_sources(project).counts.total() == 25  # the five folders are entries too


def test_a_folder_that_cannot_be_listed_is_left_out(project: Path, logged: list[EventDict]) -> None:
    assert count_sources(project / "gone").counts.total() == 0

    assert [event["event"] for event in logged] == ["folder_unreadable"]


def test_a_project_reached_through_a_link_is_inspected(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)

    assert inspect(tmp_path / "link", {"go.mod": ""}).languages == ("Go",)


# Git


@pytest.mark.parametrize(
    ("files", "evidence"),
    [
        ({"project/.git/": ""}, ".git"),
        ({"project/.git": "gitdir: elsewhere"}, ".git"),
        ({".git/": ""}, "../.git"),
    ],
    ids=["a folder", "the file of a worktree", "the folder of a parent"],
)
def test_a_git_working_tree_is_seen(
    project: Path, tmp_path: Path, files: Files, evidence: str
) -> None:
    write(tmp_path, files)

    facts = inspect(project)

    assert facts.git
    assert facts.evidence == (evidence,)


# Hostile manifests

TEXT_MANIFESTS = ["setup.py", "requirements.txt", "go.mod", "pom.xml", "App.sln", "Gemfile"]
TABLE_MANIFESTS = ["pyproject.toml", "Pipfile", "Cargo.toml", "package.json", "composer.json"]
BROKEN: dict[str, bytes] = {
    "invalid": b"{[=",
    "not UTF-8": b"a = '\xff'",
    "a number": b"17",
    "a list": b"[1]]",
    "deeper than the stack": b'{"a":' * 100_000,
    "lists deeper than the stack": b"a=" + b"[" * 100_000,
    "a number of many digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "a key of many parts": b"a." * 100_000 + b"a = 1",
}


@pytest.mark.parametrize("name", TABLE_MANIFESTS)
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_manifest_is_logged_once_and_left_out(
    project: Path, logged: list[EventDict], name: str, content: bytes
) -> None:
    facts = inspect(project, {name: content})

    assert facts == ProjectFacts((), None, (), git=False, evidence=())
    assert [(event["event"], event["path"]) for event in logged] == [
        ("manifest_unreadable", str(project / name))
    ]
    assert logged[0]["log_level"] == "warning"
    assert logged[0]["reason"]


@pytest.mark.parametrize("name", [*TEXT_MANIFESTS, *TABLE_MANIFESTS])
@pytest.mark.parametrize("kind", ["binary", "huge", "folder", "loop", "pipe", "outside"])
def test_a_manifest_that_is_not_a_small_text_file_of_the_project_is_left_out(
    project: Path, tmp_path: Path, logged: list[EventDict], name: str, kind: str
) -> None:
    path = project / name
    match kind:
        case "binary":
            path.write_bytes(b"\x7fELF\0\1")
        case "huge":
            path.write_bytes(b" " * (manifests.MAX_MANIFEST_BYTES + 1))
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case _:
            write(tmp_path, {"outside": "{}"})
            path.symlink_to(tmp_path / "outside")

    facts = inspect(project)

    assert facts.package_manager is None
    assert name not in facts.evidence[:-1]  # setup.py remains a file of Python
    assert [event["path"] for event in logged] == [str(path)]


def test_files_that_may_not_be_read_are_left_out(project: Path, logged: list[EventDict]) -> None:
    write(project, {"go.mod": "", "closed/a.rs": "", "mvnw": ""})
    (project / "go.mod").chmod(0)
    (project / "closed").chmod(0)

    with as_nobody(project):
        facts = inspect(project)
    (project / "closed").chmod(0o700)

    assert facts == ProjectFacts((), None, (), git=False, evidence=())
    assert {event["event"] for event in logged} == {"manifest_unreadable", "folder_unreadable"}


def test_a_manifest_may_be_a_link_inside_the_project(project: Path) -> None:
    write(project, {"config/cargo.toml": "[package]"})
    (project / "Cargo.toml").symlink_to(project / "config" / "cargo.toml")

    assert inspect(project).evidence == ("Cargo.toml",)


def test_a_git_link_that_loops_is_no_working_tree(project: Path) -> None:
    (project / ".git").symlink_to(project / ".git")

    assert not inspect(project).git


WRONG_TYPES: list[tuple[str, str, str]] = [
    ("package.json", package(scripts="test", packageManager=3, devDependencies=[1]), "JavaScript"),
    ("package.json", package(scripts={"test": ["a"]}, packageManager=["pnpm"]), "JavaScript"),
    ("package.json", package(scripts=None, dependencies="typescript"), "JavaScript"),
    ("composer.json", package(scripts=[], **{"require-dev": 4}), "PHP"),
    ("composer.json", package(scripts={"test": 1}), "PHP"),
    ("pyproject.toml", "project = 'x'\ntool = 3\ndependency-groups = [1, [2.5, true]]", "Python"),
    ("pyproject.toml", "[project]\ndependencies = 7\n[tool]\nuv.x = 1979-05-27", "Python"),
]


@pytest.mark.parametrize(("name", "content", "language"), WRONG_TYPES)
def test_values_of_wrong_types_count_as_absent(
    project: Path, name: str, content: str, language: str
) -> None:
    facts = inspect(project, {name: content})

    assert facts.languages == (language,)
    assert facts.package_manager in {"npm", "composer", "pip", "uv"}
    assert facts.test_command == ()


def test_tables_deeper_than_the_stack_are_searched(project: Path) -> None:
    deep = ".".join(["a"] * 600)

    facts = inspect(project, {"pyproject.toml": f"[tool.{deep}]\n{deep}.pytest = '*'"})

    assert facts.test_command == PYTEST


def test_a_manifest_with_a_byte_order_mark_is_read(project: Path) -> None:
    facts = inspect(project, {"package.json": "\ufeff{}", "pyproject.toml": "\ufeff[tool.uv]"})

    assert facts.languages == ("Python", "JavaScript")
    assert facts.package_manager == "uv"


def test_only_so_many_files_of_one_pattern_are_read(project: Path) -> None:
    facts = inspect(project, {f"requirements-{number:03}.txt": "" for number in range(50)})

    assert len(facts.evidence) == manifests.MAX_MATCHES_PER_PATTERN


def test_names_that_are_not_utf_8_become_printable(project: Path, logged: list[EventDict]) -> None:
    names = [b"requirements-\xff.txt", b"\xff.py"]
    try:
        for name in names:
            Path(os.fsdecode(os.fsencode(project) + b"/" + name)).write_bytes(b"")
        Path(os.fsdecode(os.fsencode(project) + b"/\xff.sln")).write_bytes(b"\0")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")

    facts = inspect(project)

    assert facts.evidence == ("requirements-?.txt", "?.py")
    assert logged[0]["path"] == str(project / "?.sln")


def test_no_word_of_a_manifest_reaches_a_command(project: Path) -> None:
    evil = "evil; rm -rf ~"
    facts = inspect(
        project,
        {
            "package.json": package(packageManager=f"{evil}@1", scripts={"test": evil}),
            "pyproject.toml": f"[tool.poetry]\nname = '{evil}'\n[tool.pytest]\naddopts = '{evil}'",
            "composer.json": package(scripts={"test": evil}),
        },
    )

    assert facts.test_command == ("poetry", "run", "pytest", "-q")
    assert evil not in json.dumps(facts.to_metadata())


@pytest.mark.parametrize(
    ("installed", "own", "command"),
    [
        ({"uv", "python"}, ".venv/bin/python", ("uv", "run", "pytest", "-q")),
        ({"python"}, ".venv/bin/python", (".venv/bin/python", "-m", "pytest", "-q")),
        ({"python"}, "venv/bin/python", ("venv/bin/python", "-m", "pytest", "-q")),
        ({"python", "python3"}, None, PYTEST),
        ({"python3"}, None, ("python3", "-m", "pytest", "-q")),
        (set(), None, PYTEST),
    ],
)
def test_the_test_command_is_one_that_runs_here(
    project: Path, installed: set[str], own: str | None, command: tuple[str, ...]
) -> None:
    write(project, {"uv.lock": "version = 1\n", "tests/": ""})
    if own is not None:
        write(project, {own: "#!/bin/sh\n"})
        (project / own).chmod(0o755)

    found = inspect(project, found=lambda name: name if name in installed else None)

    assert (found.package_manager, found.test_command) == ("uv", command)


HATCH = "[tool.hatch.envs.default]\ndependencies = ['coverage', 'pytest>=8']\n"


@pytest.mark.parametrize(
    ("manifest", "installed", "own", "command"),
    [
        (HATCH, {"hatch", "python"}, None, ("hatch", "run", "pytest", "-q")),
        (HATCH, {"python3"}, None, ("python3", "-m", "pytest", "-q")),
        (HATCH, {"hatch"}, ".venv/bin/python", (".venv/bin/python", "-m", "pytest", "-q")),
        ("[tool.hatch.envs.hatch-test]\nparallel = true\n", {"hatch"}, None, ("hatch", "test")),
        ("[tool.hatch.envs.docs]\ndependencies = ['mkdocs']\n", {"hatch"}, None, PYTEST),
        (f"{HATCH}[tool.uv]\n", {"hatch", "uv"}, None, ("uv", "run", "pytest", "-q")),
    ],
)
def test_hatch_runs_the_tests_only_where_it_is_installed(
    project: Path, manifest: str, installed: set[str], own: str | None, command: tuple[str, ...]
) -> None:
    write(project, {"pyproject.toml": manifest, "tests/": ""})
    if own is not None:
        write(project, {own: "#!/bin/sh\n"})
        (project / own).chmod(0o755)

    found = inspect(project, found=lambda name: name if name in installed else None)

    assert found.test_command == command


@pytest.mark.parametrize(
    ("installed", "command"),
    [
        ({"pnpm", "npm"}, ("pnpm", "test")),
        ({"npm"}, ("npm", "test")),
        (set(), ("pnpm", "test")),
    ],
)
def test_a_package_manager_that_is_not_installed_runs_no_script(
    project: Path, installed: set[str], command: tuple[str, ...]
) -> None:
    files = {"package.json": package(scripts={"test": "node --test"}), "pnpm-lock.yaml": ""}

    found = inspect(project, files, lambda name: name if name in installed else None)

    assert (found.package_manager, found.test_command) == ("pnpm", command)
