"""The least VS Code needs, `editor-configs/vscode/client`: ghost text, menu, action, a change of settings."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.editors.chat import BETTER, CODE, ChatModel
from tests.editors.lsp_tee import a_server
from tests.editors.model import Model
from tests.editors.model import serving as at_work
from tests.editors.vscode import Folders, Programs, Workbench, install, serving
from tools import vsix

pytestmark = pytest.mark.editor

CLIENT = Path(__file__).parent.parent.parent / "editor-configs" / "vscode" / "client"
HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"


def test_the_small_client(vscode_programs: Programs, tmp_path: Path, model: Model) -> None:
    """One editor for all of it, as a start takes long."""
    folders, loop = Folders(tmp_path), asyncio.new_event_loop()
    programs, traffic = a_server(tmp_path)
    install(vscode_programs, folders, vsix.pack(vsix.bundle(CLIENT), tmp_path / "client.vsix"))
    window = Workbench(vscode_programs, folders, traffic)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    with at_work(ChatModel(loop), loop) as talker:
        ollama, chat = {"baseUrl": model.url}, {"type": "ollama", "baseUrl": talker.server.url}
        settings: dict[str, object] = {
            "security.workspace.trust.enabled": False,
            "twinny-lsp.providers": {"ollama": ollama, "talker": chat},
            "twinny-lsp.completion": {"debounce": 0, "speculate": False, "multiline": "always"},
            "twinny-lsp.chat": {"provider": "talker", "model": "m"},
        }
        folders.set(settings)
        with serving(vscode_programs, folders, path) as address, window.at(address):
            ghost_text(window, model)
            a_live_change(window, model, settings)
            an_action(window, talker)


def ghost_text(window: Workbench, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = window.open("small.py", HEAD + "    ret" + TAIL, row=1)
    # VS Code waits for 750 ms; the server's start takes longer.
    window.until(lambda: window.traffic.results("textDocument/codeLens"), "the server is ready")
    window.type("u")
    window.until(lambda: "rn compute(" in window.ghost(), "the suggestion is shown")
    window.keys("Tab")
    assert window.save(path, want) == want


def a_live_change(window: Workbench, model: Model, settings: dict[str, object]) -> None:
    """From now on the menu."""
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    told = len(window.traffic.said("server", "workspace/configuration"))
    completion = {"debounce": 0, "speculate": False, "multiline": "always", "surface": "menu"}
    window.folders.set({**settings, "twinny-lsp.completion": completion})
    window.until(
        lambda: len(window.traffic.said("server", "workspace/configuration")) > told, "the server asks anew"
    )
    path = window.open("menu.py", HEAD + "    ret" + TAIL, row=1)
    window.keys("Control+Space")
    window.until(lambda: "return compute(" in window.menu(), "the suggestion is in the menu")
    window.choose("return compute(")
    assert window.save(path, want) == want


def an_action(window: Workbench, talker: ChatModel) -> None:
    talker.says([f"```python\n{BETTER}```"])
    path = window.open("action.py", CODE, row=0, column=0)
    window.keys("Shift+ArrowDown", "Shift+ArrowDown", "Shift+ArrowDown", "Shift+End")
    window.act("twinny-lsp: Refactor")
    window.until(lambda: "sum(prices)" in window.lines(), "the code is changed")
    assert window.save(path, BETTER) == BETTER
    window.keys("Control+z")
    window.until(lambda: "result += price" in window.lines(), "it is taken back")
    assert window.save(path, CODE) == CODE
