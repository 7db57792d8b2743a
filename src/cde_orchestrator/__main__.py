"""``python -m cde_orchestrator``: the same as ``cde``.

``-m`` puts the current folder before the standard library, and whatever a project keeps there,
as ``typing.py`` or ``mcp/``, would run in place of what is meant. So the folder is left out
before anything else is imported. What Python itself takes from it before that is out of reach:
a folder ``cde_orchestrator``, and ``importlib``, ``types`` and ``warnings``. Where the folder
is a stranger's, use ``cde`` or ``python -P -m cde_orchestrator``.
"""

import gc
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
    gc.disable()  # until a command begins, all is imports
    try:
        words = sys.argv[1:]
        if words[:1] == ["hook"] and not {"-h", "--help"} & {*words}:
            from cde_orchestrator.hooks.command import run_hook

            run_hook(words[1:])  # an agent waits for it: the command line is not imported
        else:
            from cde_orchestrator.cli.app import run

            run()
    except KeyboardInterrupt:  # before the command line itself could take it
        raise SystemExit(130) from None
    finally:
        gc.freeze()  # the interpreter's end looks through what is left, and would find nothing


if __name__ == "__main__":
    main()
