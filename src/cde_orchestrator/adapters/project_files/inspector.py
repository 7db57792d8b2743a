"""Detects a project's languages, package manager and test command from its own files.

Nothing is executed, and no word of a manifest ever becomes a word of a command: every command
is put together from constants of this module, so an untrusted project cannot choose one.
"""

import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cde_orchestrator.adapters.project_files.folder import (
    SUFFIXES,
    ProjectFolder,
    Sources,
    count_sources,
    mode_of,
    printable,
)
from cde_orchestrator.domain.project_facts import ProjectFacts
from cde_orchestrator.infrastructure.system.spans import INSPECT, span

# A manifest weighs as much as this many source files when languages are put in order.
MANIFEST_WEIGHT = 25


@dataclass(frozen=True, slots=True)
class _Finding:
    """What the manifests of one ecosystem say."""

    language: str
    package_manager: str | None
    test_command: tuple[str, ...]
    evidence: tuple[str, ...]


class FilesystemProjectInspector:
    """Finds facts about the project in a folder; whatever the folder holds, it never raises."""

    @span(INSPECT)
    def inspect(self, root: Path) -> ProjectFacts:
        """Return what the files under `root` say; nothing when it is not a folder."""
        root = Path(os.path.realpath(root))
        if not root.is_dir():
            return ProjectFacts((), None, (), git=False, evidence=())
        folder = ProjectFolder(root)
        sources = count_sources(root)
        found = [finding for detect in _ECOSYSTEMS if (finding := detect(folder, sources))]
        declared = {finding.language: finding for finding in found}
        languages = _ordered(sources, declared)
        findings = [declared[name] for name in languages if name in declared]
        managers = (finding.package_manager for finding in findings if finding.package_manager)
        commands = (finding.test_command for finding in findings if finding.test_command)
        make = _makefile_with_tests(folder)
        git = _git(root)
        evidence = (
            *make,
            *(name for finding in findings for name in finding.evidence),
            *(sources.first[name] for name in languages if name in sources.first),
            *git,
        )
        return ProjectFacts(
            languages=languages,
            package_manager=next(managers, None),
            test_command=("make", "test") if make else next(commands, ()),
            git=bool(git),
            evidence=tuple(dict.fromkeys(printable(name) for name in evidence)),
        )


def _ordered(sources: Sources, declared: Collection[str]) -> tuple[str, ...]:
    """Return the declared languages and those with a share of the files, the weightiest first."""

    def weight(language: str) -> int:
        return sources.counts[language] + MANIFEST_WEIGHT * (language in declared)

    named = [name for name in SUFFIXES if name in declared or sources.has_share(name)]
    return tuple(sorted(named, key=weight, reverse=True))


def _git(root: Path) -> tuple[str, ...]:
    """Return the relative name of the nearest `.git`, a folder or the file of a worktree."""
    for height, folder in enumerate((root, *root.parents)):
        if mode_of(folder / ".git"):
            return ("../" * height + ".git",)
    return ()


def _makefile_with_tests(folder: ProjectFolder) -> tuple[str, ...]:
    """Return the name of the file that make would read, if it has a rule for `test`."""
    names = folder.readable("GNUmakefile", "makefile", "Makefile")[:1]
    return tuple(name for name in names if _has_test_rule(folder.text(name)))


def _has_test_rule(makefile: str) -> bool:
    for line in makefile.split("\n"):
        targets, colon, rest = line.partition("#")[0].partition(":")
        assigns = "=" in targets or rest.lstrip(":").startswith("=")
        if colon and not assigns and not line.startswith("\t") and "test" in targets.split():
            return True
    return False


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
    return _Finding(
        language="Python",
        package_manager=manager,
        test_command=command,
        evidence=(*manifests, *locks, *proof),
    )


def _python_manager(
    folder: ProjectFolder, manifests: tuple[str, ...], locks: tuple[str, ...]
) -> str | None:
    tools = _at(folder.content("pyproject.toml"), "tool")
    candidates = (
        *(_PYTHON_LOCKS[name] for name in locks),
        *(name for name in ("uv", "poetry", "pdm") if _at(tools, name) is not None),
        *("pipenv" for name in manifests if name == "Pipfile"),
        *("pip" for _ in manifests),
    )
    return next(iter(candidates), None)


