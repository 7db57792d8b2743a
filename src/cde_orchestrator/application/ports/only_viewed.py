"""Ports of a project that is only viewed: each is read by, and refuses everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.domain.exceptions import CDEError

_RECOVERY = "verify history state_at backups backup checked_state fork_base fork_notice"
_STATE = f"backend get peek condition close {_RECOVERY}"
_READS = {
    "agents": "definitions probe stop",
    "breakers": "get views",
    "callers": "caller runs briefings",
    "checks": "problem running",
    "clients": "is_present path entry command snippet",
    "content": "error_in search",
    "doctor": "examine plan",
    "files": "folder read stamp digest is_plain record excerpt",
    "git": "",
    "health": "get_status history alerts exposition close",
    "inspector": "inspect",
    "logs": "entries follow",
    "merge_driver": "",
    "objects": "get",
    "prompts": "render rules",
    "proving": "",
    "recovery": _RECOVERY,
    "runs": "kept where alongside stamps",
    "sources": "",
    "reports": "summaries load",
    "repository": _STATE,
    "files_repository": _STATE,
    "movable": "",
    "trust": "digest trusts granted accept revoke differences",
    "workflows": "load load_packaged require_usable",
    "worktrees": "has",
    "_project_checks": "facts",
}
READS: Mapping[str, frozenset[str]] = {port: frozenset(it.split()) for port, it in _READS.items()}
"""What may be called, by the name of the port; a port or a method that is added changes things."""


def viewed(name: str, port: Any, refusal: CDEError) -> OnlyViewed:
    """The port of that name for reading; a port with nothing to read is refused at once.

    So a use case that takes one is refused before it does anything.
    """
    if not READS.get(name):
        raise refusal
    return OnlyViewed(name, port, refusal)


class OnlyViewed:
    """A port by whose name only what reads is reached.

    Args:
        name: of the port.
        port: what is read.
        refusal: what everything else is refused with.
    """

    def __init__(self, name: str, port: Any, refusal: CDEError) -> None:
        self._name, self._port, self._refusal = name, port, refusal

    def __getattr__(self, name: str) -> Any:
        if name not in READS.get(self._name, frozenset()):
            kind = type(self._refusal)
            raise kind.of(self._refusal.code, **self._refusal.context)
        return getattr(self._port, name)
