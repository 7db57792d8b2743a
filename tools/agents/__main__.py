"""Drives the programs, or those that ``CDE_AGENTS`` names, and prints a table.

``CDE_AGENTS=claude-code,codex`` names programs as ``cde connect`` does. A program that cannot be
installed is skipped; with ``CDE_AGENTS_REQUIRED=1`` that is a failure.
"""

from __future__ import annotations

import os
import sys

from tools.agents.plays import PLAYS, Outcome, perform
from tools.agents.programs import PROGRAMS, Program
from tools.kept_programs import NotInstalledError

ROW = "{:<12} {:<9} {:<6} {:<12} {:>6} {:>8}  {}"


def chosen() -> list[Program]:
    """The programs to drive."""
    names = [name for name in os.environ.get("CDE_AGENTS", "").split(",") if name]
    known = {program.name: program for program in PROGRAMS}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"There is no program {', '.join(unknown)}, but {', '.join(known)}.")
    return [known[name] for name in names or known]


def main() -> int:
    """Play everything; the exit code."""
    required = os.environ.get("CDE_AGENTS_REQUIRED") == "1"
    print(ROW.format("program", "version", "by", "play", "phases", "seconds", ""))
    failed = False
    ready = []
    for program in chosen():
        try:
            program.folders()
            ready.append(program)
        except NotInstalledError as error:
            failed = failed or required
            print(f"{program.name:<12} {program.version:<9} skipped: {error}")
    for program in ready:
        relief = next((each for each in ready if each is not program), None)
        for play in PLAYS:
            if play.is_for(program, relief):
                outcome = perform(program, play, relief)
                failed = failed or bool(outcome.problems)
                show(outcome)
    return 1 if failed else 0


def show(outcome: Outcome) -> None:
    """Print a line of the table, and what went wrong."""
    program, play = outcome.program, outcome.play
    verdict = "FAILED" if outcome.problems else "ok"
    seconds = f"{outcome.seconds:.1f}"
    named = (program.name, program.version, play.channel, play.name)
    print(ROW.format(*named, outcome.phases, seconds, verdict), flush=True)
    for problem in outcome.problems:
        print(f"    {problem}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
