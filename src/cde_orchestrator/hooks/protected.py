"""Which files no agent edits: what was accepted, and what the product keeps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cde_orchestrator.domain.hooks import Event
from cde_orchestrator.hooks.open_work import OpenWork
from cde_orchestrator.infrastructure.paths import FOLDER, user_state_folder
from cde_orchestrator.infrastructure.system.project_home import home_of, repository_at

_SHARED = frozenset({".gitignore", "config.toml", "prompts", "workflow.yml"})
"""What in ``.cde`` people write."""
_RECORDS = ("specs", "record.json")
_WORKTREES = "worktrees"


def refusal(event: Event, work: OpenWork) -> str | None:
    """Why one of the files is not to be edited; None where all may be."""
    found = (_refusal(Path(event.cwd or work.root) / path, work) for path in event.edited)
    return next((reason for reason in found if reason is not None), None)


def _refusal(path: Path, work: OpenWork) -> str | None:
    """As ``refusal`` of a path, and of the file that it leads to."""
    home = home_of(work.root)
    checkouts = [os.path.realpath(each) for each in (work.root, home)]
    accepted = _accepted(work)
    for each in {os.path.realpath(path), os.path.abspath(path)}:  # noqa: PTH100 - as it is named
        if any(_is_below(each, folder) for folder in _local_folders(work.root)):
            return f"{path} is state that cde keeps, and changes only by its own commands."
        for checkout in checkouts:
            if (reason := _reason(each, checkout, accepted)) is not None:
                return reason
    return None


def _reason(path: str, checkout: str, accepted: Mapping[str, tuple[str, str]]) -> str | None:
    if not _is_below(path, checkout):
        return None
    parts = Path(path).relative_to(checkout).parts
    while parts[:2] == (FOLDER, _WORKTREES) and len(parts) > 3:
        parts = parts[3:]  # in the folder that a feature has of its own
    if parts[:1] == (FOLDER,) and not (len(parts) > 1 and parts[1] in _SHARED):
        return (
            f"{'/'.join(parts)} is state that cde keeps for itself. Change it by a tool of cde, "
            "or by its commands: see cde --help."
        )
    if len(parts) == 3 and (parts[0], parts[2]) == _RECORDS:
        return f"{'/'.join(parts)} is the record of what was proven; cde writes it."
    name = "/".join(parts)
    if name not in accepted:
        return None
    feature, phase = accepted[name]
    return (
        f"{name} was accepted as an output of phase {phase} of feature {feature}, and later "
        "phases build on it. To change it, go back to that phase: "
        f"cde_rollbackFeature(feature_id='{feature}', to_phase='{phase}', reason='...') or "
        f"cde rollback {feature} {phase} --reason '...'."
    )


def _accepted(work: OpenWork) -> dict[str, tuple[str, str]]:
    """By path, the feature and the phase of what was accepted."""
    return {
        path: (feature.name, phase)
        for feature in work.features
        for path, phase in feature.recorded()
    }


def _local_folders(root: Path) -> list[str]:
    """Folders of the product outside of ``.cde``."""
    repository, own = repository_at(root), user_state_folder()
    folders = [] if repository is None else [repository.common / "cde"]
    return [os.path.realpath(each) for each in (*folders, *([own] if own else []))]


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)
