"""Detects a project's languages, package manager and test command from its own files.

The command is one that runs here, where any does: of a package manager that is installed, else
of the project's own environment, else of an interpreter on ``PATH``.

Nothing is executed, and no word of a manifest ever becomes a word of a command: every command
is put together from constants of this module, so an untrusted project cannot choose one.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cde_orchestrator.adapters.project_files.conventions import (
    conventions_of,
    make_targets,
    makefile_of,
)
from cde_orchestrator.adapters.project_files.languages import (
    SUFFIXES,
    Sources,
    count_sources,
    printable,
)
from cde_orchestrator.adapters.project_files.manifests import ProjectFolder, Strings
from cde_orchestrator.adapters.project_files.packaging import packaging_problem
from cde_orchestrator.domain.project_facts import ProjectFacts
from cde_orchestrator.infrastructure.system import programs
from cde_orchestrator.infrastructure.system.git_folder import git_places
from cde_orchestrator.infrastructure.system.spans import INSPECT, span

# A manifest weighs as much as this many source files when languages are put in order.
MANIFEST_WEIGHT = 25


@dataclass(frozen=True, slots=True)
class _Finding:
    """What the manifests of one ecosystem say."""

    language: str
    package_manager: str | None
    test_command: Strings
    evidence: Strings


class FilesystemProjectInspector:
    """Finds facts about the project in a folder; whatever the folder holds, it never raises.

    Args:
        found: where a program is that is named without a folder; None where it is nowhere.
    """

    def __init__(self, found: Callable[[str], str | None] = programs.found) -> None:
        self._found = found

    @span(INSPECT)
    def inspect(self, root: Path) -> ProjectFacts:
        """Return what the files under `root` say; nothing when it is not a folder."""
        root = Path(os.path.realpath(root))
        if not root.is_dir():
            return ProjectFacts((), None, (), git=False, evidence=())
        folder = ProjectFolder(root, self._found)
        sources = count_sources(root)
        found = [finding for detect in _ECOSYSTEMS if (finding := detect(folder, sources))]
        declared = {finding.language: finding for finding in found}
        # The declared languages and those with a share of the files, the weightiest first.
        weights = sources.counts + Counter(dict.fromkeys(declared, MANIFEST_WEIGHT))
        named = [name for name in SUFFIXES if name in declared or sources.has_share(name)]
        languages = tuple(sorted(named, key=weights.__getitem__, reverse=True))
        findings = [declared[name] for name in languages if name in declared]
        managers = (finding.package_manager for finding in findings if finding.package_manager)
        commands = (finding.test_command for finding in findings if finding.test_command)
        make = _makefile_with_tests(folder)
        git = _git(root)
        node = (each for each in findings if each.package_manager in _NODE_TESTS)
        manager, script = next(((n.package_manager, n.test_command) for n in node), ("npm", ()))
        own = conventions_of(folder, manager or "npm", script)
        tests = ("make", "test") if make else next(commands, ())
        manifests = (name for finding in findings for name in finding.evidence)
        first = (sources.first[name] for name in languages if name in sources.first)
        evidence = (*make, *manifests, *first, *git)
        return ProjectFacts(
            languages=languages,
            package_manager=next(managers, None),
            test_command=tests,
            git=bool(git),
            evidence=tuple(dict.fromkeys(printable(name) for name in evidence)),
            instructions=own.instructions,
            commands=tuple(c for c in own.commands if c["command"] != " ".join(tests)),
            changelog=own.changelog,
            checklist=own.checklist,
        )

    def packaging_problem(self, root: Path) -> str:
        """Why installing the project fails once features have records; empty where it works."""
        return packaging_problem(root, self._found)


def _git(root: Path) -> Strings:
    """Return the relative name of the nearest `.git`, a folder or the file of a worktree."""
    for height, place in enumerate(git_places(root)):
        if os.path.exists(place):  # noqa: PTH110 - False too where nobody may look
            return ("../" * height + ".git",)
    return ()


def _makefile_with_tests(folder: ProjectFolder) -> Strings:
    """Return the name of the file that make would read, if it has a rule for `test`."""
    return tuple(n for n in makefile_of(folder) if "test" in make_targets(folder.text(n)))


def _at(content: object, *keys: str) -> object:
    """Return the value under nested keys, or None where a key or a table is missing."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _names(content: object) -> Iterator[str]:
    """Yield every key and every string in nested tables and lists, however deep they go."""
    pending = [content]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from value
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, str):
            yield value


