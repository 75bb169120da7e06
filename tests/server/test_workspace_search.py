"""`@workspace` through the whole server, with a model for embeddings: what leaves, is found, is told."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_server import HANG, FakeServer, Recorded, Reply, bounded, chat_stream, json_reply
from tests.support.markdown_editor import MarkdownEditor, chatting
from twinny_lsp.chat import vectors

CHAT, EMBED = ("POST", "/v1/chat/completions"), ("POST", "/api/embed")
QUESTION = "## You\nhow do we log in? @workspace who may log in?\n"
KEY = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
FILES = {
    "a.py": "def write_log(line):\n    pass\n",
    "b.py": f"def authenticate(user):\n    return ask(user, '{KEY}')\n",
    "c.py": "def draw(): ...\n",
    ".env": "LOG=1\n",
    "hidden.py": "def log_in_secretly(): ...\n",
    ".gitignore": "hidden.py\n",
}


def settings(server: FakeServer, **chat: Any) -> dict[str, Any]:
    told = {"model": "m", "embeddings": {"model": "embedder"}, **chat}
    return {"providers": {"ollama": {"baseUrl": server.url}}, "chat": told}


def embeds(request: Recorded) -> Reply:
    """A model that knows that who logs in authenticates."""
    texts = request.json["input"]
    return json_reply({"embeddings": [[1.0, "log in" in text or "authenticate" in text] for text in texts]})


def embedded(server: FakeServer) -> list[str]:
    """The texts that were embedded, but for the probe and the question."""
    requests = [request for request in server.requests if request.path == EMBED[1]]
    return [text for request in requests[1:] for text in request.json["input"]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


async def sent(chat: MarkdownEditor, server: FakeServer, text: str = QUESTION) -> tuple[str, str]:
    """(the message that was sent, the folded block)."""
    chat.open(text)
    await chat.send()
    block = re.search(r"<details><summary>Sent.*?</details>", chat.text, re.DOTALL)
    assert block is not None
    return server.last(CHAT[1]).json["messages"][-1]["content"], block[0]


def problems(chat: MarkdownEditor) -> list[str]:
    assert chat.editor is not None
    return [message for message in chat.editor.messages() if "@workspace" in message]


async def test_meaning_finds_what_words_do_not(project: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, embeds)
        async with chatting(project, settings(server)) as chat:
            content, block = await sent(chat, server)
            assert content.index("b.py, lines") < content.index("c.py, line"), "by meaning alone"
            how = (
                r"- `@workspace`: found by words and by meaning \(embedder on ollama\): "
                r"4 places compared, 4 of them for the first time\n- `@workspace`: \w\.py, lines"
            )
            assert re.search(how, block)
            assert problems(chat) == []


async def test_what_may_not_be_seen_is_not_embedded(project: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, embeds)
        async with chatting(project, settings(server)) as chat:
            assert chat.editor is not None
            opened = f"key = '{KEY}'‸\nlog = 1\n"
            chat.editor.open(opened, uri=(project / "open.py").as_uri())
            await sent(chat, server, f"{QUESTION.rstrip()} log in with {KEY}\n")
            texts = embedded(server)
            seen = {"a.py", "b.py", "c.py", "open.py", ".gitignore"}
            assert {text.partition("\n")[0] for text in texts} == seen
            assert "16C7" not in "".join(request.body.decode() for request in server.requests)


async def test_the_second_question_embeds_only_what_is_new(project: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, embeds)
        async with chatting(project, settings(server)) as chat:
            await sent(chat, server)
        (project / "d.py").write_text("def log_out(): ...\n")
        server.requests.clear()
        async with chatting(project, settings(server)) as chat:
            _, block = await sent(chat, server)
            assert embedded(server) == ["d.py\ndef log_out(): ...\n"]
            assert "5 places compared, 1 of them for the first time" in block
    assert not list(project.rglob(f"*{vectors.ENDING}"))
    assert len(list(vectors.folder().iterdir())) == 1


async def test_where_there_is_nothing_to_compare_nothing_is_asked(tmp_path: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, embeds)
        async with chatting(tmp_path, settings(server)) as chat:
            _, block = await sent(chat, server)
            assert "- `@workspace` not sent: no file of this project has a word of the question" in block
            assert "found by" not in block
            assert not [request for request in server.requests if request.path == EMBED[1]]


async def test_without_a_model_nothing_is_asked(project: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, embeds)
        async with chatting(project, settings(server, embeddings={})) as chat:
            content, block = await sent(chat, server)
            assert "a.py, lines" in content
            assert "c.py" not in content
            assert "found by" not in block
            assert not [request for request in server.requests if request.path == EMBED[1]]


async def test_words_go_on_working_when_it_fails_and_it_is_told_once(project: Path) -> None:
    async with FakeServer() as server:
        missing = json_reply({"error": "model 'embedder' not found"}, 404)
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, missing)
        async with chatting(project, settings(server)) as chat:
            assert chat.editor is not None
            for _ in range(2):
                content, block = await sent(chat, server)
                assert "a.py, lines" in content
                assert "c.py" not in content
                assert "- `@workspace`: found by words alone: ollama at http" in block
                assert "`ollama pull embedder`" in block
            (told,) = problems(chat)
            assert "@workspace goes by words alone, without `chat.embeddings`: ollama at http" in told
            assert "`ollama pull embedder`" in told
            assert "embedder" in str(await chat.editor.command("why"))
            server.on(*EMBED, embeds)
            _, block = await sent(chat, server)
            assert "by meaning" in block
            assert "embedder" not in str((await chat.editor.command("status"))["message"])


@pytest.mark.parametrize(
    ("chosen", "file", "why"),
    [
        ({"provider": "embedded", "model": "m"}, "", "computes no embeddings"),
        ({"provider": "symmetry", "model": "m"}, "", "computes no embeddings"),
        ({"model": "embedder"}, "[chat]\nembeddings = false\n", "embeddings are switched off by"),
    ],
)
async def test_why_it_is_off_is_told(project: Path, chosen: dict[str, str], file: str, why: str) -> None:
    (project / ".twinny.toml").write_text(file)
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, embeds)
        async with chatting(project, settings(server, embeddings=chosen)) as chat:
            content, block = await sent(chat, server)
            assert "a.py, lines" in content
            assert re.search(f"found by words alone: .*{why}", block)
            assert not [request for request in server.requests if request.path == EMBED[1]]


async def test_stopping_closes_its_socket(project: Path) -> None:
    async with FakeServer() as server:
        server.on(*CHAT, chat_stream(["ok"])).on(*EMBED, Reply([], head=HANG))
        async with chatting(project, settings(server)) as chat:
            assert chat.editor is not None
            chat.open(QUESTION)
            params = {"command": "twinny-lsp.sendChat", "arguments": [{"uri": chat.uri}]}
            sending = chat.editor.session.send_request("workspace/executeCommand", params, id="mine")
            async with asyncio.timeout(10):
                while not [request for request in server.requests if request.path == EMBED[1]]:
                    await asyncio.sleep(0.002)
            chat.editor.session.cancel("mine")
            await bounded(server.last(EMBED[1]).closed.wait())
            await asyncio.wait([sending], timeout=10)
            assert not [request for request in server.requests if request.path == CHAT[1]]
