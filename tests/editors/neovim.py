"""A real Neovim, headless, with the configuration files this project ships; driven by keys.

The files are used as they are: `editor-configs/neovim` is put on the runtime path, its `init.lua` is
sourced, and the `twinny-lsp` it starts is found on PATH (a script that runs the server behind `lsp_tee`).
A `Setup` says what of that is different, e.g. the file in `lsp/` alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pynvim
import pytest

from tests.editors.lsp_tee import Traffic, a_server, until
from tools.fetch_editors import Editor

CONFIG = Path(__file__).parent.parent.parent / "editor-configs" / "neovim"
T = TypeVar("T")
ENDS_WITHIN_S = 30
CLIENT = "vim.lsp.get_clients({ name = 'twinny_lsp' })[1]"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a user has: a runtime path, and Lua of their own before and after `init`."""

    init: Path | None = CONFIG / "init.lua"
    runtime: Path = CONFIG
    before: str = ""
    after: str = ""


MENU = Setup(before="vim.g.twinny_lsp_ghost_text = false")
"""The menu, where ghost text would be shown."""


def drop_in_only(folder: Path, after: str) -> Setup:
    """Only the file for `lsp/`, copied to `folder`, and the user's own Lua."""
    (folder / "lsp").mkdir(parents=True)
    shutil.copy(CONFIG / "lsp" / "twinny_lsp.lua", folder / "lsp")
    return Setup(None, folder, after=f"{after}\nvim.lsp.enable('twinny_lsp')")


def attached(address: Path) -> pynvim.Nvim | None:
    """A connection to the editor at that socket, None while nobody listens there."""
    with socket.socket(socket.AF_UNIX) as door:
        if door.connect_ex(str(address)):
            return None
    return pynvim.attach("socket", path=str(address))


