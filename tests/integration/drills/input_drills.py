"""Drills of input that cannot be accepted, E300 to E399."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cde_orchestrator.infrastructure.trust.judge import VARIABLE
from tests.integration.drills.stage import Outcome, Stage, drill


async def started(stage: Stage, **arguments: object) -> Outcome:
    """What starting a feature with these arguments comes to."""
    return await stage.call("cde_startFeature", {"prompt": "Add a search", **arguments})


@drill("E301")
async def a_prompt_without_words(stage: Stage) -> None:
    await stage.prove(
        lambda: started(stage, prompt=" \n"),
        names="Describe in a sentence",
        shows="cde [OPTIONS] COMMAND",
        corrected=lambda: started(stage),
    )


@drill("E302")
async def a_prompt_that_is_too_long(stage: Stage) -> None:
    await stage.prove(
        lambda: started(stage, prompt="x" * 1_000_000),
        names="Shorten it",
        shows="cde [OPTIONS] COMMAND",
        corrected=lambda: started(stage),
    )


@drill("E303")
async def a_prompt_with_a_nul(stage: Stage) -> None:
    await stage.prove(
        lambda: started(stage, prompt="a\x00b"),
        names="Remove the characters",
        shows="cde [OPTIONS] COMMAND",
        corrected=lambda: started(stage, prompt="ab"),
    )


@drill("E304")
async def a_name_that_is_no_slug(stage: Stage) -> None:
    await stage.prove(
        lambda: started(stage, name="../Login!"),
        names="login",
        corrected=lambda: started(stage, name="search"),
    )


@drill("E305")
async def an_argument_that_the_tool_does_not_take(stage: Stage) -> None:
    await stage.prove(
        lambda: started(stage, feature="search"),
        names="See what is accepted",
        shows="cde [OPTIONS] COMMAND",
        corrected=lambda: started(stage),
    )


@drill("E306")
async def a_workflow_that_does_not_exist(stage: Stage) -> None:
    await stage.prove(
        lambda: started(stage, workflow="breif"),
        names="brief",
        corrected=lambda: started(stage, workflow="brief"),
    )


@drill("E307")
async def results_that_are_no_json(stage: Stage) -> None:
    words = ["submit", "login", "write", "--project", str(stage.root), "--results"]
    await stage.prove(
        lambda: stage.json_command(*words, "{note: Words}"),
        names="double quotes",
        shows="--results",
        corrected=lambda: stage.json_command(*words, json.dumps({"note": "Words"})),
    )


@drill("E308")
async def a_cursor_of_another_list(stage: Stage) -> None:
    await stage.prove(
        lambda: stage.tool("cde_listFeatures", cursor="page-2"),
        corrected=lambda: stage.tool("cde_listFeatures"),
    )


@drill("E309")
async def a_tool_that_does_not_exist(stage: Stage) -> None:
    await stage.prove(
        lambda: stage.tool("cde_listfeatures"),
        names="upper and lower case",
        shows="claude",
        corrected=lambda: stage.tool("cde_listFeatures"),
    )


async def _broken_workflow(stage: Stage, before: str, after: str, names: str) -> None:
    """Break the workflow file by one replacement; a person undoes it."""
    file = stage.root / ".cde" / "workflow.yml"
    whole = file.read_text()
    assert before in whole
    file.write_text(whole.replace(before, after, 1))
    await stage.prove(lambda: started(stage), names=names, by_hand=lambda: file.write_text(whole))


@drill("E310")
async def a_workflow_file_that_is_no_yaml(stage: Stage) -> None:
    await _broken_workflow(stage, "workflows:", "workflows: {", "E310")


@drill("E311")
async def a_workflow_with_an_unknown_key(stage: Stage) -> None:
    await _broken_workflow(stage, "handler: agent", "handler: robot", "handler")


def _own_template(stage: Stage) -> Path:
    """The project's own template of its phases, in the place of the packaged one."""
    workflow = stage.root / ".cde" / "workflow.yml"
    workflow.write_text(workflow.read_text().replace("docs/write.md", "brief/write.md"))
    template = stage.root / ".cde" / "prompts" / "brief" / "write.md"
    template.parent.mkdir(parents=True)
    template.write_text("{{ feature.goal }}\n")
    return template


