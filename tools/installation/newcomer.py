"""A newcomer's first minutes: ``make demo`` in a fresh clone, whatever the index holds.

The clone is of the last commit. The home is empty and no virtual environment is active. The index
also has a newer version of every locked distribution, which holds nothing, so that whatever is
resolved at all breaks. Tried with an old pip and with the newest, and in a shell whose variables
would bend Python and pip.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from tools.install import PIN
from tools.installation.surroundings import ROOT, empty_home, require, run, timed

LOCKS = ("requirements.lock", "requirements-dev.lock")
NEWER = "99999"
PIPS = ("pip==23.0", "pip")
# None of these may reach pip or Python through make.
BENT = {
    "PYTHONSAFEPATH": "1",
    "PYTHONOPTIMIZE": "2",
    "PYTHONWARNINGS": "error",
    "PYTHONPATH": "/nonexistent",
    "PIP_CONSTRAINT": "/nonexistent",
    "PIP_TARGET": "/nonexistent",
    "PIP_USER": "1",
    "PIP_UPGRADE": "1",
    "PIP_PRE": "1",
    "VIRTUAL_ENV": "/nonexistent",
    "LC_ALL": "C",
    "CDE_STATE_URL": "postgresql://127.0.0.1:9/none",
    "CDE_LOG_LEVEL": "none",
    "GIT_DIR": "/nonexistent",
}


def make_newer_wheels(folder: Path) -> int:
    """Make an empty wheel of a newer version of each locked distribution; how many."""
    names = [name for lock in LOCKS for name, _ in PIN.findall((ROOT / lock).read_text("utf-8"))]
    for name in names:
        stem = f"{name.replace('-', '_')}-{NEWER}"
        info = f"{stem}.dist-info"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            for file, text in {
                "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {NEWER}\n",
                "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                "RECORD": "".join(f"{info}/{one},,\n" for one in ("METADATA", "WHEEL", "RECORD")),
            }.items():
                wheel.writestr(f"{info}/{file}", text)
    return len(names)


def take_first_steps(pip: str, clone: Path, environment: dict[str, str]) -> None:
    """Run the demo twice in a fresh clone that has this pip.

    Raises:
        InstallationError: The demo did not end with a completed feature, something was resolved,
            or the second run installed something.
    """
    run(["git", "clone", "--quiet", ROOT, clone], clone.parent, environment)
    run(["make", ".venv/bin/python"], clone, environment)
    python = clone / ".venv" / "bin" / "python"
    links = environment["PIP_FIND_LINKS"]
    run(
        [python, "-m", "pip", "install", "--quiet", "--upgrade", pip],
        clone,
        {**environment, "PIP_FIND_LINKS": links.rpartition(" ")[0]},
    )
    version = run([python, "-m", "pip", "--version"], clone, environment).split()[1]
    dry = ["--dry-run", "--ignore-installed", "--no-deps", "coverage"]
    taken = run([python, "-m", "pip", "install", *dry], clone, environment)
    require(f"coverage-{NEWER}" in taken, f"The newer wheels are not on the index:\n{taken}")

    with timed(f"pip {version}: make demo, from nothing"):
        first = run(["make", "demo"], clone, {**environment, **BENT})
    require(re.search(r"^review +completed", first, re.MULTILINE), first)
    locked = len(PIN.findall((clone / LOCKS[0]).read_text("utf-8")))
    shown = re.findall(r"^ +\d+/\d+  \S+ \S+$", first, re.MULTILINE)
    require(locked * 0.9 < len(shown) <= locked, f"Of {locked}, {len(shown)} were shown.")
    require(
        "pytest" not in run([python, "-m", "pip", "list"], clone, environment),
        "The demo installed what only the tests need.",
    )
    with timed(f"pip {version}: make demo, again"):
        second = run(["make", "demo"], clone, {**environment, **BENT})
    require("requirements.lock" not in second, f"The second run installed:\n{second}")
    require(
        NEWER not in run([python, "-m", "pip", "freeze"], clone, environment),
        "A version that is not locked was installed.",
    )


def check() -> None:
    """Try it with each pip."""
    with empty_home() as (folder, environment):
        newer = folder / "newer"
        newer.mkdir()
        count = make_newer_wheels(newer)
        print(f"A fresh clone, and {count} newer distributions on the index:", flush=True)
        links = f"{environment.get('PIP_FIND_LINKS', '')} {newer}"
        for number, pip in enumerate(PIPS):
            clone = folder / f"it's cl\u00f4ne {number}"
            take_first_steps(pip, clone, {**environment, "PIP_FIND_LINKS": links})
        run(["rm", "-rf", ".venv"], clone, environment)
        with timed("the pip that came with Python, and a warm cache: make demo"):
            run(["make", "demo"], clone, environment)
