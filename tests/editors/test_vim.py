"""Vim with ALE, and the shipped `vim/ale.vim`: the menu, and the file on disk afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.lsp_tee import Traffic, until
from tests.editors.model import Model
from tests.editors.terminal import Terminal

pytestmark = pytest.mark.editor

CONFIG = Path(__file__).parent.parent.parent / "editor-configs" / "vim" / "ale.vim"


@pytest.fixture
def vim(project: Path, tmp_path: Path, traffic: Traffic, model: Model) -> Iterator[Terminal]:
    editor = editor_or_skip("vim")
    ale = editor.binary.parent.parent / "share" / "vim-ale"
    settings = {"providers": {"ollama": {"baseUrl": model.url}}, "completion": {"debounce": 0}}
    vimrc = tmp_path / "vimrc"
    vimrc.write_text(
        f"set rtp^={ale}\nfiletype plugin indent on\nset shortmess+=I noswapfile viminfo=\n"
        f"let g:twinny_lsp_settings = {json.dumps(settings).replace('false', 'v:false')}\n"
        f"source {CONFIG}\n"
    )
    command = [str(editor.binary), "-N", "-u", str(vimrc), str(project / "a.py")]
    (project / "a.py").write_text("def total(a, b):\n    ret\n")
    terminal = Terminal(command, editor_or_skip("tmux"), project, {**editor.env, "PATH": os.environ["PATH"]})
    yield terminal
    try:
        until(lambda: not traffic.badly_answered(), "every request is answered once")
        terminal.keys("Escape", "Escape")
        terminal.type(":qall!")
        terminal.keys("Enter")
        until(traffic.server_is_gone, "the server has ended")
    finally:
        terminal.end()


def test_an_item_is_taken(vim: Terminal, project: Path, traffic: Traffic, model: Model) -> None:
    want = model.knows("def total(a, b):\n    ret", "urn a + b", "\n")
    vim.until(lambda: traffic.said("editor", "textDocument/didOpen"), "the server knows the file")
    vim.keys("j", "A", "C-x", "C-o")
    vim.until(lambda: "return a + b" in vim.screen(), "the suggestion is in the menu")
    vim.keys("C-n", "C-y", "Escape", "Escape")
    vim.type(":write")
    vim.keys("Enter")
    vim.until(lambda: (project / "a.py").read_text() == want, "the file is right")
