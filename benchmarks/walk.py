"""What a server sends while an agent takes a feature through six phases, beside the prompts.

Each phase's prompt is counted once, as the structured answer has it.
"""

from __future__ import annotations

import json
import subprocess
from typing import Any

from benchmarks.calls import serving
from benchmarks.measure import Figure, own_folder
from tests.integration.deliverables import deliverable

GOAL = "Let callers see which key signed a token"
NAME = "key-rotation"


def measure() -> list[Figure]:
    """Walk once: every walk is the same."""
    sent, prompts = 0, 0
    with own_folder() as folder:
        root = folder / "project"
        root.mkdir()
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        with serving(root) as server:
            server.call("cde_onboardProject", {"path": "."})
            answer = server.call("cde_startFeature", {"prompt": GOAL, "name": NAME})
            while True:
                sent += len(json.dumps(answer, ensure_ascii=False).encode())
                told = answer["structuredContent"]
                phase = told.get("phase")
                if not isinstance(phase, dict):
                    break
                prompts += len(phase["prompt"].encode())
                arguments: dict[str, Any] = {"feature_id": NAME, "phase_id": phase["id"]}
                arguments["results"] = {each["id"]: deliverable(each) for each in phase["outputs"]}
                answer = server.call("cde_submitWork", arguments)
    return [
        Figure(
            key="walk",
            name="a walk of six phases over MCP, bytes that the server sends",
            unit="B",
            samples=[float(sent)],
            yardstick="the prompts",
            yardstick_samples=[float(prompts)],
            reach=1.3,
            first="76,000 characters",
        )
    ]
