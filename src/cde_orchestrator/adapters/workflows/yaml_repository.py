"""The workflows of a project, from ``.cde/workflow.yml`` or the packaged file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from cde_orchestrator import __version__
from cde_orchestrator.domain.exceptions import FeatureError, ValidationError
from cde_orchestrator.domain.text import counted
from cde_orchestrator.domain.workflow import ProofRule, WorkflowCatalog
from cde_orchestrator.infrastructure.paths import FOLDER
from cde_orchestrator.infrastructure.system import file_ops
from cde_orchestrator.infrastructure.system.acting_files import wrote
from cde_orchestrator.infrastructure.system.os_errors import error_words, write_failure
from cde_orchestrator.infrastructure.system.project_home import shared_file
from cde_orchestrator.infrastructure.system.spans import WORKFLOW, span
from cde_orchestrator.infrastructure.system.tree import kind_of

WORKFLOW_FILE = "workflow.yml"
PACKAGED_FILE = Path(__file__).with_name("packaged") / "workflow.yml"
SIZE_LIMIT_BYTES = 256 * 1024

_OF_FILE = ("proof", "runner")
"""What a file says once for all of its workflows."""
_WHOLE_FILE = "(file)"
_BEGIN = "\nworkflows:\n"
_PROOF_COMMENT = (
    "# required: a feature is done once its tests are seen to prove each criterion, in a copy of",
    "# the project. recorded: nothing is demanded; features end unproven. It is for new features.",
)
_NO_CHECK = "\n        check: []\n"


class YamlWorkflowRepository:
    """Reads workflows; a file is parsed again only when its content has changed."""

    def __init__(self, ops: file_ops.FileOps | None = None) -> None:
        self._ops = ops or file_ops.OsFileOps()

    @span(WORKFLOW)
    def load(self, root: Path) -> WorkflowCatalog:
        """The project's own workflows, or the packaged ones if it has no file.

        Raises:
            ValidationError: E310, the file is not YAML; E311, it breaks a rule, or cannot be read.
        """
        path = shared_file(root, WORKFLOW_FILE)
        data = _read(path)
        return self.load_packaged() if data is None else _parse(str(path), data)

    def digest(self, root: Path) -> str:
        """``Workflow.file_digest`` of what ``load`` gives, without parsing it.

        Raises:
            ValidationError: E311, the project's file cannot be read.
        """
        data = _read(shared_file(root, WORKFLOW_FILE))
        return _digest(PACKAGED_FILE.read_bytes() if data is None else data)

    def load_packaged(self) -> WorkflowCatalog:
        """The workflows that come with the product."""
        return _parse(str(PACKAGED_FILE), PACKAGED_FILE.read_bytes(), packaged=True)

    def require_usable(self, kept: Mapping[str, Any]) -> None:
        """Judge a kept workflow by the rules of a file.

        Raises:
            ValidationError: E311, it breaks one.
        """
        from cde_orchestrator.adapters.workflows.schema import catalog_from
        from cde_orchestrator.adapters.workflows.values import node_of

        own = {name: value for name, value in kept.items() if name not in {"id", *_OF_FILE}}
        of_file = {name: kept[name] for name in _OF_FILE if name in kept}
        # A program makes workflows without a file, whose phases may have no prompt.
        phases = [{**phase, "prompt": phase.get("prompt") or "a.md"} for phase in kept["phases"]]
        workflows = {kept["id"]: {**own, "phases": phases}}
        document = {"version": 1, **of_file, "workflows": workflows}
        catalog_from(node_of(document), packaged=False)

    def write_default(
        self, root: Path, check: Sequence[str], proof: ProofRule, runners: Sequence[str]
    ) -> bool:
        """Give the project a file with this test command; False where it has one already.

        Args:
            root: the project's folder.
            check: the test command; empty where there is none.
            proof: whether criteria must be proven.
            runners: what runs the tests that prove them.

        Raises:
            ValidationError: E311, the command cannot be written in the file.
            StateError: E204, the disk is full; E203, writing failed otherwise.
        """
        if kind_of(shared_file(root, WORKFLOW_FILE)):
            return False
        path = root / FOLDER / WORKFLOW_FILE
        words = json.dumps(list(check), ensure_ascii=False)
        packaged = PACKAGED_FILE.read_text(encoding="utf-8")  # with its comments
        said = [*_PROOF_COMMENT, f"proof: {proof}"]
        if runners:
            said.append(f"runner: {runners[0] if len(runners) == 1 else json.dumps(list(runners))}")
        text = packaged.replace(_NO_CHECK, f"\n        check: {words}\n")
        data = text.replace(_BEGIN, "\n".join(["", *said, ""]) + _BEGIN).encode()
        _parse(str(path), data)
        self._write(path, data)
        return True

    def set_check(
        self,
        root: Path,
        phases: Mapping[str, Collection[str]],
        command: Sequence[str],
        seen: str | None,
    ) -> None:
        """Let a command gate these phases in the project's file; all else in it stays.

        Args:
            root: the project's folder.
            phases: ids by workflow; there are such.
            command: its words.
            seen: SHA-256 of the file as a person trusts it; None where nobody said it.

        Raises:
            FeatureError: E147, it is another file by now, or cannot be changed in place.
            StateError: E204, the disk is full; E203, writing failed otherwise.
            ValidationError: E310 or E311, the file or the command is not valid.
        """
        from cde_orchestrator.adapters.workflows.edited_checks import with_checks

        path = shared_file(root, WORKFLOW_FILE)
        data = _read(path)
        if data is not None and seen is not None and hashlib.sha256(data).hexdigest() != seen:
            raise FeatureError.of("E147", reason="the workflow file changed meanwhile")
        data = PACKAGED_FILE.read_bytes() if data is None else data
        before = _parse(str(path), data)
        changed = with_checks(data.decode("utf-8-sig"), phases, command).encode()
        after = _parse(str(path), changed)
        wanted = {
            name: workflow.with_check(phases.get(name, ()), tuple(command))
            for name, workflow in before.workflows.items()
        }
        if after != replace(before, workflows=wanted):
            reason = "the file is written in a way that is not changed by itself: edit it"
            raise FeatureError.of("E147", reason=reason)
        self._write(path, changed)

    def _write(self, path: Path, data: bytes) -> None:
        """Raises E203 or E204, it cannot be written."""
        try:
            self._ops.make_folder(path.parent)
            file_ops.replace_file(self._ops, path, data, mode=None)
        except OSError as error:
            raise write_failure(path, error) from error
        wrote(path, data)


def _read(path: Path) -> bytes | None:
    try:
        data, size = file_ops.read_regular_file(path, SIZE_LIMIT_BYTES)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not kind_of(path):
            return None
        reason = f"it cannot be read: {error_words(error)}"
        remedy = "Make the file readable, or remove it to use the packaged workflows"
        raise _not_read(path, reason, remedy) from error
    if size > SIZE_LIMIT_BYTES:
        reason = f"it has {counted(size, 'byte')}; at most {SIZE_LIMIT_BYTES} are accepted"
        raise _not_read(path, reason, "Shorten the file")
    return data


def _not_read(path: Path, reason: str, remedy: str) -> ValidationError:
    from cde_orchestrator.adapters.workflows.values import invalid

    return invalid(str(path), 1, _WHOLE_FILE, reason, remedy)


# Keyed by the content itself: a change within the clock's resolution that keeps the size
# would be missed by time, size and inode, and reading costs far less than parsing.
@lru_cache(maxsize=8)
def _parse(source: str, data: bytes, *, packaged: bool = False) -> WorkflowCatalog:
    from cde_orchestrator.adapters.workflows.schema import catalog_from
    from cde_orchestrator.adapters.workflows.yaml_reader import read_document

    return catalog_from(read_document(source, data), packaged=packaged, file_digest=_digest(data))


def _digest(data: bytes) -> str:
    """By what a feature recognises a file; another release may read the same one otherwise."""
    return hashlib.sha256(__version__.encode() + b"\0" + data).hexdigest()[:16]
