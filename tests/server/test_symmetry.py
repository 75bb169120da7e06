"""Chat over Symmetry through the whole language server: allowed by the user's file alone, and told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.asking import limited
from tests.support.editor import CURSOR, Editor, editing
from tests.support.fake_server import FakeServer, chat_stream
from tests.support.symmetry.network import Running
from twinny_lsp.cli import main as cli
from twinny_lsp.cli.session import JsonRpcError
from twinny_lsp.providers.presets import PRESETS, SYMMETRY_NOTICE
from twinny_lsp.providers.symmetry.setup import modules_folder

MODEL = "model-chunks"
SECRET = "q8Zr4Kv9Lw2Xp7Ty"
ASKS = {"clientFeatures": {"chatDelta": True}}


def allow(home: Path, network: Running, modules: Path, more: str = "") -> None:
    """The user's own file, and the modules where `twinny-lsp symmetry install` puts them."""
    folder = home / ".config" / "twinny-lsp"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(
        f"""
        [chat]
        provider = "symmetry"
        model = "{MODEL}"
        [providers.symmetry]
        opt_in = true
        server_key = "{network.server_key}"
        bootstrap = {json.dumps(list(network.bootstrap))}
        {more}
        """,
        encoding="utf-8",
    )
    modules_folder().parent.mkdir(parents=True)
    modules_folder().symlink_to(modules)


@pytest.fixture
def allowed(isolated_home: Path, symmetry_network: Running, symmetry_modules: Path) -> Running:
    """A home in which Symmetry is allowed, on the network of the tests."""
    allow(isolated_home, symmetry_network, symmetry_modules)
    return symmetry_network


@asynccontextmanager
async def chatting(settings: dict[str, Any] | None = None, **more: Any) -> AsyncIterator[Editor]:
    async with editing((settings or {}) | ASKS, **more) as editor:
        yield editor


def messages(editor: Editor) -> list[str]:
    return [n.params["message"] for n in editor.session.notifications if n.method == "window/showMessage"]


@limited
async def test_an_answer_says_who_gave_it(allowed: Running) -> None:
    async with chatting() as editor:
        answer = await editor.command("chat", {"prompt": "tokens=3", "stream": True})
        assert answer["text"] == "tok0 tok1 tok2 "
        assert answer["answeredBy"] == {"name": "fixture chunks", "id": allowed.provider_id(MODEL)}
        deltas = [n for n in editor.session.notifications if n.method == "twinny-lsp/chatDelta"]
        assert "".join(note.params["text"] for note in deltas) == answer["text"]


@limited
async def test_a_chat_document_is_not_sent_there(allowed: Running) -> None:
    """It holds what was said to other models, and names of files."""
    async with chatting() as editor:
        uri = "file:///project/.twinny/chat/a.md"
        editor.open("## You\n\ntokens=3\n‸", uri=uri, language="markdown")
        with pytest.raises(JsonRpcError, match="A chat document is not sent to symmetry"):
            await editor.command("sendChat", {"uri": uri})


@limited
async def test_progress_ends_with_the_name(allowed: Running) -> None:
    capabilities = {"capabilities": {"window": {"workDoneProgress": True}}}
    async with chatting(initialize=capabilities) as editor:
        await editor.command("chat", {"prompt": "tokens=1"})
        end = await editor.session.wait_for("$/progress", lambda params: params["value"]["kind"] == "end")
        assert end.params["value"]["message"] == f"answered by fixture chunks ({allowed.provider_id(MODEL)})"


@limited
async def test_what_it_means_is_told_once(allowed: Running) -> None:
    async with chatting() as editor:
        for _ in range(2):
            await editor.command("chat", {"prompt": "tokens=1"})
        assert messages(editor).count(f"twinny-lsp: {SYMMETRY_NOTICE}") == 1


@limited
async def test_without_the_users_word_nothing_starts(symmetry_network: Running) -> None:
    settings = {
        "chat": {"provider": "symmetry", "model": MODEL},
        "providers": {"symmetry": {"optIn": True, "bootstrap": list(symmetry_network.bootstrap)}},
    }
    before = len(symmetry_network.events)
    async with chatting(settings) as editor:
        with pytest.raises(JsonRpcError, match=r"reads all that you send.*opt_in = true"):
            await editor.command("chat", {"prompt": "tokens=1"})
        with pytest.raises(JsonRpcError, match="opt_in = true"):
            await editor.command("useProvider", {"provider": "symmetry", "for": "chat"})
    assert not symmetry_network.seen(before, event="asked")


@limited
async def test_secrets_and_names_of_files_stay_here(allowed: Running) -> None:
    before = len(allowed.events)
    async with chatting() as editor:
        editor.open(f"password = '{SECRET}'\n{CURSOR}", "file:///project/secret_plan.py")
        await editor.command("chat", {"prompt": "tokens=1", "uri": "file:///project/secret_plan.py"})
    asked = await allowed.until(before, at="provider", event="asked")
    (_, sent) = asked["messages"][-1]
    assert "password = 'xxxx" in sent
    assert SECRET not in sent
    assert "secret_plan" not in sent


