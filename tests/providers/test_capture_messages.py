"""What people are told of everything that went wrong in the transcripts, and what is read from the rest.

tests/fixtures/captures/told.json has one entry for each exchange that is no text: what a question brought, by
its keys, or the error's class and message. `UPDATE_GOLDEN=1` writes it anew; read what it changes.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.providers.test_captures import EXPECTED, QUICK
from tests.support.captures import FOLDER, PRESETS, Capture, captures
from tests.support.fake_server import FakeServer, bounded
from tests.support.replay import replay
from twinny_lsp import errors
from twinny_lsp.providers.endpoint import Endpoint, KeySource
from twinny_lsp.providers.http import HttpProvider
from twinny_lsp.providers.presets import PRESETS as KNOWN

FILE = FOLDER / "told.json"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
KEY = "sk-test-1234"
NO_TEXT = [c for c in captures() if c.wire is None or "error" in EXPECTED[c.id]]
TOLD: dict[str, Any] = {} if UPDATE else json.loads(FILE.read_text(encoding="utf-8"))


async def outcome(capture: Capture) -> dict[str, Any]:
    """What comes of the exchange, asked as the program asks."""
    async with FakeServer() as server:
        method, path = capture.request["method"], capture.path
        server.on(method, path.partition("?")[0], replay(capture))
        provider = HttpProvider(endpoint(capture, server.url), QUICK)
        try:
            if capture.wire is not None:
                _ = [piece async for piece in provider.stream(capture.generation())]
                return {}
            body = capture.request["body"] if method == "POST" else None
            got = await provider._ask(method, path, body if isinstance(body, dict) else None)
        except errors.ProviderError as error:
            return {"error": type(error).__name__, "says": str(error).replace(server.url, "URL")}
        finally:
            await provider.close()
    return {"has": sorted(got) if isinstance(got, dict) else type(got).__name__}


def endpoint(capture: Capture, url: str) -> Endpoint:
    if capture.wire is not None:
        return capture.endpoint(url)
    preset = KNOWN[PRESETS[capture.server]]
    key = KeySource(value=KEY) if capture.request["headers"] else KeySource()
    return Endpoint(preset.name, preset.name, url, preset.completion, preset.chat, preset.infill, key)


@pytest.mark.parametrize("capture", NO_TEXT, ids=lambda capture: capture.id)
async def test_what_is_told(capture: Capture) -> None:
    got = await bounded(outcome(capture))
    if UPDATE:
        TOLD[capture.id] = got
        rows = [f"{json.dumps(key)}: {json.dumps(TOLD[key])}" for key in sorted(TOLD)]
        FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    expected = EXPECTED.get(capture.id, {}).get("error")
    assert got == TOLD[capture.id]
    assert expected in (None, got.get("error"))
    if "says" in got:
        assert got["says"].startswith(f"{PRESETS[capture.server]} at URL")
        assert got["says"].endswith((".", "?", ")"))
        assert KEY not in got["says"]
        assert "return " not in got["says"], "a line of the prompt"


def test_nothing_is_left_out() -> None:
    assert set(TOLD) == {capture.id for capture in NO_TEXT}
    assert len(set(EXPECTED) | set(TOLD)) == len(captures()) == 376
