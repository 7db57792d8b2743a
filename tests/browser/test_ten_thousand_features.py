"""The first page of a project with ten thousand features, each as long as it can be on a card.

It sends and draws as little as that of a hundred. What is counted does not depend on the
machine; how long the scripts take is a figure of the benchmarks.
"""

from __future__ import annotations

import uuid
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cde_orchestrator.adapters.repositories.filesystem import FolderStore
from cde_orchestrator.application.features.close_feature import CloseFeature
from cde_orchestrator.application.features.fail_phase import FailPhase
from cde_orchestrator.application.features.resume_feature import ResumeFeature
from cde_orchestrator.application.features.start_feature import StartFeature
from cde_orchestrator.application.features.submit_work import SubmitWork
from cde_orchestrator.application.monitoring.project_board import CARDS
from cde_orchestrator.application.projects.onboard_project import OnboardProject
from cde_orchestrator.application.use_case import UseCase
from cde_orchestrator.bootstrap import build_application
from tests.browser.stage import ScriptedHealth, Site, Visitor
from tests.browser.test_board import Serve, Visit
from tests.browser.test_decisions import WORKFLOW
from tests.state_stores import change
from tests.waiting import until

FEW, MANY = 100, 10_000
LANES = ("working", "waiting", "ready", "done")
LONG = "\U0001f4e6" * 400
"""No character takes more bytes."""
PROBE, _ = NOT_COUNTED = ("/dashboard/static/none", "/dashboard/static/icon.svg")
"""What no page asks for, and what the browser asks for when it likes."""
MADE = """
window.made = 0;
for (const name of ["createElement", "createElementNS", "createTextNode"]) {
  const create = document[name].bind(document);
  document[name] = (...words) => (made += 1, create(...words));
}
"""


def crowd(project: Path, count: int) -> None:
    """A project of so many features, of which a hundred at most are at work."""
    project.mkdir()
    asked = WORKFLOW.replace("Somebody has to want it.", LONG)
    with closing(build_application(project)) as application:
        application.handle(OnboardProject())
        (project / ".cde" / "workflow.yml").write_text(asked)
        for name in LANES:
            application.handle(StartFeature(prompt=LONG, name=name, baseline=False))
        spec = {"spec": "# It\n\nIs so.\n"}
        steps: tuple[UseCase[Any], ...] = (
            SubmitWork(feature_id="waiting", phase_id="write", results=spec),
            FailPhase(feature_id="working", phase_id="write", reason=LONG),
            ResumeFeature(feature_id="working", agent=LONG[:60]),
            FailPhase(feature_id="ready", phase_id="write", reason=LONG),
            CloseFeature(feature_id="done", outcome="cancelled", reason=LONG),
        )
        for step in steps:
            application.handle(step)
    store = FolderStore(project)
    store.refresh()
    models = {each["name"]: each for each in store.document["features"].values()}
    added = []
    for number in range(count - len(LANES)):
        lane = LANES[number % 4] if number < 4 * FEW else LANES[1 + number % 3]
        own = {"id": str(uuid.UUID(int=number)), "name": f"{'long-' * 10}{number}"}
        added.append({"op": "add", "path": f"/features/{own['id']}", "value": models[lane] | own})
    change(store, added)


@dataclass
class FirstView:
    """What a browser that comes for the first time got and made.

    Attributes:
        paths: how often each address was asked for.
        sent_bytes: of all answers, as they were sent, with their heads.
        made: nodes that scripts made.
        nodes: elements of the page.
        cards: those that are drawn.
        counts: what the lanes say that they have.
    """

    paths: Counter[str]
    sent_bytes: float
    made: int
    nodes: int
    cards: int
    counts: list[str]


def first_view(site: Site, visitor: Visitor) -> FirstView:
    """Open the first page, until all is there that it asks for by itself."""
    page, said = visitor.page, list[str]()
    paths, sent = Counter[str](), dict[str, float]()
    devtools = visitor.context.new_cdp_session(page)

    def asked(event: dict[str, Any]) -> None:
        paths[urlsplit(event["request"]["url"]).path] += 1

    def answered(event: dict[str, Any]) -> None:
        sent[event["requestId"]] = event["response"]["encodedDataLength"]

    def finished(event: dict[str, Any]) -> None:
        sent[event["requestId"]] = event["encodedDataLength"]

    devtools.on("Network.requestWillBeSent", asked)
    devtools.on("Network.responseReceived", answered)
    devtools.on("Network.loadingFinished", finished)
    devtools.on("Network.eventSourceMessageReceived", lambda event: said.append(event["eventName"]))
    devtools.send("Network.enable")
    page.add_init_script(MADE)
    visitor.open()
    # Whatever a message of the stream asks for is asked for before the answer to this.
    until(lambda: page.evaluate(f"fetch('{PROBE}').then((answer) => answer.status)") and bool(said))
    assert said == ["hello"]
    return FirstView(
        paths=Counter({path: count for path, count in paths.items() if path not in NOT_COUNTED}),
        sent_bytes=sum(sent.values()),
        made=page.evaluate("made"),
        nodes=page.locator("*").count(),
        cards=page.locator(".feature-card").count(),
        counts=page.locator("#board h2 .count").all_text_contents(),
    )


def test_the_first_view_grows_with_what_it_shows_alone(
    tmp_path: Path, serve: Serve, visit: Visit
) -> None:
    views = {}
    for count in (FEW, MANY):
        crowd(tmp_path / str(count), count)
        site = serve(tmp_path / str(count), ScriptedHealth(), beat_seconds=3_600)
        views[count] = first_view(site, visit(site.url))
    few, many = views[FEW], views[MANY]

    assert few.counts == ["25"] * 4
    assert many.counts == ["3,299", "101", "3,300", "3,300"]
    assert many.sent_bytes < 200_000
    assert many.paths == few.paths
    assert many.paths["/dashboard/data"] == 1
    assert set(many.paths.values()) == {1}
    assert (many.cards, many.made, many.nodes) == (CARDS, few.made, few.nodes)
