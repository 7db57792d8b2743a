"""The demo: one feature, from the goal to the review, by two servers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp.client import Client
from mcp.shared.exceptions import MCPError

from examples.walkthrough.agent import CHECK, GOAL, NAME, Agent
from examples.walkthrough.checkout import copy_checkout, prepare
from examples.walkthrough.failure import DemoError
from examples.walkthrough.session import call, connected, refusal, server_process
from examples.walkthrough.stage import Stage

KILLED_AFTER = "design"
_PROMPT_LINES = 4
_REFUSAL_LINES = 2


class Journey:
    """One feature, from the goal to the review."""

    def __init__(self, folder: Path, stage: Stage) -> None:
        self._project = folder / "cde-orchestrator"
        self._log = folder / "server.log"
        self._stage = stage
        home = folder / "home"  # trust is kept with the user: here, one that goes with the demo
        # Nobody sits at a terminal here, so the folder is trusted from the start.
        self._environment = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "CDE_TRUSTED_FOLDERS": str(self._project),
        }
        self._agent = Agent(self._project, stage.step)

    async def run(self) -> None:
        """Take the feature through all its phases, by two servers."""
        self._stage.heading("The project")
        copied = copy_checkout(self._project)
        self._stage.step(f"copied this checkout, {copied} files, to {self._project}")
        self._stage.step(f"made a git repository of it, at commit {prepare(self._project)}")
        async with connected(self._project, self._log, self._environment) as client:
            await self._introduce(client)
            reply = await self._start(client)
            reply = await self._work(client, reply, until=KILLED_AFTER)
            before = await call(client, "cde_getFeatureStatus", feature_id=NAME)
            await self._kill(client, before)
        async with connected(self._project, self._log, self._environment) as client:
            await self._introduce(client)
            reply = await self._resume(client, before)
            await self._work(client, reply, until=None)
            after = await call(client, "cde_getFeatureStatus", feature_id=NAME)
        if after["feature"]["status"] != "completed":
            raise DemoError(f"The feature ended as {after['feature']['status']}.")
        if after["standing"]["verdict"] != "proven":
            raise DemoError(f"The feature is {after['standing']['verdict']}.")
        self._stage.heading(
            f"Feature {NAME} is completed and proven, {self._stage.seconds:.1f} s in all"
        )
        self._stage.summary(after, self._project)
        self._stage.connecting()

    def log_tail(self) -> str:
        """The last words of the servers."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])

    async def _introduce(self, client: Client) -> None:
        tools = (await client.list_tools()).tools
        self._stage.step(
            f"server with pid {server_process().pid} answers: MCP {client.protocol_version}, "
            f"{len(tools)} tools"
        )

    async def _start(self, client: Client) -> dict[str, Any]:
        onboarded = await call(client, "cde_onboardProject", path=".")
        facts = onboarded["facts"]
        self._stage.step(
            f"cde_onboardProject: {', '.join(facts['languages'])}; tests run by "
            f"`{' '.join(facts['test_command'])}`; wrote {', '.join(onboarded['created'])}"
        )
        self._trust(facts["test_command"])
        reply = await call(client, "cde_startFeature", prompt=GOAL, name=NAME)
        self._stage.step(f"cde_startFeature: {NAME}, workflow {reply['feature']['workflow']}")
        self._stage.note(GOAL)
        return reply

    def _trust(self, found: list[str]) -> None:
        """Be the person: check the new tests alone, to save time, and trust what is run."""
        workflows = self._project / ".cde" / "workflow.yml"
        text = workflows.read_text(encoding="utf-8")
        narrow = text.replace(f"check: {json.dumps(found)}", f"check: {json.dumps(CHECK)}")
        rule = re.compile(r"^proof: .*\n(?:runner: .*\n)?", re.MULTILINE)
        demanding = rule.sub("proof: required\nrunner: unittest\n", narrow, count=1)
        workflows.write_text(demanding, encoding="utf-8")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("CDE_")
        }
        trusted = subprocess.run(
            [sys.executable, "-m", "cde_orchestrator", "trust", "--yes"],
            cwd=self._project,
            env={**inherited, **self._environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if trusted.returncode != 0:
            raise DemoError(f"`cde trust` failed:\n{trusted.stderr.strip()}")
        self._stage.step(
            "a person narrowed the check of test and review, chose `runner: unittest` for proofs, "
            "and ran `cde trust`"
        )

    async def _work(
        self, client: Client, reply: dict[str, Any], until: str | None
    ) -> dict[str, Any]:
        """Do phase after phase, until one that was named or the last one is accepted."""
        while (phase := reply["phase"]) is not None:
            self._show_assignment(
                phase, await call(client, "cde_getFeatureStatus", feature_id=NAME)
            )
            texts = self._agent.deliver(phase)
            if "proofs" in texts:
                await self._be_refused(client, phase, texts)
            arguments = {"results": texts} if texts else {}
            reply = await call(
                client, "cde_submitWork", feature_id=NAME, phase_id=phase["id"], **arguments
            )
            self._show_accepted(reply["accepted"], handed_over=bool(texts))
            seen = reply["proof"]
            if "proofs" in texts and seen is not None:
                self._stage.step(
                    f"proven: {', '.join(seen['criteria'])}, by {seen['tests']} tests in "
                    f"{seen['runs']} runs"
                )
            if phase["id"] == until:
                break
        return reply

    async def _be_refused(
        self, client: Client, phase: dict[str, Any], texts: dict[str, str]
    ) -> None:
        """Try to get by with a test that asserts nothing."""
        lying = {**texts, "proofs": self._agent.lie()}
        arguments = {"feature_id": NAME, "phase_id": phase["id"], "results": lying}
        said = await refusal(client, "cde_submitWork", **arguments)
        self._stage.step("cde_submitWork: refused, since the orchestrator ran that test itself")
        lines = [line for line in said.splitlines() if line.strip()]
        self._stage.note("\n".join(lines[:_REFUSAL_LINES]), "yellow")
        self._agent.stop_lying()

    def _show_assignment(self, phase: dict[str, Any], status: dict[str, Any]) -> None:
        ids = [record["id"] for record in status["phases"]]
        self._stage.heading(f"[{ids.index(phase['id']) + 1}/{len(ids)}] {phase['id']}")
        self._stage.phases(status)
        lines = [f"| {line}" for line in phase["prompt"].splitlines() if line.strip()]
        total = f"| ... {len(phase['prompt'])} characters in all"
        self._stage.note("\n".join([*lines[:_PROMPT_LINES], total]))

    def _show_accepted(self, record: Mapping[str, Any], *, handed_over: bool) -> None:
        how = "written from results" if handed_over else "found in the project"
        outputs = (f"{o['path']}, {o['size']} bytes, {how}" for o in record["outputs"])
        self._stage.step(f"cde_submitWork: accepted {'; '.join(outputs)}")

    async def _kill(self, client: Client, before: dict[str, Any]) -> None:
        self._stage.heading("The server dies")
        process = server_process()
        process.kill()
        try:
            await call(client, "cde_getFeatureStatus", feature_id=NAME)
        except MCPError as error:
            self._stage.step(f"kill -9 {process.pid}; the client gets: {error}")
        else:
            raise DemoError("A server that was killed answered.")
        self._stage.note("before the kill:")
        self._stage.phases(before)

    async def _resume(self, client: Client, before: dict[str, Any]) -> dict[str, Any]:
        rows = (await call(client, "cde_listFeatures", status="open"))["features"]
        after = await call(client, "cde_getFeatureStatus", feature_id=rows[0]["id"])
        self._stage.step("cde_listFeatures(status='open') and cde_getFeatureStatus show the rest")
        self._stage.note("after it, from a new server:")
        self._stage.phases(after)
        if after != before:
            raise DemoError(f"The status changed by the kill.\nBefore: {before}\nAfter: {after}")
        self._stage.note("the whole status, outputs and their checksums too, is the same", "green")
        return after
