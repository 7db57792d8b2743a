"""How the program that a check lacks is usually installed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cde_orchestrator.domain.patterns import pattern

_NODE = "Node.js from nodejs.org, or with nvm or the system's packages"
_RUST = "the Rust toolchain with rustup, from rustup.rs"
_FROM_NPM = "the project's packages: npm install"
_FROM_PIP = "the project's packages into its environment: pip install -e ."
_SYSTEM = "it with the system's packages, such as apt install {program} or brew install {program}"

INSTALLATION: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("node", "npm", "npx"), _NODE),
        **dict.fromkeys(("yarn", "pnpm"), "it with Node.js: corepack enable"),
        "bun": "it from bun.sh",
        "deno": "it from deno.com",
        **dict.fromkeys(("mocha", "jest", "vitest", "tsc", "eslint", "ava", "tap"), _FROM_NPM),
        **dict.fromkeys(("pytest", "tox", "nox", "mypy", "ruff", "coverage"), _FROM_PIP),
        "python": "Python, or name python3 in the command where only that exists",
        "python3": "Python from python.org, or with the system's packages",
        "pip": "Python with pip, or name python3 -m pip in the command",
        "uv": "it from docs.astral.sh/uv, or with pipx install uv",
        "poetry": "it with pipx install poetry",
        "hatch": "it with pipx install hatch",
        "pdm": "it with pipx install pdm",
        **dict.fromkeys(("cargo", "rustc"), _RUST),
        "go": "Go from go.dev/dl",
        "mvn": "Maven with the system's packages, or name the project's own ./mvnw in the command",
        "gradle": "Gradle, or name the project's own ./gradlew in the command",
        "java": "a JDK, such as that of adoptium.net",
        "dotnet": "the .NET SDK from dotnet.microsoft.com",
        **dict.fromkeys(("bundle", "rake", "rspec"), "the project's gems: bundle install"),
        **dict.fromkeys(("phpunit", "pest"), "the project's packages: composer install"),
        "composer": "Composer from getcomposer.org",
        "mix": "Elixir from elixir-lang.org",
        "swift": "Swift from swift.org",
        "just": "it with cargo install just, or with the system's packages",
    }
)
"""What to install by the name of the program, as the rest of a sentence."""

_NOT_FOUND = (
    pattern(r"there is no program (?P<name>\S+) on PATH$"),
    pattern(r"command not found: (?P<name>[\w.+-]+)$"),
    pattern(r"(?P<name>[\w.+-]+): (?:command )?not found\b"),
    pattern(r"['\u2018\"]?(?P<name>[\w.+-]+)['\u2019\"]?: No such file or directory$"),
)
"""How the product, shells, make and env name a program that they do not find."""
_NOT_IN_PROJECT = pattern(r"there is no program (?P<name>\S+) in the project$")
_NO_FOLDER = pattern(r"there is no folder \S|folder \S+ leads out")


def missing_program(reason: str) -> str | None:
    """The program that a command could not be run for; None where the reason names none."""
    found = next((match for each in _NOT_FOUND if (match := each.search(reason))), None)
    return found["name"] if found else None


def remedy_of(reason: str) -> str:
    """What to do about a command that cannot be run for this reason."""
    if program := missing_program(reason):
        what = INSTALLATION.get(program, _SYSTEM).format(program=program)
        return f"{program} is missing. Install {what}; the server's PATH must have it"
    if absent := _NOT_IN_PROJECT.search(reason):
        return f"{absent['name']} is missing. Install the project's packages, which bring it"
    if _NO_FOLDER.search(reason):
        return "Create the folder in the project, or correct check_directory in .cde/workflow.yml"
    return "Make the program executable by the server's user, and put it on the server's PATH"
