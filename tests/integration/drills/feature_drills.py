"""Drills of features and phases, E100 to E199."""

from __future__ import annotations

from tests.integration.drills.stage import Outcome, Stage, drill


async def submitted(stage: Stage, phase: str, **results: str) -> Outcome:
    """A phase of ``login``, submitted."""
    arguments = {"feature_id": "login", "phase_id": phase, "results": results}
    return await stage.call("cde_submitWork", arguments)


@drill("E101")
async def a_feature_in_an_archived_project(stage: Stage) -> None:
    await stage.tool("cde_setProjectStatus", status="archived")
    await stage.prove(lambda: stage.tool("cde_startFeature", prompt="Too late"))


@drill("E102")
async def a_feature_that_does_not_exist(stage: Stage) -> None:
    await stage.prove(
        lambda: stage.tool("cde_getFeatureStatus", feature_id="logn"),
        names="login",
        corrected=lambda: stage.tool("cde_getFeatureStatus", feature_id="login"),
    )


@drill("E103")
async def the_beginning_of_several_ids(stage: Stage) -> None:
    listed = (await stage.tool("cde_listFeatures")).reply["features"]
    while len({feature["id"][0] for feature in listed}) == len(listed):
        await stage.tool("cde_startFeature", prompt="One more")
        listed = (await stage.tool("cde_listFeatures")).reply["features"]
    firsts = [feature["id"][0] for feature in listed]
    shared = next(first for first in firsts if firsts.count(first) > 1)
    await stage.prove(
        lambda: stage.tool("cde_getFeatureStatus", feature_id=shared),
        names="login",
        corrected=lambda: stage.tool("cde_getFeatureStatus", feature_id="login"),
    )


@drill("E154")
async def a_command_for_the_only_open_feature_where_several_are(stage: Stage) -> None:
    await stage.tool("cde_startFeature", prompt="One more", name="signup")
    here = ["--project", str(stage.root)]
    await stage.prove(
        lambda: stage.json_command("resume", *here),
        names="signup",
        corrected=lambda: stage.json_command("resume", "login", *here),
    )


@drill("E104")
async def a_name_that_is_taken(stage: Stage) -> None:
    refused = await stage.tool("cde_startFeature", prompt="Again", name="login")
    assert refused.error is not None
    free = refused.error["context"]["free_name"]
    await stage.prove(
        lambda: stage.tool("cde_startFeature", prompt="Again", name="login"),
        names="login",
        corrected=lambda: stage.tool("cde_startFeature", prompt="Again", name=free),
    )


@drill("E105")
async def a_feature_that_is_completed(stage: Stage) -> None:
    await submitted(stage, "write", note="Words.")
    await submitted(stage, "check", verdict="Good.")
    await stage.prove(
        lambda: submitted(stage, "check", verdict="Better."),
        names="completed",
        corrected=lambda: stage.tool("cde_startFeature", prompt="Better"),
    )


@drill("E106")
async def a_phase_that_is_not_the_current_one(stage: Stage) -> None:
    await stage.prove(
        lambda: submitted(stage, "check", verdict="Good."),
        names="write",
        corrected=lambda: submitted(stage, "write", note="Words."),
    )


@drill("E107")
async def a_phase_that_does_not_exist(stage: Stage) -> None:
    await stage.prove(
        lambda: submitted(stage, "wriet", note="Words."),
        names="write",
        corrected=lambda: submitted(stage, "write", note="Words."),
    )


@drill("E110")
async def an_output_that_is_missing(stage: Stage) -> None:
    def write() -> None:
        (stage.root / "notes").mkdir()
        (stage.root / "notes" / "login.md").write_text("Words.\n")

    await stage.prove(lambda: submitted(stage, "write"), names="notes/login.md", by_hand=write)


@drill("E111")
async def an_output_that_is_empty(stage: Stage) -> None:
    output = stage.root / "notes" / "login.md"
    output.parent.mkdir()
    output.write_text(" \n")
    await stage.prove(
        lambda: submitted(stage, "write"),
        names="notes/login.md",
        by_hand=lambda: output.write_text("Words.\n"),
    )


@drill("E112")
async def an_output_that_leads_out_of_the_project(stage: Stage) -> None:
    outside = stage.folder / "outside.md"
    outside.write_text("Somebody else's.\n")
    output = stage.root / "notes" / "login.md"
    output.parent.mkdir()
    output.symlink_to(outside)
    await stage.prove(
        lambda: submitted(stage, "write", note="Words."),
        names="login",
        by_hand=output.unlink,
    )
    assert outside.read_text() == "Somebody else's.\n"


@drill("E113")
async def an_output_that_is_not_declared(stage: Stage) -> None:
    await stage.prove(
        lambda: submitted(stage, "write", notes="Words."),
        names="notes/login.md",
        corrected=lambda: submitted(stage, "write", note="Words."),
    )
