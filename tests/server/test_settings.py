"""Settings through the whole server: where they come from, what is said of bad ones, live change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.editor import CURSOR, ROOT, editing
from tests.support.fake_server import HANG, FakeServer, bounded, json_reply, ollama_stream
from twinny_lsp.config.sources import user_config_path

CONFIGURATION = {"capabilities": {"workspace": {"configuration": True}}}


def ollama(server: FakeServer, **completion: Any) -> dict[str, Any]:
    return {
        "providers": {"ollama": {"baseUrl": server.url}},
        "completion": {"model": "qwen2.5-coder", "debounce": 0} | completion,
    }


def pulled(value: Any) -> dict[str, Any]:
    return {"workspace/configuration": lambda params: [value for _ in params["items"]]}


async def test_workspace_configuration_is_asked_for_each_root() -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        async with editing(None, initialize=CONFIGURATION, handlers=pulled(ollama(server))) as editor:
            editor.open(f"ret{CURSOR}")
            assert (await editor.inline())[0]["insertText"] == "return 1"
            asked = next(r for r in editor.session.requests if r.method == "workspace/configuration")
            assert [item.get("scopeUri") for item in asked.params["items"]] == [None, ROOT]
            assert {item["section"] for item in asked.params["items"]} == {"twinny-lsp"}


@pytest.mark.parametrize("nested", [False, True])
async def test_a_pushed_change_holds_at_once(nested: bool) -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        async with editing(ollama(server)) as editor:
            editor.open(f"ret{CURSOR}")
            off = {"completion": {"enabled": False}}
            settings = {"twinny-lsp": off} if nested else off
            editor.session.notify("workspace/didChangeConfiguration", {"settings": settings})
            assert await editor.inline(invoked=True) == []
            editor.session.notify("workspace/didChangeConfiguration", {"settings": {"twinny-lsp": None}})
            assert (await editor.inline(invoked=True))[0]["insertText"] == "return 1"


async def test_the_users_file_is_read_and_a_bad_one_is_said_once(isolated_home: Path) -> None:
    path = user_config_path()
    path.parent.mkdir(parents=True)
    path.write_text("[completion\nmodel = 1\n")
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        async with editing(ollama(server)) as editor:
            told = await editor.told("config.toml")
            assert ":1:" in told
            editor.open(f"ret{CURSOR}")
            assert (await editor.inline())[0]["insertText"] == "return 1"
            assert len(editor.messages()) == 1
            assert [action["title"] for action in await editor.actions()] == ["twinny-lsp: why nothing?"]


async def test_bad_values_are_told_together_and_the_rest_holds() -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        options = ollama(server, temprature=1, maxTokens="many", provider="ollama")
        async with editing(options) as editor:
            told = await editor.told("settings")
            assert "completion.temprature" in told
            assert "temperature" in told
            assert "completion.maxTokens" in told
            assert "many" not in told
            editor.open(f"ret{CURSOR}")
            assert (await editor.inline())[0]["insertText"] == "return 1"
            assert len(editor.messages()) == 1


async def test_an_unknown_provider_stops_completion_only() -> None:
    async with FakeServer() as server:
        server.on("POST", "/v1/chat/completions", json_reply({"choices": [{"message": {"content": "ok"}}]}))
        options = ollama(server, provider="olama") | {"chat": {"provider": "ollama", "model": "m"}}
        async with editing(options) as editor:
            assert "completion.provider" in await editor.told("did you mean `ollama`")
            editor.open(f"ret{CURSOR}")
            assert await editor.inline(invoked=True) == []
            assert "completion.provider" in (await editor.command("why", {}))["text"]
            assert (await editor.command("chat", {"prompt": "hi"}))["text"] == "ok"


async def test_use_model_and_use_provider_hold_for_the_session() -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        server.on("GET", "/api/tags", json_reply({"models": [{"name": "a:latest"}, {"name": "b:latest"}]}))
        async with editing(ollama(server)) as editor:
            listed = await editor.command("models")
            assert [model["name"] for model in listed["models"]] == ["a:latest", "b:latest"]
            await editor.command("useModel", {"model": "qwen2.5-coder:7b"})
            editor.open(f"ret{CURSOR}")
            await editor.inline()
            asked = [r.json["model"] for r in server.requests if r.path == "/api/generate"]
            assert asked == ["qwen2.5-coder:7b"]
            assert (await editor.command("status"))["model"] == "qwen2.5-coder:7b"
            used = await editor.command("useProvider", {"provider": "lmstudio"})
            usual = {"provider": "lmstudio", "model": "codellama-7b.Q5_K_M.gguf"}
            assert used == usual | {"saved": None, "note": ""}
            assert not user_config_path().exists()
            with pytest.raises(Exception, match="lmstdio"):
                await editor.command("useProvider", {"provider": "lmstdio"})


async def test_a_choice_is_saved_on_request_and_holds_in_the_next_session() -> None:
    path = user_config_path()
    path.parent.mkdir(parents=True)
    path.write_text('# mine\n[completion]  # typing\nmodel = "old"\nmax_tokens = 64\n')
    async with FakeServer() as server:
        provider = {"providers": {"ollama": {"baseUrl": server.url}}}
        async with editing(provider) as editor:
            kept = await editor.command("useModel", {"model": "qwen2.5-coder:7b", "save": True})
            assert kept["note"] == ""
            assert kept["saved"].endswith("config.toml")
            await editor.command("useProvider", {"provider": "lmstudio", "for": "chat", "save": True})
            assert (await editor.command("status"))["model"] == "qwen2.5-coder:7b"
        assert path.read_text() == (
            '# mine\n[completion]  # typing\nmodel = "qwen2.5-coder:7b"\nmax_tokens = 64\n'
            '\n[chat]\nprovider = "lmstudio"\n'
        )
        async with editing(provider) as editor:
            await editor.command("clearCache")  # the server has started when that is answered
            assert (await editor.command("status"))["model"] == "qwen2.5-coder:7b"


async def test_a_saved_choice_that_the_editors_settings_hide_says_so_and_holds_for_now() -> None:
    async with FakeServer() as server, editing(ollama(server)) as editor:
        kept = await editor.command("useModel", {"model": "mine:1b", "save": True})
        assert "stronger" in kept["note"]
        assert 'model = "mine:1b"' in user_config_path().read_text()
        assert (await editor.command("status"))["model"] == "mine:1b"


async def test_a_file_that_cannot_be_changed_is_left_alone_and_nothing_is_chosen() -> None:
    path = user_config_path()
    path.parent.mkdir(parents=True)
    path.write_text('completion = { model = "old" }\n')
    async with editing() as editor:
        with pytest.raises(Exception, match=r'Set model = "new" under \[completion\]'):
            await editor.command("useModel", {"model": "new", "save": True})
        assert (await editor.command("status"))["model"] == "old"
    assert path.read_text() == 'completion = { model = "old" }\n'


async def test_another_model_is_not_asked_with_the_template_of_the_one_before() -> None:
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        async with editing(ollama(server, model="codellama:7b-code", fimTemplate="codellama")) as editor:
            await editor.command("useModel", {"model": "qwen2.5-coder:7b"})
            editor.open(f"ret{CURSOR}")
            await editor.inline()
            prompt = next(r.json["prompt"] for r in server.requests if r.path == "/api/generate")
            assert prompt.startswith("<|fim_prefix|>")


async def test_a_project_file_can_switch_off_but_not_redirect(tmp_path: Path) -> None:
    (tmp_path / ".twinny.toml").write_text(
        '[completion]\nenabled = false\n[providers.ollama]\nbaseUrl = "http://x"\n'
    )
    root = tmp_path.as_uri()
    folders = {"rootUri": root, "workspaceFolders": [{"uri": root, "name": "p"}]}
    async with FakeServer() as server, editing(ollama(server), initialize=folders) as editor:
        uri = f"{root}/a.py"
        editor.open(f"ret{CURSOR}", uri)
        assert await editor.inline(invoked=True, uri=uri) == []
        assert "providers" in await editor.told(".twinny.toml")
        assert server.requests == []


async def test_another_address_ends_what_is_under_way() -> None:
    async with FakeServer() as old, FakeServer() as new:
        old.on("POST", "/api/generate", ollama_stream(["urn", HANG]))
        new.on("POST", "/api/generate", ollama_stream(["urn 2"]))
        async with editing(ollama(old)) as editor:
            editor.open(f"ret{CURSOR}")
            waiting = editor.ask_inline(invoked=True)
            index = 0
            while (request := await old.request(index)).path != "/api/generate":
                index += 1
            editor.session.notify("workspace/didChangeConfiguration", {"settings": ollama(new)})
            assert await bounded(waiting) == {"items": []}
            await bounded(request.closed.wait())
            assert (await editor.inline(invoked=True))[0]["insertText"] == "return 2"
            assert editor.messages() == []


async def test_empty_lua_tables_are_tables() -> None:
    """Neovim sends an empty table as a list."""
    async with FakeServer() as server:
        server.on("POST", "/api/generate", ollama_stream(["urn 1"]))
        options = ollama(server) | {"chat": [], "templates": []}
        handlers = pulled([])
        async with editing(options, initialize=CONFIGURATION, handlers=handlers) as editor:
            editor.open(f"ret{CURSOR}")
            assert (await editor.inline())[0]["insertText"] == "return 1"
            assert editor.messages() == []
