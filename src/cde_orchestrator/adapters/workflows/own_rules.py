"""What a person wrote down in ``.cde/rules.md``, which holds for every feature of a project."""

from __future__ import annotations

from pathlib import Path

from cde_orchestrator.domain.project_facts import OwnRules
from cde_orchestrator.domain.secrets import without_secrets
from cde_orchestrator.domain.text import harmless
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system.file_ops import read_regular_file
from cde_orchestrator.infrastructure.system.os_errors import error_words
from cde_orchestrator.infrastructure.system.project_home import has_state, shared_file
from cde_orchestrator.infrastructure.system.viewing import applies

RULES_FILE = "rules.md"
SHOWN = 8 * 1024
"""Bytes in UTF-8 of the rules that a prompt shows."""
_READ_BYTES = 64 * 1024


def own_rules_of(root: Path) -> OwnRules:
    """The rules, as far as a prompt shows them; none in a folder that is only viewed."""
    is_home = has_state(root)  # or else it costs a look at the repository
    path = root / FOLDER / RULES_FILE if is_home else shared_file(root, RULES_FILE)
    if not applies(path):
        return OwnRules()
    try:
        data, size = read_regular_file(path, _READ_BYTES)
    except FileNotFoundError:
        return OwnRules()
    except OSError as error:
        return OwnRules(problem=error_words(error))
    text = without_secrets(harmless(data.decode("utf-8-sig", "replace"))).strip()
    encoded = text.encode()
    if len(encoded) <= SHOWN and size <= len(data):
        return OwnRules(text)
    first = encoded[:SHOWN].decode(errors="ignore")
    shown = first.rpartition("\n")[0].rstrip()
    if len(shown) < len(first) // 2:  # a line is long: whole ones would say little
        shown = first
    return OwnRules(shown, more=max(size - len(shown.encode()), 0))