def _python_tests(
    folder: ProjectFolder, sources: Sources, manifests: tuple[str, ...], manager: str | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the test command and the names that led to it."""
    run = () if manager in {None, "pip"} else (str(manager), "run")
    proof = (
        *folder.present(*_PYTEST_FILES),
        *folder.folders("tests"),
        *(name for name in manifests if _mentions_pytest(folder.content(name))),
    )
    if proof:
        return (*(run or ("python", "-m")), "pytest", "-q"), proof
    unittest = (*run, "python", "-m", "unittest", "discover")
    if found := folder.folders("test"):
        package = folder.present("test/__init__.py")
        return (unittest if package else (*unittest, "-s", "test")), found
    return (unittest, (sources.python_test,)) if sources.python_test else ((), ())


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
    script = _at(package, "scripts", "test")
    tested = isinstance(script, str) and script.strip() and _NPM_PLACEHOLDER not in script
    groups = ("dependencies", "devDependencies")
    typed_by_package = any(_at(package, group, "typescript") for group in groups)
    return _Finding(
        language="TypeScript" if typed or typed_by_package else "JavaScript",
        package_manager=manager if found or locks else None,
        test_command=_NODE_TESTS[manager] if tested else (),
        evidence=(*found, *typed, *locks),
    )


_GRADLE = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts")
_JVM_BUILDS = (("maven", ("pom.xml",), "mvnw", "mvn"), ("gradle", _GRADLE, "gradlew", "gradle"))


def _jvm(folder: ProjectFolder, sources: Sources) -> _Finding | None:
    for manager, manifests, wrapper, program in _JVM_BUILDS:
        if found := folder.readable(*manifests):
            wrappers = folder.present(wrapper)
            kotlin = any(re.search(r"\bkotlin\b", folder.text(name)) for name in found)
            return _Finding(
                language="Kotlin" if kotlin or _more(sources, "Kotlin", "Java") else "Java",
                package_manager=manager,
                test_command=(f"./{wrapper}" if wrappers else program, "test"),
                evidence=(*found, *wrappers),
            )
    return None


def _more(sources: Sources, language: str, other: str) -> bool:
    return sources.counts[language] > sources.counts[other]


def _ruby(folder: ProjectFolder, _sources: Sources) -> _Finding | None:
    found = folder.readable("Gemfile")
    if not found:
        return None
    specs = (*folder.present(".rspec"), *folder.folders("spec"))
    rake = folder.present("Rakefile") if folder.folders("test") else ()
    words = ("rspec",) if specs else ("rake", "test") if rake else ()
    return _Finding(
        language="Ruby",
        package_manager="bundler",
        test_command=("bundle", "exec", *words) if words else (),
        evidence=(*found, *(specs or rake)),
    )


def _php(folder: ProjectFolder, _sources: Sources) -> _Finding | None:
    found = folder.readable("composer.json")
    if not found:
        return None
    composer = folder.content("composer.json")
    settings = folder.present("phpunit.xml", "phpunit.xml.dist")
    command: tuple[str, ...] = ()
    script = _at(composer, "scripts", "test")
    if script and isinstance(script, str | list):
        command = ("composer", "test")
    elif settings or _at(composer, "require-dev", "phpunit/phpunit"):
        command = ("vendor/bin/phpunit",)
    return _Finding(
        language="PHP", package_manager="composer", test_command=command, evidence=found + settings
    )


_CTEST = re.compile(
    r"^[^#\n]*\b(enable_testing\s*\(|include\s*\(\s*CTest\b)", re.IGNORECASE | re.MULTILINE
)


def _cpp(folder: ProjectFolder, sources: Sources) -> _Finding | None:
    language = "C" if _more(sources, "C", "C++") else "C++"
    if cmake := folder.readable("CMakeLists.txt"):
        tested = _CTEST.search(folder.text("CMakeLists.txt"))
        command = ("ctest", "--test-dir", "build") if tested else ()
        return _Finding(language, None, command, cmake)
    if meson := folder.readable("meson.build"):
        return _Finding(language, None, ("meson", "test", "-C", "build"), meson)
    return None


def _plain(
    language: str,
    manifests: tuple[str, ...],
    manager: str,
    test_command: tuple[str, ...],
    folder: ProjectFolder,
    _sources: Sources,
) -> _Finding | None:
    found = folder.readable(*manifests)
    return _Finding(language, manager, test_command, found) if found else None


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
