"""Save a note in the phase that a feature is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.features.save_progress import SaveProgress
from cde_orchestrator.web.actions.action import Action, Asked
from cde_orchestrator.web.actions.features import bound, facts_of, saying_news, seen


def _show(asked: Asked) -> Mapping[str, Any]:
    shown = seen(asked, must_be_open=True)
    phase = shown["feature"]["current_phase"] or ""
    # Other notes are no reason to refuse this one; another phase is.
    return {**shown, "digest": bound(shown["sequence"], phase)}


def _do(asked: Asked) -> Mapping[str, Any]:
    (phase,) = facts_of(asked.digest)
    note = asked.fields.get("note", "")
    with saying_news(asked, "E105", "E106", "E107"):
        saved = asked.handle(SaveProgress(feature_id=asked.about, phase_id=phase, note=note))
    return {"phase": phase, "saved": saved["saved"]}


NOTE = Action("note", "cde save {about} NOTE", _show, _do)