@drill("E312")
async def a_prompt_template_that_is_missing(stage: Stage) -> None:
    template = _own_template(stage)
    aside = template.with_suffix(".aside")
    template.rename(aside)
    await stage.prove(
        lambda: started(stage),
        names="brief/write.md",
        by_hand=lambda: aside.rename(template),
    )


@drill("E313")
async def a_prompt_template_that_is_broken(stage: Stage) -> None:
    template = _own_template(stage)
    whole = template.read_text()
    template.write_text("{{ no_such_variable }}")
    await stage.prove(
        lambda: started(stage),
        names="no_such_variable",
        by_hand=lambda: template.write_text(whole),
    )


@drill("E314")
async def a_setting_out_of_bounds(stage: Stage) -> None:
    file = stage.root / ".cde" / "config.toml"
    file.write_text("# words\nlock_timeout_seconds = -1\n")
    await stage.prove(
        lambda: started(stage),
        names="line 2",
        by_hand=lambda: file.write_text("lock_timeout_seconds = 1\n"),
    )


@drill("E315")
async def an_output_of_many_megabytes(stage: Stage) -> None:
    output = stage.root / "notes" / "login.md"
    output.parent.mkdir()
    with output.open("wb") as file:
        os.truncate(file.fileno(), 11 * 1024 * 1024)

    async def submitted() -> Outcome:
        return await stage.tool("cde_submitWork", feature_id="login", phase_id="write")

    await stage.prove(
        submitted,
        names="Shorten the text or the file",
        shows="cde [OPTIONS] COMMAND",
        by_hand=lambda: output.write_text("Words.\n"),
    )


@drill("E320")
async def a_settings_file_that_is_no_toml(stage: Stage) -> None:
    file = stage.root / ".cde" / "config.toml"
    file.write_text('log_level = "INFO\n')
    await stage.prove(lambda: started(stage), names="line 1", by_hand=lambda: file.write_text(""))


async def call_named(stage: Stage, name: str) -> None:
    """A call that the log knows by this correlation id."""
    stage.environment["CDE_CORRELATION_ID"] = name
    assert (await stage.json_command("list", "--project", str(stage.root))).error is None
    del stage.environment["CDE_CORRELATION_ID"]


@drill("E316")
async def a_call_that_nobody_made(stage: Stage) -> None:
    await call_named(stage, "known-call")
    words = ["logs", "trace", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words, "a-call-that-nobody-made"),
        names="known-call",
        corrected=lambda: stage.json_command(*words, "known-call"),
    )


@drill("E317")
async def a_time_that_is_to_come(stage: Stage) -> None:
    await call_named(stage, "known-call")
    words = ["logs", "--project", str(stage.root), "--since"]
    await stage.prove(
        lambda: stage.json_command(*words, "9999-01-01"),
        names="operation_finished",
        corrected=lambda: stage.json_command(*words, "2h"),
    )


@drill("E318")
async def a_beginning_of_several_ids(stage: Stage) -> None:
    await call_named(stage, "calls-one")
    await call_named(stage, "calls-two")
    words = ["logs", "trace", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words, "calls-"),
        names="calls-one",
        corrected=lambda: stage.json_command(*words, "calls-one"),
    )


@drill("E321")
async def a_code_that_does_not_exist(stage: Stage) -> None:
    await stage.prove(
        lambda: stage.tool("cde_explainError", code="E777"),
        names="E101",
        corrected=lambda: stage.tool("cde_explainError", code="E101"),
    )


