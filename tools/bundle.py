"""The MCPB bundle, which desktop applications install by a click: ``python -m tools.bundle``.

A zip with the wheel, the versions of everything that it needs, and a manifest by which uv starts
the server. It is built twice, to the same bytes, and judged by the format's own tool; then it is
unpacked into an empty home and started exactly as the manifest says. The entry in the registry
is judged as well.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mcp import StdioServerParameters
from mcp.client.client import Client

from cde_orchestrator import __version__
from cde_orchestrator.mcp_tools.introduction import DESCRIPTION
from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tools.installation.distributions import build
from tools.installation.surroundings import (
    ROOT,
    InstallationError,
    empty_home,
    require,
    run,
    timed,
)
from tools.kept_programs import NotInstalledError, installed, npm_script, run_node
from tools.registry_entry import ENTRY_FILE, TITLE, declared

BUNDLE = ROOT / "dist" / f"cde-orchestrator-{__version__}.mcpb"
JUDGE, JUDGE_VERSION = "@anthropic-ai/mcpb", "2.1.2"
REGISTRY_JUDGE = "skillsaw==0.22.0"
REGISTRY_RULES = ("mcp-registry-server-json-valid", "mcp-registry-version-semver")
MANIFEST, ICON, ENTRY_POINT = "manifest.json", "icon.png", "server.py"
PLATFORMS = ("darwin", "linux")
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can give a file."""
START = '''\
"""Starts the server of CDE Orchestrator, with the options of ``cde serve``."""

import sys

from cde_orchestrator.__main__ import main

if __name__ == "__main__":
    sys.argv.insert(1, "serve")
    main()
'''


