"""Runs the checks of an installation, or those that are named."""

from __future__ import annotations

import sys

from tools.installation import bounds, distributions, locks, newcomer
from tools.installation.surroundings import InstallationError

CHECKS = {
    "locks": locks.check,
    "newcomer": newcomer.check,
    "distributions": distributions.check,
    "bounds": bounds.check,
}


def main(names: list[str]) -> int:
    """Run these checks, or all; the exit code."""
    if unknown := set(names) - CHECKS.keys():
        print(f"There is no check {', '.join(sorted(unknown))}.", file=sys.stderr)
        return 2
    try:
        for name in names or CHECKS:
            CHECKS[name]()
    except InstallationError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
