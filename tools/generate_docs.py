"""Writes the pages of the docs that come from the code: ``python -m tools.generate_docs``.

With ``--check`` nothing is written, and the exit code is 1 where a page is not up to date.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

from benchmarks.page import PAGE, PICTURES, page
from cde_orchestrator.domain.errors.explanation import (
    CATALOG_PAGE,
    FAMILIES,
    by_family,
    markdown,
)
from cde_orchestrator.infrastructure.settings.settings import Settings, variable_of
from tools.generate_ops import DASHBOARD_FILE, RULES_FILE, grafana_dashboard, prometheus_rules
from tools.registry_entry import ENTRY_FILE, README, claimed_readme, server_json

ROOT = Path(__file__).parents[1]
ABOUT_ERRORS = (
    "Generated from the catalogue in `src/cde_orchestrator/domain/errors/`; do not edit. "
    "Values in angle brackets differ from case to case. "
    "By symptom: [troubleshooting](troubleshooting.md); questions: [FAQ](faq.md)."
)
ABOUT_SETTINGS = (
    "A project's settings are in `.cde/config.toml`, one `key = value` a line; the environment "
    "variable takes precedence over the file. They are read when a command or a server starts. "
    "`cde project settings` shows the values in force and their sources. The file is an ordinary "
    "file of at most 1 MiB; a link, a pipe or a device in its place is refused with E320. "
    "It applies once the project's folder is [trusted](phases.md#trust), and an edit by hand "
    "with the next `cde trust`; until then only the "
    "environment counts, which also has what is no setting: `CDE_TRUSTED_FOLDERS`."
)


def catalog_markdown() -> str:
    """The whole error catalogue as one page."""
    parts = ["# Error catalogue", "", ABOUT_ERRORS, ""]
    for family, entries in by_family():
        first, last = FAMILIES[family]
        parts += [f"## {family} ({first} to {last})", ""]
        for code, _ in entries:
            parts += [f'<a id="{code.lower()}"></a>', "", markdown(code, "###")]
    return "\n".join(parts).rstrip() + "\n"


def settings_markdown() -> str:
    """The reference of the settings."""
    lines = [
        "# Settings",
        "",
        "Generated from `src/cde_orchestrator/infrastructure/settings/settings.py`; do not edit.",
        "",
        ABOUT_SETTINGS,
        "",
        "| key | variable | default | accepted | what it is |",
        "|---|---|---|---|---|",
    ]
    for setting in fields(Settings):
        about = setting.metadata
        lines.append(
            f"| `{setting.name}` | `{variable_of(setting.name)}` | `{setting.default}` "
            f"| {about['accepted']} | {about['about']} |"
        )
    return "\n".join(lines) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    CATALOG_PAGE: catalog_markdown,
    "docs/settings.md": settings_markdown,
    RULES_FILE: prometheus_rules,
    DASHBOARD_FILE: grafana_dashboard,
    ENTRY_FILE: server_json,
    README: claimed_readme,
    PAGE: page,
    **PICTURES,
}


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 where a page is out of date")
    arguments = parser.parse_args()
    stale = 0
    for name, generate in PAGES.items():
        path, wanted = ROOT / name, generate()
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            continue
        stale += 1
        if arguments.check:
            print(f"{name} is out of date: python -m tools.generate_docs writes it anew")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            print(f"{name} written")
    return 1 if stale and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
