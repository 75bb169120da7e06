"""The menu in Neovim 0.11 and 0.12: the shipped configuration, keys, and the file on disk afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.lsp_tee import until
from tests.editors.model import Model, serving
from tests.editors.neovim import MENU, Neovim, drop_in_only, running
from tests.editors.test_neovim import BODY, HEAD, IN_LANGUAGES, LANGUAGES, TAIL, settings
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

METHOD = "textDocument/completion"
FOR_ALL_SERVERS = """\
vim.opt.completeopt = { 'menuone', 'noselect', 'popup' }
vim.api.nvim_create_autocmd('LspAttach', {
  callback = function(event)
    vim.lsp.completion.enable(true, event.data.client_id, event.buf, { autotrigger = true })
    vim.keymap.set('i', '<C-Space>', vim.lsp.completion.get, { buffer = event.buf })
  end,
})
"""
"""What Neovim's own help proposes to users: the menu of every server."""


def offers(neovim: Neovim, first_line: str) -> bool:
    """Whether the menu holds one item, which begins with that line and says how much more there is."""
    return [row.partition(" +")[0] for row in neovim.menu()] == [first_line]


def choose(neovim: Neovim, first_line: str) -> None:
    """Choose the menu's first item; its line then ends so."""
    neovim.keys("<C-n>")
    neovim.until(lambda: neovim.line().endswith(first_line), "it is chosen")


@pytest.fixture(scope="module", params=["nvim", "nvim-0.11"])
def any_editor(request: pytest.FixtureRequest) -> Editor:
    return editor_or_skip(request.param)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with serving(Model()) as made:
        yield made


@pytest.fixture(scope="module")
def menus(any_editor: Editor, tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Neovim]:
    """Neovim with the menu; settings given as `init_options`. One for all tests."""
    with running(any_editor, tmp_path_factory.mktemp("menus"), MENU) as neovim:
        neovim.configure(init_options=settings(model))
        yield neovim


@pytest.mark.parametrize("ask", ["<C-Space>", "<C-x><C-o>"])
@pytest.mark.parametrize("eol", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize(("name", "before", "completion", "after"), IN_LANGUAGES, ids=LANGUAGES)
def test_item_of_several_lines(
    menus: Neovim, model: Model, name: str, before: str, completion: str, after: str, eol: str, ask: str
) -> None:
    before, completion, after = (text.replace("\n", eol) for text in (before, completion, after))
    want = model.knows(before, completion, after)
    path = menus.open(name, before + after, row=1)
    menus.keys(ask)
    menus.until(menus.menu, "the suggestion is in the menu")
    assert menus.buffer() == (before + after).replace("\r", ""), "nothing is in the text before it is chosen"
    choose(menus, completion.split(eol)[0])
    menus.keys("<C-y>")
    menus.becomes(want.replace("\r", ""))
    assert menus.save(path) == want


def test_item_still_fits_when_the_user_types_on(menus: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = menus.open("a.py", HEAD + "    ret" + TAIL, row=1)
    menus.keys("<C-Space>")
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu")
    menus.keys("ur")
    menus.until(lambda: menus.line() == "    retur" and menus.asked_here(METHOD), "it has been asked again")
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu still")
    choose(menus, "return compute(")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


def test_an_answer_after_the_choice_does_not_undo_it(menus: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = menus.open("a.py", HEAD + "    ret" + TAIL, row=1)
    menus.keys("<C-Space>")
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu")
    [server] = menus.traffic.servers()
    asked = len(menus.traffic.said("editor", METHOD))
    os.kill(server, signal.SIGSTOP)
    try:
        menus.keys("u")
        until(lambda: len(menus.traffic.said("editor", METHOD)) > asked, "it asks again")
        choose(menus, "return compute(")
    finally:
        os.kill(server, signal.SIGCONT)
    menus.until(lambda: not menus.traffic.badly_answered(), "the answer is there")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


def test_menu_comes_by_itself_after_a_blank(menus: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    return ", "compute(\n        a,\n        b,\n    )", TAIL)
    path = menus.open("a.py", HEAD + "    return" + TAIL, row=1)
    menus.keys(" ")
    menus.until(lambda: offers(menus, "compute("), "the suggestion is in the menu")
    choose(menus, "return compute(")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


def test_typing_on_right_after_taking_an_item_keeps_it(menus: Neovim, model: Model) -> None:
    want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
    path = menus.open("a.py", HEAD + "    ret" + TAIL, row=1)
    menus.keys("<C-Space>")
    menus.until(lambda: offers(menus, "return compute("), "the suggestion is in the menu")
    choose(menus, "return compute(")
    # One batch: whatever Neovim asks the server after the choice, the answer comes after the letters.
    menus.keys("<C-y> # on")
    menus.until(lambda: " # on" in menus.buffer(), "the letters are in the text")
    menus.becomes(want.replace("    )", "    ) # on"))
    assert menus.save(path) == want.replace("    )", "    ) # on")


def test_what_looks_like_a_snippet_stays_text(menus: Neovim, model: Model) -> None:
    """Neovim needs a snippet for several lines; the model's text must not act as one."""
    want = model.knows(HEAD + "    ret", "urn f'${1:x} $HOME \\\\ }' + g(\n        `tick`, $0 }\n    )", TAIL)
    path = menus.open("a.py", HEAD + "    ret" + TAIL, row=1)
    menus.keys("<C-Space>")
    menus.until(menus.menu, "the suggestion is in the menu")
    menus.keys("<C-n>")
    menus.until(lambda: "HOME" in menus.line(), "it is chosen")
    menus.keys("<C-y>")
    menus.becomes(want)
    assert menus.save(path) == want


def test_the_file_for_lsp_alone_gives_the_menu(any_editor: Editor, tmp_path: Path, model: Model) -> None:
    """Neovim 0.12 announces ghost text whether or not the user has switched it on."""
    setup = drop_in_only(tmp_path / "runtime", FOR_ALL_SERVERS)
    with running(any_editor, tmp_path, setup) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        want = model.knows(HEAD + "    ret", "u" + BODY, TAIL)
        path = neovim.open("a.py", HEAD + "    ret" + TAIL, row=1)
        neovim.keys("<C-Space>")
        neovim.until(lambda: offers(neovim, "return compute("), "the suggestion is in the menu")
        choose(neovim, "return compute(")
        neovim.keys("<C-y>")
        neovim.becomes(want)
        assert neovim.save(path) == want
