"""Which files no agent edits: what was accepted, and what the product keeps."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cde_orchestrator.domain.executed_places import known_part
from cde_orchestrator.infrastructure.paths import FOLDER, user_state_folder
from cde_orchestrator.infrastructure.system.project_home import home_of, repository_at

_RECORDS = ("specs", "record.json")
_WORKTREES = "worktrees"

Accepted = Mapping[str, tuple[str, str]]
"""By path in the project, the feature and the phase whose output was accepted."""


def edit_refusal(path: Path, root: Path, accepted: Accepted) -> str | None:
    """Why the file, or the one that its path leads to, is not to be edited; None where it may be.

    Args:
        path: of the file, as it is named.
        root: the project's folder, or a worktree of it.
        accepted: what was accepted there.
    """
    checkouts = [os.path.realpath(each) for each in (root, home_of(root))]
    for each in {os.path.realpath(path), os.path.abspath(path)}:  # noqa: PTH100 - as it is named
        if any(is_below(each, folder) for folder in _local_folders(root)):
            return f"{path} is state that cde keeps, and changes only by its own commands."
        for checkout in checkouts:
            if (reason := _reason(each, checkout, accepted)) is not None:
                return reason
    return None


def _reason(path: str, checkout: str, accepted: Accepted) -> str | None:
    """Names are compared as the most careless file system compares them."""
    if not is_below(path, checkout):
        return None
    named = Path(path).relative_to(checkout).parts
    parts = tuple(map(known_part, named))
    while parts[:2] == (FOLDER, _WORKTREES) and len(parts) > 3:
        named, parts = named[3:], parts[3:]  # in the folder that a feature has of its own
    name = "/".join(named)
    if parts[:1] == (FOLDER,) and not _is_shared(parts[1:2]):
        return (
            f"{name} is state that cde keeps for itself. Change it by a tool of cde, "
            "or by its commands: see cde --help."
        )
    if len(parts) == 3 and (parts[0], parts[2]) == _RECORDS:
        return f"{name} is the record of what was proven; cde writes it."
    kept = {tuple(map(known_part, each.split("/"))): each for each in accepted}
    if parts not in kept:
        return None
    feature, phase = accepted[kept[parts]]
    return (
        f"{name} was accepted as an output of phase {phase} of feature {feature}, and later "
        "phases build on it. To change it, go back to that phase: "
        f"cde_rollbackFeature(feature_id='{feature}', to_phase='{phase}', reason='...') or "
        f"cde rollback {feature} {phase} --reason '...'."
    )


def _local_folders(root: Path) -> list[str]:
    """Folders of the product outside of ``.cde``."""
    repository, own = repository_at(root), user_state_folder()
    folders = [] if repository is None else [repository.common / "cde"]
    return [os.path.realpath(each) for each in (*folders, *([own] if own else []))]


def is_below(path: str, folder: str) -> bool:
    """Whether the path is one in the folder, by their names."""
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _is_shared(parts: tuple[str, ...]) -> bool:
    """Whether people write what ``.cde`` has by the first of these names."""
    from cde_orchestrator.domain.project_paths import SHARED  # few edits are of anything in there

    return parts[:1] in {(each.rstrip("/"),) for each in SHARED}
