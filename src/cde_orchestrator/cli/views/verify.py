"""Verified features: for people, for pull requests, and in the formats that other programs read."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from rich.console import Group, RenderableType
from rich.text import Text

from cde_orchestrator import __version__
from cde_orchestrator.application.proof_views import seen_lines
from cde_orchestrator.application.proofs.records import record_path
from cde_orchestrator.application.proofs.verification import Verdict
from cde_orchestrator.application.proofs.verify_features import (
    VerifiedCriterion,
    VerifiedFeature,
    VerifyReply,
)
from cde_orchestrator.cli.console.wording import RenderTarget, clean

_STYLES: dict[Verdict, tuple[str, str]] = {
    "proven": ("✓", "green"),
    "waived": ("~", "yellow"),
    "broken": ("✗", "red"),
    "unproven": ("○", "yellow"),
}
_RULES = {
    "broken": "A criterion that was proven is not shown by its proofs any more.",
    "unproven": "A criterion is not shown by any proof that can be run here.",
    "waived": "A criterion has no proof: its record claims that a person waived it.",
}
_INDENT = "  "
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_SEVERITY = {"broken": "error", "unproven": "warning", "waived": "note"}
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")
"""What XML has no way to write."""


def verified(reply: VerifyReply, _look: RenderTarget) -> RenderableType:
    """Each feature with its criteria."""
    lines: list[Text] = []
    for feature in reply["features"]:
        lines.append(_line(feature["verdict"], feature["name"], feature["reason"]))
        for criterion in feature["criteria"]:
            line = _line(criterion["verdict"], criterion["id"], criterion["reason"])
            lines.append(Text.assemble(_INDENT, line))
        sees = {each["id"]: each["sees"] for each in feature["criteria"] if each["sees"]}
        lines += [Text(f"{_INDENT}{clean(seen)}", "dim") for seen in seen_lines(sees)]
        lines += [Text(f"{_INDENT}{clean(remark)}", "dim") for remark in _remarks(feature)]
    return Group(*lines)


def as_markdown(reply: VerifyReply) -> str:
    """A table of all criteria, as for the summary of a pull request."""
    lines = [
        f"### Proofs at {reply['commit'][:12]}",
        "",
        "| Feature | Criterion | Verdict | Reason |",
        "|---|---|---|---|",
    ]
    for feature, identity, found in _findings(reply, proven=True):
        cells = (feature["name"], identity, found["verdict"], found["reason"])
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    remarks = [
        f"- {_cell(feature['name'])}: {_cell(remark)}"
        for feature in reply["features"]
        for remark in _remarks(feature)
    ]
    return "\n".join([*lines, *(["", *remarks] if remarks else [])]) + "\n"


def as_junit(reply: VerifyReply) -> str:
    """A JUnit file: a suite for each feature, a case for each criterion."""
    root = ElementTree.Element("testsuites", name="cde verify")
    for feature in reply["features"]:
        mine = [each for each in _findings(reply, proven=True) if each[0] is feature]
        verdicts = [found["verdict"] for _, _, found in mine]
        skipped = verdicts.count("waived") if feature["required"] else len(mine)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_xml(feature["name"]),
            tests=str(len(mine)),
            failures=str(len(mine) - skipped - verdicts.count("proven")),
            errors="0",
            skipped=str(skipped),
        )
        for _, identity, found in mine:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=_xml(feature["name"]),
                name=_xml(identity),
                file=_xml(found["path"]),
                line=str(found["line"]),
            )
            words = _xml(found["reason"])
            if found["verdict"] == "waived" or not feature["required"]:
                ElementTree.SubElement(case, "skipped", message=words)
            elif found["verdict"] != "proven":
                kind = found["verdict"]
                failure = ElementTree.SubElement(case, "failure", type=kind, message=words)
                failure.text = words
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def as_sarif(reply: VerifyReply) -> str:
    """SARIF 2.1.0: a result for each criterion that is not proven, at its test."""
    results = [
        {
            "ruleId": found["verdict"],
            "level": _SEVERITY[found["verdict"]] if feature["required"] else "note",
            "message": {"text": f"{feature['name']} {identity}: {found['reason']}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri(reply["folder"], found["path"])},
                        "region": {"startLine": found["line"]},
                    }
                }
            ],
            "partialFingerprints": {"criterion/v1": f"{feature['name']}/{identity}"},
        }
        for feature, identity, found in _findings(reply)
    ]
    driver = {
        "name": "cde verify",
        "version": __version__,
        "rules": [
            {"id": rule, "shortDescription": {"text": text}} for rule, text in _RULES.items()
        ],
    }
    run: dict[str, Any] = {"tool": {"driver": driver}, "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _findings(
    reply: VerifyReply, *, proven: bool = False
) -> Iterator[tuple[VerifiedFeature, str, VerifiedCriterion]]:
    """Everything that is not as it should be, or all that was looked at, with what it is about."""
    for feature in reply["features"]:
        if feature["reason"]:
            about: VerifiedCriterion = {
                "id": "record",
                "verdict": feature["verdict"],
                "proofs": [],
                "sees": [],
                "reason": feature["reason"],
                "path": record_path(feature["name"]),
                "line": 1,
            }
            yield feature, "record", about
        for criterion in feature["criteria"]:
            if proven or criterion["verdict"] != "proven":
                yield feature, criterion["id"], criterion


def _line(verdict: Verdict, name: str, reason: str) -> Text:
    mark, style = _STYLES[verdict]
    said = f": {clean(reason)}" if reason else ""
    return Text.assemble((f"{mark} ", style), (clean(name), "bold"), f" {verdict}{said}")


def _remarks(feature: VerifiedFeature) -> list[str]:
    changed = feature["changed"]
    what = [f"changed since it was proven: {', '.join(changed)}"] if changed else []
    claimed = [f"as the record claims: {each}" for each in feature["approved_by"]]
    return [*what, *claimed, *feature["notes"]]


def _cell(text: str) -> str:
    """A text as a cell of a table in Markdown has it, without markup."""
    plain = clean(" ".join(text.split()))
    for mark in "\\|<>`*_[]":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


def _xml(text: str) -> str:
    return text.encode("utf-8", "replace").decode().translate(_CONTROLS)


def _uri(folder: str, path: str) -> str:
    """Where a file is in the repository."""
    return quote(posixpath.normpath(posixpath.join(folder, path)).encode("utf-8", "replace"))
