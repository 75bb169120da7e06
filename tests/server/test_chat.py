"""The chat command through the whole server, over a scripted model server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.editor import CURSOR, URI, editing
from tests.support.fake_server import HANG, FakeServer, bounded, chat_stream, json_reply
from twinny_lsp.cli.session import JsonRpcError

CHAT = ("POST", "/v1/chat/completions")
ASKS = {"clientFeatures": {"chatDelta": True}}


def settings(server: FakeServer, **chat: Any) -> dict[str, Any]:
    return {"providers": {"ollama": {"baseUrl": server.url}}, "chat": {"model": "m", **chat}}


def deltas(editor: Any) -> list[str]:
    notes = editor.session.notifications
    return [note.params["text"] for note in notes if note.method == "twinny-lsp/chatDelta"]


async def test_an_answer_and_its_deltas() -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Hel", "lo"]))
        async with editing(settings(server, systemMessage="be brief") | ASKS) as editor:
            answer = await editor.command("chat", {"prompt": "hi", "stream": True})
            assert (answer["text"], answer["model"], answer["finishReason"]) == ("Hello", "m", "stop")
            assert deltas(editor) == ["Hel", "lo"]
            again = {"prompt": "more", "conversation": answer["conversation"], "model": "other"}
            assert (await editor.command("chat", again))["model"] == "other"
            assert [(m["role"], m["content"]) for m in server.last(CHAT[1]).json["messages"]] == [
                ("system", "be brief"),
                ("user", "hi"),
                ("assistant", "Hello"),
                ("user", "more"),
            ]


async def test_a_conversation_may_have_a_name_of_the_clients() -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Hello"]))
        async with editing(settings(server)) as editor:
            for count in (1, 3):
                answer = await editor.command("chat", {"prompt": "hi", "conversation": "mine"})
                assert answer["conversation"] == "mine"
                assert len(server.last(CHAT[1]).json["messages"]) == count


async def test_only_clients_that_ask_get_deltas() -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Hello"]))
        async with editing(settings(server)) as editor:
            await editor.command("chat", {"prompt": "hi", "stream": True})
            assert deltas(editor) == []


async def test_part_of_a_document_goes_along() -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        async with editing(settings(server)) as editor:
            editor.open(f"a = 1\nb = 2\n{CURSOR}")
            span = {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 0}}
            await editor.command("chat", {"prompt": "explain", "uri": URI, "range": span})
            asked = next(request for request in server.requests if (request.method, request.path) == CHAT)
            content = asked.json["messages"][-1]["content"]
            assert content == "explain\n\na.py:\n```python\nb = 2\n```"
            with pytest.raises(JsonRpcError, match="not an open document"):
                await editor.command("chat", {"prompt": "explain", "uri": "file:///other.py"})


async def test_no_secret_goes_along() -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        async with editing(settings(server, model="m")) as editor:
            key = "sk-" + "a1B2c3D4e5F6g7H8i9J0" * 2
            editor.open(f'api_key = "{key}"\n{CURSOR}')
            await editor.command("chat", {"prompt": "explain", "uri": URI})
            content = server.last(CHAT[1]).json["messages"][-1]["content"]
            assert "api_key = " in content
            assert key not in content
            denied = "file:///project/.env"
            editor.open(f"KEY=1\n{CURSOR}", denied)
            with pytest.raises(JsonRpcError, match=r"Nothing was sent: \.env"):
                await editor.command("chat", {"prompt": "explain", "uri": denied})
            assert len([request for request in server.requests if request.path == CHAT[1]]) == 1


async def test_progress_is_short_and_ends() -> None:
    capabilities = {"capabilities": {"window": {"workDoneProgress": True}}}
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["secret text"]))
        async with editing(settings(server), initialize=capabilities) as editor:
            await editor.command("chat", {"prompt": "hi"})
            await editor.session.wait_for("$/progress", lambda params: params["value"]["kind"] == "end")
            told = [n.params["value"] for n in editor.session.notifications if n.method == "$/progress"]
            assert [value["kind"] for value in told] == ["begin", "end"]
            assert "secret" not in str(told)


@pytest.mark.parametrize("by", ["$/cancelRequest", "window/workDoneProgress/cancel"])
async def test_cancelling_closes_the_socket_at_once(by: str) -> None:
    capabilities = {"capabilities": {"window": {"workDoneProgress": True}}}
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["a", HANG]))
        async with editing(settings(server), initialize=capabilities) as editor:
            params = {"command": "twinny-lsp.chat", "arguments": [{"prompt": "hi"}]}
            future = editor.session.send_request("workspace/executeCommand", params, id="mine")
            upstream = await server.request(0)
            begun = await editor.session.wait_for(
                "$/progress", lambda params: params["value"]["kind"] == "begin"
            )
            target = {"id": "mine"} if by.startswith("$") else {"token": begun.params["token"]}
            editor.session.notify(by, target)
            await bounded(upstream.closed.wait())
            with pytest.raises(JsonRpcError, match="-32800"):
                await bounded(future)


async def test_the_servers_own_words_come_through() -> None:
    async with FakeServer() as server:
        server.on(*CHAT, json_reply({"error": {"message": "out of cheese", "type": "x"}}, 500))
        async with editing(settings(server)) as editor:
            with pytest.raises(JsonRpcError, match="out of cheese") as caught:
                await editor.command("chat", {"prompt": "hi"})
            assert caught.value.code == -32803
            assert editor.messages() == []  # the command's answer tells it; no second message


@pytest.mark.parametrize(
    ("argument", "word"),
    [
        (None, "prompt"),
        ({}, "prompt"),
        ({"promt": "x"}, "unknown key `promt`"),
        ({"prompt": 1}, "`prompt` is a text"),
        ({"messages": "x"}, "`messages` is a list"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user"}]}, "content"),
        ({"prompt": "x", "stream": "yes"}, "true or false"),
        (["x"], "an object"),
    ],
)
async def test_wrong_arguments_are_refused_by_name(argument: Any, word: str) -> None:
    async with FakeServer() as server, editing(settings(server)) as editor:
        with pytest.raises(JsonRpcError, match=word) as caught:
            await editor.command("chat", argument)
        assert caught.value.code == -32602
        assert server.requests == []


@pytest.mark.parametrize("span", [{}, {"start": {"line": 0}}, {"start": {"line": -1, "character": 0}}, 3])
async def test_a_wrong_range_is_refused(span: Any) -> None:
    async with FakeServer() as server, editing(settings(server)) as editor:
        editor.open(f"x{CURSOR}")
        with pytest.raises(JsonRpcError, match="is a range"):
            await editor.command("chat", {"prompt": "x", "uri": URI, "range": span})


async def test_thinking_in_the_text_is_kept_out() -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["<thi", "nk>hm, hm</think>\n\n", "Hello"]))
        async with editing(settings(server) | ASKS) as editor:
            answer = await editor.command("chat", {"prompt": "hi", "stream": True})
            assert answer["text"] == "Hello"
            assert "".join(deltas(editor)) == "Hello"