@drill("E322")
async def a_report_that_does_not_exist(stage: Stage) -> None:
    unknown = ["run", "--prompt", "Add a login page", "--agent", "claude"]
    refused = await stage.json_command(*unknown, "--project", str(stage.root))
    assert refused.error is not None
    known = refused.error["report_id"]
    words = ["errors", "show", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words, "20251110T120000000000-00000000"),
        names=known,
        corrected=lambda: stage.json_command(*words, known),
    )


@drill("E323")
async def an_option_that_does_not_exist(stage: Stage) -> None:
    words = ["list", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words, "--pages", "3"),
        names="--limit",
        corrected=lambda: stage.json_command(*words, "--limit", "3"),
    )


def untrusted(stage: Stage) -> Stage:
    """The project as a clone that nobody trusts, in a home of its own."""
    stage.environment = {VARIABLE: "", "XDG_CONFIG_HOME": str(stage.folder / "config")}
    return stage


@drill("E325")
async def a_folder_that_nobody_trusts(stage: Stage) -> None:
    untrusted(stage)
    words = ["project", "activate", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words),
        names="not trusted yet",
        by_hand=lambda: trusted(stage),
    )


@drill("E326")
async def a_workflow_that_changed_since(stage: Stage) -> None:
    trusted(untrusted(stage))
    workflow = stage.root / ".cde" / "workflow.yml"
    before = workflow.read_text()
    workflow.write_text(before + "# by somebody\n")
    words = ["project", "activate", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words),
        names="workflow.yml",
        by_hand=lambda: workflow.write_text(before),
    )


@drill("E327")
async def a_folder_of_somebody_else(stage: Stage) -> None:
    untrusted(stage)
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder away")
    os.chown(stage.root, 65534, 65534)
    await stage.prove(
        lambda: stage.json_command("status", "--project", str(stage.root)),
        names="belongs to",
        by_hand=lambda: os.chown(stage.root, os.geteuid(), os.getegid()),
        corrected=lambda: stage.json_command("trust", "--list", "--project", str(stage.root)),
    )


@drill("E328")
async def an_agent_that_says_yes(stage: Stage) -> None:
    untrusted(stage).environment["CLAUDECODE"] = "1"
    words = ["trust", "--yes", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words),
        names="not trusted yet",
        by_hand=lambda: stage.environment.pop("CLAUDECODE"),
    )


def trusted(stage: Stage) -> None:
    """Say yes as a person."""
    assert stage.run("trust", "--yes", "--project", str(stage.root)).returncode == 0


def with_a_home(stage: Stage) -> Path:
    """A home of its own, with nothing in it."""
    home = stage.folder / "home"
    home.mkdir()
    stage.environment |= {"HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": ""}
    return home


@drill("E329")
async def a_client_that_does_not_exist(stage: Stage) -> None:
    with_a_home(stage)
    words = ["--yes", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command("connect", "codx", *words),
        names="codex",
        corrected=lambda: stage.json_command("connect", "codex", *words),
    )


@drill("E330")
async def a_file_of_a_client_that_is_no_toml(stage: Stage) -> None:
    file = with_a_home(stage) / ".codex" / "config.toml"
    file.parent.mkdir()
    file.write_text('model = "x\n')
    await stage.prove(
        lambda: stage.json_command("connect", "codex", "--yes", "--project", str(stage.root)),
        names=str(file),
        by_hand=lambda: file.write_text('model = "x"\n'),
    )
    assert file.read_text().startswith('model = "x"\n\n[mcp_servers.cde]\n')


@drill("E331")
async def an_entry_that_starts_nothing(stage: Stage) -> None:
    stage.environment["PATH"] = str(with_a_home(stage))
    words = ["connect", "vscode", "--yes", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words),
        names="vscode",
        corrected=lambda: stage.json_command(*words, "--scope", "user"),
    )
    assert not (stage.root / ".vscode").exists()


@drill("E332")
async def a_client_that_nobody_agreed_to_connect(stage: Stage) -> None:
    with_a_home(stage)
    words = ["connect", "gemini", "--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command(*words),
        names="gemini",
        corrected=lambda: stage.json_command(*words, "--yes"),
    )
