"""``python -m cde_orchestrator``: the same as ``cde``."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    try:
        from cde_orchestrator.cli import run

        run()
    except KeyboardInterrupt:  # before the command line itself could take it
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
