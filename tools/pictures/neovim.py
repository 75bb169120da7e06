"""Neovim's pictures: ghost text; how it is typed through and taken (moving); a chat beside its code."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.editors.animation import Frame, as_moving_svg
from tests.editors.chat import ChatModel
from tests.editors.lsp_tee import a_server
from tests.editors.model import Model, serving
from tests.editors.neovim import Neovim, Setup
from tests.editors.screens import as_svg
from tools.fetch_editors import locate

COLUMNS, LINES = 76, 16
HEAD = '''\
"""Figures of a shop."""


def mean(prices: list[float]) -> float:
    """The mean price, 0.0 where there are none."""
'''
TAIL = '''


def highest(prices: list[float]) -> float:
    """The highest price, 0.0 where there are none."""
    return max(prices, default=0.0)
'''
BODY = "    if not prices:\n        return 0.0\n    return sum(prices) / len(prices)"
LOOKS = """
vim.o.termguicolors, vim.o.laststatus, vim.o.showmode, vim.o.ruler = true, 0, false, false
vim.o.number, vim.o.cmdheight, vim.o.shortmess = true, 1, vim.o.shortmess .. 'F'
vim.cmd.colorscheme('habamax')
"""
QUESTION = "Is there a shorter way to write mean?"
ANSWER = """\
Yes, the standard library has it:

```python
from statistics import fmean

def mean(prices: list[float]) -> float:
    return fmean(prices) if prices else 0.0
```

`fmean` raises an error where there are no"""


class InTerminal(Neovim):
    """A Neovim in a terminal of tmux, so that there is a screen to take."""

    size = (COLUMNS, LINES)

    def _start(self, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        tmux = locate("tmux")
        self._tmux = [str(tmux.binary), "-S", str(Path(self._folder.name) / "tmux"), "-f", os.devnull]
        env = {**env, **tmux.env, "LC_ALL": "C.UTF-8", "TERM": "tmux-256color"}
        size = ["-x", str(self.size[0]), "-y", str(self.size[1])]
        # In the foreground, as a child of ours.
        server = subprocess.Popen([*self._tmux, "-D"], env=env, cwd=self.project)
        session = [*self._tmux, "new-session", "-d", "-s", "editor"]
        subprocess.run([*session, *size, *command], env=env, check=True)
        return server

    def _end(self, kill: bool = False) -> None:
        # It may have gone with its only window already.
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)
        super()._end(kill)

    def _ask(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], capture_output=True, check=True, encoding="utf-8")
        return done.stdout

    def colours(self) -> str:
        """What a person sees, with the escape sequences of its colours, when all of it is drawn."""
        self.lua("vim.cmd.redraw()")
        capture = ("capture-pane", "-p", "-t", "editor")
        self.until(lambda: _rows(self._ask(*capture)) == _rows(self.screen()), "all is drawn")
        return self._ask(*capture, "-e")

    def cursor(self) -> tuple[int, int]:
        """Where the terminal's cursor is: column, row."""
        column, row = self._ask("display-message", "-p", "-t", "editor", "#{cursor_x} #{cursor_y}").split()
        return int(column), int(row)


def _rows(screen: str) -> list[str]:
    return [row.rstrip() for row in screen.rstrip().split("\n")]


@contextmanager
def _started(settings: dict[str, object], size: tuple[int, int] = (COLUMNS, LINES)) -> Iterator[InTerminal]:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "shop"
        (project / ".git").mkdir(parents=True)
        programs, traffic = a_server(Path(folder))
        before = f"vim.env.PATH = '{programs}:' .. vim.env.PATH"
        InTerminal.size = size
        neovim = InTerminal(locate("nvim"), project, traffic, Setup(before=before, after=LOOKS))
        try:
            neovim.configure(settings={"twinny-lsp": settings})
            yield neovim
        finally:
            neovim.close()


def take(folder: Path) -> None:
    """Write them."""
    with serving(Model()) as model:
        model.knows(HEAD, BODY, TAIL)
        completion = {"debounce": 0, "speculate": False, "multiline": "always"}
        settings = {"providers": {"ollama": {"baseUrl": model.url}}, "completion": completion}
        with _started(settings) as neovim:
            frames = _ghost_text(neovim)
    (folder / "neovim-ghost-text.svg").write_text(as_svg(frames[1].screen), encoding="utf-8")
    (folder / "neovim-typing.svg").write_text(as_moving_svg(frames, 1), encoding="utf-8")
    (folder / "neovim-chat.svg").write_text(as_svg(_chat()), encoding="utf-8")


def _ghost_text(neovim: InTerminal) -> list[Frame]:
    """From an empty body: shown, typed through, taken by word, by line, whole."""
    neovim.open("shop.py", HEAD + "    " + TAIL, row=5)
    frames = []

    def take_frame(seconds: float, caption: str = "") -> None:
        frames.append(Frame(neovim.colours(), neovim.cursor(), seconds, caption))

    rest = BODY.removeprefix("    ")

    def shows(text: str) -> None:
        neovim.until(lambda: neovim.ghost() == (text.split("\n") if text else []), f"{text!r} is shown")

    take_frame(1.2)
    shows(rest)
    take_frame(2.2, "The model suggests a body, as ghost text.")
    for key in "if not":
        neovim.keys(key)
        rest = rest[1:]
        shows(rest)
        take_frame(0.3 if key != "t" else 1.2, "Typing what it says: it stays, and nobody is asked.")
    for key, name, step, seconds in (
        ("<M-w>", "Alt+w takes a word.", " prices", 1.0),
        ("<M-w>", "Alt+w takes a word.", ":", 1.0),
        ("<M-l>", "Alt+l takes a line.", "\n        return 0.0", 1.6),
        ("<Tab>", "Tab takes the rest.", rest, 3.0),
    ):
        neovim.keys(key)
        rest = "" if key == "<Tab>" else rest.removeprefix(step)
        shows(rest)
        take_frame(seconds, name)
    return frames


def _chat() -> str:
    """A chat beside the code it is about, while the answer comes."""
    loop = asyncio.new_event_loop()
    with serving(ChatModel(loop), loop) as model, _started(model.settings, (120, 30)) as neovim:
        neovim.open("shop.py", HEAD + BODY + TAIL, row=3)
        neovim.keys("<Esc>:vsplit<CR>:set nonumber wrap linebreak<CR>:4,8Twinny chat<CR>")
        neovim.until(lambda: neovim.nvim.current.buffer.name.endswith(".md"), "the chat is shown")
        neovim.keys(f"GI{QUESTION} <Esc>")
        model.says([*(line + "\n" for line in ANSWER.split("\n")[:-1]), ANSWER.split("\n")[-1], None])
        neovim.keys(":Twinny send<CR>")
        neovim.until(lambda: "no" in neovim.buffer().split("are ")[-1], "the answer comes")
        neovim.keys(":echo<CR>")
        screen = neovim.colours()
        model.goes_on()
        return screen
