"""Whether proof was required of a feature that has no record, by what was committed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cde_orchestrator.application.proofs.verifying import Verifying
from cde_orchestrator.domain.exceptions import CDEError
from cde_orchestrator.domain.project_paths import RECORDS
from cde_orchestrator.domain.proofs_file import Written

WORKFLOW = ".cde/workflow.yml"
PROOFS_FILE = "proofs.yml"


def proofs_path(feature: str) -> str:
    """Where a feature's file of proofs is in the project."""
    return f"{RECORDS}{feature}/{PROOFS_FILE}"


def was_only_recorded(verifying: Verifying, commit: str, feature: str) -> bool:
    """Whether the workflow file said ``proof: recorded`` when the feature's proofs came.

    What the feature claims of itself does not count. It is required, too, where the project
    required it in a commit that does not follow the one with the proofs, so that nobody takes
    that back for a feature, nor begins it on a branch from before; and where it is not known.

    Raises:
        FeatureError: E136, git refuses.
    """
    came = verifying.committed.came(verifying.root, commit, proofs_path(feature))
    return bool(came) and all(_only_recorded(verifying, commit, each) for each in came)


def _only_recorded(verifying: Verifying, commit: str, came: str) -> bool:
    root = verifying.root
    tree = verifying.trees.at(root, came)
    then = verifying.trees.contents(root, tree.id, [WORKFLOW])[WORKFLOW]
    others = verifying.committed.versions(root, commit, WORKFLOW, not_after=came)
    rules = {_rule(verifying, each) for each in others}
    lowered = then is not None and _rule(verifying, then) == "recorded"
    return lowered and bool(rules) and "required" not in rules


def _rule(verifying: Verifying, data: bytes) -> object:
    """What a workflow file says of proof; None where it says nothing, or cannot be read."""
    return said_in(verifying, data).get("proof")


def said_in(verifying: Verifying, data: bytes) -> dict[str, Any]:
    """What a workflow file says; nothing where it cannot be read."""
    try:
        said = _plain(verifying.read(WORKFLOW, data))
    except CDEError:
        return {}
    return said if isinstance(said, dict) else {}


def _plain(node: Written) -> Any:
    if isinstance(node.value, Mapping):
        return {key: _plain(each) for key, each in node.value.items()}
    return [_plain(each) for each in node.value] if isinstance(node.value, list) else node.value
