"""Projects with as many features as wanted, made in seconds through the storage's own functions.

Two features are started by the product, and one of them is cancelled; their documents are the
models of all others. One feature in ten is open, in its first phase.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.bootstrap import build_application
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps
from cde_orchestrator.storage import loader, repair
from cde_orchestrator.storage.format.files import StateFiles

OPEN_EVERY = 10
"""One of so many features is open."""


def name_of(number: int) -> str:
    """The name of a feature, which is found by it as well."""
    return f"change-{number}"


def build(root: Path, features: int) -> Path:
    """A project with so many features in the folder, which is made; the folder."""
    root.mkdir(parents=True, exist_ok=True)
    with closing(build_application(root)) as application:
        application.handle(OnboardProject(name="benchmark"))
        application.handle(StartFeature(prompt=_prompt(0), name=name_of(0)))
        application.handle(StartFeature(prompt=_prompt(1), name=name_of(1)))
        close = CloseFeature(feature_id=name_of(1), outcome="cancelled", reason="Measured")
        application.handle(close)
    files = StateFiles(root)
    document = _multiplied(loader.load(files, OsFileOps()).document, features)
    files.settle(OsFileOps(), document["id"])
    repair.start_over(files, OsFileOps(), document)
    shutil.rmtree(files.quarantine, ignore_errors=True)  # the two features' own history
    return root


def _multiplied(document: dict[str, Any], features: int) -> dict[str, Any]:
    """The document with so many features, like its two."""
    models = list(document["features"].values())
    made = {}
    for number in range(features):
        model = models[0] if number % OPEN_EVERY == 0 else models[1]
        identifier = f"{number:08x}-0000-4000-8000-000000000000"
        made[identifier] = {
            **model,
            "id": identifier,
            "name": name_of(number),
            "prompt": _prompt(number),
        }
    return {**document, "features": made}


def _prompt(number: int) -> str:
    return f"Change number {number}"