_PYTHON_MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "tox.ini")
_PYTHON_LOCKS = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipenv",
}
_OWN_PYTHONS = (
    ".venv/bin/python",
    "venv/bin/python",
    ".venv/Scripts/python.exe",
    "venv/Scripts/python.exe",
)
_PYTHONS = ("python", "python3")
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "conftest.py")
_PYTEST_WORD = re.compile(r"^[^#\n]*\bpytest\b", re.MULTILINE)
_PYTEST_TABLES = (
    ("project", "dependencies"),
    ("project", "optional-dependencies"),
    ("dependency-groups",),
    ("tool",),
    ("packages",),
    ("dev-packages",),
)


def _python(folder: ProjectFolder, sources: Sources) -> _Finding | None:
    manifests = folder.readable(*_PYTHON_MANIFESTS, "requirements*.txt")
    locks = folder.present(*_PYTHON_LOCKS)
    if not manifests and not locks and not sources.has_share("Python"):
        return None
    manager = _python_manager(folder, manifests, locks)
    command, proof = _python_tests(folder, sources, manifests, manager)
    return _Finding("Python", manager, command, (*manifests, *locks, *proof))


def _python_manager(folder: ProjectFolder, manifests: Strings, locks: Strings) -> str | None:
    tools = _at(folder.content("pyproject.toml"), "tool")
    candidates = (
        *(_PYTHON_LOCKS[name] for name in locks),
        *(name for name in ("uv", "poetry", "pdm") if _at(tools, name) is not None),
        *("pipenv" for name in manifests if name == "Pipfile"),
        *("pip" for _ in manifests),
    )
    return next(iter(candidates), None)


def _python_tests(
    folder: ProjectFolder, sources: Sources, manifests: Strings, manager: str | None
) -> tuple[Strings, Strings]:
    """Return the test command and the names that led to it."""
    managed = manager not in {None, "pip"} and folder.installed(str(manager))
    run = (str(manager), "run") if managed else ()
    python = ("python",) if managed else _interpreter(folder)
    proof = (
        *folder.present(*_PYTEST_FILES),
        *folder.folders("tests"),
        *(name for name in manifests if _mentions_pytest(folder.content(name))),
    )
    if proof:
        by_hatch = _hatch_tests(folder) if manager == "pip" else ()
        return by_hatch or (*(run or (*python, "-m")), "pytest", "-q"), proof
    unittest = (*run, *python, "-m", "unittest", "discover")
    if found := folder.folders("test"):
        package = folder.present("test/__init__.py")
        return (unittest if package else (*unittest, "-s", "test")), found
    return (unittest, (sources.python_test,)) if sources.python_test else ((), ())


def _hatch_tests(folder: ProjectFolder) -> Strings:
    """Return how hatch runs pytest, where one of its environments has it and it is installed.

    An environment of the project's own comes first: those of hatch are made when they are used.
    """
    environments = _at(folder.content("pyproject.toml"), "tool", "hatch", "envs")
    if folder.installed(*_OWN_PYTHONS) or not folder.installed("hatch"):
        return ()
    if any(name.startswith("pytest") for name in _names(_at(environments, "default"))):
        return ("hatch", "run", "pytest", "-q")
    return ("hatch", "test") if _at(environments, "hatch-test") is not None else ()


def _interpreter(folder: ProjectFolder) -> Strings:
    """Return the project's own interpreter, else the first one on PATH."""
    here = folder.installed(*_OWN_PYTHONS, *_PYTHONS)
    return (here or _PYTHONS)[:1]


def _mentions_pytest(manifest: object) -> bool:
    if isinstance(manifest, str):
        return _PYTEST_WORD.search(manifest) is not None
    tables = (_at(manifest, *keys) for keys in _PYTEST_TABLES)
    return any(name.startswith("pytest") for table in tables for name in _names(table))


_NODE_LOCKS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
}
# `bun test` would start bun's own test runner instead of the project's script.
_NODE_TESTS = {
    "npm": ("npm", "test"),
    "pnpm": ("pnpm", "test"),
    "yarn": ("yarn", "test"),
    "bun": ("bun", "run", "test"),
}
_NPM_PLACEHOLDER = "no test specified"


