"""No secret that people, agents or programs write ends up in what the product keeps or shows."""

from __future__ import annotations

import json
import random
import sqlite3
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command_line import cde
from tests.integration.mcp_client import stdio_agent, text_of
from tests.repository import git

HEX = "0123456789abcdef"
LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
CHOICE = random.Random(20)


def some(length: int, alphabet: str = LETTERS) -> str:
    """Characters as a token has them, the same in each run."""
    return "".join(CHOICE.choice(alphabet) for _ in range(length))


BODY = [some(64) for _ in range(6)]
SAMPLES = {
    "age": "AGE-SECRET-KEY-1" + some(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "airtable": f"pat{some(14)}.{some(64, HEX)}",
    "anthropic": f"sk-ant-api03-{some(93)}AA",
    "artifactory": f"AKCp{some(69)}",
    "atlassian": f"ATATT3xFfGF0{some(180)}",
    "aws": f"AKIA{some(16, UPPER)}",
    "azure": f"{some(3)}8Q~{some(34)}",
    "azure storage": f"AccountKey={some(85)}9==",
    "clickhouse": f"4b1d{some(38)}",
    "cloudflare": f"v1.0-{some(24, HEX)}-{some(146, HEX)}",
    "databricks": f"dapi{some(32, HEX)}",
    "digitalocean": f"dop_v1_{some(64, HEX)}",
    "discord": f"https://discord.com/api/webhooks/{some(18, string.digits)}/{some(68)}",
    "docker": f"dckr_pat_{some(27)}",
    "doppler": f"dp.pt.{some(43)}",
    "dynatrace": f"dt0c01.{some(24)}.{some(64)}",
    "flyio": f"fo1_{some(43)}",
    "github": f"ghp_{some(36)}",
    "gitlab": f"glrt-{some(20)}",
    "google": f"GOCSPX-{some(28)}",
    "grafana": f"glsa_{some(32)}_{some(8, HEX)}",
    "groq": f"gsk_{some(52)}",
    "harness": f"pat.{some(22)}.{some(24)}.{some(20)}",
    "heroku": f"HRKU-AA{some(58)}",
    "huggingface": f"hf_{some(34, string.ascii_letters)}",
    "linear": f"lin_api_{some(40)}",
    "mailchimp": f"{some(32, HEX)}-us12",
    "mailgun": f"key-{some(32, HEX)}",
    "maxmind": f"{some(6)}_{some(29)}_mmk",
    "npm": f"npm_{some(36)}",
    "notion": f"ntn_{some(46)}",
    "octopus": f"API-{some(26, UPPER)}",
    "openai": f"sk-proj-{some(74)}T3BlbkFJ{some(74)}",
    "openshift": f"sha256~{some(43)}",
    "perplexity": f"pplx-{some(48)}",
    "planetscale": f"pscale_tkn_{some(40)}",
    "postman": f"PMAK-{some(24, HEX)}-{some(34, HEX)}",
    "pulumi": f"pul-{some(40, HEX)}",
    "pypi": f"pypi-AgEIcHlwaS5vcmc{some(60)}",
    "rubygems": f"rubygems_{some(48, HEX)}",
    "sendgrid": f"SG.{some(22)}.{some(43)}",
    "sendinblue": f"xkeysib-{some(64, HEX)}-{some(16)}",
    "sentry": f"sntrys_eyJpYXQiO{some(100)}_{some(43)}",
    "shopify": f"shpat_{some(32, HEX)}",
    "slack": f"https://hooks.slack.com/services/T{some(9, UPPER)}/B{some(9, UPPER)}/{some(24)}",
    "square": f"sq0atp-{some(22)}",
    "stripe": f"sk_live_{some(24)}",
    "supabase": f"sbp_{some(40, HEX)}",
    "tailscale": f"tskey-auth-{some(12)}-{some(30)}",
    "teams": f"https://x.webhook.office.com/webhookb2/{some(36, HEX)}@{some(36, HEX)}/I/{some(32)}",
    "telegram": f"{some(10, string.digits)}:A{some(34)}",
    "terraform": f"{some(14)}.atlasv1.{some(64)}",
    "twilio": f"SK{some(32, HEX)}",
    "vault": f"hvs.{some(90)}",
    "1password": f"ops_eyJ{some(250)}",
    "in a header": f"Authorization: Bearer {some(40)}9",
    "in an address": f"postgresql://cde:{some(20)}@db.example/x",
    "assigned": f"DB_PASSWORD={some(16)}7",
    "in a command": f"curl -u me:{some(16)} https://example.org",
}
KEY = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *BODY, "-----END RSA PRIVATE KEY-----"])
TEXT = "\n".join([*SAMPLES.values(), KEY, "the end"])
WORKFLOW = f"""\
version: 1
default: short
workflows:
  short:
    phases:
      - id: plan
        prompt: standard/define.md
        outputs:
          - {{id: plan, path: "plan.md"}}
        check: ["{sys.executable}", "{{said}}"]
      - id: build
        prompt: standard/implement.md
        inputs: [plan]
        outputs:
          - {{id: note, path: "note.md"}}
"""