def bundle_files(wheel: str, content: bytes) -> dict[str, bytes]:
    """What a bundle of a wheel holds, by its path there."""
    return {
        MANIFEST: (json.dumps(manifest(declared()), indent=2) + "\n").encode(),
        "pyproject.toml": environment_of(wheel).encode(),
        ENTRY_POINT: START.encode(),
        ICON: (ROOT / "docs" / "images" / ICON).read_bytes(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        wheel: content,
    }


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip of the files, the same for the same files whenever and by whomever it is made."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, LONG_AGO)
            member.create_system = 3  # Unix, whose permissions follow
            member.external_attr = 0o100644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


def manifest(project: Mapping[str, Any]) -> dict[str, Any]:
    """What the application that installs the bundle is given to read."""
    urls = project.get("urls", {})
    links = {"homepage": urls["Homepage"]} if "Homepage" in urls else {}
    source = {"type": "git", "url": urls.get("Repository")}
    return {
        "manifest_version": "0.4",
        "name": project["name"],
        "display_name": TITLE,
        "version": __version__,
        "description": DESCRIPTION,
        "long_description": project["description"],
        "author": {"name": f"The maintainers of {TITLE}"},
        "license": project["license"],
        "keywords": project["keywords"],
        "icon": ICON,
        **links,
        **({"repository": source} if source["url"] else {}),
        "server": {
            "type": "uv",
            "entry_point": ENTRY_POINT,
            "mcp_config": {
                "command": "uv",
                "args": [
                    *("run", "--directory", "${__dirname}", ENTRY_POINT),
                    *("--project", "${user_config.project}"),
                ],
            },
        },
        "tools": asyncio.run(_tools()),
        "prompts_generated": True,
        "compatibility": {
            "platforms": list(PLATFORMS),
            "runtimes": {"python": _pythons(project)},
        },
        "user_config": {
            "project": {
                "type": "directory",
                "title": "Project",
                "description": "The folder of the project that agents work on.",
                "required": True,
            }
        },
    }


def environment_of(wheel: str) -> str:
    """The project by which uv installs the wheel, with the versions of ``requirements.lock``."""
    pins = re.findall(r"^([a-z0-9].*) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    name = json.dumps(declared()["name"])
    return "\n".join(
        [
            "[project]",
            'name = "cde-orchestrator-bundle"',
            f'version = "{__version__}"',
            f'requires-python = "{_pythons(declared())}"',
            f"dependencies = [{name}]",
            "",
            "[tool.uv]",
            "package = false",
            "constraint-dependencies = [",
            *(f"    {json.dumps(pin)}," for pin in pins),
            "]",
            "",
            "[tool.uv.sources]",
            f"{name} = {{ path = {json.dumps(wheel)} }}",
            "",
        ]
    )


def command_of(read: Mapping[str, Any], folder: Path, given: Mapping[str, str]) -> list[str]:
    """The command that an application makes of a manifest.

    Args:
        read: the manifest.
        folder: where the bundle is unpacked.
        given: what the person chose, by the names in ``user_config``.
    """
    values = {"__dirname": str(folder), **{f"user_config.{key}": at for key, at in given.items()}}
    config = read["server"]["mcp_config"]
    words = [config["command"], *config["args"]]
    return [re.sub(r"\$\{([\w.]+)\}", lambda name: values[name[1]], word) for word in words]


async def answered(command: Sequence[str], environment: Mapping[str, str]) -> set[str]:
    """Start the server, set up its project and list its tools, by name.

    Raises:
        InstallationError: the call was refused.
    """
    server = StdioServerParameters(
        command=command[0], args=[*command[1:]], env=dict(environment), cwd=environment["HOME"]
    )
    async with Client(server) as client:
        result = await client.call_tool("cde_onboardProject", {"path": "."})
        require(not result.is_error, str(result.content))
        return {tool.name for tool in (await client.list_tools()).tools}


def judge_entry() -> None:
    """Have the entry in the registry judged by its schema and the registry's rules.

    Raises:
        InstallationError: something is wrong with it.
    """
    linter = installed("skillsaw", REGISTRY_JUDGE) / "bin" / "skillsaw"
    rules = [word for rule in REGISTRY_RULES for word in ("--rule", rule)]
    alone = ["--type", "mcp-registry", "--no-custom-rules", "--no-plugins", "--no-baseline"]
    with empty_home() as (folder, environment):
        copy = folder / "entry"
        copy.mkdir()
        shutil.copyfile(ROOT / ENTRY_FILE, copy / ENTRY_FILE)
        said = run([linter, "lint", "--strict", *alone, *rules, copy], folder, environment)
        require("Rules run: 2" in said, said)


def built(folder: Path, environment: dict[str, str]) -> bytes:
    """Build the wheel, and a bundle of it."""
    wheel = build("wheel", ROOT, folder, environment)
    return packed(bundle_files(wheel.name, wheel.read_bytes()))


def judged(bundle: Path, folder: Path) -> None:
    """Unpack a bundle with the format's own tool, and have its manifest judged.

    Raises:
        InstallationError: the tool refuses it.
    """
    script = npm_script(JUDGE, JUDGE_VERSION, "dist/cli/cli.js")
    for words in (["unpack", str(bundle), str(folder)], ["validate", str(folder / MANIFEST)]):
        done = run_node(script, *words)
        require(not done.returncode, f"{JUDGE} {words[0]}: {done.stdout}{done.stderr}")


def main() -> int:
    """Build the bundle, and prove that it works; the exit code."""
    try:
        with timed(f"{ENTRY_FILE} is as the registry demands"):
            judge_entry()
        with empty_home() as (folder, environment):
            with timed("built twice, to the same bytes"):
                content = built(folder / "wheel", environment)
                require(content == built(folder / "again", environment), "The bytes differ.")
            bundle = folder / BUNDLE.name
            bundle.write_bytes(content)
            with timed("unpacked and judged by the format's own tool"):
                judged(bundle, folder / "unpacked")
            with timed("started as its manifest says, and a project set up"):
                _start(folder, environment)
        BUNDLE.parent.mkdir(exist_ok=True)
        BUNDLE.write_bytes(content)
    except (InstallationError, NotInstalledError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"{BUNDLE.relative_to(ROOT)}: {len(content):,} bytes")
    return 0


def _start(folder: Path, environment: dict[str, str]) -> None:
    (folder / "project").mkdir()
    (folder / "bin").mkdir()
    (folder / "bin" / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    surroundings = {**environment, "PATH": f"{folder / 'bin'}:{environment['PATH']}"}
    read = json.loads((folder / "unpacked" / MANIFEST).read_text())
    command = command_of(read, folder / "unpacked", {"project": str(folder / "project")})
    found = asyncio.run(answered(command, surroundings))
    require(found == {tool["name"] for tool in read["tools"]}, f"It offers {sorted(found)}.")


async def _tools() -> list[dict[str, str]]:
    """The server's tools, as a manifest has them."""
    with tempfile.TemporaryDirectory() as folder:
        served = ServedProject(Path(folder), pinned=True)
        try:
            server = build_server(served)
            server.add_tools()
            async with Client(server) as client:
                tools = (await client.list_tools()).tools
        finally:
            served.close()
    return [{"name": tool.name, "description": tool.description or ""} for tool in tools]


def _pythons(project: Mapping[str, Any]) -> str:
    """The versions of Python that the product is tested with."""
    minors = re.findall(r"Python :: 3\.(\d+)\b", "\n".join(project["classifiers"]))
    return f"{project['requires-python']},<3.{max(map(int, minors)) + 1}"


if __name__ == "__main__":
    sys.exit(main())
