"""Builds the wheel and the sdist, looks into them, and installs the wheel as users do.

Into every supported Python with pip, pipx and uv; each installation drives a feature through its
phases, with the command ``cde`` and, over MCP, with the demo. What the plan shows of the package
as a library (``tests/plan``) runs in each that pip made.
"""

from __future__ import annotations

import email
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from tools.installation.surroundings import (
    ROOT,
    empty_home,
    interpreter,
    pinned,
    require,
    run,
    timed,
)

PYTHONS = ("3.11", "3.12", "3.13")
PACKAGE = "cde_orchestrator"
# Names that a project may give its own modules.
SHADOWS = ("typing.py", "secrets.py", "logging.py", "mcp.py", "typer.py", "json.py")
WORKFLOW = """\
version: 1
workflows:
  note:
    description: Write it down.
    phases:
      - id: write
        prompt: note.md
        outputs: [{id: note, path: "notes/{feature}.md", must_contain: ["## Greeting"]}]
"""


def build(kind: str, source: Path, target: Path, environment: dict[str, str]) -> Path:
    """Build the wheel or the sdist of a source tree, without asking the index for anything."""
    run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", target],
        source,
        environment,
    )
    (built,) = target.iterdir()
    return built


def wheel_content(wheel: Path) -> dict[str, bytes]:
    """The files of a wheel, but for the record of their checksums."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.endswith(("/", "RECORD"))
        }


def look_into_wheel(content: dict[str, bytes], environment: dict[str, str]) -> None:
    """Compare a wheel's files and metadata with what is tracked and declared.

    Raises:
        InstallationError: Something is missing, or something is there that should not be.
    """
    tracked = run(["git", "ls-files", f"src/{PACKAGE}"], ROOT, environment).splitlines()
    wanted = {str(PurePosixPath(name).relative_to("src")) for name in tracked}
    found = {name for name in content if ".dist-info/" not in name}
    require(found == wanted, f"The wheel differs from src: {sorted(found ^ wanted)}")
    require(f"{PACKAGE}/py.typed" in found, "py.typed is missing.")
    info = {PurePosixPath(name).name: text for name, text in content.items() if name not in found}
    require({"METADATA", "WHEEL", "entry_points.txt", "LICENSE"} <= info.keys(), str(info.keys()))
    for command in (b"cde", b"cde-orchestrator"):
        starts = command + b" = cde_orchestrator.__main__:main\n"
        require(starts in info["entry_points.txt"], f"{command.decode()} is missing.")
    metadata = email.message_from_bytes(info["METADATA"])
    said = {name: metadata[name] for name in ("Name", "Requires-Python", "License-Expression")}
    right = {
        "Name": "cde-orchestrator",
        "Requires-Python": ">=3.11",
        "License-Expression": "Apache-2.0",
    }
    require(said == right, f"The metadata says {said}.")
    require(metadata["Description-Content-Type"] == "text/markdown", "The README is not shown.")
    require("# CDE Orchestrator" in metadata.get_payload(), "The README is missing.")


def look_into_sdist(sdist: Path) -> None:
    """See that a sdist holds what a build needs, and no test.

    Raises:
        InstallationError: It does not.
    """
    with tarfile.open(sdist) as archive:
        parts = {PurePosixPath(name).parts[1] for name in archive.getnames()}
    wanted = {"src", "README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "PKG-INFO"}
    require(parts - {".gitignore"} == wanted, f"The sdist holds {sorted(parts)}.")


def drive(python: Path, command: Path, folder: Path, environment: dict[str, str]) -> None:
    """Take features through their phases with an installation.

    Raises:
        InstallationError: A command failed, or the feature is not completed at the end.
    """
    folder.mkdir()
    environment = {**environment, "CDE_TRUSTED_FOLDERS": str(folder)}  # files are written below
    bare = folder / "project"
    bare.mkdir()
    require("cde" in run([command, "--version"], bare, environment), "cde says no version.")
    shadows = folder / "shadows"
    shadows.mkdir()
    for name in SHADOWS:
        (shadows / name).write_text("raise SystemExit('the current folder was imported from')")
    run([python, "-m", PACKAGE, "--version"], shadows, environment)
    run([command, "init"], bare, environment)
    (bare / ".cde" / "workflow.yml").write_text(WORKFLOW)
    (bare / ".cde" / "prompts").mkdir()
    (bare / ".cde" / "prompts" / "note.md").write_text("Write {{ outputs[0].path }}.\n")
    run([command, "start", "Say hello", "--name", "hello"], bare, environment)
    note = '{"note": "## Greeting\\n\\nHello, team!\\n"}'
    run([command, "submit", "hello", "write", "--results", note], bare, environment)
    require("completed" in run([command, "list"], bare, environment), "It is not completed.")
    demo = run([python, ROOT / "examples" / "demo.py"], folder, environment)
    require("review     completed" in demo, demo)


def embed(python: Path, folder: Path, environment: dict[str, str]) -> str:
    """Use an installation as a library, with nothing of the repository but the snippets.

    Returns:
        The last line of what the tests print.

    Raises:
        InstallationError: A snippet failed.
    """
    for part in ("tests/plan", "docs/embedding.md"):
        (folder / part).parent.mkdir(parents=True)
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
        copy(ROOT / part, folder / part)
    run([python, "-m", "pip", "install", "--quiet", *pinned(("pytest",))], folder, environment)
    words = ["-p", "no:cacheprovider", "--import-mode=importlib", "-q", "tests/plan"]
    return run([python, "-B", "-m", "pytest", *words], folder, environment).splitlines()[-1]


def install_with_pip(
    python: Path, wheel: Path, folder: Path, environment: dict[str, str]
) -> tuple[Path, Path]:
    """Install into a new virtual environment; its interpreter, and the command."""
    run([python, "-m", "venv", folder], folder.parent, environment)
    run([folder / "bin" / "pip", "install", "--quiet", wheel], folder, environment)
    return folder / "bin" / "python", folder / "bin" / "cde"


def install_with_pipx(
    python: Path, wheel: Path, folder: Path, environment: dict[str, str]
) -> tuple[Path, Path]:
    """Install with pipx, which comes from the index; the interpreter, and the command."""
    pipx = folder.parent / "pipx" / "bin" / "pipx"
    if not pipx.exists():
        run([sys.executable, "-m", "venv", pipx.parents[1]], folder.parent, environment)
        run([pipx.with_name("pip"), "install", "--quiet", "pipx"], folder.parent, environment)
    own = {"PIPX_HOME": str(folder), "PIPX_BIN_DIR": str(folder / "bin")}
    run([pipx, "install", "--python", python, wheel], folder.parent, {**environment, **own})
    return folder / "venvs" / "cde-orchestrator" / "bin" / "python", folder / "bin" / "cde"


def install_with_uv(
    python: Path, wheel: Path, folder: Path, environment: dict[str, str]
) -> tuple[Path, Path]:
    """Install with ``uv tool``; the interpreter, and the command."""
    uv = Path(sys.executable).with_name("uv")
    own = {"UV_TOOL_DIR": str(folder), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    run([uv, "tool", "install", "--python", python, wheel], folder.parent, {**environment, **own})
    return folder / "cde-orchestrator" / "bin" / "python", folder / "bin" / "cde"


def check() -> None:
    """Build, look, install and drive."""
    with empty_home() as (folder, environment):
        print("Wheel and sdist:", flush=True)
        with timed("built, and looked into"):
            sdist = build("sdist", ROOT, folder / "sdist", environment)
            look_into_sdist(sdist)
            unpacked = folder / "unpacked"
            shutil.unpack_archive(sdist, unpacked, filter="data")
            wheel = build("wheel", ROOT, folder / "wheel", environment)
            content = wheel_content(wheel)
            look_into_wheel(content, environment)
            (source,) = unpacked.iterdir()
            again = wheel_content(build("wheel", source, folder / "again", environment))
            require(content == again, "The wheel of the sdist is another one.")
        for version in PYTHONS:
            python = interpreter(version)
            for name, install in (
                ("pip", install_with_pip),
                ("pipx", install_with_pipx),
                ("uv tool", install_with_uv),
            ):
                place = folder / f"{name.replace(' ', '-')}-{version}"
                with timed(f"Python {version}, {name}: installed, and a feature completed"):
                    own, command = install(python, wheel, place, environment)
                    drive(own, command, folder / f"{place.name}-work", environment)
                if install is install_with_pip:
                    with timed(f"Python {version}, {name}: what the plan shows of the library"):
                        print(f"    {embed(own, folder / f'{place.name}-plan', environment)}")
