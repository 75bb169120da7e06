"""What goes wrong around Neovim: our server killed, the model's server down, somebody who types fast."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors import keys
from tests.editors.chat import ChatModel
from tests.editors.conftest import editor_or_skip
from tests.editors.lsp_tee import Traffic, until
from tests.editors.model import Model
from tests.editors.neovim import CLIENT, Neovim
from tests.editors.test_chat_neovim import open_chat
from tests.editors.test_neovim import BODY, HEAD, INLINE, TAIL, settings

pytestmark = pytest.mark.editor

MENU = "textDocument/completion"


@pytest.fixture(params=["nvim", "nvim-0.11"])
def neovim(request: pytest.FixtureRequest, project: Path, traffic: Traffic) -> Iterator[Neovim]:
    editor = Neovim(editor_or_skip(request.param), project, traffic)
    yield editor
    editor.close()
    until(traffic.server_is_gone, "the server has ended")


def kill(neovim: Neovim) -> None:
    """Kill the server."""
    [server] = neovim.traffic.servers()
    os.kill(server, signal.SIGKILL)
    until(lambda: server not in neovim.traffic.servers(), "it is killed")


def runs_again(neovim: Neovim) -> bool:
    return bool(neovim.lua(f"local c = {CLIENT}; return c ~= nil and c.initialized == true and c.id > 1"))


def ask(neovim: Neovim) -> str:
    """Have it ask for a suggestion; the method it asks by."""
    neovim.keys("<C-Space>" if neovim.is_old else "")
    return MENU if neovim.is_old else INLINE


def test_killed_in_the_middle_of_a_completion(neovim: Neovim, model: Model) -> None:
    neovim.configure(settings={"twinny-lsp": settings(model)})
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
    [server] = neovim.traffic.servers()
    os.kill(server, signal.SIGSTOP)
    method = ask(neovim)
    neovim.until(lambda: neovim.traffic.said("editor", method), "it is asked")
    kill(neovim)
    neovim.keys("<BS>t")
    neovim.becomes(HEAD + "    ret" + TAIL)
    neovim.until(lambda: runs_again(neovim), "it is started again")
    neovim.keys("<Esc>A")
    ask(neovim)
    neovim.until(lambda: neovim.ghost() or neovim.menu(), "it suggests again")
    neovim.keys("<C-n><C-y>" if neovim.is_old else "<Tab>")
    neovim.becomes(want)
    assert neovim.save(path) == want


def test_killed_in_the_middle_of_a_chat(neovim: Neovim, chat_model: ChatModel) -> None:
    neovim.configure(settings={"twinny-lsp": chat_model.settings})
    path = open_chat(neovim)
    neovim.keys("Goquestion<Esc>")
    chat_model.says(["one ", "two", None, " three"])
    neovim.keys(":Twinny send<CR>")
    neovim.until(lambda: "one two" in neovim.buffer(), "the answer streams in")
    there = neovim.buffer()
    kill(neovim)
    neovim.keys("GoAnd then?<Esc>")
    neovim.until(lambda: "And then?" in neovim.buffer(), "the editor goes on")
    assert neovim.buffer().replace("And then?\n", "") == there
    neovim.until(lambda: runs_again(neovim), "it is started again")
    chat_model.says(["better"])
    neovim.keys("G:Twinny send<CR>")
    neovim.until(lambda: "better" in neovim.buffer(), "it answers")
    assert "one two" in neovim.save(path)


def test_a_provider_that_is_down_is_told_of_once(neovim: Neovim) -> None:
    """A minute's worth of keys: 1,200, with a rest for an answer after each 40."""
    away = {"providers": {"ollama": {"baseUrl": "http://127.0.0.1:9"}}, "completion": {"debounce": 0}}
    neovim.configure(settings={"twinny-lsp": away})
    neovim.open("a.py", "", row=0)
    line = "total = compute(prices, names, count) + "
    for _ in range(1200 // len(line)):
        neovim.keys(line)
        method = ask(neovim)
        neovim.until(lambda method=method: neovim.asked_here(method), "it has answered")
        neovim.keys("<CR>")
    told = [one.message["params"] for one in neovim.traffic.said("server", "window/showMessage")]
    assert [one["message"].count("127.0.0.1:9") > 0 for one in told] == [True]
    assert neovim.lua("return require('twinny').status()") == "twinny: down"
    neovim.until(lambda: neovim.buffer().count(line) == 30, "all of it is there")


def test_a_server_that_dies_again_and_again_is_left_alone(neovim: Neovim, model: Model) -> None:
    neovim.configure(settings={"twinny-lsp": settings(model)})
    path = neovim.open("a.py", HEAD + TAIL, row=0)
    for number in range(4):
        id_now = f"return ({CLIENT} or {{}}).id"
        neovim.until(lambda at=number, ask=id_now: neovim.lua(ask) == at + 1, "it runs")
        neovim.until(lambda: neovim.lua(f"return {CLIENT}.initialized == true"), "and is ready")
        kill(neovim)
    neovim.until(lambda: neovim.lua(f"return {CLIENT} == nil"), "Neovim knows that it has gone")
    neovim.keys(" # typed on")
    neovim.until(lambda: " # typed on" in neovim.buffer(), "the editor goes on")
    assert neovim.traffic.server_is_gone()
    assert neovim.save(path) == HEAD.replace("\n", " # typed on\n") + TAIL
    neovim.keys(":Twinny start<CR>")
    neovim.until(lambda: neovim.traffic.servers(), "it can be started by hand")


def test_nothing_is_lost_when_somebody_types_fast(neovim: Neovim, model: Model) -> None:
    neovim.configure(settings={"twinny-lsp": settings(model, debounce="auto", speculate=True)})
    model.knows("", keys.TEXT * 2, "")
    path = neovim.open("a.py", "", row=0)
    [server] = neovim.traffic.servers()
    keys.type_fast(lambda key: neovim.keys("<CR>" if key == "\n" else key.replace("<", "<lt>")))
    neovim.becomes(keys.TEXT + "\n")
    method = MENU if neovim.is_old else INLINE
    neovim.until(lambda: neovim.traffic.said("editor", method), "completion is on")
    assert neovim.save(path) == keys.TEXT + "\n"
    assert neovim.traffic.servers() == [server]
