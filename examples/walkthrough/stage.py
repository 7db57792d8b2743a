"""What the demo shows."""

from __future__ import annotations

import shutil
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from examples.walkthrough.agent import CODE


class Stage:
    """Prints each step with the time that it took; plain text where nobody looks at a terminal."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=100)
        self._marks = dict.fromkeys(("pending", "rolled_back"), " ") | {
            "completed": "x" if self.console.options.ascii_only else "✔",
            "in_progress": ">" if self.console.options.ascii_only else "▸",
            "failed": "!",
        }
        self._began = time.perf_counter()
        self._last = self._began

    @property
    def seconds(self) -> float:
        """Since the demo began."""
        return time.perf_counter() - self._began

    def heading(self, text: str) -> None:
        """Begin a part."""
        self._last = time.perf_counter()
        self.console.print(f"\n{text}", style="bold cyan", markup=False)

    def step(self, text: str) -> None:
        """Something happened; how long it took since the last step."""
        now = time.perf_counter()
        milliseconds, self._last = (now - self._last) * 1000, now
        self.console.print(f"{milliseconds:7.0f} ms  {text}", markup=False, soft_wrap=True)

    def note(self, text: str, style: str = "dim") -> None:
        """Something to read beside the steps."""
        for line in text.splitlines():
            self.console.print(" " * 12 + line, style=style, markup=False, soft_wrap=True)

    def phases(self, status: dict[str, Any], style: str = "green") -> None:
        """All phases of a feature in a line."""
        records = status["phases"]
        self.note("  ".join(f"[{self._marks[r['status']]}] {r['id']}" for r in records), style)

    def summary(self, status: dict[str, Any], project: Path) -> None:
        """The feature as it ended, a phase a row."""
        table = Table(box=box.SIMPLE if self.console.is_terminal else None, pad_edge=False)
        for name in ("Phase", "Status", "Attempts", "Seconds", "Bytes", "Output"):
            table.add_column(name, justify="right" if name in {"Seconds", "Bytes"} else "left")
        for record in status["phases"]:
            moments = [datetime.fromisoformat(record[k]) for k in ("started_at", "completed_at")]
            seconds = (moments[1] - moments[0]).total_seconds()
            for output in record["outputs"]:
                row = (record["id"], record["status"], record["attempts"], f"{seconds:.2f}")
                table.add_row(*map(str, row), str(output["size"]), output["path"])
        self.console.print(table)
        for relative in CODE.values():
            size = (project / relative).stat().st_size
            self.console.print(f"And in the code: {relative}, {size} bytes", soft_wrap=True)

    def connecting(self) -> None:
        """How to use the product with one's own editor."""
        own = Path(sys.executable).with_name("cde")
        self.heading("Your own editor, your own project")
        self.console.print("In the project's folder, for all that it knows:")
        self.console.print("  cde connect --all", markup=False, soft_wrap=True, style="bold")
        if shutil.which("cde") is None and own.exists():
            self.console.print(f"cde is not on your PATH yet; here it is {own}", soft_wrap=True)
