"""``python -m cde_orchestrator``: the same as ``cde``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    try:
        _import_structlog_alone()
        from cde_orchestrator.cli import run

        run()
    except KeyboardInterrupt:  # before the command line itself could take it
        raise SystemExit(130) from None


def _import_structlog_alone() -> None:
    """Import structlog without Rich, which it takes along for a renderer that is not used here.

    Rich's tracebacks and all that they need make a third of the way to a server's first answer
    that is our own. Who shows something to people imports Rich afterwards, as always.
    """
    if "rich" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # structlog does without it then
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]


if __name__ == "__main__":
    main()
