"""The first steps that the README tells work as they stand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_a_newcomer_who_follows_the_readme_finishes_a_feature(tmp_path: Path) -> None:
    chapter = README.read_text().partition("## A finished feature")[2].partition("\n## ")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    followed = subprocess.run(
        ["bash", "-c", f"{script}\ncde list --json"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    listed = json.loads(followed.stdout[followed.stdout.index("\n{\n") :])
    assert [row["status"] for row in listed["features"]] == ["completed"]
    assert "Write notes/hello.md. The goal: Say hello to the team\n" in followed.stdout
    assert re.findall(r"\bE\d{3}\b", followed.stderr)[0] == "E115"


def test_the_files_that_the_readme_gives_to_editors_are_json() -> None:
    files = re.findall(r"```json\n(.*?)```", README.read_text(), re.DOTALL)

    assert [next(iter(json.loads(file))) for file in files] == ["mcpServers", "servers"]
