"""Tasks whose answer is read: it streams into a chat document that is opened at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.code_editor import CAPABILITIES, CodeEditor, coding, rows
from tests.support.fake_server import HANG, FakeServer, bounded, chat_stream, json_reply
from tests.support.markdown_editor import MarkdownEditor
from twinny_lsp.chat.document import parse
from twinny_lsp.cli.session import JsonRpcError

CHAT = ("POST", "/v1/chat/completions")
CODE = "import os\n\n\ndef add(a, b):\n    c = a + b\n    return c\n\n\nprint(add(1, 2))\n"
NO_SHOW = {**CAPABILITIES, "window": {}}
NO_EDITS = {**CAPABILITIES, "workspace": {}}


def settings(server: FakeServer, **more: Any) -> dict[str, Any]:
    return {"providers": {"ollama": {"baseUrl": server.url}}, "chat": {"model": "m"}, **more}


def turns(text: str) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in parse(text).turns]


async def chat_of(code: CodeEditor) -> MarkdownEditor:
    """The chat, once it is shown."""
    async with asyncio.timeout(10):
        while code.chat is None:
            await asyncio.sleep(0.002)
    return code.chat


def explain(code: CodeEditor, **argument: Any) -> asyncio.Future[Any]:
    return asyncio.ensure_future(
        code.editor.command("explain", {"uri": code.uri, "range": rows(3, 6), **argument})
    )


async def test_the_chat_opens_at_once_and_the_answer_streams(tmp_path: Path) -> None:
    async with FakeServer() as server:
        asked, more = asyncio.Event(), asyncio.Event()
        server.on(*CHAT, chat_stream([asked, "It adds.\n\n## You\n", more, "\nSo."]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            action = (await code.actions(3, 6))["Explain"]
            assert await code.run(action) == {"started": True}
            chat = await chat_of(code)
            assert turns(chat.text)[0] == ("user", "Explain @file:a.py:4-6")
            await chat.becomes("## m ##\n\n<details><summary>Sent to ollama: about ")
            asked.set()
            await chat.becomes("It adds.")
            more.set()
            await chat.becomes("So.")
            assert turns(chat.text)[1:] == [("assistant", "It adds.\n\n## You\n\nSo."), ("user", "")]
            assert len(chat.applied) > 1
            assert [path.as_uri() for path in (tmp_path / ".twinny" / "chat").glob("*.md")] == code.shown


async def test_the_commands_result(tmp_path: Path) -> None:
    folder = tmp_path / "a (b) ü"
    folder.mkdir()
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["It adds."]))
        async with coding(folder, settings(server)) as code:
            await code.open(CODE)
            done = await explain(code)
            assert code.chat is not None
            assert turns(code.chat.text)[1] == ("assistant", "It adds.")
            (shown,) = code.shown
            assert (done["text"], done["applied"], done["message"]) == ("It adds.", False, "")
            assert (done["chat"]["uri"], done["chat"]["shown"]) == (shown, True)
            done = await explain(code, open=False)
            assert (done["text"], done["chat"], code.shown) == ("It adds.", None, [shown])
            assert code.editor.messages() == []


@pytest.mark.parametrize("by", ["stopChat", "$/cancelRequest", "window/workDoneProgress/cancel"])
async def test_it_can_be_stopped(tmp_path: Path, by: str) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["part", HANG]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            session = code.editor.session
            argument = {"uri": code.uri, "range": rows(3, 6)}
            params = {"command": "twinny-lsp.explain", "arguments": [argument]}
            work = session.send_request("workspace/executeCommand", params, id="mine")
            chat = await chat_of(code)
            await chat.becomes("part")
            if by == "stopChat":
                await code.editor.command("stopChat", {"uri": chat.uri})
            elif by == "$/cancelRequest":
                session.cancel("mine")
            else:
                begun = await session.wait_for("$/progress", lambda told: told["value"]["kind"] == "begin")
                session.notify(by, {"token": begun.params["token"]})
            if by == "$/cancelRequest":
                with pytest.raises(JsonRpcError, match="-32800"):
                    await bounded(work)
            else:
                assert (await bounded(work))["text"] == "part"
            await chat.becomes("Stopped.")
            await bounded(server.last(CHAT[1]).closed.wait())


@pytest.mark.parametrize("waits", [True, False])
async def test_an_error_is_told_in_the_chat_only(tmp_path: Path, waits: bool) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, json_reply({"error": {"message": "out of cheese"}}, 500))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE)
            if waits:
                with pytest.raises(JsonRpcError, match="out of cheese"):
                    await explain(code)
            else:
                assert await explain(code, wait=False) == {"started": True}
            chat = await chat_of(code)
            await chat.becomes("out of cheese")
            assert turns(chat.text)[1:] == [("assistant", ""), ("user", "")]
            await code.editor.command("clearCache")  # what is told is told before the next answer
            assert code.editor.messages() == []


@pytest.mark.parametrize(
    ("text", "word"), [("\n\n\n\n\n\n", "no code here"), (CODE, "Nothing was sent")], ids=["blank", "denied"]
)
async def test_where_nothing_can_be_asked_nothing_opens(tmp_path: Path, text: str, word: str) -> None:
    denied = {"privacy": {"deny": ["a.py"]}} if text == CODE else {}
    async with FakeServer() as server, coding(tmp_path, settings(server, **denied)) as code:
        await code.open(text)
        with pytest.raises(JsonRpcError, match=word):
            await explain(code)
        assert code.shown == []
        assert CHAT[1] not in [request.path for request in server.requests]


@pytest.mark.parametrize("capabilities", [NO_SHOW, NO_EDITS], ids=["shows nothing", "takes no edits"])
async def test_other_clients_get_the_whole_answer(tmp_path: Path, capabilities: dict[str, Any]) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["It adds.\n\n## You\n"]))
        async with coding(tmp_path, settings(server), capabilities=capabilities) as code:
            await code.open(CODE)
            done = await explain(code)
            assert turns(Path(done["chat"]["path"]).read_text()) == [
                ("user", "Explain @file:a.py:4-6"),
                ("assistant", "It adds.\n\n## You"),
                ("user", ""),
            ]
            assert code.applied == []


async def test_an_editor_that_shows_chats_without_us_finds_it_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twinny_lsp.lsp.chat_documents.OPENED_S", 0.01)
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["It adds."]))
        async with coding(tmp_path, settings(server), opens_chats=False) as code:
            await code.open(CODE)
            for _ in range(2):  # the second time it is known, and not waited for
                done = await explain(code)
                assert turns(Path(done["chat"]["path"]).read_text()) == [
                    ("user", "Explain @file:a.py:4-6"),
                    ("assistant", "It adds."),
                    ("user", ""),
                ]
            assert len(set(code.shown)) == 2
            assert code.shown[0] == code.shown[1], "it is shown again when it is whole"


@pytest.mark.parametrize(("lines", "fits"), [(10, True), (200, False)])
async def test_what_the_model_would_not_see_whole_is_not_asked(
    tmp_path: Path, lines: int, fits: bool
) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["It adds."]))
        server.on("GET", "/props", json_reply({"default_generation_settings": {"n_ctx": 512}}))
        chat = {"provider": "llamacpp", "model": "m"}
        options = {"providers": {"llamacpp": {"baseUrl": server.url}}, "chat": chat}
        async with coding(tmp_path, options) as code:
            await code.open("total = total + 1\n" * lines)
            work = code.editor.command("explain", {"uri": code.uri, "open": False})
            if fits:
                assert (await work)["text"] == "It adds."
            else:
                with pytest.raises(JsonRpcError, match="the model's window has room for 256: select less"):
                    await work
            assert len([one for one in server.requests if one.path == CHAT[1]]) == fits


async def test_a_chat_that_is_opened_late_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twinny_lsp.lsp.chat_documents.OPENED_S", 0.01)
    async with FakeServer() as server:
        gate = asyncio.Event()
        server.on(*CHAT, chat_stream([gate, "It adds."]))
        async with coding(tmp_path, settings(server), opens_chats=False) as code:
            await code.open(CODE)
            work = explain(code)
            await bounded(asked_for(server))
            chat = code.chat = MarkdownEditor(code.shown[0], editor=code.editor)
            chat.open(path_of(code).read_text())
            gate.set()
            await bounded(work)
            assert turns(chat.text) == [
                ("user", "Explain @file:a.py:4-6"),
                ("assistant", "It adds."),
                ("user", ""),
            ]
            assert path_of(code).read_text() == "## You\n\nExplain @file:a.py:4-6\n"


def path_of(code: CodeEditor) -> Path:
    """The file of the chat that is shown."""
    return Path(urlsplit(code.shown[0]).path)


async def asked_for(server: FakeServer) -> None:
    """Wait until the model was asked."""
    while CHAT[1] not in [request.path for request in server.requests]:
        await asyncio.sleep(0.005)


async def test_what_was_hidden_stays_hidden_in_words(tmp_path: Path) -> None:
    """The answer is kept in a file, and goes out again with the next message."""
    secret = "sk-" + "a1B2c3D4e5F6g7H8i9J0" * 2
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["It is HIDDEN_SEC", "RET_1."]))
        async with coding(tmp_path, settings(server)) as code:
            await code.open(CODE.replace("c = a + b", f'api_key = "{secret}"'))
            done = await explain(code)
            assert "HIDDEN_SECRET_1" in server.last(CHAT[1]).json["messages"][-1]["content"]
            assert done["text"] == "It is HIDDEN_SECRET_1."
            assert code.chat is not None
            assert secret not in code.chat.text
