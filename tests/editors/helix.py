"""A real Helix in a terminal of tmux, with the `languages.toml` this project ships; driven by keys.

Helix has no door for programs: keys go in through tmux, the screen is read back, and the traffic with the
server says what it has understood. The tmux server is private to the test and ends with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tests.editors.lsp_tee import Traffic, until
from tools.fetch_editors import Editor

T = TypeVar("T")
CONFIG = Path(__file__).parent.parent.parent / "editor-configs" / "helix" / "languages.toml"
EDITOR_CONFIG = """\
[editor]
auto-pairs = false
idle-timeout = 50
completion-timeout = 50
"""


def home_with_config(folder: Path, added: str = "") -> Path:
    """A configuration folder with the shipped file, as a person has copied it; `added` goes below."""
    (folder / "helix").mkdir(parents=True)
    (folder / "helix" / "config.toml").write_text(EDITOR_CONFIG)
    shutil.copy(CONFIG, folder / "helix" / "languages.toml")
    with (folder / "helix" / "languages.toml").open("a", encoding="utf-8") as languages:
        languages.write(f"\n{added}\n")
    return folder


class Helix:
    """One editor process; close it. `traffic` is what it and the server say to each other."""

    def __init__(
        self, editor: Editor, tmux: Editor, project: Path, traffic: Traffic, env: Mapping[str, str]
    ) -> None:
        self.traffic = traffic
        self._folder = tempfile.TemporaryDirectory(prefix="helix-")
        self._tmux = [str(tmux.binary), "-S", str(Path(self._folder.name) / "tmux"), "-f", os.devnull]
        environment = {
            **os.environ,
            **tmux.env,
            **editor.env,
            **env,
            "LC_ALL": "C.UTF-8",
            "TERM": "tmux-256color",
        }
        size = ["-x", "100", "-y", "24"]
        command = [*self._tmux, "new-session", "-d", "-s", "editor", *size, str(editor.binary)]
        subprocess.run(command, env=environment, cwd=project, check=True, timeout=30)

    def open(self, path: Path, text: str, row: int) -> None:
        """Write a file, open it with the server attached, and stand in insert mode at the end of the line.

        `row` from 0.
        """
        path.write_bytes(text.encode())
        self.command(f"open {path}")
        self.until(lambda: self.traffic.said("editor", "textDocument/didOpen"), "didOpen was sent")
        self.command(f"goto {row + 1}")
        self.keys("A")
        self.until(lambda: " INS " in self.screen(), "insert mode")

    def command(self, line: str) -> None:
        """Give a `:` command in normal mode."""
        self.keys("Escape")
        self.until(lambda: " NOR " in self.screen(), "normal mode")
        self.keys(":")
        self.type(line)
        self.keys("Enter")

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

    def until(self, look: Callable[[], T], what: str, seconds: float = 30.0) -> T:
        """Wait for it; where it never comes, the failure shows the screen."""
        return until(look, what, seconds, seen=self.screen)

    def save(self, path: Path, expected: str) -> None:
        """Save; the file must become the expected text."""
        self.command("write")
        # Helix moves the old file away before it writes the new one: for a moment there is none.
        self.until(
            lambda: _content(path) == expected,
            f"the file is {expected!r}",
        )

    def close(self) -> None:
        """Leave the editor as a person would, and end the terminal with it."""
        try:
            self.command("quit-all!")
            until(self.traffic.server_is_gone, "the server has ended")
        finally:
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


def _content(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