def _javascript(folder: ProjectFolder, _sources: Sources) -> _Finding | None:
    found = folder.readable("package.json")
    typed = folder.present("tsconfig.json")
    if not found and not typed:
        return None
    package = folder.content("package.json")
    locks = folder.present(*_NODE_LOCKS)
    named = str(_at(package, "packageManager")).partition("@")[0]
    locked = next((_NODE_LOCKS[name] for name in locks), "npm")
    manager = named if named in _NODE_TESTS else locked
    runs = manager if folder.installed(manager) or not folder.installed("npm") else "npm"
    script = _at(package, "scripts", "test")
    tested = isinstance(script, str) and script.strip() and _NPM_PLACEHOLDER not in script
    groups = ("dependencies", "devDependencies")
    is_typed = typed or any(_at(package, group, "typescript") for group in groups)
    return _Finding(
        "TypeScript" if is_typed else "JavaScript",
        manager if found or locks else None,
        _NODE_TESTS[runs] if tested else (),
        (*found, *typed, *locks),
    )


_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
_JVM_BUILDS = (("maven", ("pom.xml",), "mvnw", "mvn"), ("gradle", _GRADLE, "gradlew", "gradle"))


def _jvm(folder: ProjectFolder, sources: Sources) -> _Finding | None:
    for manager, manifests, wrapper, program in _JVM_BUILDS:
        if found := folder.readable(*manifests):
            wrappers = folder.present(wrapper)
            named = any(re.search(r"\bkotlin\b", folder.text(name)) for name in found)
            is_kotlin = named or sources.counts["Kotlin"] > sources.counts["Java"]
            language = "Kotlin" if is_kotlin else "Java"
            command = (f"./{wrapper}" if wrappers else program, "test")
            return _Finding(language, manager, command, (*found, *wrappers))
    return None


def _ruby(folder: ProjectFolder, _sources: Sources) -> _Finding | None:
    if not (found := folder.readable("Gemfile")):
        return None
    specs = (*folder.present(".rspec"), *folder.folders("spec"))
    rake = folder.present("Rakefile") if folder.folders("test") else ()
    command: Strings = ()
    if specs:
        command = ("bundle", "exec", "rspec")
    elif rake:
        command = ("bundle", "exec", "rake", "test")
    return _Finding("Ruby", "bundler", command, (*found, *(specs or rake)))


def _php(folder: ProjectFolder, _sources: Sources) -> _Finding | None:
    if not (found := folder.readable("composer.json")):
        return None
    composer = folder.content("composer.json")
    settings = folder.present("phpunit.xml", "phpunit.xml.dist")
    command: Strings = ()
    script = _at(composer, "scripts", "test")
    if script and isinstance(script, str | list):
        command = ("composer", "test")
    elif settings or _at(composer, "require-dev", "phpunit/phpunit"):
        command = ("vendor/bin/phpunit",)
    return _Finding("PHP", "composer", command, found + settings)


_CTEST = re.compile(
    r"^[^#\n]*\b(enable_testing\s*\(|include\s*\(\s*CTest\b)", re.IGNORECASE | re.MULTILINE
)


def _cpp(folder: ProjectFolder, sources: Sources) -> _Finding | None:
    language = "C" if sources.counts["C"] > sources.counts["C++"] else "C++"
    if cmake := folder.readable("CMakeLists.txt"):
        tested = _CTEST.search(folder.text("CMakeLists.txt"))
        command = ("ctest", "--test-dir", "build") if tested else ()
        return _Finding(language, None, command, cmake)
    if meson := folder.readable("meson.build"):
        return _Finding(language, None, ("meson", "test", "-C", "build"), meson)
    return None


def _plain(
    language: str,
    manifests: Strings,
    manager: str,
    command: Strings,
    folder: ProjectFolder,
    _: Sources,
) -> _Finding | None:
    found = folder.readable(*manifests)
    return _Finding(language, manager, command, found) if found else None


_CSHARP_MANIFESTS = ("*.sln", "*.slnx", "*.csproj")
_ECOSYSTEMS: tuple[Callable[[ProjectFolder, Sources], _Finding | None], ...] = (
    _python,
    _javascript,
    partial(_plain, "Rust", ("Cargo.toml",), "cargo", ("cargo", "test")),
    partial(_plain, "Go", ("go.mod",), "go", ("go", "test", "./...")),
    _jvm,
    partial(_plain, "C#", _CSHARP_MANIFESTS, "dotnet", ("dotnet", "test")),
    _ruby,
    _php,
    partial(_plain, "Elixir", ("mix.exs",), "mix", ("mix", "test")),
    partial(_plain, "Swift", ("Package.swift",), "swift", ("swift", "test")),
    _cpp,
)
