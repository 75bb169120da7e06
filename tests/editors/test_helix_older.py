"""Helix 25.01, as in Debian 13: it cannot show a document for us, nor give a command arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.chat import CODE, MODEL, ChatModel
from tests.editors.conftest import editor_or_skip
from tests.editors.helix import running, settings
from tests.editors.model import Model

pytestmark = pytest.mark.editor


def test_an_item_of_several_lines(tmp_path: Path, model: Model) -> None:
    added = settings(model.url, completion={"debounce": 0, "multiline": "always"})
    with running(editor_or_skip("hx-25.01"), editor_or_skip("tmux"), tmp_path, added) as helix:
        before, path = "def total(a, b):\n    x = '😀é'; ret", helix.project / "a.py"
        want = model.knows(before, "urn compute(\n        a,\n        b,\n    )", "\n\n# the end\n")
        helix.open(path, before + "\n\n# the end\n", row=1)
        helix.keys("C-x")
        helix.until(lambda: "return compute( " in helix.screen(), "the suggestion is in the menu")
        helix.keys("C-n", "Enter")
        helix.save(path, want)


def test_an_edit_and_a_chat_by_code_actions(tmp_path: Path, chat_model: ChatModel) -> None:
    added = settings(chat_model.server.url, completion={"enabled": False}, chat={"model": MODEL})
    with running(editor_or_skip("hx-25.01"), editor_or_skip("tmux"), tmp_path, added) as helix:
        path = helix.project / "a.py"
        helix.open(path, CODE, row=2)
        chat_model.says(["```python\ndef total(prices):\n    return sum(prices)\n```"])
        helix.act("twinny-lsp: Refactor", below=2)
        helix.until(lambda: "sum(prices)" in helix.screen(), "the code is edited")
        helix.type("u")
        helix.until(lambda: "result += price" in helix.screen(), "it is taken back in one step")
        assert helix.saved(path) == CODE
        helix.command("lsp-workspace-command twinny-lsp.openChat")
        chats = helix.project / ".twinny" / "chat"
        helix.until(lambda: ".twinny/chat" in helix.screen(), "it says where the chat is")
        (chat,) = chats.glob("*.md")
        helix.command(f"open {chat}")
        helix.until(lambda: helix.knows(chat), "the server knows it")
        helix.normal()
        helix.type("geoWhy?")
        chat_model.says(["Because ", "it loops."])
        helix.act("Send to model")
        helix.shows("Because it loops.")