def secret_parts() -> Iterator[tuple[str, str]]:
    """What must be found nowhere: the part of each sample that is random."""
    for make, sample in SAMPLES.items():
        words = [part for part in sample.replace("@", " ").split() if len(part) >= 16]
        longest = max(words, key=len)
        yield make, longest[-16:] if make != "mailchimp" else longest[:16]
    for number, line in enumerate(BODY):
        yield f"line {number} of a key", line[:24]


def given_away(text: str) -> list[str]:
    """The makes of which a secret is in the text."""
    return [make for make, part in secret_parts() if part in text]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "--quiet")
    said = tmp_path / "said.py"
    said.write_text(f"print({TEXT!r}); print('x' * 5000)")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name))
    assert cde("init", cwd=root).returncode == 0
    (root / ".cde" / "workflow.yml").write_text(WORKFLOW.replace("{said}", str(said)))
    assert cde("trust", "--yes", cwd=root).returncode == 0
    return root


def kept_by(project: Path) -> Iterator[tuple[Path, str]]:
    """Every file that the product keeps, a database as its rows."""
    places = [project / ".cde", project / ".git" / "cde", project.parent / "home"]
    for place in places:
        for path in sorted(each for each in place.rglob("*") if each.is_file()):
            if path.name in {"workflow.yml", "said.py"} or "objects" in path.parts:
                continue  # a person's own, and the outputs as they are
            if path.suffix == ".db":
                with sqlite3.connect(path) as database:
                    yield path, "\n".join(database.iterdump())
            else:
                yield path, path.read_text(errors="replace")


def test_all_that_is_kept_and_shown_has_no_secret(project: Path) -> None:
    said: list[str] = []

    def ran(*words: str, stdin: str = "", codes: tuple[int, ...] = (0,)) -> None:
        done = cde(*words, cwd=project, stdin=stdin.encode())
        assert done.returncode in codes, (words, done.stderr.decode()[-2000:])
        said.append((done.stdout + done.stderr).decode())

    ran("start", "-", "--name", "shop", stdin=f"Use these:\n{TEXT}")
    ran("save", "shop", "-", "--data", json.dumps({"seen": TEXT}), stdin=TEXT)
    (project / "plan.md").write_text(f"# Plan\n\n{TEXT[:1100]}\n")
    ran("submit", "shop", "plan", codes=(0, 1))
    ran("submit", "shop", "build", "--failed", "--reason", f"it said {SAMPLES['huggingface']}")
    for sample in SAMPLES.values():
        ran("status", sample, codes=(1, 2))
    ran("status", "shop")
    ran("status", "shop", "--json")
    ran("status", "shop", "--prompt", codes=(0, 1, 2))
    ran("state", "history")
    ran("state", "export")
    ran("logs")
    ran("logs", "--json")
    ran("errors", "list")
    ran("errors", "list", "--json")
    ran("health", codes=(0, 1, 2))
    assert given_away("\n".join(said)) == []
    files = dict(kept_by(project))
    assert {"state.json", "journal.jsonl", "cde.log"} <= {path.name for path in files}
    assert {str(path): given_away(text) for path, text in files.items() if given_away(text)} == {}


def test_what_an_agent_prints_is_shown_and_kept_without_secrets(project: Path) -> None:
    script = project.parent / "agent.py"
    script.write_text(f"import sys; sys.stdin.read(); print({TEXT!r}, flush=True); sys.exit(3)")
    words = json.dumps([sys.executable, str(script)])
    (project / ".cde" / "config.toml").write_text(f"[agents.mine]\ncommand = {words}\n")
    assert cde("start", "A shop", "--name", "shop", cwd=project).returncode == 0
    assert cde("trust", "--yes", cwd=project).returncode == 0
    assert cde("agents", "trust", "mine", "--yes", cwd=project).returncode == 0
    done = cde("run", "shop", "--agent", "mine", cwd=project)
    shown = (done.stdout + done.stderr).decode()
    assert "the end" in shown
    assert given_away(shown) == []
    files = dict(kept_by(project))
    assert {str(path): given_away(text) for path, text in files.items() if given_away(text)} == {}


@pytest.mark.anyio
async def test_answers_over_mcp_have_no_secret(project: Path) -> None:
    calls = [
        ("cde_startFeature", {"prompt": f"Use {TEXT}", "name": "shop"}),
        ("cde_saveProgress", {"feature_id": "shop", "note": TEXT, "agent": "me"}),
        ("cde_getFeatureStatus", {"feature_id": "shop"}),
        *(("cde_getFeatureStatus", {"feature_id": sample}) for sample in SAMPLES.values()),
    ]
    said = ""
    async with stdio_agent(project) as agent:
        for tool, arguments in calls:
            result = await agent.raw(tool, arguments)
            said += json.dumps(result.structured_content, ensure_ascii=False) + text_of(result)
    assert "shop" in said
    assert given_away(said) == []
    files = dict(kept_by(project))
    assert {str(path): given_away(text) for path, text in files.items() if given_away(text)} == {}
