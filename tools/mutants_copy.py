"""A copy of the repository in which tests are run with a mutant: see ``tools.mutants``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tools.mutation import Mutant

ROOT = Path(__file__).parents[1]
TEST_SECONDS, MUTANT_SECONDS = 30, 240
PYTEST = ("-q", "-n0", "-p", "no:cacheprovider", "-m", "not postgres and not faults")


class Copy:
    """A copy of the repository with an environment in which the product is that of the copy.

    Args:
        folder: where it is made.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        self.output = folder / "output"
        self._temporary = folder / "tmp"
        self._temporary.mkdir(parents=True)
        for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard"):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(folder / "venv")
        self._python = folder / "venv" / "bin" / "python"
        packages = next((folder / "venv").glob("lib/python*/site-packages"))
        installed = [path for path in sys.path if path.endswith("site-packages")]
        (packages / "copy.pth").write_text("\n".join([str(self.root / "src"), *installed]))
        self._worker: subprocess.Popen[str] | None = None
        self._mutants = 0

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a module in the copy."""
        return subprocess.run(
            [self._python, "-m", *words],
            cwd=self.root,
            env=self._environment | more,
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"TMPDIR": str(self._temporary)}

    def tested(self, mutant: Mutant | None, tests: list[str]) -> int | None:
        """The exit code of the tests with a mutant; None when they did not end in time."""
        if self._worker is None:
            self._worker = subprocess.Popen(
                [self._python, "-m", "tools.mutants_worker"],
                cwd=self.root,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        if mutant is None:
            return self._asked(tests)
        place = self.root / mutant.path
        before = place.stat()
        place.write_text(mutant.source)
        self._mutants += 1  # no two of them have one time, for which they are compiled
        os.utime(place, (self._mutants, self._mutants))
        try:
            return self._asked(tests)
        finally:
            place.write_text(mutant.original)
            os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))

    def _asked(self, tests: list[str]) -> int | None:
        assert self._worker is not None
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        arguments = [*PYTEST, "-x", f"--timeout={TEST_SECONDS}", "--tb=no", *tests]
        arguments.insert(0, "-Wignore::pytest.PytestAssertRewriteWarning")  # imported before
        request = {
            "arguments": arguments,
            "seconds": MUTANT_SECONDS,
            "output": str(self.output),
        }
        self._worker.stdin.write(json.dumps(request) + "\n")
        self._worker.stdin.flush()
        code: int | None = json.loads(self._worker.stdout.readline())
        return code

    def failed(self) -> str:
        """The first test that failed in the last run, or what went wrong before any began."""
        return next(
            iter(failures(self.output.read_text(errors="replace"))), "it cannot be imported"
        )

    def end(self) -> None:
        """End the worker."""
        if self._worker is not None and self._worker.stdin is not None:
            self._worker.stdin.close()
            self._worker.wait()


def failures(output: str) -> list[str]:
    """The tests that failed, of what pytest printed."""
    lines = [line.split(" ") for line in output.splitlines()]
    return [
        words[1]
        for words in lines
        if len(words) > 1 and words[1] and words[0] in {"FAILED", "ERROR"}
    ]


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]
