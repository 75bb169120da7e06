"""The example clients of docs/examples, as a plug-in's author would run them: deltas, end, error, cancel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.editors.chat import ChatModel
from tests.editors.lsp_tee import Traffic, until
from tests.editors.neovim import Neovim
from tests.editors.test_neovim import ended_well
from tests.support.fake_server import json_reply
from tools.fetch_editors import Editor

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CHAT = "/v1/chat/completions"
Start = Callable[..., AbstractContextManager["Run"]]
BROKEN = json_reply({"error": {"message": "out of cheese"}}, 500)


@pytest.mark.parametrize("name", ["chat.py", "chat.lua"])
def test_they_are_short(name: str) -> None:
    lines = (EXAMPLES / name).read_text(encoding="utf-8").split("\n")
    assert len([line for line in lines if line.strip()]) <= 30


# -- Python


class Run:
    """The program, while it runs. `said` is what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process, self.said = process, ""

    def says(self, word: str) -> None:
        """Read on until it has said that; a program that ends before has failed."""
        assert self.process.stdout is not None
        while word not in self.said:
            more = os.read(self.process.stdout.fileno(), 4096)
            assert more, f"it has ended after {self.said!r}"
            self.said += more.decode()


@pytest.fixture
def program(traffic: Traffic, chat_model: ChatModel, tmp_path: Path) -> Start:
    """Starts the example with a person's settings."""
    config = tmp_path / "config.toml"
    url = json.dumps(chat_model.server.url)
    config.write_text(f"[providers.ollama]\nbase_url = {url}\n[completion]\nenabled = false\n")

    @contextmanager
    def run(*words: str) -> Iterator[Run]:
        command = [sys.executable, str(EXAMPLES / "chat.py"), *words]
        variables = {**os.environ, "TWINNY_LSP_CONFIG": str(config)}
        with subprocess.Popen(command, env=variables, cwd=ROOT, stdout=subprocess.PIPE) as process:
            try:
                yield Run(process)
                assert process.wait(30) in (0, 1)
            finally:
                process.kill()
        until(traffic.server_is_gone, "the server has ended")

    return run


def test_python_shows_the_answer_as_it_comes(program: Start, chat_model: ChatModel) -> None:
    chat_model.says(["Because ", None, "it is."])
    with program("why", "so") as run:
        run.says("Because ")
        chat_model.goes_on()
        run.says("it is.\n(stop)\n")
    assert run.process.returncode == 0
    assert chat_model.asked[-1].json["messages"][-1]["content"] == "why so"


def test_python_stops_at_ctrl_c(program: Start, chat_model: ChatModel) -> None:
    chat_model.says(["Because ", None])
    with program("why") as run:
        run.says("Because ")
        run.process.send_signal(signal.SIGINT)
        until(chat_model.asked[-1].closed.is_set, "the model is left alone")
        run.says("cancelled)\n")
    assert run.process.returncode == 1


def test_python_shows_an_error(program: Start, chat_model: ChatModel) -> None:
    chat_model.server.on("POST", CHAT, BROKEN)
    with program("why") as run:
        run.says("out of cheese")
    assert run.process.returncode == 1


def test_python_ends_with_the_server(program: Start, chat_model: ChatModel, traffic: Traffic) -> None:
    chat_model.says(["Because ", None])
    with program("why") as run:
        run.says("Because ")
        children = f"/proc/{run.process.pid}/task/{run.process.pid}/children"
        os.kill(int(Path(children).read_text().split()[0]), signal.SIGTERM)
    assert run.process.returncode == 1


# -- Lua


@pytest.fixture
def neovim(nvim_editor: Editor, project: Path, traffic: Traffic, chat_model: ChatModel) -> Iterator[Neovim]:
    editor = Neovim(nvim_editor, project, traffic)
    editor.configure(settings={"twinny-lsp": chat_model.settings})
    editor.nvim.command(f"source {EXAMPLES / 'chat.lua'}")
    editor.open("a.py", "x = 1\n", row=0)
    editor.keys("<Esc>")
    yield editor
    ended_well(editor)


@pytest.mark.editor
def test_lua_shows_the_answer_as_it_comes(neovim: Neovim, chat_model: ChatModel) -> None:
    chat_model.says(["Because\n", None, "it is."])
    neovim.nvim.command("TwinnyAsk why so")
    neovim.becomes("Because\n\n")
    chat_model.goes_on()
    neovim.becomes("Because\nit is.\n(stop)\n")
    assert chat_model.asked[-1].json["messages"][-1]["content"] == "why so"


@pytest.mark.editor
def test_lua_stops_at_ctrl_c(neovim: Neovim, chat_model: ChatModel) -> None:
    chat_model.says(["Because", None])
    neovim.nvim.command("TwinnyAsk why")
    neovim.becomes("Because\n")
    neovim.keys("<C-c>")
    neovim.becomes("Because\nstopped\n")
    until(chat_model.asked[-1].closed.is_set, "the model is left alone")


@pytest.mark.editor
def test_lua_shows_an_error(neovim: Neovim, chat_model: ChatModel) -> None:
    chat_model.server.on("POST", CHAT, BROKEN)
    neovim.nvim.command("TwinnyAsk why")
    neovim.until(lambda: "error: " in neovim.buffer() and "out of cheese" in neovim.buffer(), "the error")
