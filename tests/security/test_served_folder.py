"""An agent may have a folder served that is where its server was started, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.mcp_client import stdio_agent

pytestmark = pytest.mark.anyio


async def test_no_folder_elsewhere_is_set_up(tmp_path: Path) -> None:
    start, beside = tmp_path / "start", tmp_path / "beside"
    for folder in (start / "inner", beside):
        folder.mkdir(parents=True)
    (start / "link").symlink_to(beside)
    async with stdio_agent(None, cwd=start) as agent:
        for path in (str(beside), "../beside", "link", str(start / "link"), str(tmp_path), "/etc"):
            refused = await agent.refused("cde_onboardProject", path=path)
            assert refused["code"] == "E305", path
            assert "cde serve --project" in refused["message"]
        assert list(beside.iterdir()) == []
        await agent.call("cde_onboardProject", path="inner")
    assert (start / "inner/.cde").is_dir()


@pytest.mark.parametrize("hidden", [".ssh", ".config/autostart", "work/.aws"])
async def test_what_is_hidden_in_a_home_is_not_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / hidden).mkdir(parents=True)
    (tmp_path / "work").mkdir(exist_ok=True)
    async with stdio_agent(None, cwd=tmp_path) as agent:
        for path in (f"~/{hidden}", str(tmp_path / hidden), hidden):
            refused = await agent.refused("cde_onboardProject", path=path)
            assert refused["code"] == "E305"
            assert "is hidden" in refused["message"]
        assert list((tmp_path / hidden).iterdir()) == []
        await agent.call("cde_onboardProject", path=str(tmp_path / "work"))
