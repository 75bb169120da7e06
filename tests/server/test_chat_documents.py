"""Chat documents through the whole server: what is written, what is sent, what the user typed meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_server import CUT, HANG, FakeServer, bounded, chat_stream, json_reply
from tests.support.markdown_editor import CAPABILITIES, MarkdownEditor, chatting
from twinny_lsp.chat.document import parse
from twinny_lsp.cli.session import JsonRpcError

CHAT = ("POST", "/v1/chat/completions")


def settings(server: FakeServer, **chat: Any) -> dict[str, Any]:
    return {"providers": {"ollama": {"baseUrl": server.url}}, "chat": {"model": "m", **chat}}


def turns(text: str) -> list[tuple[str, str]]:
    return [(turn.role, turn.text) for turn in parse(text).turns]


def asked(server: FakeServer) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in server.last(CHAT[1]).json["messages"]]


async def actions(chat: MarkdownEditor, row: int) -> list[dict[str, Any]]:
    at = {"line": row, "character": 0}
    params = {
        "textDocument": {"uri": chat.uri},
        "range": {"start": at, "end": at},
        "context": {"diagnostics": []},
    }
    assert chat.editor is not None
    return list(await chat.editor.session.request("textDocument/codeAction", params))


async def run(chat: MarkdownEditor, action: dict[str, Any]) -> Any:
    assert chat.editor is not None
    return await chat.editor.session.request("workspace/executeCommand", action["command"])


@contextlib.asynccontextmanager
async def half_answered(
    folder: Path,
) -> AsyncIterator[tuple[FakeServer, MarkdownEditor, asyncio.Future[dict[str, Any]]]]:
    """The model has said a part of its answer, and says no more."""
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["part", HANG]))
        async with chatting(folder, settings(server)) as chat:
            chat.open("## You\na\n")
            sending = asyncio.ensure_future(chat.send())
            await chat.becomes("part")
            yield server, chat, sending


async def test_the_answer_stands_below_the_message(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Hel", "lo\n", "\n## You\n"]))
        async with chatting(tmp_path, settings(server, systemMessage="brief")) as chat:
            chat.open("## You\n\nhi\n")
            result = await chat.send()
            assert turns(chat.text) == [("user", "hi"), ("assistant", "Hello\n\n## You"), ("user", "")]
            head = r"## m ##\n\n<details><summary>Sent to ollama: about \d+ tokens</summary>"
            assert re.search(head, chat.text)
            assert chat.text.endswith("\\## You\n\n## You\n\n")
            assert asked(server) == [("system", "brief"), ("user", "hi")]
            assert (result["text"], result["written"], result["finishReason"]) == (
                "Hello\n\n## You\n",
                True,
                "stop",
            )


async def test_the_file_is_the_history(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["two"]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n## x ##\none\n## You\nb\n")
            await chat.send()
            assert asked(server) == [("user", "a"), ("assistant", "one"), ("user", "b")]
            chat.replace("one", "edited")
            chat.type(len(chat.text), "c")
            await chat.send()
            assert asked(server)[1] == ("assistant", "edited")
            assert asked(server)[3:] == [("assistant", "two"), ("user", "c")]


async def test_front_matter_chooses(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("---\nmodel: other\nsystem: be brief\ntemperature: 1.5\n---\n## You\na\n")
            assert (await chat.send())["model"] == "other"
            body = server.last(CHAT[1]).json
            assert (body["model"], body["temperature"]) == ("other", 1.5)
            assert asked(server)[0] == ("system", "be brief")


async def test_answering_again_takes_the_place_of_the_answer(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["new"]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n## m ##\n\nold\nold\n\n## You\nb\n## m ##\nc\n")
            await chat.started()
            again = (await actions(chat, 4))[0]
            assert again["title"] == "twinny-lsp: Answer again"
            assert await run(chat, again) == {"started": True}
            await chat.becomes("new")
            rest = [("user", "b"), ("assistant", "c")]
            assert turns(chat.text) == [("user", "a"), ("assistant", "new"), *rest]
            assert asked(server) == [("user", "a")]


async def test_stopping_closes_the_socket_and_keeps_what_came(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["part", HANG]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n")
            await chat.started()
            assert [action["title"] for action in await actions(chat, 1)] == ["twinny-lsp: Send to model"]
            sending = asyncio.ensure_future(chat.send())
            await chat.becomes("part")
            (stop,) = await actions(chat, 1)
            assert stop["title"] == "twinny-lsp: Stop the model"
            assert await run(chat, stop) == {"stopped": True}
            result = await bounded(sending)
            assert (result["text"], result["finishReason"]) == ("part", "stopped")
            await bounded(server.last(CHAT[1]).closed.wait())
            assert turns(chat.text) == [("user", "a"), ("assistant", "part"), ("user", "")]
            assert "> **twinny-lsp:** Stopped." in chat.text


async def test_cancelling_the_command_stops_too(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["part", HANG]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n")
            assert chat.editor is not None
            params = {"command": "twinny-lsp.sendChat", "arguments": [{"uri": chat.uri}]}
            future = chat.editor.session.send_request("workspace/executeCommand", params, id="mine")
            await chat.becomes("part")
            chat.editor.session.cancel("mine")
            with pytest.raises(JsonRpcError, match="-32800"):
                await bounded(future)
            await chat.becomes("Stopped.")
            await bounded(server.last(CHAT[1]).closed.wait())


async def test_an_error_is_told_where_the_user_looks(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, json_reply({"error": {"message": "out of cheese"}}, 500))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n")
            with pytest.raises(JsonRpcError, match="out of cheese"):
                await chat.send()
            assert re.search(r"^> \*\*twinny-lsp:\*\* .*out of cheese", chat.text, re.MULTILINE)
            assert turns(chat.text) == [("user", "a"), ("assistant", ""), ("user", "")]
            server.on(*CHAT, chat_stream(["now"]))
            await chat.send()  # with nothing written below: the same message again
            assert turns(chat.text) == [("user", "a"), ("assistant", "now"), ("user", "")]
            assert "cheese" not in chat.text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("---\ntemperature: hot\n---\n## You\na\n", "line 2: `temperature` is a number"),
        ("---\nprovider: nowhere\n---\n## You\na\n", "nowhere"),
        ("---\nprovider: lmstudio\n---\n## You\na\n", "needs a `model:`"),
        ("---\ncontext: 256\n---\n## You\n" + "a word " * 300, "Your message alone has"),
    ],
)
async def test_what_cannot_be_sent_is_told_there_as_well(tmp_path: Path, text: str, word: str) -> None:
    async with FakeServer() as server, chatting(tmp_path, settings(server)) as chat:
        chat.open(text)
        with pytest.raises(JsonRpcError, match=re.escape(word)):
            await chat.send()
        assert word in chat.text
        assert not [request for request in server.requests if request.path == CHAT[1]]


async def test_a_broken_stream_keeps_its_text_and_says_so(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["```py\nx = 1", CUT]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\na\n")
            try:
                await chat.send()
            except JsonRpcError as error:
                assert error.code == -32803  # noqa: PT017 - either is well, the document counts
            assert turns(chat.text) == [("user", "a"), ("assistant", "```py\nx = 1\n```"), ("user", "")]
            assert "> **twinny-lsp:** " in chat.text


async def test_thinking_is_shown_on_request_only(tmp_path: Path) -> None:
    for front, shown in (("", False), ("---\nthinking: true\n---\n", True)):
        async with FakeServer() as server:
            server.on(*CHAT, chat_stream(["<think>hm, ", "hm</think>", "so"]))
            async with chatting(tmp_path, settings(server)) as chat:
                chat.open(f"{front}## You\na\n")
                await chat.send()
                assert ("hm, hm" in chat.text) is shown
                assert turns(chat.text)[1] == ("assistant", "so")


async def test_what_is_mentioned_goes_along_and_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / ".env").write_text("KEY=1\n")
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        async with chatting(tmp_path, settings(server)) as chat:
            assert chat.editor is not None
            chat.editor.open("y = 2‸\nz = 3\n", uri=(tmp_path / "b.py").as_uri())
            chat.open("## You\nsee @file:a.py @file:.env @open\n")
            await chat.send()
            content = asked(server)[-1][1]
            assert "a.py:\n```python\nx = 1\n```" in content
            assert "b.py:\n```python\ny = 2\nz = 3\n```" in content
            assert "KEY=1" not in content
            assert "- `@file:.env` not sent: .env is held back" in chat.text
            assert re.search(r"- `@file:a.py`: a.py, \d+ tokens", chat.text)


async def test_selection_and_diagnostics_come_with_code_actions(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        async with chatting(tmp_path, settings(server)) as chat:
            assert chat.editor is not None
            uri = (tmp_path / "b.py").as_uri()
            chat.editor.open("one‸\ntwo\nthree\n", uri=uri)
            span = {"start": {"line": 1, "character": 0}, "end": {"line": 2, "character": 0}}
            await chat.started()
            told = {"range": span, "severity": 1, "message": "no such thing"}
            params = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": [told]}}
            offered = await chat.editor.session.request("textDocument/codeAction", params)
            about = next(each for each in offered if each["title"] == "twinny-lsp: Chat about this")
            chat.open("## You\n@selection @diagnostics\n")
            await chat.send()
            content = asked(server)[-1][1]
            assert "b.py, line 2:\n```python\ntwo\n```" in content
            assert "line 2: error: no such thing\n    two" in content
            made = await run(chat, about)
            assert Path(made["path"]).read_text().endswith("@file:b.py:2-2\n")


@pytest.mark.parametrize("text", ["x", "é", "😀", "\n", "\r\n", ""])
async def test_one_character_is_no_selection(tmp_path: Path, text: str) -> None:
    """Helix has always one selected. What was selected before it is still what was selected last."""
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        async with chatting(tmp_path, settings(server)) as chat:
            assert chat.editor is not None
            uri = (tmp_path / "b.py").as_uri()
            chat.editor.open(f"one‸\n{text}", uri=uri)
            await chat.started()
            wide = len(text.encode("utf-16-le")) // 2
            end = {"line": 2, "character": 0} if "\n" in text else {"line": 1, "character": wide}
            titles = []
            for last in ({"line": 0, "character": 3}, end):
                span = {"start": {"line": min(last["line"], 1), "character": 0}, "end": last}
                params = {"textDocument": {"uri": uri}, "range": span, "context": {"diagnostics": []}}
                offered = await chat.editor.session.request("textDocument/codeAction", params)
                titles.append([each["title"] for each in offered])
            assert "twinny-lsp: Chat about this" in titles[0]
            assert "twinny-lsp: Chat about this" not in titles[1]
            chat.open("## You\n@selection\n")
            await chat.send()
            assert "b.py, line 1:\n```python\none\n```" in asked(server)[-1][1]


async def test_opening_a_chat(tmp_path: Path) -> None:
    async with FakeServer() as server, chatting(tmp_path, settings(server)) as chat:
        assert chat.editor is not None
        made = await chat.editor.command("openChat", {"prompt": "Why is it slow?"})
        path = Path(made["path"])
        assert path.parent == tmp_path / ".twinny" / "chat"
        assert path.name.endswith("-why-is-it-slow.md")
        assert (path.parent / ".gitignore").read_text() == "*\n"
        (shown,) = chat.shown
        assert shown["selection"]["start"]["line"] == 2
        assert (await chat.editor.command("openChat", []))["shown"] is True
        assert chat.shown[1]["selection"]["start"]["line"] == 1
        assert (made["shown"], shown["uri"], shown["takeFocus"]) == (True, path.as_uri(), True)
        assert turns(path.read_text()) == [("user", "Why is it slow?")]


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("2026-03-09-174512.md", "## You\n\nWhy is it slow?\n", "# Why is it slow?\n\n## You\n"),
        ("2026-03-09-174512-2.md", "## You\r\nA b\r\n", "# A b\r\n\r\n## You\r\n"),
        ("2026-03-09-174512.md", "---\ncontext: 999\n---\n## You\nA\n", "---\ncontext: 999\n---\n# A\n\n"),
        ("2026-03-09-174512.md", "# My own\n\n## You\nA\n", "# My own\n\n## You\n"),
        ("2026-03-09-why.md", "## You\nWhy?\n", "## You\n"),
        ("2026-03-09-174512.md", "## You\n???\n", "## You\n"),
    ],
)
async def test_a_chat_named_by_the_time_gets_a_title(
    tmp_path: Path, name: str, before: str, after: str
) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"]))
        uri = (tmp_path / ".twinny" / "chat" / name).as_uri()
        async with chatting(tmp_path, settings(server), uri=uri) as chat:
            chat.open(before)
            await chat.send()
            assert chat.text.startswith(after)
            asked_first = turns(chat.text)
            assert asked_first[0] == turns(before)[0]
            assert asked_first[1] == ("assistant", "ok")
            assert (chat.refused, asked(server)) == (0, [turns(before)[0]])
            chat.type(len(chat.text), "more")
            await chat.send()
            assert chat.text.startswith(after), "one title is enough"


async def test_a_client_that_cannot_show_is_told_the_path(tmp_path: Path) -> None:
    async with FakeServer() as server, chatting(tmp_path, settings(server), capabilities={}) as chat:
        assert chat.editor is not None
        made = await chat.editor.command("openChat")
        assert made["shown"] is False
        assert made["path"] in await chat.editor.told("the chat is in")


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize(
    ("uri", "capabilities"),
    [("untitled:Untitled-1", CAPABILITIES), ("", {}), ("", {"workspace": {"applyEdit": True}})],
)
async def test_where_nothing_can_be_written_the_result_has_it(
    tmp_path: Path, uri: str, capabilities: dict[str, Any], waits: bool
) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Hello"]))
        async with chatting(tmp_path, settings(server), uri=uri, capabilities=capabilities) as chat:
            chat.open("## You\nhi\n")
            result = await chat.send(wait=waits)
            assert (result["text"], result["written"]) == ("Hello", False)
            assert chat.applied == []
            assert await actions(chat, 1) == []


async def test_mentions_are_completed(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "parse.py").write_text("x = 1\n")
    (tmp_path / ".env").write_text("KEY=1\n")
    async with FakeServer() as server, chatting(tmp_path, settings(server)) as chat:
        assert chat.editor is not None

        async def menu(text: str) -> list[str]:
            chat.open(f"## You\n{text}")
            position = {"line": 1, "character": len(text)}
            params = {"textDocument": {"uri": chat.uri}, "position": position, "context": {"triggerKind": 1}}
            answer = await chat.editor.session.request("textDocument/completion", params)
            return [item["textEdit"]["newText"] for item in answer["items"]]

        assert "@diff" in await menu("see @")
        assert "@file:" in await menu("see @fi")
        assert await menu("see @file:par") == ["@file:src/parse.py"]
        assert await menu("see @file:.en") == []


async def test_a_closed_document_ends_the_answer(tmp_path: Path) -> None:
    async with half_answered(tmp_path) as (server, chat, sending):
        assert chat.editor is not None
        chat.editor.session.notify("textDocument/didClose", {"textDocument": {"uri": chat.uri}})
        assert (await bounded(sending))["written"] is False
        await bounded(server.last(CHAT[1]).closed.wait())


async def test_removing_the_answers_place_ends_it(tmp_path: Path) -> None:
    async with half_answered(tmp_path) as (_, chat, sending):
        chat.replace(chat.text[chat.text.index("## m") :], "my own")
        assert (await bounded(sending))["written"] is False
        assert chat.text == "## You\na\n\nmy own"


async def test_one_answer_at_a_time(tmp_path: Path) -> None:
    async with half_answered(tmp_path) as (_, chat, sending):
        with pytest.raises(JsonRpcError, match="stop it first"):
            await chat.send()
        assert chat.editor is not None
        assert await chat.editor.command("stopChat") == {"stopped": True}
        await bounded(sending)
        assert await chat.editor.command("stopChat") == {"stopped": False}


async def test_a_shutdown_ends_it(tmp_path: Path) -> None:
    async with half_answered(tmp_path) as (server, chat, sending):
        assert chat.editor is not None
        assert await chat.editor.session.shutdown() == 0
        with pytest.raises(JsonRpcError, match="-32800"):
            await bounded(sending)
        await bounded(server.last(CHAT[1]).closed.wait())


async def test_nothing_is_completed_where_an_answer_is_written(tmp_path: Path) -> None:
    async with half_answered(tmp_path) as (server, chat, sending):
        assert chat.editor is not None
        where = {"textDocument": {"uri": chat.uri}, "position": {"line": 1, "character": 1}}
        for method in ("textDocument/inlineCompletion", "textDocument/completion"):
            asked = {**where, "context": {"triggerKind": 1}}
            assert (await chat.editor.session.request(method, asked))["items"] == []
        assert not [request for request in server.requests if request.path == "/api/generate"]
        await chat.editor.command("stopChat")
        await bounded(sending)


async def test_lenses_stand_above_what_can_be_sent(tmp_path: Path) -> None:
    async with FakeServer() as server, chatting(tmp_path, settings(server)) as chat:
        assert chat.editor is not None

        async def lenses(text: str, uri: str = "") -> list[tuple[int, str]]:
            assert chat.editor is not None
            chat.open(text)
            params = {"textDocument": {"uri": uri or chat.uri}}
            found = await chat.editor.session.request("textDocument/codeLens", params)
            return [(lens["range"]["start"]["line"], lens["command"]["title"]) for lens in found]

        assert await lenses("## You\n\n") == []
        assert await lenses("# t\n## You\na\n## m ##\nb\n## You\nc\n") == [
            (3, "twinny-lsp: Answer again"),
            (5, "twinny-lsp: Send to model"),
        ]
        chat.editor.open("x‸\n", uri=(tmp_path / "b.py").as_uri())
        assert await lenses("## You\na\n", (tmp_path / "b.py").as_uri()) == []


async def test_progress_says_who_is_at_work_and_can_stop_it(tmp_path: Path) -> None:
    capabilities = {**CAPABILITIES, "window": {"workDoneProgress": True}}
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["part", HANG]))
        async with chatting(tmp_path, settings(server), capabilities=capabilities) as chat:
            chat.open("## You\na\n")
            sending = asyncio.ensure_future(chat.send())
            await chat.becomes("part")
            assert chat.editor is not None
            session = chat.editor.session
            begun = await session.wait_for("$/progress", lambda params: params["value"]["kind"] == "begin")
            assert begun.params["value"]["message"] == "m"
            session.notify("window/workDoneProgress/cancel", {"token": begun.params["token"]})
            assert (await bounded(sending))["finishReason"] == "stopped"
            await session.wait_for("$/progress", lambda params: params["value"]["kind"] == "end")


async def test_a_document_with_windows_line_ends(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["one\n", "two"]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("## You\r\n\r\nhi\r\n")
            await chat.send()
            assert chat.text.replace("\r\n", "").count("\n") == 0
            assert turns(chat.text)[1] == ("assistant", "one\ntwo")


async def test_any_file_can_be_asked_about_and_becomes_a_chat(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["so"]))
        async with chatting(tmp_path, settings(server), uri=(tmp_path / "notes.md").as_uri()) as chat:
            chat.open("why?\n")
            await chat.send()
            assert turns(chat.text) == [("user", "why?"), ("assistant", "so"), ("user", "")]
            assert [action["title"] for action in await actions(chat, 0)] == ["twinny-lsp: Answer again"]


async def test_an_editor_that_takes_no_edits_gives_the_result_and_a_message(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Hello"]))
        async with chatting(tmp_path, settings(server)) as chat:
            assert chat.editor is not None
            chat.editor.session.handlers["workspace/applyEdit"] = lambda _: {"applied": False}
            chat.open("## You\nhi\n")
            result = await chat.send()
            assert result["written"] is False
            assert "did not take" in await chat.editor.told("chat:")


async def test_an_editor_with_another_text_than_it_told_of_gets_the_answer_once(tmp_path: Path) -> None:
    """Helix 25.01 may tell of quick keys in another order; the edit then lands elsewhere."""
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["Hello"]))
        async with chatting(tmp_path, settings(server)) as chat:
            chat.open("# title\n\n## You\nhi there")
            await chat.started()
            chat.text = chat.text.removesuffix("there")
            result = await bounded(chat.send())
            assert result["written"] is False
            assert chat.editor is not None
            assert "another text" in await chat.editor.told("chat:")
            assert chat.text.count("## m ##") == 1


WAYS: dict[str, dict[str, Any]] = {
    "at once": {},
    "late": {"late_s": 0.03},
    "late and lying": {"late_s": 0.03, "lies": True, "name": "Neovim"},
    "whole texts": {"whole": True},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["\n", ""])
async def test_no_character_is_lost_or_moved_while_the_user_types(tmp_path: Path, way: str, end: str) -> None:
    """2,000 pieces, while words are typed above and below, blank lines next to the answer among them."""
    dice = random.Random(7)
    kinds = ["a", " ", "b b", "\n", "é😀", "\n\n", "x" * 9, "- "]
    pieces = [dice.choice(kinds) + str(i) for i in range(2000)]
    async with FakeServer() as server:
        gates = [asyncio.Event() for _ in range(20)]
        steps: list[object] = []
        for i, gate in enumerate(gates):
            steps += [*pieces[i * 100 : (i + 1) * 100], gate]
        server.on(*CHAT, chat_stream(steps))
        async with chatting(tmp_path, settings(server), **WAYS[way]) as chat:
            chat.open(f"Notes: \n\n## You\n\nquestion{end}")
            sending = asyncio.ensure_future(chat.send())
            await chat.becomes("</details>")
            above, below = "", ""
            chat.type(len(chat.text), "#")
            for gate in gates:
                for letter in dice.choices("abcdefgh \n", k=10):
                    chat.type(len("Notes: ") + len(above), letter)
                    above += letter
                    await asyncio.sleep(dice.random() / 100)
                    other = dice.choice("ijklmnop\n")
                    chat.type(len(chat.text), other)
                    below += other
                    await asyncio.sleep(dice.random() / 100)
                gate.set()
            result = await bounded(sending, 60)
            assert result["written"] is True
            said = "".join(pieces).lstrip()
            assert chat.text.startswith(f"Notes: {above}\n\n## You\n\nquestion\n\n## m ##\n\n<details>")
            assert chat.text.partition("</details>\n\n")[2] == f"{said}\n\n## You\n{end}#{below}"


@pytest.mark.parametrize("way", WAYS)
async def test_a_title_does_not_move_what_is_typed(tmp_path: Path, way: str) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["an answer"]))
        uri = (tmp_path / ".twinny" / "chat" / "2026-03-09-174512.md").as_uri()
        async with chatting(tmp_path, settings(server), uri=uri, **WAYS[way]) as chat:
            chat.open("## You\n\nquestion\n")
            sending = asyncio.ensure_future(chat.send())
            typed = ""
            while not sending.done() and len(typed) < 100:  # fewer than the refusals it bears
                chat.type(len(chat.text), "x")
                typed += "x"
                await asyncio.sleep(0.002)
            assert (await bounded(sending, 30))["written"] is True
            assert chat.text.count("x") == len(typed)
            # An editor whose user was quicker has refused the title: the next message brings it.
            begun = chat.text.replace("x", "").removeprefix("# question\n\n")
            assert begun.startswith("## You\n\nquestion\n")
            assert turns(chat.text)[1] == ("assistant", "an answer")
