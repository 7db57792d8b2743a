"""What is read of stored features without making objects of them."""

from __future__ import annotations

from cde_orchestrator.domain.records import PATHS_KEPT
from cde_orchestrator.domain.related import GOAL_LIMIT, Touched
from cde_orchestrator.storage.format.json_patch import Document

WORK = "work"
"""The member that keeps the work on a feature or a phase; it is omitted where there is none.

State from before it was kept reads as well, and an object's small entries change one by one.
"""


def work_of(document: Document) -> Document:
    """What is kept of the work on a feature or a phase; nothing where it is no object."""
    work = document.get(WORK)
    return work if isinstance(work, dict) else {}


def touched_of(document: Document) -> Touched:
    """What a stored feature is about, and the files that it touched."""
    paths: dict[str, None] = {}
    outputs: dict[str, str] = {}
    for record in document["phases"].values():
        work = work_of(record)
        paths |= dict.fromkeys((work.get("difference") or {}).get("paths", ()))
        paths |= dict.fromkeys((work.get("proof") or {}).get("covered", ()))
        outputs |= {each["id"]: each["path"] for each in record["outputs"]}
    records = {*outputs.values()}
    return Touched(
        id=document["id"],
        name=document["name"],
        status=document["status"],
        goal=document["prompt"][:GOAL_LIMIT],
        workflow_digest=document.get("workflow_digest"),
        paths=tuple(path for path in paths if path not in records)[:PATHS_KEPT],
        outputs=outputs,
    )


class TouchedFeatures:
    """What stored features are about, found out once for each document, which stays as it is."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Document, Touched]] = {}

    def of(self, key: str, document: Document) -> Touched:
        """What the feature with this id is about, as the document has it."""
        known = self._known.get(key)
        if known is None or known[0] is not document:
            self._known[key] = known = document, touched_of(document)
        return known[1]

    def forget(self, key: str) -> None:
        """The feature is gone."""
        self._known.pop(key, None)