@limited
async def test_a_task_on_code_tells_no_secret_and_no_name_of_a_file(allowed: Running, tmp_path: Path) -> None:
    # Short: the network keeps the first 80 characters of what was asked.
    (tmp_path / "explain.hbs").write_text("tokens=1 {{{relativePath}}} {{{code}}}", encoding="utf-8")
    before, uri = len(allowed.events), "file:///project/secret_plan.py"
    async with chatting({"templates": {"directory": str(tmp_path)}}) as editor:
        editor.open(f"password = '{SECRET}'\n{CURSOR}", uri)
        for _ in range(2):
            done = await editor.command("explain", {"uri": uri, "open": False})
            assert done["text"] == "tok0"
        assert messages(editor).count(f"twinny-lsp: {SYMMETRY_NOTICE}") == 1
        with pytest.raises(JsonRpcError, match="are not asked for from symmetry"):
            await editor.command("commitMessage")
    asked = await allowed.until(before, at="provider", event="asked")
    (_, sent) = asked["messages"][-1]
    assert sent.startswith("tokens=1 this file password = '")
    assert SECRET not in sent


@limited
async def test_a_file_for_secrets_is_not_sent(allowed: Running, tmp_path: Path) -> None:
    before = len(allowed.events)
    uri = (tmp_path / ".env").as_uri()
    async with chatting() as editor:
        editor.open(f"TOKEN=abc{CURSOR}", uri)
        with pytest.raises(JsonRpcError, match="Nothing was sent"):
            await editor.command("chat", {"prompt": "tokens=1", "uri": uri})
    assert not allowed.seen(before, event="asked")


@limited
async def test_a_conversation_with_another_provider_is_not_carried_over(allowed: Running) -> None:
    async with FakeServer() as server:
        server.on("POST", "/v1/chat/completions", chat_stream(["Hello"]))
        local = {
            "chat": {"provider": "ollama", "model": "m"},
            "providers": {"ollama": {"baseUrl": server.url}},
        }
        async with chatting(local) as editor:
            answer = await editor.command("chat", {"prompt": "my own business"})
            await editor.command("useProvider", {"provider": "symmetry", "model": MODEL, "for": "chat"})
            before = len(allowed.events)
            again = {"prompt": "tokens=1", "conversation": answer["conversation"]}
            with pytest.raises(JsonRpcError, match=r"held with ollama.*Begin a new one"):
                await editor.command("chat", again)
            assert not allowed.seen(before, event="asked")
            answer = await editor.command("chat", {"prompt": "tokens=1"})
            assert answer["text"] == "tok0 "
            follow = {"prompt": "tokens=2", "conversation": answer["conversation"]}
            assert (await editor.command("chat", follow))["text"] == "tok0 tok1 "


@limited
async def test_a_failure_names_the_next_step_and_is_over_with_an_answer(allowed: Running) -> None:
    async with chatting() as editor:
        with pytest.raises(JsonRpcError, match=r"fixture chunks .* without any text.*Ask again"):
            await editor.command("chat", {"prompt": "EMPTY"})
        assert (await editor.command("status"))["problems"]
        await editor.command("chat", {"prompt": "tokens=1"})
        assert not (await editor.command("status"))["problems"]


def test_on_the_command_line(allowed: Running, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chat", "tokens=2"]) == 0
    told = capfd.readouterr()
    assert told.out == "tok0 tok1 \n"
    assert told.err == f"Answered by fixture chunks ({allowed.provider_id(MODEL)}).\n"
    assert cli.main(["models", "symmetry"]) == 1
    assert "does not tell which models it has" in capfd.readouterr().err


def test_status(allowed: Running, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(allowed.events)
    assert cli.main(["symmetry"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for part in ("hyperdht 6.34.0", "yes, by `opt_in`", f"with the model {MODEL}", allowed.server_key):
        assert part in told
    assert SYMMETRY_NOTICE in told
    assert not allowed.seen(before, event="asked")


def test_doctor(allowed: Running, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(allowed.events)
    cli.main(["doctor"])
    told = " ".join(capsys.readouterr().out.split())
    assert "ok symmetry: hyperdht 6.34.0, Node.js" in told
    assert SYMMETRY_NOTICE in told
    assert not allowed.seen(before, event="asked")


def test_status_and_doctor_say_what_is_missing(allowed: Running, capsys: pytest.CaptureFixture[str]) -> None:
    modules_folder().unlink()
    assert cli.main(["symmetry"]) == 1
    assert "run `twinny-lsp symmetry install`" in " ".join(capsys.readouterr().out.split())
    cli.main(["doctor"])
    told = " ".join(capsys.readouterr().out.split())
    assert "x symmetry: Symmetry's modules are not installed" in told
    assert "Chat: Symmetry's modules are not installed: run `twinny-lsp symmetry install`." in told


@limited
async def test_the_relay_says_that_it_is_one() -> None:
    relay = PRESETS["symmetry-relay"]
    async with FakeServer() as server:
        server.on("POST", "/v1/chat/completions", chat_stream(["Hello"]))
        settings = {
            "chat": {"provider": relay.name},
            "providers": {relay.name: {"baseUrl": server.url, "apiKey": "k"}},
        }
        async with chatting(settings) as editor:
            answer = await editor.command("chat", {"prompt": f"my password = '{SECRET}'"})
            assert (answer["text"], answer["model"]) == ("Hello", relay.chat_model)
            assert answer["answeredBy"] is None
            assert "Whoever runs twinny.dev reads all" in relay.notice
            assert messages(editor).count(f"twinny-lsp: {relay.notice}") == 1
            assert SECRET not in str(server.requests[-1].json)
