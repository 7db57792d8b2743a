"""The scripts of the dashboard's first page, with ten features and with ten thousand.

Counted is the processor's time of the page's main thread in scripts, their compiling included,
for a browser that comes for the first time: what waits, and what other programs do meanwhile, is
not in it. Chromium's own ``ScriptDuration`` leaves out what runs once an answer is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from benchmarks.health_latency import TOKEN, served
from benchmarks.measure import Figure, interleaved, own_folder, runs_of
from benchmarks.states import build

SMALL, LARGE = 10, 10_000
REACH_MS = 300.0
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SCRIPTS = frozenset(
    {
        *("EvaluateScript", "v8.compile", "v8.compileModule", "v8.evaluateModule", "FunctionCall"),
        *(
            "EventDispatch",
            "RunMicrotasks",
            "TimerFire",
            "FireAnimationFrame",
            "MinorGC",
            "MajorGC",
        ),
    }
)
"""Events of a trace in which scripts are compiled, are run, or are cleaned up after."""
_CATEGORIES = ["devtools.timeline", "v8", "v8.execute", "__metadata"]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_SETTLED_MS = 1_000
"""After the page is ready; what it reads once more by itself is of the first view as well."""
Event = Mapping[str, Any]


def measure() -> list[Figure]:
    """Open the page with few features and with many, in turns."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        return [figure(missing=f"there is no {PROGRAMS[0]}")]
    with own_folder() as folder, sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        except PlaywrightError as error:
            return [figure(missing=error.message.splitlines()[0])]
        small, large = (build(folder / str(each), each) for each in (SMALL, LARGE))
        with served(small) as beside, served(large) as ours:
            samples = interleaved(
                runs_of(20, 1), _opening(browser, beside), _opening(browser, ours), warm_up=1
            )
        browser.close()
    return [figure(samples[1], samples[0])]


def figure(
    samples: list[float] | None = None, beside: list[float] | None = None, missing: str = ""
) -> Figure:
    """The figure of what each first view took, or why it is not there."""
    return Figure(
        key=f"first-view-scripts-{LARGE}",
        name=f"scripts of the dashboard's first view, {LARGE:,} features",
        samples=samples or [],
        yardstick=f"the same with {SMALL}",
        yardstick_samples=beside or [],
        compared="value",
        reach=REACH_MS,
        first="not measured",
        features=LARGE,
        missing=missing,
    )


def script_ms(events: Iterable[Event]) -> float:
    """Milliseconds that the main threads of pages spent in scripts, of a trace's events.

    An event inside of another one is a part of it.
    """
    events = list(events)
    threads = {
        (each["pid"], each["tid"])
        for each in events
        if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
    }
    spent_us, ends = 0.0, dict.fromkeys(threads, 0.0)
    for each in sorted((each for each in events if each["name"] in SCRIPTS), key=_begin):
        thread = (each["pid"], each["tid"])
        if thread in ends and each["ts"] >= ends[thread] and "dur" in each:
            ends[thread] = each["ts"] + each["dur"]
            spent_us += each.get("tdur", each["dur"])
    return spent_us / 1000


def _begin(event: Event) -> tuple[float, float]:
    return event["ts"], -event.get("dur", 0)


def _opening(browser: Browser, address: str) -> Callable[[], float]:
    """Opens the first page in a browser of its own, answering with what its scripts took."""

    def opened() -> float:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        try:
            first = f"{address}/dashboard"
            context.request.post(first, form={"token": TOKEN}, max_redirects=0)
            page = context.new_page()
            browser.start_tracing(page=page, categories=_CATEGORIES)
            page.goto(first)
            page.wait_for_selector("body.ready")
            page.wait_for_timeout(_SETTLED_MS)
            return script_ms(json.loads(browser.stop_tracing())["traceEvents"])
        except PlaywrightError as error:
            raise RuntimeError(f"the page was not shown: {error.message}") from error
        finally:
            context.close()

    return opened
