"""The same trace in a real Neovim 0.12 with the configuration this project ships: keys go in, and what is on
screen is read before each.

Neovim waits 200 ms after each key before it asks, and keeps drawing what it has while it is typed along. It
asks as soon as somebody enters insert mode, so a first gap passes before the first key. What it indents
or inserts by itself is switched off: holes are typed letter by letter.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.startup import environment
from benchmarks.typing.trace import Hole, gap_ms
from benchmarks.typing.typist import Score
from tests.editors.lsp_tee import Traffic, until
from tests.editors.neovim import CLIENT, Neovim
from tools.fetch_editors import locate

PLAIN = (
    "setlocal noautoindent nosmartindent nocindent indentexpr= formatoptions= textwidth=0 noexpandtab "
    "softtabstop=0 | set updatetime=10000"
)
NAMES = {"<": "<lt>", "\n": "<CR>", "\t": "<C-v><Tab>"}
"""Keys that Neovim writes otherwise; a bare tab would accept."""


@dataclass(frozen=True)
class Event:
    """Something Neovim did: `what` is "key" (drawn again), "ask" or "answer" with so many items."""

    what: str
    at_ms: float
    ghost: str
    here: bool
    items: int


@dataclass(frozen=True)
class Seen:
    """What is on screen, whether at the cursor, and what happened since it was read last."""

    ghost: str
    here: bool
    events: tuple[Event, ...]


class TypingNeovim:
    """One editor on our server."""

    def __init__(self, neovim: Neovim) -> None:
        self.neovim = neovim
        self._watched = False
        self._open: set[str] = set()

    def cut(self, hole: Hole) -> None:
        """Show the file with the hole cut out, and enter insert mode there."""
        path = self.neovim.project / hole.name
        if hole.name in self._open:
            self.neovim.nvim.command(f"buffer {path}")
        else:
            self._open.add(hole.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(hole.file.encode())
            self.neovim.nvim.command(f"edit {path}")
        self.neovim.nvim.command(PLAIN)
        attached = f"local c = {CLIENT}; return c and c.initialized and vim.lsp.buf_is_attached(0, c.id)"
        until(lambda: self.neovim.lua(attached) is True, "the server is attached")
        if not self._watched:
            self.neovim.lua((Path(__file__).parent / "watch.lua").read_text(encoding="utf-8"))
            self._watched = True
        start, end = _place(hole.file, hole.start), _place(hole.file, hole.end)
        self.neovim.nvim.current.buffer.api.set_text(*start, *end, [""])
        self.neovim.nvim.current.window.cursor = (start[0] + 1, start[1])
        self.seen()
        self.neovim.keys("A")

    def key(self, key: str) -> None:
        """Type it."""
        self.neovim.keys(NAMES.get(key, key))

    def leave(self, hole: Hole) -> None:
        """Leave insert mode; the file must be what it was."""
        self.neovim.keys("<Esc>")
        until(lambda: self.neovim.nvim.api.get_mode()["mode"] == "n", "normal mode")
        if "\n".join(self.neovim.nvim.current.buffer[:]) != hole.file.removesuffix("\n"):
            raise RuntimeError(f"Neovim has not put in what was typed: {hole.name}, {hole.text!r}")

    def seen(self) -> Seen:
        """Read the screen."""
        drawn, happened = self.neovim.lua("return typing_seen()")
        events = []
        for name, at_ms, then, items in happened:
            ghost, here = then or NOTHING
            events.append(Event(KINDS[name], at_ms, ghost, here, items))
        return Seen(*(drawn or NOTHING), tuple(events))


NOTHING = ("", True)
KINDS = {"automatic_request": "key", "request": "ask", "handler": "answer"}


def _place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n"), len(before.rpartition("\n")[2].encode())


@contextmanager
def neovim_on(settings: Mapping[str, Any]) -> Iterator[TypingNeovim]:
    """A Neovim with our server in a project of its own."""
    editor = locate("nvim")
    with tempfile.TemporaryDirectory() as home:
        project, programs = Path(home) / "project", Path(home) / "bin"
        (project / ".git").mkdir(parents=True)
        programs.mkdir()
        script = programs / "twinny-lsp"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m twinny_lsp "$@"\n')
        script.chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        env = {**editor.env, **environment(home), "PATH": path}
        neovim = Neovim(replace(editor, env=env), project, Traffic(Path(home) / "unused"))
        try:
            neovim.configure(settings={"twinny-lsp": dict(settings)})
            yield TypingNeovim(neovim)
        finally:
            neovim.close()


def type_hole(editor: TypingNeovim, hole: Hole, chance: random.Random, score: Score) -> None:
    """Type one hole in real time."""
    editor.cut(hole)
    score.begin(hole)
    watch = _Watch(score)
    due = time.monotonic() + gap_ms(" ", chance) / 1000
    for index, key in enumerate(hole.text):
        time.sleep(max(due - time.monotonic(), 0))
        seen = editor.seen()
        watch.judge(seen, hole, index)
        pressed = time.monotonic()
        editor.key(key)
        watch.pressed_ms = pressed * 1000
        score.keys += 1
        due = pressed + gap_ms(key, chance) / 1000
    editor.leave(hole)


class _Watch:
    """Between two keys: what is missing to a right text, and why."""

    def __init__(self, score: Score) -> None:
        self.score, self.pressed_ms = score, 0.0
        self._pending = 0

    def judge(self, seen: Seen, hole: Hole, index: int) -> None:
        """The next key is about to be pressed."""
        told = self._told(seen)
        ghost = seen.ghost if seen.here else f"[elsewhere] {seen.ghost}" if seen.ghost.strip() else ""
        self.score.judge(ghost, hole, index, told)
        if not self.pressed_ms:
            return
        first = next((event for event in seen.events if event.here and event.ghost), None)
        if first is not None:
            self.score.answers.append(max(first.at_ms - self.pressed_ms, 0.0))

    def _told(self, seen: Seen) -> str:
        asked = [event for event in seen.events if event.what == "ask"]
        answers = [event for event in seen.events if event.what == "answer"]
        self._pending = max(self._pending + len(asked) - len(answers), 0)
        if seen.ghost and not seen.here:
            return "drawn at another place"
        if self._pending:
            return "asked, not answered yet"
        if not asked:
            return "Neovim has not asked yet"
        return "answered" if any(event.items for event in answers) else "answered with nothing"


def type_all(settings: Mapping[str, Any], holes: Sequence[Hole], chance: random.Random, score: Score) -> None:
    """Every hole, one after another."""
    with neovim_on(settings) as editor:
        for hole in holes:
            type_hole(editor, hole, chance, score)
