"""A feature of a real project, whose proofs go through the real server."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.client.client import Client

from cde_orchestrator.served_project import ServedProject
from cde_orchestrator.server import build_server
from tests.command_line import cde
from tests.integration.mcp_client import Agent
from tests.repository import git

WORKFLOW = """\
version: 1
proof: required
runner: {runner}
workflows:
  proved:
    max_attempts: 100
    phases:
      - id: write
        prompt: docs/write.md
        outputs: [{{id: spec, path: "specs/{{feature}}/spec.md"}}]
      - id: prove
        prompt: docs/write.md
        proves: spec
        outputs: [{{id: proofs, path: "specs/{{feature}}/proofs.yml", type: yaml}}]
"""


@dataclass(frozen=True)
class ServedFeature:
    """The feature ``fees``, in the phase in which its criterion is proven."""

    root: Path
    agent: Agent

    def write(self, files: Mapping[str, str | None]) -> None:
        """Write files of the project, or remove them."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text, encoding="utf-8")

    async def prove(self, proofs: str) -> dict[str, Any]:
        """The answer to proofs of the criterion: its content, or the error."""
        arguments = {"feature_id": "fees", "phase_id": "prove", "results": {"proofs": proofs}}
        result = await self.agent.raw("cde_submitWork", arguments)
        content: dict[str, Any] = result.structured_content or {}
        return content


@asynccontextmanager
async def served_feature(
    root: Path, runner: str, base: Mapping[str, str]
) -> AsyncIterator[ServedFeature]:
    """A feature whose base are these files, with a person's trust in the runner."""
    (root / ".cde").mkdir(parents=True)
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW.format(runner=runner))
    served = ServedProject(root, pinned=True)
    try:
        async with Client(build_server(served)) as client:
            feature = ServedFeature(root, Agent(client))
            feature.write({".gitignore": "node_modules/\n", **base})
            git(root, "init", "--quiet", "--initial-branch=main")
            git(root, "add", "--all")
            git(root, "commit", "--quiet", "--message=Begin")
            await feature.agent.raw("cde_onboardProject", {"path": str(root)})
            await feature.agent.raw("cde_startFeature", {"prompt": "Fees", "name": "fees"})
            assert cde("trust", "--yes", cwd=root).returncode == 0
            spec = "# Fees\n\n- AC1: The fee of a hundred is seven.\n"
            given = {"feature_id": "fees", "phase_id": "write", "results": {"spec": spec}}
            written = await feature.agent.raw("cde_submitWork", given)
            assert not written.is_error, written
            yield feature
    finally:
        served.close()


def this_python(root: Path) -> dict[str, str]:
    """A virtual environment whose Python is the one that runs here, and no file of git's."""
    program = root / ".venv" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return {".gitignore": ".venv/\nnode_modules/\n"}
