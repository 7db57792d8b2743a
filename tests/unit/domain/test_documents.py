"""Documents are known by their names."""

from __future__ import annotations

import pytest

from cde_orchestrator.domain.documents import is_document


@pytest.mark.parametrize(
    "path",
    [
        *("README.md", "docs/Guide.MARKDOWN", "docs/api.rst", "notes.txt", "LICENSE", "a/README"),
        *("LICENSE.txt", "docs/logo.png", "shop/icon.SVG", "manual.pdf"),
    ],
)
def test_texts_and_pictures_for_people_are_documents(path: str) -> None:
    assert is_document(path)


@pytest.mark.parametrize(
    "path",
    ["shop/pay.py", "license.py", "CMakeLists.txt", "data.json", "a.md/b.py", "page.html", "x"],
)
def test_what_programs_run_or_read_is_none(path: str) -> None:
    assert not is_document(path)
