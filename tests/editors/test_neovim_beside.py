"""Beside pyright in one buffer: its menu items are there as with it alone, whatever our model does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.lsp_tee import until
from tests.editors.model import Model, serving
from tests.editors.neovim import Neovim, Setup, drop_in_only, running
from tests.editors.test_neovim import settings
from tests.editors.test_neovim_menu import FOR_ALL_SERVERS
from tests.support.fake_server import Recorded, Reply
from tools.fetch_editors import Editor, locate

pytestmark = pytest.mark.editor

TEXT = "import string\n\nstring\n"
PYRIGHT = """\
vim.lsp.config('pyright', {
  cmd = { '%s', '--stdio' },
  filetypes = { 'python' },
  root_markers = { '.git' },
})
vim.lsp.enable('pyright')
"""


class Waiting(Model):
    """Says nothing before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self._gates: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._open = False

    def let(self) -> None:
        """Answer what was asked, and all that will be."""
        self._open = True
        for loop, gate in self._gates:
            loop.call_soon_threadsafe(gate.set)

    def hold(self) -> None:
        """Say nothing from now on."""
        self._open = False

    def answer(self, request: Recorded) -> Reply:
        reply = super().answer(request)
        if not self._open:
            reply.head = gate = asyncio.Event()
            self._gates.append((asyncio.get_running_loop(), gate))
        return reply


def for_pyright() -> str:
    """What a user has for pyright and for the menu of all servers."""
    program = locate("pyright").binary.parent / "pyright-langserver"
    return PYRIGHT % program + FOR_ALL_SERVERS


def attached(neovim: Neovim) -> bool:
    """Whether pyright is there."""
    client = "vim.lsp.get_clients({ name = 'pyright', bufnr = 0 })[1]"
    return bool(neovim.lua(f"local c = {client}; return c and c.initialized == true"))


def of_pyright(neovim: Neovim) -> list[str]:
    """The items of the menu that are not ours."""
    return [row for row in neovim.menu() if "(" not in row]


def menu_of_pyright(neovim: Neovim) -> list[str]:
    """Type a name's last letter and its dot, as a person does: pyright's items come."""
    neovim.until(lambda: attached(neovim), "pyright is there")
    neovim.keys(".")
    return neovim.until(lambda: of_pyright(neovim), "pyright's items are in the menu")


@pytest.fixture(scope="module", params=["nvim", "nvim-0.11"])
def editor(request: pytest.FixtureRequest) -> Editor:
    return editor_or_skip(request.param)


@pytest.fixture(scope="module")
def alone(editor: Editor, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What pyright proposes by itself."""
    setup = Setup(None, after=for_pyright())
    with running(editor, tmp_path_factory.mktemp("alone"), setup) as neovim:
        path = neovim.project / "a.py"
        path.write_text(TEXT)
        neovim.nvim.command(f"edit {path}")
        neovim.keys("GA")
        return menu_of_pyright(neovim)


@pytest.fixture(scope="module")
def model() -> Iterator[Waiting]:
    with serving(Waiting()) as made:
        yield made
        made.let()


@pytest.fixture(scope="module")
def beside(editor: Editor, tmp_path_factory: pytest.TempPathFactory, model: Waiting) -> Iterator[Neovim]:
    """The file for `lsp/` alone, and the menu of all servers. One for all tests."""
    folder = tmp_path_factory.mktemp("beside")
    with running(editor, folder, drop_in_only(folder / "runtime", for_pyright())) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        yield neovim
        model.let()


def test_a_model_that_says_nothing_holds_up_nobody(beside: Neovim, model: Waiting, alone: list[str]) -> None:
    model.hold()
    beside.open("a.py", TEXT, row=2)
    assert menu_of_pyright(beside) == alone
    model.let()


def test_nor_does_it_with_the_plugin(
    editor: Editor, tmp_path: Path, model: Waiting, alone: list[str]
) -> None:
    """Ghost text in 0.12, the menu in 0.11."""
    model.hold()
    with running(editor, tmp_path, Setup(before=for_pyright())) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        neovim.open("a.py", TEXT, row=2)
        assert menu_of_pyright(neovim) == alone
        model.let()


def test_what_comes_later_is_added_to_the_menu(beside: Neovim, model: Waiting, alone: list[str]) -> None:
    model.hold()
    want = model.knows(TEXT.rstrip("\n") + ".", "capwords(\n    1,\n)", "\n")
    path = beside.open("a.py", TEXT, row=2)
    assert menu_of_pyright(beside) == alone
    model.let()
    beside.until(lambda: "capwords(" in beside.menu()[0], "ours is there as well, first")
    assert of_pyright(beside) == alone
    beside.keys("<C-n>")
    beside.until(lambda: beside.line() == "string.capwords(", "it is chosen")
    beside.keys("<C-y>")
    beside.becomes(want)
    assert beside.save(path) == want


def test_what_comes_after_the_choice_does_not_undo_it(beside: Neovim, model: Waiting) -> None:
    model.hold()
    model.knows(TEXT.rstrip("\n") + ".", "capwords(\n    1,\n)", "\n")
    beside.open("a.py", TEXT, row=2)
    first = menu_of_pyright(beside)[0]
    beside.keys("<C-n>")
    beside.until(lambda: beside.line() == f"string.{first}", "it is chosen")
    model.let()
    until(lambda: not beside.traffic.badly_answered(), "our answer is there")
    beside.keys("<C-y>!")
    beside.until(lambda: beside.line() == f"string.{first}!", "it stays")
