"""The command that proves completed features again."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Annotated

import typer

from cde_orchestrator.application.proofs.verify_features import VerifyFeatures
from cde_orchestrator.cli.console.output import print_to_stderr, say_raw
from cde_orchestrator.cli.session.boundary import FINDINGS
from cde_orchestrator.cli.session.call import Call, Commands
from cde_orchestrator.cli.views.verify import as_junit, as_markdown, as_sarif, verified
from cde_orchestrator.infrastructure.system.file_ops import OsFileOps, replace_file
from cde_orchestrator.infrastructure.system.os_errors import translate_os_errors

top_level = Commands()


@top_level.command("cde verify", "cde verify login --at main", "cde verify --all --json")
def verify(
    call: Call,
    features: Annotated[
        list[str] | None, typer.Argument(help="Names of features. Default: all.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Exit code 1 for unproven features that needed no proof, too."),
    ] = False,
    at: Annotated[
        str, typer.Option(metavar="COMMIT", help="What is verified: a commit, branch or tag.")
    ] = "HEAD",
    trust: Annotated[
        bool,
        typer.Option("--trust", help="Run the commands of this checkout without review, as in CI."),
    ] = False,
    allow_waived: Annotated[
        bool,
        typer.Option("--allow-waived", help="Accept criteria that a record claims to be waived."),
    ] = False,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the verdicts as JUnit XML.")
    ] = None,
    sarif: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write what is not proven as SARIF.")
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a table in Markdown.")
    ] = False,
) -> None:
    """Prove completed features again from what is committed; exit code 1 if one is not proven.

    Only the record of each feature and the files of the commit count, not the work folder and
    not the project's state. Tests run in a copy.
    """
    if every and features:
        raise typer.BadParameter("give names of features or --all, not both")
    if markdown and call.as_json:
        raise typer.BadParameter("give one of --markdown and --json")
    asked = VerifyFeatures(
        features=tuple(features or ()),
        at=at,
        trust=trust,
        watch=None if call.as_json else print_to_stderr,
    )
    reply = call.ask(asked)
    for path, text in ((junit, as_junit), (sarif, as_sarif)):
        if path is not None:
            _write(path, text(reply))
    if markdown:
        say_raw(as_markdown(reply))
    else:
        call.say(reply, verified)
    # Whoever asks for a feature by its name, or for all, wants them proven.
    decisive = [each for each in reply["features"] if each["required"] or every or features]
    accepted = {"proven", "waived"} if allow_waived else {"proven"}
    if not all(feature["verdict"] in accepted for feature in decisive):
        raise typer.Exit(FINDINGS)


def _write(path: Path, text: str) -> None:
    """Replace a file.

    Raises:
        StateError: E203 or E204, it cannot be written.
    """
    with translate_os_errors(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        replace_file(OsFileOps(), path, text.encode())
