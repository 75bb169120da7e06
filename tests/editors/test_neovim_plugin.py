"""What `require('twinny')` adds in Neovim: commands, settings, the status, health; in 0.12 and 0.11."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.lsp_tee import until
from tests.editors.model import MODEL, Model, serving
from tests.editors.neovim import MENU, Neovim, Setup, drop_in_only, running
from tests.editors.test_neovim import BODY, HEAD, TAIL, settings
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

NOSELECT = "vim.opt.completeopt = { 'menuone', 'noselect' }"
SUGGESTION = ("u" + BODY).split("\n")


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with serving(Model()) as made:
        yield made


@pytest.fixture(scope="module", params=["nvim", "nvim-0.11"])
def neovim(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, model: Model
) -> Iterator[Neovim]:
    editor = editor_or_skip(request.param)
    with running(editor, tmp_path_factory.mktemp("plugin")) as started:
        started.configure(settings={"twinny-lsp": settings(model)})
        yield started


def status(neovim: Neovim) -> str:
    return str(neovim.lua("return require('twinny').status()"))


def suggests(neovim: Neovim, first_line: str) -> bool:
    """Whether the suggestion is shown, as ghost text or in the menu, whichever this Neovim has."""
    return neovim.ghost()[:1] == [first_line] or any(first_line in row for row in neovim.menu())


def ask(neovim: Neovim) -> None:
    """Have it ask; ghost text comes by itself."""
    neovim.keys("<C-Space>" if neovim.is_old else "")


def test_toggle_and_the_status_line(neovim: Neovim, model: Model) -> None:
    model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
    neovim.until(lambda: status(neovim) == "twinny", "all is well")
    ask(neovim)
    neovim.until(lambda: suggests(neovim, "urn compute("), "it suggests")
    neovim.keys("<Esc>:Twinny toggle<CR>")
    neovim.until(lambda: status(neovim) == "twinny: off", "it is off")
    assert "suggestions are off" in neovim.complaints()
    asked = len(model.asked)
    method = f"textDocument/{'completion' if neovim.is_old else 'inlineCompletion'}"
    before = len(neovim.traffic.results(method))
    neovim.keys("Ax")
    ask(neovim)
    neovim.until(lambda: neovim.traffic.results(method)[before:], "it has answered")
    assert len(model.asked) == asked
    neovim.keys("<BS>")
    neovim.keys("<Esc>:Twinny toggle<CR>")
    neovim.until(lambda: status(neovim) == "twinny", "it is on")
    neovim.keys("A")
    ask(neovim)
    neovim.until(lambda: suggests(neovim, "urn compute("), "it suggests again")
    neovim.keys("<Esc>")


def change(neovim: Neovim, **completion: object) -> None:
    """Change settings; until the server has read them."""
    before = len(neovim.traffic.said("server", "workspace/configuration"))
    neovim.lua("require('twinny').configure({ completion = ... })", completion)
    until(lambda: len(neovim.traffic.said("server", "workspace/configuration")) > before, "it reads them")


def test_settings_change_while_it_runs(neovim: Neovim, model: Model) -> None:
    servers = neovim.traffic.servers()
    for name in ("codellama:13b-code", MODEL):
        change(neovim, model=name)
        model.knows(HEAD + "    ret", "u" + BODY, TAIL)
        neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
        ask(neovim)
        neovim.until(lambda: suggests(neovim, "urn compute("), "it suggests")
        assert model.asked[-1].json["model"] == name
        neovim.keys("<Esc>")
    assert neovim.traffic.servers() == servers


def test_health(neovim: Neovim) -> None:
    neovim.open("a.py", HEAD, row=0)
    neovim.keys("<Esc>:checkhealth twinny<CR>")
    neovim.until(lambda: "What to do next" in neovim.buffer() or "Extras" in neovim.buffer(), "it is checked")
    report = neovim.buffer()
    neovim.nvim.command("bwipeout!")
    assert f"Neovim {'0.11' if neovim.is_old else '0.12'}" in report
    assert "twinny-lsp 0." in report
    assert f"model: {MODEL} on ollama" in report
    assert "state: ready" in report
    assert "ERROR" not in report


def test_status_and_why_tell_in_words(neovim: Neovim) -> None:
    neovim.open("a.py", HEAD, row=0)
    neovim.keys("<Esc>:Twinny status<CR>")
    neovim.until(lambda: f"{MODEL} on ollama" in neovim.complaints(), "the model is told")
    neovim.keys("<CR><Esc>:Twinny why<CR>")
    neovim.until(lambda: neovim.traffic.said("server", "window/showMessage"), "the server tells")
    neovim.keys("<CR><Esc>:Twinny nothing<CR>")
    neovim.until(lambda: "no command nothing" in neovim.complaints(), "it says what there is")


def test_keys_that_are_not_wanted_are_not_there(nvim_editor: Editor, tmp_path: Path, model: Model) -> None:
    keys = "{ accept = false, accept_word = '<C-l>' }"
    own = Setup(init=None, after=f"require('twinny').setup({{ keys = {keys} }})")
    with running(nvim_editor, tmp_path, own) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        model.knows(HEAD + "    ret", "u" + BODY, TAIL)
        neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
        neovim.until(lambda: neovim.ghost() == SUGGESTION, "the suggestion is shown")
        neovim.keys("<C-l>")
        neovim.becomes(HEAD + "    return" + TAIL)
        neovim.keys("<Tab>x")
        neovim.until(lambda: neovim.line().endswith("return  x"), "a tab is a tab")


def test_ghost_text_with_the_file_for_lsp_alone(nvim_editor: Editor, tmp_path: Path, model: Model) -> None:
    own = "vim.lsp.inline_completion.enable()\nvim.keymap.set('i', '<Tab>', vim.lsp.inline_completion.get)"
    with running(nvim_editor, tmp_path, drop_in_only(tmp_path / "runtime", own)) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
        path = neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
        neovim.until(lambda: neovim.ghost() == SUGGESTION, "the suggestion is shown")
        neovim.keys("<Tab>")
        neovim.becomes(want)
        assert neovim.save(path) == want


def test_the_menu_where_ghost_text_is_not_wanted(nvim_editor: Editor, tmp_path: Path, model: Model) -> None:
    own = Setup(None, after=f"{NOSELECT}; require('twinny').setup({{ ghost_text = false }})")
    for number, setup in enumerate((MENU, own)):
        with running(nvim_editor, tmp_path / str(number), setup) as neovim:
            neovim.configure(settings={"twinny-lsp": settings(model)})
            model.knows(HEAD + "    ret", "u" + BODY, TAIL)
            neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
            neovim.keys("<C-Space>")
            neovim.until(neovim.menu, "the suggestion is in the menu")
            assert not neovim.traffic.said("editor", "textDocument/inlineCompletion")
            until(lambda: not neovim.traffic.badly_answered(), "all is answered")
