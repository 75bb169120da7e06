"""`twinny-lsp.chat` as a plug-in runs it, over stdio, against a real server: deltas, usage, an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.editor import editing_over_stdio
from tests.support.servers.expected import HELLO
from twinny_lsp.cli.session import JsonRpcError
from twinny_lsp.providers.presets import PRESETS


async def chat_over_stdio(
    provider: str, endpoint: Mapping[str, Any], model: str = "tiny-fim", path: str = "/v1/chat/completions"
) -> None:
    """Ask that provider of the settings for a greeting, twice in one conversation."""
    assert (chat := PRESETS[provider].chat) is not None
    assert chat.path == path
    async with editing_over_stdio(_options(provider, endpoint, model)) as editor:
        answer = await editor.command("chat", {"prompt": "Hello", "stream": True})
        notes = editor.session.notifications
        deltas = [note.params for note in notes if note.method == "twinny-lsp/chatDelta"]
        assert (answer["text"], answer["model"], answer["finishReason"]) == (HELLO, model, "stop")
        assert len(deltas) > 3
        assert "".join(delta["text"] for delta in deltas) == HELLO
        assert {delta["conversation"] for delta in deltas} == {answer["conversation"]}
        usage = answer["usage"]
        assert usage["promptTokens"] > 0
        assert usage["generatedTokens"] > 3
        more = await editor.command("chat", {"prompt": "Hello", "conversation": answer["conversation"]})
        assert more["usage"]["promptTokens"] > usage["promptTokens"], "what was said before goes along"


async def error_over_stdio(provider: str, endpoint: Mapping[str, Any], model: str = "tiny-fim") -> str:
    """The words of the command's error."""
    async with editing_over_stdio(_options(provider, endpoint, model)) as editor:
        with pytest.raises(JsonRpcError) as caught:
            await editor.command("chat", {"prompt": "Hello", "stream": True})
        assert caught.value.code == -32803
        return caught.value.message


def _options(provider: str, endpoint: Mapping[str, Any], model: str) -> dict[str, Any]:
    chat = {"provider": provider, "model": model, "temperature": 0.0}
    return {"providers": {provider: endpoint}, "chat": chat, "clientFeatures": {"chatDelta": True}}
