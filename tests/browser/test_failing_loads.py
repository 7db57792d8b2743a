"""What fails while a page loads hides nothing of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from cde_orchestrator.application.features.start_feature import StartFeature
from tests.browser.stage import Site, Visitor
from tests.let_in import TOKEN

_REFUSED: dict[str, Any] = {
    "status": 500,
    "content_type": "application/json",
    "body": json.dumps(
        {"error": {"code": "E901", "title": "T", "message": "M", "suggestions": [], "fixes": []}}
    ),
}
_FEATURE = "/dashboard/features/login"


@pytest.mark.parametrize(
    ("path", "asked", "answer"),
    [
        ("/dashboard/operations", "**/dashboard/data/operations**", _REFUSED),
        (_FEATURE, "**/dashboard/data/features/*/run**", _REFUSED),
        ("/dashboard", "**/dashboard/data?**", {"status": 502, "body": "<h1>Bad gateway"}),
        ("/dashboard/operations", "**/static/charts.js", {"status": 404, "body": ""}),
    ],
    ids=["data", "part", "proxy", "script"],
)
def test_a_page_is_shown_although_something_of_it_does_not_come(
    site: Site, visit: Callable[..., Visitor], path: str, asked: str, answer: dict[str, Any]
) -> None:
    site.application.handle(StartFeature(prompt="Log in", name="login"))
    visitor = visit(site.url)
    visitor.context.request.post(f"{site.url}/dashboard", form={"token": TOKEN}, max_redirects=0)
    visitor.page.route(asked, lambda route: route.fulfill(**answer))

    visitor.page.goto(site.url + path)

    expect(visitor.page.locator("main")).to_be_visible()
    expect(visitor.page.locator("#connection")).to_be_visible()
