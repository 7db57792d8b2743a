"""``server.json``, the entry in the MCP registry, and the line of the README that claims it.

Both come from ``pyproject.toml`` and the settings. The registry takes an entry of a package on
PyPI whose description, which is the README, names the entry; who may publish under
``io.github.OWNER`` is the owner of the repository.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from cde_orchestrator import __version__
from cde_orchestrator.infrastructure.settings.settings import Settings, variable_of
from cde_orchestrator.mcp_tools.introduction import DESCRIPTION

ROOT = Path(__file__).parents[1]
ENTRY_FILE, README = "server.json", "README.md"
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
TITLE = "CDE Orchestrator"
UNDECLARED = "https://github.com/OWNER/cde-orchestrator"
"""The repository until ``[project.urls]`` declares it: nobody can publish under that name."""
SETTINGS = ("log_level", "call_timeout_seconds", "elicitation")
"""Those that a client may offer; the others are for the project's own file."""
_CLAIM = re.compile(r"\n<!-- mcp-name: \S+ -->\n")


def declared() -> dict[str, Any]:
    """The table ``project`` of ``pyproject.toml``."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def entry_name(project: Mapping[str, Any]) -> str:
    """The name of the entry, in the namespace of the repository's owner.

    Raises:
        SystemExit: the repository is not on GitHub, whose owners alone have a namespace there.
    """
    repository = project.get("urls", {}).get("Repository", UNDECLARED)
    owner = re.fullmatch(r"https://github\.com/([\w-]+)/[\w.-]+", repository)
    if owner is None:
        raise SystemExit(f"{repository} gives no namespace of the registry: entry_name decides.")
    return f"io.github.{owner[1]}/{project['name']}"


def registry_entry(project: Mapping[str, Any]) -> dict[str, Any]:
    """The entry: one package on PyPI, which is run by uvx over stdio."""
    urls = project.get("urls", {})
    entry: dict[str, Any] = {
        "$schema": SCHEMA,
        "name": entry_name(project),
        "title": TITLE,
        "description": DESCRIPTION,
        "version": __version__,
    }
    if "Repository" in urls:
        entry["repository"] = {"url": urls["Repository"], "source": "github"}
    if "Homepage" in urls:
        entry["websiteUrl"] = urls["Homepage"]
    entry["packages"] = [
        {
            "registryType": "pypi",
            "registryBaseUrl": "https://pypi.org",
            "identifier": project["name"],
            "version": __version__,
            "runtimeHint": "uvx",
            "transport": {"type": "stdio"},
            "packageArguments": [
                {"type": "positional", "value": "serve"},
                {
                    "type": "named",
                    "name": "--project",
                    "description": "The project's folder; by default the one of the session",
                    "format": "filepath",
                },
            ],
            "environmentVariables": [
                _variable(each) for each in fields(Settings) if each.name in SETTINGS
            ],
        }
    ]
    return entry


def server_json() -> str:
    """The file of the registry."""
    return json.dumps(registry_entry(declared()), indent=2) + "\n"


def claimed_readme() -> str:
    """The README with the line by which the package claims the entry."""
    text = _CLAIM.sub("", (ROOT / README).read_text(encoding="utf-8"))
    return f"{text}\n<!-- mcp-name: {entry_name(declared())} -->\n"


def _variable(setting: Field[Any]) -> dict[str, Any]:
    choices = re.findall(r"`(\w+)`", setting.metadata["accepted"])
    return {
        "name": variable_of(setting.name),
        "description": setting.metadata["about"],
        "format": "string" if choices else "number",
        "default": str(setting.default),
        **({"choices": choices} if choices else {}),
    }
