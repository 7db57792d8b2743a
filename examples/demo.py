"""The demo: a scripted agent takes one feature through its phases, on a real server.

It copies this checkout into a temporary folder, starts ``cde serve`` there and talks to it with
a real MCP client. Half-way the server is killed, and a new one goes on. Only the agent is a
script; the parts stand in ``examples/walkthrough``.

    python examples/demo.py [--keep]
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Run the demo; the exit code."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    try:
        from examples.walkthrough import command
    except ModuleNotFoundError as error:
        print(f"The demo needs {error.name}; `make demo` installs what it needs.", file=sys.stderr)
        return 1
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
