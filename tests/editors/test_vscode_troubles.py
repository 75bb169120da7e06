"""VS Code when something is wrong, and its settings: who may say what, and that a change holds at once."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.editors.chat import CODE
from tests.editors.lsp_tee import SERVER
from tests.editors.vscode_window import Window

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def window(vscode: Window) -> Window:
    """With the usual settings, no message on screen, and a server."""
    vscode.fresh()
    vscode.until(vscode.traffic.servers, "there is a server")
    vscode.messages_gone()
    return vscode


def killed(window: Window) -> None:
    """Our server is killed, and another one comes up."""
    [old] = window.traffic.servers()
    os.kill(old, signal.SIGKILL)
    window.until(lambda: window.traffic.servers() not in ([], [old]), "it is started again")
    window.ready()


def messages(window: Window) -> list[str]:
    """All that the server has had the editor show."""
    return [entry.message["params"]["message"] for entry in window.traffic.said(SERVER, "window/showMessage")]


def test_the_server_is_killed_in_mid_completion(window: Window) -> None:
    want = window.model.knows(HEAD + "    ret", "urn a + b", TAIL)
    path = window.open("killed.py", HEAD + "    ret" + TAIL, row=1)
    asked, goes_on = len(window.model.asked), window.held_up()
    window.type("u")
    window.until(lambda: len(window.model.asked) > asked, "the model is asked")
    killed(window)
    goes_on()
    window.type("r")
    window.until(lambda: "n a + b" in window.ghost(), "suggestions come again")
    window.keys("Tab")
    assert window.save(path, want) == want


def test_the_server_is_killed_in_mid_stream(window: Window) -> None:
    window.open("streamed.py", CODE, row=0)
    window.command("twinny-lsp: Open a chat document")
    window.until(lambda: window.active().endswith("streamed-py-1-1.md"), "the chat is shown")
    window.until(lambda: window.count(".editor-instance .monaco-editor.focused"), "it has the focus")
    path = window.project / ".twinny" / "chat" / window.active()
    window.keys("Control+End")
    window.type("Why?")
    window.talker.says(["It adds one price", None, "never said"])
    window.act("twinny-lsp: Send to model")
    window.until(lambda: "It adds one price" in window.lines(), "the answer streams in")
    killed(window)
    window.talker.goes_on()
    window.keys("Control+End")
    window.type(" And more?")
    window.until(lambda: "And more?" in window.saved(path), "the editor works on")
    assert "Why?" in path.read_text()
    assert "It adds one price" in path.read_text()
    assert "never said" not in path.read_text()


def test_the_server_is_killed_in_mid_chat(window: Window) -> None:
    window.new_chat()
    window.talker.says(["It adds", None])
    window.ask("Why?")
    window.chat_until(lambda: window.chat(".assistant .text") == ["It adds"], "the answer streams in")
    killed(window)
    window.talker.goes_on()
    window.chat_until(lambda: window.chat(".note"), "it is said that this is not all")
    assert window.chat(".assistant .text") == ["It adds"], "what has come stays"
    window.talker.says(["Again."])
    window.ask("And?")
    window.chat_until(lambda: "Again." in str(window.chat(".assistant .text")), "the chat goes on")
    told = [turn["content"] for turn in window.talker.asked[-1].json["messages"]]
    assert told == ["Why?", "It adds", "And?"], "the new server is told what was said"


def test_a_provider_that_is_down_is_told_once(window: Window) -> None:
    before = len(messages(window))
    window.set(providers={**window.providers(), "ollama": {"baseUrl": NOBODY}})
    path = window.open("down.py", "\n", row=0)
    line = "total = sum(price for price in prices if price)"
    window.type(line)
    window.until(lambda: "127.0.0.1:9" in str(window.toasts()), "it is said")
    window.keys("Enter")
    for _ in range(24):
        window.type(line)
        window.keys("Enter")
    want = (line + "\n") * 25 + "\n"
    assert window.save(path, want) == want
    assert len(messages(window)) == before + 1
    window.until(lambda: ", down." in window.status(), "the status bar says so")
    window.set()
    window.type("x")
    window.ready()


def test_a_folder_says_only_less(window: Window) -> None:
    """A repository's own settings come from anybody."""
    user = window.told()
    folder = window.project / ".vscode"
    folder.mkdir(exist_ok=True)
    said = {
        "twinny-lsp.client.command": "/bin/false",
        "twinny-lsp.providers": {"ollama": {"baseUrl": NOBODY}},
        "twinny-lsp.completion.hostname": "192.0.2.1",
        "twinny-lsp.chat.apiKey": "stolen",
        "twinny-lsp.completion.maxTokens": 4096,
        "twinny-lsp.completion.contextTokens": 512,
        "twinny-lsp.completion.cache": True,
        "twinny-lsp.completion.enabled": False,
    }
    assert isinstance(user, dict)
    less = {"enabled": False, "maxTokens": 256, "contextTokens": 512}
    try:
        (folder / "settings.json").write_text(json.dumps(said))
        window.until(lambda: "enabled" in str(window.told()), "the server is told")
        assert window.told() == {**user, "completion": {**user["completion"], **less}}
    finally:
        (folder / "settings.json").unlink()
    window.until(lambda: window.told() == user, "the user's settings hold again")


def test_what_is_wrong_with_the_server_is_said(window: Window, tmp_path: Path) -> None:
    window.set(client_command=str(tmp_path / "nowhere"))
    window.until(lambda: "was not found" in str(window.toasts()), "a server that is not there")
    assert ", missing." in window.status()
    window.messages_gone()
    old = tmp_path / "old"
    code = "import twinny_lsp as t; t.__version__ = '0.0.9'; from twinny_lsp.cli.main import main; main()"
    checkout = shlex.quote(str(Path(__file__).parent.parent.parent))
    start = f"cd {checkout} && exec {shlex.join([sys.executable, '-c', code])}"
    old.write_text(f'#!/bin/sh\n{start} "$@"\n')
    old.chmod(0o755)
    window.set(client_command=str(old))
    window.until(lambda: "version 0.0.9" in str(window.toasts()), "a server that is too old")
    assert "Bring the server up to date" in str(window.toasts())
    window.set()
    window.until(window.traffic.servers, "the right one is started")
    window.ready()


def test_the_status_bars_menu(window: Window) -> None:
    window.open("menu.txt", "text\n", row=0)
    window.click("[id='twinny-lsp.twinny-lsp.twinny-lsp.client.status'] a")
    window.quick_pick("Switch suggestions off")
    window.until(lambda: ", off." in window.status(), "they are off")
    window.click("[id='twinny-lsp.twinny-lsp.twinny-lsp.client.status'] a")
    window.quick_pick("Switch suggestions on")
    window.ready()
    window.command("twinny-lsp: Why was nothing suggested?")
    window.until(lambda: "twinny-lsp:" in str(window.toasts()), "it is said why")
    window.command("twinny-lsp: Doctor")
    window.until(lambda: window.count(".panel option:text-is('twinny-lsp doctor')"), "its channel is shown")
    window.until(lambda: "twinny-lsp.doctor" in window.executed(), "the server is asked")
    window.keys("Control+j")
