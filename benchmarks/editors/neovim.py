"""Neovim: ten seconds of typing with ghost text (0.12) and with the menu (0.11); pyright's menu beside ours.

Ours is asked each time pyright is, and the model behind it answers nothing: the worst for the other.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.editors.figures import Figure, in_turns
from tests.editors import keys
from tests.editors.model import Model, serving
from tests.editors.neovim import MENU, Neovim, Setup, running
from tests.editors.test_neovim import settings
from tests.editors.test_neovim_beside import TEXT, Waiting, attached, for_pyright, of_pyright
from tools.fetch_editors import locate

STOPWATCH = """
vim.api.nvim_create_autocmd('InsertCharPre', { callback = function()
  if vim.v.char == '.' then vim.g.dot_at, vim.g.menu_at = vim.uv.hrtime(), 0 end
end })
vim.api.nvim_create_autocmd('CompleteChanged', { callback = function()
  if vim.g.menu_at == 0 then vim.g.menu_at = vim.uv.hrtime() end
end })
"""


def measure() -> list[Figure]:
    """The figures, typing first."""
    found = []
    for name, what, setup in (("nvim", "ghost text", Setup()), ("nvim-0.11", "menu", MENU)):
        found += _typing(name, what, setup)
    for name in ("nvim", "nvim-0.11"):
        found += _beside_pyright(name)
    return found


def _typing(name: str, what: str, setup: Setup) -> list[Figure]:
    editor = locate(name)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Model()) as model,
        running(editor, Path(folder), setup) as neovim,
    ):
        neovim.configure(settings={"twinny-lsp": settings(model, debounce="auto", speculate=True)})
        model.knows("", keys.TEXT * 2, "")
        neovim.open("a.py", "", row=0)
        [server] = neovim.traffic.servers()
        neovim.until(lambda: neovim.lua("return require('twinny').status()") == "twinny", "it is ready")
        before = keys.processor_s(server)
        took = keys.type_fast(lambda key: neovim.keys("<CR>" if key == "\n" else key))
        used = keys.processor_s(server) - before
        neovim.becomes(keys.TEXT + "\n")
    label = f"{editor.version}, {what}"
    return [
        Figure(f"{label}: {len(keys.TEXT)} keys typed in", took, "s"),
        Figure(f"{label}: our processor time a key", 1000 * used / len(keys.TEXT)),
    ]


def _beside_pyright(name: str) -> list[Figure]:
    editor = locate(name)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = stack.enter_context(serving(Waiting()))
        user = for_pyright() + STOPWATCH
        alone = stack.enter_context(running(editor, folder / "alone", Setup(None, after=user)))
        both = Setup(before=f"{MENU.before}\n{user}")
        beside = stack.enter_context(running(editor, folder / "beside", both))
        beside.configure(settings={"twinny-lsp": settings(model)})
        for neovim in (alone, beside):
            path = neovim.project / "a.py"
            path.write_text(TEXT)
            neovim.nvim.command(f"edit {path}")
            neovim.nvim.current.window.cursor = (3, 0)
            neovim.until(lambda neovim=neovim: attached(neovim), "pyright is there")  # type: ignore[misc]
        figures = in_turns(beside, alone, _menu_s)
        model.let()
        return [Figure(f"{editor.version}: {one.what}", one.value, one.unit) for one in figures]


def _menu_s(neovim: Neovim) -> float:
    """Seconds from the dot to pyright's items."""
    neovim.nvim.current.line = "string"
    neovim.keys("A.")
    neovim.until(lambda: of_pyright(neovim), "pyright's items are in the menu")
    seconds = neovim.lua("return (vim.g.menu_at - vim.g.dot_at) / 1e9")
    neovim.keys("<Esc>")
    neovim.until(lambda: neovim.nvim.api.get_mode()["mode"] == "n", "the menu is closed")
    return float(seconds)
