"""A criterion that no test can show counts once a person says so, and as long as it is the same."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from cde_orchestrator.application.approvals.waive import (
    ShowCriterion,
    WaiveCriterion,
    WaiverReply,
)
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.get_feature_status import GetFeatureStatus
from cde_orchestrator.application.features.list_features import ListFeatures
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.proofs.verdicts import status_words, verdict_line
from cde_orchestrator.domain.exceptions import CDEError, FeatureError
from tests.fakes import World, catalog
from tests.unit.application.features.test_phase_proof import (
    SPEC,
    built,
    prove,
    record,
    refused,
    started,
)

NAMELESS = "AC1: tests/shop.t::price\n"
TEXT = "it has a name"


def waive(world: World, criterion: str = "AC2", *, undo: bool = False) -> WaiverReply:
    """A person's word for a criterion as it is shown."""
    shown = world.run(ShowCriterion(feature_id="shop", criterion=criterion, undo=undo))
    return world.run(
        WaiveCriterion(
            feature_id="shop",
            criterion=criterion,
            text=shown["criterion"]["text"],
            reason=None if undo else "Only\nseen on the device",
            undo=undo,
            channel="terminal",
        )
    )


def refusal(world: World, criterion: str = "AC2", *, undo: bool = False) -> CDEError:
    """Why it cannot be waived; nothing is recorded."""
    before = world.project.feature("shop")
    with pytest.raises(FeatureError) as caught:
        waive(world, criterion, undo=undo)
    assert world.project.feature("shop") == before
    return caught.value


def test_a_waived_criterion_needs_no_proof(world: World) -> None:
    built(world)
    assert refused(world, NAMELESS).code == "E134"
    reply = waive(world)
    assert reply["criterion"] == {
        "id": "AC2",
        "text": TEXT,
        "digest": hashlib.sha256(TEXT.encode()).hexdigest(),
        "state": "waived",
        "waived": "Only seen on the device (ann@desk)",
        "proofs": [],
        "sees": [],
    }
    assert prove(world, NAMELESS)["feature"]["status"] == "completed"
    evidence = record(world).proof
    assert evidence is not None
    assert evidence.criteria[1].waived == "Only seen on the device (ann@desk)"


def test_a_feature_that_is_proven_without_it_says_so_everywhere(world: World) -> None:
    built(world)
    waive(world)
    prove(world, NAMELESS)
    for path, text in world.proofs.source.items():
        world.files.contents[path] = text.encode()
    status = world.run(GetFeatureStatus(feature_id="shop"))["standing"]
    assert status is not None
    assert (status["verdict"], status["waived"]) == ("proven", 1)
    assert verdict_line(status) == "proven, 1 waived"
    [row] = world.run(ListFeatures())["features"]
    assert (row.get("standing"), row.get("waived")) == ("proven", 1)
    assert status_words(row) == "completed, proven, 1 waived"


def test_it_is_kept_with_the_feature_and_shown(world: World) -> None:
    waive(built(world), "ac2")
    whole = world.run(GetFeatureStatus(feature_id="shop", detail="full"))
    assert dict(whole)["waivers"] == {
        "AC2": {
            "at": world.clock.now.isoformat(),
            "user": "ann",
            "host": "desk",
            "channel": "terminal",
            "reason": "Only\nseen on the device",
            "text": TEXT,
        }
    }
    event = world.project.feature("shop").events[-1]
    assert (event["event"], event["by"], event["channel"]) == ("waived", "ann@desk", "terminal")
    assert (event["criterion"], event["reason"]) == ("AC2", "Only\nseen on the device")


def test_a_waiver_is_taken_back(world: World) -> None:
    waive(built(world))
    assert waive(world, undo=True)["criterion"]["state"] == "unproven"
    assert world.project.feature("shop").waivers == {}
    assert world.project.feature("shop").events[-1]["event"] == "waiver_taken_back"
    assert refused(world, NAMELESS).code == "E134"


def test_another_text_is_another_criterion(world: World) -> None:
    waive(built(world))
    spec = world.files.contents["specs/shop/spec.md"]
    world.files.contents["specs/shop/spec.md"] = spec.replace(b"a name", b"two names")
    shown = world.run(ShowCriterion(feature_id="shop", criterion="AC2"))
    assert shown["criterion"]["state"] == "unproven"
    with pytest.raises(FeatureError) as caught:
        world.run(WaiveCriterion(feature_id="shop", criterion="AC2", text=TEXT, reason="So"))
    assert caught.value.code == "E141"


def test_what_is_proven_or_decided_or_unknown_is_not_waived(world: World) -> None:
    assert "there are: AC1, AC2" in refusal(started(world), "AC3").message
    assert "no person waived it" in refusal(world, undo=True).message
    del world.files.contents["specs/shop/spec.md"]
    assert "there are: none" in refusal(world).message
    world.files.contents["specs/shop/spec.md"] = SPEC.encode()
    world.run(CloseFeature(feature_id="shop", outcome="cancelled", reason="No"))
    assert refusal(world).code == "E105"


def test_words_that_were_not_shown_have_to_be_the_same_too(world: World) -> None:
    started(world)
    path, long = "specs/shop/spec.md", f"- AC1: {'word ' * 200}"
    world.files.contents[path] = f"{long}so\n".encode()
    shown = world.run(ShowCriterion(feature_id="shop", criterion="AC1"))["criterion"]
    asked = WaiveCriterion(
        feature_id="shop",
        criterion="AC1",
        text=shown["text"],
        digest=shown["digest"],
        reason="Seen",
    )
    world.files.contents[path] = f"{long}else\n".encode()

    with pytest.raises(FeatureError) as caught:
        world.run(asked)

    assert caught.value.code == "E141"
    world.files.contents[path] = f"{long}so\n".encode()
    assert world.run(asked)["criterion"]["state"] == "waived"
    world.files.contents[path] = f"{long}else\n".encode()
    again = world.run(ShowCriterion(feature_id="shop", criterion="AC1"))
    assert again["criterion"]["state"] == "unproven"


def test_a_mark_of_the_encoding_hides_no_criterion(world: World) -> None:
    started(world)
    world.files.contents["specs/shop/spec.md"] = b"\xef\xbb\xbf- AC1: the price is 5\n"

    shown = world.run(ShowCriterion(feature_id="shop", criterion="AC1"))

    assert shown["criterion"]["text"] == "the price is 5"


def test_a_workflow_without_proofs_has_nothing_to_waive(world: World) -> None:
    world.workflows.own = catalog(
        replace(world.workflows.load(world.root).get(), id="w"), packaged=False
    )
    world.run(StartFeature(prompt="Sell", name="shop"))
    assert "proves no criteria" in refusal(world).message


def test_after_the_proof_it_is_too_late(world: World) -> None:
    built(world)
    waive(world)
    prove(world, NAMELESS)
    with world.repository.transaction(world.root) as project:  # as if another phase followed
        feature = project.feature("shop")
        feature.status, feature.current_phase = "testing", "test"
    assert "it is decided: phase 'test' was accepted" in refusal(world, undo=True).message
    assert "it is proven: phase 'test' was accepted" in refusal(world, "AC1").message
