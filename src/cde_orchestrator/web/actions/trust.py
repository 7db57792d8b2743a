"""Trust what acts in the project: exactly what the person was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.projects.trust_commands import (
    CheckRow,
    ShowChecks,
    TrustChecks,
    TrustFolder,
    TrustReply,
)
from cde_orchestrator.domain.exceptions import FeatureError
from cde_orchestrator.domain.standing import ACTING, NOT_SHOWN
from cde_orchestrator.domain.text import command_words
from cde_orchestrator.web.actions.action import Action, Asked, digest_of
from cde_orchestrator.web.actions.features import shell


def _show(asked: Asked) -> Mapping[str, Any]:
    shown: TrustReply = asked.handle(ShowChecks())
    acts = shown["folder"]["trust"] in ACTING
    pending = not acts or any(not row["trusted"] for row in shown["checks"])
    checks = [{**row, "words": _words(row)} for row in shown["checks"]]
    digest = _digest(shown)
    return {**shown, "checks": checks, "acts": acts, "pending": pending, "digest": digest}


def _do(asked: Asked) -> Mapping[str, Any]:
    shown: TrustReply = asked.handle(ShowChecks())
    path = shown["folder"]["path"]
    if _digest(shown) != asked.digest:
        reason = "it is another by now than the page showed"
        raise FeatureError.of("E128", path=path, reason=reason)
    files = shown["folder"]["files"]
    hidden = [row["path"] for row in files if row["difference"].startswith(NOT_SHOWN)]
    if hidden:
        reason = f"{hidden[0]} cannot be shown on a page; read it, then run cde trust in a terminal"
        raise FeatureError.of("E128", path=path, reason=reason)
    if not asked.chosen("read"):
        raise FeatureError.of("E128", path=path, reason="the box that you read it was not ticked")
    if shown["folder"]["trust"] not in ACTING:
        asked.handle(TrustFolder.shown(shown["folder"]))
    digests = frozenset(row["digest"] for row in shown["checks"])
    reply: Mapping[str, Any] = asked.handle(TrustChecks(digests=digests))
    return {
        "trusted": len(digests),
        "folder": reply["folder"],
        "undo": shell("trust", "--revoke"),
    }


def _words(row: CheckRow) -> str:
    """A command as a shell would need it, so that each of its words is seen where it ends."""
    words = " ".join(row["command"]) if row["executed_by"] else command_words(row["command"])
    return f"{words}, reads {command_words(row['reads'])}" if row["reads"] else words


def _digest(shown: TrustReply) -> str:
    """Names the folder and all that would come into force in it."""
    return digest_of(shown["folder"], shown["checks"])


TRUST = Action("trust", "cde trust", _show, _do)
