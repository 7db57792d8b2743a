"""``python -m cde_orchestrator``: the same as ``cde``.

``-m`` puts the current folder before the standard library, and whatever a project keeps there,
as ``typing.py`` or ``mcp/``, would run in place of what is meant. So the folder is left out
before anything else is imported. What Python itself takes from it before that is out of reach:
a folder ``cde_orchestrator``, and ``importlib``, ``types`` and ``warnings``. Where the folder
is a stranger's, use ``cde`` or ``python -P -m cde_orchestrator``.
"""

import os
import sys


def _leave_out_current_folder() -> None:
    try:
        here = os.getcwd()  # noqa: PTH109 - pathlib would be the project's own
    except OSError:  # it was removed, and is not on the path then
        return
    if not sys.flags.safe_path and sys.path[0] == here:
        del sys.path[0]


if __name__ == "__main__":
    _leave_out_current_folder()


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