class Neovim:
    """One editor process; close it. `traffic` is what it and the server say to each other."""

    def __init__(self, editor: Editor, project: Path, traffic: Traffic, setup: Setup = Setup()) -> None:
        self.project = project
        self.traffic = traffic
        self._opened = 0
        # Not below the project: the path of a socket has at most about 100 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="nvim-")
        address, init = Path(self._folder.name) / "rpc", Path(self._folder.name) / "init.lua"
        shipped = f"vim.cmd.source([[{setup.init}]])" if setup.init else ""
        init.write_text(f"{setup.before}\n{shipped}\n{setup.after}\n", encoding="utf-8")
        start = ["--clean", "--listen", str(address), "--cmd", f"set rtp^={setup.runtime}"]
        start += ["--cmd", "set noswapfile shadafile=NONE expandtab shiftwidth=4", "-u", str(init)]
        self.process = self._start([str(editor.binary), *start], {**os.environ, **editor.env})
        try:
            nvim = until(lambda: attached(address), "Neovim listens")
            assert nvim is not None
            self.nvim = nvim
            until(lambda: self.lua("return vim.v.vim_did_enter") == 1, "init.lua is done")
        except BaseException:
            self._end(kill=True)
            raise

    def _start(self, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        # Not as pynvim's own child: it leaves the process's pipes behind it.
        nothing = subprocess.DEVNULL
        size = ["--headless", "--cmd", "set columns=100 lines=24"]
        return subprocess.Popen(
            [*command, *size], env=env, cwd=self.project, stdin=nothing, stdout=nothing, stderr=nothing
        )

    @property
    def is_old(self) -> bool:
        """0.11: it has no ghost text."""
        return not self.nvim.funcs.has("nvim-0.12")

    def configure(self, **config: object) -> None:
        """What a user adds in their own init.lua: `vim.lsp.config('twinny_lsp', ...)`."""
        self.lua("vim.lsp.config('twinny_lsp', ...)", config)

    def lua(self, code: str, *arguments: object) -> Any:
        """Run Lua in the editor; its result."""
        return self.nvim.exec_lua(code, *arguments)

    def open(self, name: str, text: str, row: int, column: int | None = None) -> Path:
        """Write a new file of that name, open it with the server attached, and stand in insert mode.

        `row` from 0; `column` in bytes, None for the end of the line.
        """
        self.keys("<Esc>")
        until(lambda: self.nvim.api.get_mode()["mode"] == "n", "normal mode")
        self._opened += 1
        path = self.project / name
        if path.exists():
            path = self.project / f"{self._opened}" / name
            path.parent.mkdir()
        path.write_bytes(text.encode())
        self.nvim.command(f"edit! {path}")
        attached = (
            f"local c = {CLIENT}; return c ~= nil and c.initialized and vim.lsp.buf_is_attached(0, c.id)"
        )
        self.until(lambda: self.lua(f"{attached} == true"), "the server is attached")
        uri = path.as_uri()
        until(lambda: uri in self._uris("textDocument/didOpen"), "didOpen was sent")
        self.nvim.current.window.cursor = (row + 1, column or 0)
        self.keys("A" if column is None else "i")
        return path

    def keys(self, keys: str) -> None:
        """Type; keys like <Tab> in Neovim's notation."""
        self.nvim.input(keys)

    def line(self) -> str:
        """The line the cursor is in."""
        return str(self.nvim.current.line)

    def ghost(self) -> list[str]:
        """The ghost text now in the buffer, line by line; empty when there is none."""
        marks = self.lua(
            "local n = vim.api.nvim_get_namespaces()['nvim.lsp.inline_completion']\n"
            "return n and vim.api.nvim_buf_get_extmarks(0, n, 0, -1, { details = true }) or {}"
        )
        if not marks:
            return []
        details = marks[0][3]
        rows = [details.get("virt_text", []), *details.get("virt_lines", [])]
        return ["".join(chunk[0] for chunk in row) for row in rows]

    def menu(self) -> list[str]:
        """What the completion menu shows, [] when it is not there."""
        if not self.nvim.funcs.pumvisible():
            return []
        return [item["abbr"] or item["word"] for item in self.nvim.funcs.complete_info(["items"])["items"]]

    def _uris(self, method: str) -> list[str]:
        """The documents for which the editor has sent that, in order."""
        return [one.message["params"]["textDocument"]["uri"] for one in self.traffic.said("editor", method)]

    def asked_here(self, method: str) -> bool:
        """Whether the server was asked at the place where the cursor is now, and owes no answer any more."""
        row, column = self.nvim.current.window.cursor
        here = {"line": row - 1, "character": column}
        uri = Path(self.nvim.current.buffer.name).as_uri()
        asked = any(
            request.message["params"]["position"] == here
            and request.message["params"]["textDocument"]["uri"] == uri
            for request in self.traffic.said("editor", method)
        )
        return asked and bool(self.lua(f"return next({CLIENT}.requests) == nil"))

    def screen(self) -> str:
        """What a person would see."""
        return str(
            self.lua(
                "local rows = {} for r = 1, vim.o.lines do local row = ''\n"
                "for c = 1, vim.o.columns do row = row .. vim.fn.screenstring(r, c) end rows[r] = row end\n"
                "return table.concat(rows, '\\n')"
            )
        )

    def until(self, look: Callable[[], T], what: str, seconds: float = 30.0) -> T:
        """Wait for it; where it never comes, the failure shows the screen."""
        return until(look, what, seconds, seen=self.screen)

    def becomes(self, text: str) -> None:
        """Wait until the buffer holds this text."""
        self.until(lambda: self.buffer() == text, f"the text is {text!r}")

    def buffer(self) -> str:
        """The text as it would be saved."""
        return "\n".join(self.nvim.current.buffer[:]) + "\n"

    def save(self, path: Path) -> str:
        """Leave insert mode, save, and read the file back."""
        self.keys("<Esc>")
        until(lambda: self.nvim.api.get_mode()["mode"] == "n", "normal mode")
        self.nvim.command("silent write!")
        return path.read_bytes().decode()

    def complaints(self) -> str:
        """The editor's messages: errors and warnings a person would have seen."""
        return str(self.nvim.command_output("messages"))

    def close(self) -> None:
        """Leave the editor as a person would (the server is shut down), and wait for its end."""
        with contextlib.suppress(OSError, EOFError):  # it has gone before it could answer
            self.nvim.command("qa!")
        self.nvim.close()
        self._end()

    def _end(self, kill: bool = False) -> None:
        try:
            if not kill:
                self.process.wait(ENDS_WITHIN_S)
        finally:
            self.process.kill()
            self.process.wait()
            self._folder.cleanup()


def ended_well(neovim: Neovim) -> None:
    """Every request of the editor has one answer, nothing was complained of, and the server goes with it."""
    try:
        until(lambda: not neovim.traffic.badly_answered(), "every request is answered once")
        complaints = neovim.complaints()
    finally:
        neovim.close()
    until(neovim.traffic.server_is_gone, "the server has ended")
    assert neovim.traffic.exit_code() in (0, None)
    assert "rror" not in complaints


@contextmanager
def running(editor: Editor, folder: Path, setup: Setup = Setup()) -> Iterator[Neovim]:
    """An editor with a project and a server of its own below `folder`; it must end well."""
    project = folder / "project"
    (project / ".git").mkdir(parents=True)
    programs, traffic = a_server(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        neovim = Neovim(editor, project, traffic, setup)
    try:
        yield neovim
    except BaseException:
        neovim.close()
        raise
    ended_well(neovim)
