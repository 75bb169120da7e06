"""`models` of every preset, by the command: what the server has, or why it cannot be asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.editor import editing
from tests.support.fake_server import FakeServer, json_reply
from twinny_lsp.providers.presets import PRESETS

LISTED = {"data": [{"id": "coder:7b"}, {"id": "talker:7b"}]}
TAGS = {"models": [{"name": "coder:7b"}, {"name": "talker:7b"}]}
LISTS: dict[str, Any] = {
    "/v1/models": LISTED,
    "/api/v1/models": LISTED,
    "/api/v0/models": LISTED,
    "/models": LISTED,
    "/api/tags": TAGS,
    "/ollama/api/tags": TAGS,
    "/info": {"model_id": "coder:7b"},
}
OVER_HTTP = sorted(PRESETS.keys() - {"symmetry", "embedded"})


@pytest.mark.parametrize("preset", OVER_HTTP)
async def test_models_of(preset: str) -> None:
    async with FakeServer() as server:
        for path, value in LISTS.items():
            server.on("GET", path, json_reply(value))
        options = {"providers": {preset: {"baseUrl": server.url, "apiKey": "key"}}}
        async with editing(options) as editor:
            told = await editor.command("models", {"provider": preset})
            assert told["provider"] == preset
            names = [model["name"] for model in told["models"]]
            assert names in (["coder:7b", "talker:7b"], ["coder:7b"]), "some have just one"
            assert {request.method for request in server.requests} == {"GET"}, "nothing computes"


async def test_models_of_the_embedded_one_is_its_file() -> None:
    async with editing() as editor:
        told = await editor.command("models", {"provider": "embedded"})
        assert [model["name"] for model in told["models"]] == ["tiny-fim"]


async def test_a_server_that_is_not_there_says_how_to_start_it() -> None:
    async with editing({"providers": {"ollama": {"baseUrl": "http://127.0.0.1:9"}}}) as editor:
        with pytest.raises(Exception, match="ollama serve"):
            await editor.command("models")
