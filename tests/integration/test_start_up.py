"""What commands bring into memory, and a server before a client has asked for anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.monitoring.telemetry.spool import FILE

# Ends as the command ends, and tells what is in memory then.
TELL = """
import atexit, json, sys
names = lambda: [name for name, module in sys.modules.items() if module is not None]
atexit.register(lambda: print(json.dumps(names()), file=sys.stderr))
"""
# Counts what a program compiles as it runs, and the programs that it starts.
COMPILED = """
import atexit, json, sys
seen = {"templates": 0, "programs": 0}
def count(event, given):
    if event == "compile" and given[1] is not None:
        seen["templates"] += str(given[1]).startswith("template:")
    seen["programs"] += event in {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec"}
sys.addaudithook(count)
atexit.register(lambda: print(json.dumps(seen), file=sys.stderr))
"""
# Counts what the product's own modules made by their end: dataclasses, values of which there were
# objects, and regular expressions.
MADE = """
import atexit, json, re, sys
own, compiled, compiles = "cde_orchestrator", [], re.compile
def compile(*given, **named):
    compiled.append(sys._getframe(1).f_globals.get("__name__", ""))
    return compiles(*given, **named)
re.compile = compile
def below(kind):
    for each in type.__subclasses__(kind):
        yield each
        yield from below(each)
def tell():
    kinds = {(each.__module__, each.__qualname__): "Value" in [up.__name__ for up in each.__mro__]
             for each in below(object)
             if "__dataclass_fields__" in vars(each) and each.__module__.startswith(own)}
    patterns = sum(name.startswith(own) for name in compiled)
    modules = sum(name.startswith(own) for name in sys.modules)
    values = sum(kinds.values())
    made = {"dataclasses": len(kinds) - values, "values": values}
    made |= {"patterns": patterns, "modules": modules}
    print(json.dumps(made), file=sys.stderr)
atexit.register(tell)
"""
OWN = "sys.argv = ['cde', *sys.argv[1:]]\nfrom cde_orchestrator.__main__ import main\nmain()"
BARE = "from mcp.server import MCPServer\nMCPServer('bare').run('stdio')"
# Beside what the SDK brings along anyway, and the standard library.
NEEDED = {
    *("cde_orchestrator", "orjson", "structlog"),
    *("annotated_doc", "shellingham", "typer"),
    "greenlet",  # structlog takes it where it stands, as it does beside the browser's tests
}
# No command loads these that only shows what is stored, each of which takes long.
HEAVY = {
    *("anyio", "asyncio", "jinja2", "mcp", "opentelemetry", "platformdirs", "prometheus_client"),
    *("psutil", "psycopg", "pydantic", "sqlite3", "ssl", "starlette", "uvicorn"),
}
# Each room of ours that a command needs; what is below a room may come with it.
HELP = {"__main__", "cli.app", "cli.session"}
SHOWN = {
    *("application", "bootstrap", "cli.console", "cli.views", "domain", "infrastructure"),
    *("discovery", "project_ports", "run_ports", *HELP),
}
# The files say whether what was proven is still so.
STATE = {
    *("adapters.project_files", "adapters.repositories", "adapters.workflows", "storage"),
    "cli.commands.status",
}
# So does what a person trusts, whether a check waits for one.
TRUST = {"adapters.runners"}
# What is in these rooms, and is for others.
OTHERS = {
    *("adapters.repositories.postgres", "infrastructure.monitoring.alerts"),
    *("infrastructure.monitoring.health.probes", "infrastructure.monitoring.health.metrics"),
    "infrastructure.reports.snapshot",
}


def imported(script: str, *words: str, cwd: Path) -> set[str]:
    """The modules that a script has imported when its input has ended."""
    return set(json.loads(answered(TELL + script, *words, cwd=cwd)))


def answered(
    script: str, *words: str, cwd: Path, given: str = "", codes: tuple[int, ...] = (0,)
) -> str:
    """The last line that a script says on standard error, when its input has ended.

    Args:
        given: its input.
        codes: those that it may end with.
    """
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        cwd=cwd,
        env=unmeasured(),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in codes, done.stderr
    return done.stderr.splitlines()[-1]


def unmeasured() -> dict[str, str]:
    """The environment without what measures coverage, which imports SQLite."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules} - sys.stdlib_module_names


def outside(modules: set[str], rooms: set[str]) -> set[str]:
    """Our own modules that are neither in these rooms nor above them."""
    own = {name.removeprefix("cde_orchestrator.") for name in modules if "cde_orch" in name}
    inside = {name for name in own for room in rooms if f"{name}.".startswith(f"{room}.")}
    above = {room.rpartition(".")[0] for room in rooms} | {"cli.commands", "cde_orchestrator"}
    return own - inside - above


@pytest.mark.parametrize(
    ("words", "rooms"),
    [
        (["--help"], HELP),
        (["--version"], HELP),
        (["explain", "E101"], SHOWN | {"cli.commands.errors"}),
        (["status"], SHOWN | STATE | TRUST),
        (["list"], SHOWN | STATE),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_its_own_rooms_and_no_others(
    project: Path, words: list[str], rooms: set[str]
) -> None:
    modules = imported(OWN, *words, cwd=project)

    assert HEAVY & modules == set()
    assert outside(modules, rooms) == set()
    assert {f"cde_orchestrator.{name}" for name in OTHERS} & modules == set()


@pytest.mark.parametrize("words", [["status"], ["list"]], ids=" ".join)
def test_a_command_that_shows_no_prompt_compiles_no_template(
    project: Path, words: list[str]
) -> None:
    compiled = json.loads(answered(COMPILED + OWN, *words, cwd=project))

    assert compiled["templates"] == 0


@pytest.mark.parametrize(
    ("words", "most"),
    [
        # What is stored and asked: the domain 64, the application 59. The log, files and system 44,
        # the state 26, what reads it 23. The terminal 21, and six that join them.
        ("list", {"dataclasses": 10, "values": 32, "patterns": 26, "modules": 241}),
        # It shows how checks were tried as well, and who trusts them: five adapters, two of files.
        ("status", {"dataclasses": 10, "values": 39, "patterns": 39, "modules": 250}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_compiles_what_it_makes_and_not_what_it_knows_of(
    project: Path, words: str, most: dict[str, int]
) -> None:
    """A dataclass costs 0.7 ms, a value 0.14, a regular expression up to some milliseconds."""
    made = json.loads(answered(MADE + OWN, words, cwd=project))

    assert {name: made[name] for name in most if made[name] > most[name]} == {}


@pytest.mark.parametrize(
    ("words", "most"),
    [
        # As a list, and what starts a feature: its workflow, the prompt, what lies at the outputs'
        # paths, related features.
        (
            ["start", "Add a line"],
            {"dataclasses": 51, "values": 52, "patterns": 83, "modules": 354},
        ),
        # It examines everything: settings, agents, clients, breakers, trust, git, the state.
        (["doctor"], {"dataclasses": 16, "values": 38, "patterns": 41, "modules": 277}),
        # The state and its past; each of both says what can be said of exports, forks and undoing.
        (["state", "compact"], {"dataclasses": 11, "values": 31, "patterns": 31, "modules": 250}),
        (["state", "export"], {"dataclasses": 11, "values": 28, "patterns": 30, "modules": 250}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_does_more_brings_in_what_it_does(
    project: Path, words: list[str], most: dict[str, int]
) -> None:
    made = json.loads(answered(MADE + OWN, *words, cwd=project, codes=(0, 1)))

    assert {name: made[name] for name in most if made[name] > most[name]} == {}


# Tells what has been made by the moment at which the server answers, and nothing at its end.
AT_ANSWER = (
    MADE.replace("atexit.register(tell)", "")
    + """
import os
writes, answer = os.write, sys.argv.pop().encode()
def write(descriptor, data):
    if answer in bytes(data):
        tell()
    return writes(descriptor, data)
os.write = write
"""
)
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
REQUESTS: list[dict[str, object]] = [
    {"id": 1, "method": "initialize", "params": HELLO},
    {"method": "notifications/initialized"},
    {"id": 2, "method": "tools/list"},
]


@pytest.mark.parametrize(
    ("answer", "most"),
    [
        # What reads requests, the log, the health and the declarations of the tools.
        ("serverInfo", {"dataclasses": 11, "values": 17, "patterns": 14, "modules": 197}),
        # And what the tools' arguments and answers are made of.
        ("inputSchema", {"dataclasses": 11, "values": 18, "patterns": 19, "modules": 227}),
    ],
    ids=["initialize", "tools/list"],
)
def test_a_server_brings_in_what_the_first_answers_need(
    project: Path, answer: str, most: dict[str, int]
) -> None:
    lines = "".join(json.dumps({"jsonrpc": "2.0", **each}) + "\n" for each in REQUESTS)
    words = ("serve", "--project", str(project), answer)
    made = json.loads(answered(AT_ANSWER + OWN, *words, cwd=project, given=lines))

    assert {name: made[name] for name in most if made[name] > most[name]} == {}


def test_the_help_needs_nothing_to_log_with(project: Path) -> None:
    assert not {"structlog", "orjson"} & packages(imported(OWN, "--help", cwd=project))


def test_a_server_imports_what_its_tools_need_and_nothing_for_people(project: Path) -> None:
    own = imported(OWN, "serve", "--project", str(project), cwd=project)
    bare = imported(BARE, cwd=project)

    assert "cde_orchestrator.server" in own
    assert "cde_orchestrator.mcp_tools.all_tools" not in own
    assert packages(own) - packages(bare) - NEEDED == set()
    assert "sqlite3" not in own
    assert not [module for module in own if module.startswith("cde_orchestrator.adapters.")]
    later = {"submit_work", "resume_feature", "rollback_feature", "recover_state", "get_health"}
    assert not later & {name.rpartition(".")[2] for name in own}


def test_a_command_leaves_its_figures_without_loading_sqlite(project: Path) -> None:
    loaded = imported(OWN, "project", "info", cwd=project)

    assert not {"sqlite3", "psutil", "prometheus_client", "starlette"} & loaded
    assert (project / ".cde" / FILE).is_file()


@pytest.mark.parametrize(
    ("words", "adapters"),
    [
        (("logs",), set()),
        (("errors", "list"), set()),
        (("state", "verify"), {"repositories"}),
        (("list",), {"repositories", "workflows", "project_files"}),
    ],
)
def test_a_command_loads_no_adapters_but_those_that_it_needs(
    project: Path, words: tuple[str, ...], adapters: set[str]
) -> None:
    loaded = imported(OWN, *words, cwd=project)
    own = [name.split(".") for name in loaded if name.startswith("cde_orchestrator.adapters.")]

    assert {parts[2] for parts in own} <= adapters
