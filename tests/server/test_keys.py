"""A key goes to its server and nowhere else, whatever is done and goes wrong, and however much is logged."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.editor import CURSOR, Editor, params_of
from tests.support.fake_server import (
    FakeServer,
    Recorded,
    Reply,
    bounded,
    chat_stream,
    completion_stream,
    json_reply,
)
from tests.support.leaks import KEY, Watch, command_lines_with
from twinny_lsp.cli.session import JsonRpcError, Session

ROOT = Path(__file__).parents[2]
CONFIG = """
[providers.guarded]
type = "litellm"
base_url = "{url}"
headers = {{ X-Team = "{key}" }}
{how}
[completion]
provider = "guarded"
model = "qwen2.5-coder:7b"
fim_template = "qwen"
debounce = 0
[chat]
provider = "guarded"
model = "talker"
"""
WAYS = {
    "value": 'api_key = "{key}"',
    "environment": 'api_key_env = "TEST_API_KEY"',
    "file": 'api_key_file = "{folder}/key"',
    "command": 'api_key_command = ["cat", "{folder}/key"]',
}
COMMANDS = (
    ["doctor"],
    ["doctor", "--json"],
    ["models", "guarded"],
    ["config", "show"],
    ["config", "check"],
    ["chat", "Hello"],
    ["complete", "{folder}/code.py:2:5", "--json"],
)


def guarded(server: FakeServer, accepts: str) -> None:
    """A server that wants a key, and repeats a wrong one in its answer, as some do."""

    def when_right(reply: Reply) -> Any:
        def answer(request: Recorded) -> Reply:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            told = f"Incorrect API key provided: {given} (team {request.headers.get('x-team')})"
            return reply if given == accepts else json_reply({"error": {"message": told, "code": "401"}}, 401)

        return answer

    server.on("GET", "/health/liveliness", json_reply("I'm alive!"))
    models = json_reply({"data": [{"id": "qwen2.5-coder:7b"}, {"id": "talker"}]})
    server.on("GET", "/v1/models", when_right(models))
    server.on("POST", "/v1/completions", when_right(completion_stream(["return a + b"])))
    server.on("POST", "/v1/chat/completions", when_right(chat_stream(["Hello."])))


@pytest.fixture(params=WAYS)
def folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, str]:
    """A folder with a document and a key, and how the settings name the key."""
    (tmp_path / "key").write_text(KEY, encoding="utf-8")
    (tmp_path / "code.py").write_text("def add(a, b):\n    \n", encoding="utf-8")
    if request.param == "environment":
        monkeypatch.setenv("TEST_API_KEY", KEY)
    monkeypatch.setenv("TWINNY_LSP_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path, WAYS[request.param].format(key=KEY, folder=tmp_path)


def configure(folder: Path, how: str, url: str) -> None:
    (folder / "config.toml").write_text(CONFIG.format(url=url, key=KEY, how=how), encoding="utf-8")


def written(folder: Path) -> str:
    """All that the server wrote: to the client, to standard error, into its log."""
    return "".join(
        (folder / name).read_text(encoding="utf-8", errors="replace") for name in ("traffic", "errors", "log")
    )


@pytest.mark.skipif(sys.platform == "win32", reason="uses a shell's pipes")
@pytest.mark.parametrize("accepts", [KEY, "another"], ids=["right key", "wrong key"])
async def test_over_the_protocol(folder: tuple[Path, str], accepts: str) -> None:
    where, how = folder
    async with FakeServer() as server:
        guarded(server, accepts)
        configure(where, how, server.url)
        serve = shlex.join([sys.executable, "-m", "twinny_lsp", "serve", "--stdio", "--log-level", "debug"])
        run = f"{serve} --log-file log 2>errors | tee traffic"
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        async with await Session.spawn(["sh", "-c", run], cwd=where, env=env) as session:
            await session.initialize(params_of(None, None))
            editor = Editor(session)
            editor.open(f"def add(a, b):\n    {CURSOR}\n")
            items = await editor.inline(invoked=True)
            assert bool(items) is (accepts == KEY)
            for name in ("chat", "models", "doctor", "why", "status"):
                with suppress(JsonRpcError):  # its words are in the traffic
                    await bounded(editor.command(name, {"prompt": "Hello"} if name == "chat" else None), 60)
            await editor.actions()
            assert command_lines_with(KEY) == []
            await session.shutdown()
        sent = {request.headers.get("authorization") for request in server.requests} - {None}
        assert sent == {f"Bearer {KEY}"}
    told = written(where)
    assert "guarded" in told
    assert "POST" in told or "completion" in told
    assert KEY not in told


@pytest.mark.parametrize("folder", ["value"], indirect=True)
@pytest.mark.parametrize("accepts", [KEY, "another"], ids=["right key", "wrong key"])
async def test_on_the_command_line(folder: tuple[Path, str], accepts: str) -> None:
    where, how = folder
    async with FakeServer() as server:
        guarded(server, accepts)
        configure(where, how, server.url)
        outputs = await asyncio.gather(
            *(asyncio.to_thread(twinny, [part.format(folder=where) for part in each]) for each in COMMANDS)
        )
        assert any(KEY in request.headers.get("authorization", "") for request in server.requests)
    assert all(outputs)
    assert not [output for output in outputs if KEY in output]


def twinny(arguments: list[str]) -> str:
    """All that a command prints."""
    command = [sys.executable, "-m", "twinny_lsp", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_the_net_would_catch_one() -> None:
    watch = Watch()
    watch.start()
    program = "import sys; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, KEY[:-1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert command_lines_with(KEY[:-1]) != []
        assert child.stdin is not None
        child.stdin.close()
    watch.stop()
    watch.read("a test", f"… {KEY} …")
    assert watch.found == ["a test"]
