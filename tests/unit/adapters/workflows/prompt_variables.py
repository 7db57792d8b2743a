"""What prompts are filled in with in these tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cde_orchestrator.adapters.workflows.prompts import JinjaPromptRenderer
from cde_orchestrator.adapters.workflows.yaml_repository import YamlWorkflowRepository
from cde_orchestrator.domain.project_facts import conventions_in
from cde_orchestrator.domain.workflow import Output, Phase, Workflow

VARIABLES: Mapping[str, Any] = {
    "phase": {"id": "plan"},
    "feature": {"name": "login"},
    "numbers": [1, 2, 3],
}


def put(root: Path, name: str, text: str | bytes) -> Path:
    """Write a template of the project's own."""
    path = root / ".cde" / "prompts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def render(root: Path, text: str | bytes, variables: Mapping[str, Any] = VARIABLES) -> str:
    """Fill in a template with this text."""
    put(root, "own.md", text)
    return JinjaPromptRenderer().render(root, "own.md", variables)


SECTIONS = [
    ("1. Scope", "scope", 0),
    ("Verdict", "verdict", 2),
    ("Changes", "changes", 1),
    ("Pages", "pages", 0),
    ("Symptom", "symptom", 0),
    ("Question", "question", 0),
    ("Alternatives", "alternatives", 0),
]


def packaged_phases() -> list[tuple[Workflow, Phase]]:
    """Each phase of each packaged workflow."""
    workflows = YamlWorkflowRepository().load_packaged().workflows.values()
    return [(workflow, phase) for workflow in workflows for phase in workflow.phases]


BEFORE = {
    "here": False,
    "kind": "check",
    "command": "make test",
    "outcome": "untrusted",
    "counts": {},
    "failing": [],
    "words": "The check `make test` was not tried before the work: nobody had trusted it.",
}


def sections(name: str) -> list[dict[str, Any]]:
    """The sections of a made-up output."""
    return [
        {"heading": heading, "key": key, "text": f"What {name} says.", "more": more}
        for heading, key, more in SECTIONS
    ]


RETURNED = {
    "reason": "Wrong way",
    "to": None,
    "by": "ann",
    "discarded": [
        {
            "output": "spec",
            "path": "specs/login-page/spec.md",
            "kept_as": "specs/login-page/spec.attempt-1.md",
            "attempt": 1,
        }
    ],
    "notes": ["The key is in the vault"],
    "summary": "Returned to this phase: Wrong way",
}


OWN = {
    "instructions": ["AGENTS.md", "docs/CONTRIBUTING.rst"],
    "commands": [
        {"kind": kind, "command": f"tox -e {name}", "source": "tox.ini"}
        for kind, name in (("lint", "style"), ("lint", "ruff"), ("type", "typing"))
    ],
    "changelog": ["CHANGES.rst", "changes.d"],
    "checklist": ["Add tests", "Add an entry in CHANGES.rst"],
}
RULES = {"text": "Name units.\n```\nx\n```", "more": 7, "problem": "", "fence": "````"}
NO_RULES = {"text": "", "more": 0, "problem": "", "fence": "````"}
RELATED = [
    {
        "feature": "keys",
        "status": "completed",
        "files": ["src/keys.py", "src/sign.py"],
        "total": 4,
        "review": "specs/keys/review.md",
        "open_points": ["max_age is keyword-only"],
    },
    {
        "feature": "token",
        "status": "designing",
        "files": [],
        "total": 0,
        "review": None,
        "open_points": [],
    },
]


def _output(output: Output) -> dict[str, Any]:
    return {
        "id": output.id,
        "path": output.path_for("login-page"),
        "type": output.type,
        "required": output.required,
        "min_bytes": output.min_bytes,
        "must_contain": list(output.must_contain),
        "verdict": list(output.verdict),
        "covers": output.covers,
    }


def variables_of(workflow: Workflow, phase: Phase, *, full: bool) -> dict[str, Any]:
    """Variables of a made-up feature, with all that can be there or with nothing else."""
    owners = [(name, workflow.output_owner(name)) for name in phase.inputs]
    return {
        "project": {
            "name": "shop",
            "path": "/srv/shop",
            "languages": ["Python", "Go"] if full else [],
            "package_manager": "uv" if full else None,
            "test_command": ["make", "test"] if full else [],
            "git": full,
            **conventions_in(OWN if full else {}),
            "rules": RULES if full else NO_RULES,
        },
        "feature": {
            "id": "f-1",
            "name": "login-page",
            "goal": "A login page\n\n# with {{ braces }}" if full else "x",
            "workflow": workflow.id,
        },
        "phase": {
            "id": phase.id,
            "description": phase.description,
            "handler": phase.handler,
            "check": ["make", "test it"] if full else [],
            "changes": phase.changes,
            "proves": phase.proves if full else None,
            "agent": phase.agent if full else None,
        },
        "proof": {
            "required": full,
            "runners": ["pytest", "go"] if full else [],
            "forms": {"go": "pay/pay_test.go::TestCharged/expired"} if full else {},
        },
        "outputs": [_output(each) for each in phase.outputs],
        "inputs": [
            {
                "id": name,
                "path": owner[1].path_for("login-page"),
                "phase": owner[0].id,
                "excerpt": "# First lines\nof it" if full else "",
                "sections": sections(name) if full else [],
                "specifies": any(name == each.proves for each in workflow.phases),
            }
            for name, owner in owners
            if owner is not None
        ],
        **history(full=full),
    }


def history(*, full: bool) -> dict[str, Any]:
    """What happened to a made-up feature until now, or that nothing did."""
    return {
        "progress": [{"at": "2025-11-10T12:00:00Z", "note": "half done", "data": '{"green": 297}'}]
        if full
        else [],
        "last_failure": "E110: no spec" if full else None,
        "attempt": {"number": 2 if full else 1, "limit": 3},
        "baseline": [BEFORE] if full else [],
        "fresh": True,
        "channel": "mcp",
        "tools": None,
        "agent": "",
        "known": False,
        "criteria": [
            {"id": "AC1", "text": "it is light", "state": "proven", "proofs": ["a.py::test_a"]},
            {"id": "AC2", "text": "", "state": "unproven", "proofs": []},
        ]
        if full
        else [],
        "tasks": [
            {
                "id": "T1",
                "text": "it is on",
                "files": ["a.py"],
                "criteria": ["AC1"],
                "done": True,
                "line": "T1: it is on (a.py, AC1)",
            },
            {
                "id": "T2",
                "text": "",
                "files": [],
                "criteria": [],
                "done": False,
                "line": "T2: in the file",
            },
        ]
        if full
        else [],
        "changed_files": [
            {"path": f"src/part_{number}.py", "added": 1, "removed": None} for number in range(32)
        ]
        if full
        else [],
        "related": RELATED if full else [],
        "failing_tests": ["a.py::test_b"] if full else [],
        "returned": RETURNED if full else None,
        "earlier_attempts": [{"attempt": 1, "reason": "the index was wrong"}] if full else [],
    }
