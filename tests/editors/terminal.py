"""A program in a terminal of its own (tmux): keys go in, the screen is read back.

The tmux server is private and ends with `close`. Not for what the program means: see the editors' own modules.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.fetch_editors import Editor

COLUMNS, ROWS = 100, 24


class Terminal:
    """One program; close it. `env` is added to this process's environment."""

    def __init__(self, tmux: Editor, command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
        # Not below the project: the path of a socket has at most about 100 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="terminal-")
        self._tmux = [str(tmux.binary), "-S", str(Path(self._folder.name) / "tmux"), "-f", os.devnull]
        environment = {**os.environ, **tmux.env, **env, "LC_ALL": "C.UTF-8", "TERM": "tmux-256color"}
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-s", "main", *size, *command],
            env=environment,
            cwd=folder,
            check=True,
            timeout=30,
        )

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names."""
        self._run("send-keys", "-t", "main", *names)

    def type(self, text: str) -> None:
        """Type text as it stands."""
        # A lone semicolon would end tmux's command.
        self._run("send-keys", "-t", "main", "-l", r"\;" if text == ";" else text)

    def screen(self) -> str:
        """What a person sees."""
        return self._run("capture-pane", "-p", "-t", "main")

    def colours(self) -> str:
        """The same, with the escape sequences of its colours."""
        return self._run("capture-pane", "-p", "-e", "-t", "main")

    def runs(self) -> bool:
        """Whether the program runs still."""
        known = subprocess.run([*self._tmux, "has-session"], capture_output=True, check=False, timeout=30)
        return known.returncode == 0

    def close(self) -> None:
        """End the program, if it still runs, and the terminal."""
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
