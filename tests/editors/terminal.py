"""An editor in a terminal of tmux: keys go in, the screen is read back.

For editors that have no door for programs. The tmux server is private to the test and ends with it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tests.editors.lsp_tee import until
from tools.fetch_editors import Editor

T = TypeVar("T")


class Terminal:
    """One program in a terminal of 100 columns and 24 rows; end it."""

    def __init__(self, command: list[str], tmux: Editor, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="terminal-")
        self._tmux = [str(tmux.binary), "-S", str(Path(self._folder.name) / "tmux"), "-f", os.devnull]
        own = {"LC_ALL": "C.UTF-8", "TERM": "tmux-256color"}
        start = [*self._tmux, "new-session", "-d", "-s", "editor", "-x", "100", "-y", "24", *command]
        environment = {**os.environ, **tmux.env, **env, **own}
        subprocess.run(start, env=environment, cwd=folder, check=True, timeout=30)

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names."""
        self._run("send-keys", "-t", "editor", *names)

    def type(self, text: str) -> None:
        """Type text as it stands."""
        self._run("send-keys", "-t", "editor", "-l", text)

    def screen(self) -> str:
        """What a person sees."""
        return self._run("capture-pane", "-p", "-t", "editor")

    def colours(self) -> str:
        """The same, with the escape sequences of its colours."""
        return self._run("capture-pane", "-p", "-e", "-t", "editor")

    def cursor(self) -> tuple[int, int]:
        """(row, column) of the cursor in cells, both from 0."""
        told = self._run("display-message", "-p", "-t", "editor", "#{cursor_y} #{cursor_x}")
        row, column = told.split()
        return int(row), int(column)

    def until(self, look: Callable[[], T], what: str, seconds: float = 30.0) -> T:
        """Wait for it; where it never comes, the failure shows the screen."""
        return until(look, what, seconds, seen=self.screen)

    def within(self, seconds: float, look: Callable[[], bool]) -> bool:
        """Whether it is to be seen in that time."""
        end = time.monotonic() + seconds
        while not (found := look()) and time.monotonic() < end:
            time.sleep(0.02)
        return found

    def end(self) -> None:
        """End the terminal and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False, timeout=30)
        self._folder.cleanup()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            encoding="utf-8",
        )
        return done.stdout
