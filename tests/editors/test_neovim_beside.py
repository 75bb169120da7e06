"""Beside pyright in one buffer: its menu items are there as with it alone, whatever our model does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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

    def _answer(self, request: Recorded) -> Reply:
        reply = super()._answer(request)
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


def with_plugin(folder: Path) -> Setup:
    return Setup(before=for_pyright())


def with_menu(folder: Path) -> Setup:
    return Setup(before=f"{for_pyright()}\nvim.g.twinny_lsp_ghost_text = false")


def with_file_alone(folder: Path) -> Setup:
    return drop_in_only(folder / "runtime", for_pyright())


@pytest.mark.parametrize("made", [with_plugin, with_menu, with_file_alone])
def test_a_model_that_says_nothing_holds_up_nobody(
    editor: Editor, tmp_path: Path, alone: list[str], made: Callable[[Path], Setup]
) -> None:
    with serving(Waiting()) as model, running(editor, tmp_path, made(tmp_path)) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        neovim.open("a.py", TEXT, row=2)
        assert menu_of_pyright(neovim) == alone
        model.let()


def test_what_comes_later_is_added_to_the_menu(editor: Editor, tmp_path: Path, alone: list[str]) -> None:
    with serving(Waiting()) as model, running(editor, tmp_path, with_file_alone(tmp_path)) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        want = model.knows(TEXT.rstrip("\n") + ".", "capwords(\n    1,\n)", "\n")
        path = neovim.open("a.py", TEXT, row=2)
        assert menu_of_pyright(neovim) == alone
        model.let()
        neovim.until(lambda: "capwords(" in neovim.menu()[0], "ours is there as well, first")
        assert of_pyright(neovim) == alone
        neovim.keys("<C-n>")
        neovim.until(lambda: neovim.line() == "string.capwords(", "it is chosen")
        neovim.keys("<C-y>")
        neovim.becomes(want)
        assert neovim.save(path) == want


def test_what_comes_after_the_choice_does_not_undo_it(editor: Editor, tmp_path: Path) -> None:
    with serving(Waiting()) as model, running(editor, tmp_path, with_file_alone(tmp_path)) as neovim:
        neovim.configure(settings={"twinny-lsp": settings(model)})
        model.knows(TEXT.rstrip("\n") + ".", "capwords(\n    1,\n)", "\n")
        neovim.open("a.py", TEXT, row=2)
        first = menu_of_pyright(neovim)[0]
        neovim.keys("<C-n>")
        neovim.until(lambda: neovim.line() == f"string.{first}", "it is chosen")
        model.let()
        until(lambda: not neovim.traffic.badly_answered(), "our answer is there")
        neovim.keys("<C-y>!")
        neovim.until(lambda: neovim.line() == f"string.{first}!", "it stays")
