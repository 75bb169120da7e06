"""A real Helix in a terminal of tmux, with the `languages.toml` this project ships; driven by keys.

Helix has no door for programs: the screen is read, and the traffic with the server says what it knows.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.editors.lsp_tee import Traffic, a_server, until
from tests.editors.terminal import Terminal
from tools.fetch_editors import Editor

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


def settings(url: str, **sections: Mapping[str, object]) -> str:
    """The lines a person adds: where the model is, and the sections of the settings given."""
    lines = ["[language-server.twinny-lsp.config]"]
    lines.append(f"providers = {{ ollama = {{ baseUrl = {json.dumps(url)} }} }}")
    for name, values in sections.items():
        # A JSON value is a TOML value, too, as long as it is no object.
        pairs = ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        lines.append(f"{name} = {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def beside(name: str, command: list[str]) -> str:
    """The lines a person adds to have that server for Python, and ours. The last row for a language holds."""
    return (
        f'[[language]]\nname = "python"\nlanguage-servers = ["{name}", "twinny-lsp"]\n'
        f"[language-server.{name}]\ncommand = {json.dumps(command[0])}\nargs = {json.dumps(command[1:])}\n"
    )


@contextmanager
def running(editor: Editor, tmux: Editor, folder: Path, added: str) -> Iterator[Helix]:
    """Helix with the shipped configuration and `added` below it, in a project of its own in `folder`.

    In the end every request must have been answered, but for those of a server that was killed.
    """
    programs, traffic = a_server(folder)
    (folder / "project" / ".git").mkdir(parents=True)
    home = home_with_config(folder / "config", added)
    env = {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(folder / "cache")}
    env["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    helix = Helix(editor, tmux, folder / "project", traffic, env)
    try:
        yield helix
        if not helix.killed:
            until(lambda: not traffic.badly_answered(), "every request is answered once")
    finally:
        helix.close()


class Helix(Terminal):
    """One editor process; close it. `traffic` is what it and the server say to each other."""

    def __init__(
        self, editor: Editor, tmux: Editor, project: Path, traffic: Traffic, env: Mapping[str, str]
    ) -> None:
        super().__init__([str(editor.binary)], tmux, project, {**editor.env, **env})
        self.traffic, self.project = traffic, project
        self.killed = False

    def open(self, path: Path, text: str, row: int) -> None:
        """Write a file, open it with the server attached, and stand in insert mode at the end of the line.

        `row` from 0.
        """
        path.write_bytes(text.encode())
        self.command(f"open {path}")
        self.until(lambda: self.knows(path), "the server knows it")
        self.command(f"goto {row + 1}")
        self.keys("A")
        self.until(lambda: " INS " in self.screen(), "insert mode")

    def knows(self, path: Path) -> bool:
        """Whether the server was told of that file."""
        opened = self.traffic.said("editor", "textDocument/didOpen")
        return any(entry.message["params"]["textDocument"]["uri"] == path.as_uri() for entry in opened)

    def normal(self) -> None:
        """Leave insert mode, and wait for it.

        Escape and a letter in one go are Alt with that letter; after two of them a letter is a letter.
        """

        def left() -> bool:
            self.keys("Escape", "Escape")
            return self.within(1.0, lambda: " NOR " in self.screen())

        self.until(left, "normal mode")

    def command(self, line: str) -> None:
        """Give a `:` command in normal mode."""
        self.normal()
        self.keys(":")
        self.type(line)
        self.keys("Enter")

    def act(self, title: str, below: int = 0) -> None:
        """Choose the code action of that title from the menu, where so many stand above it."""
        self.show_actions(title)
        self.keys(*["C-n"] * below, "Enter")

    def show_actions(self, title: str) -> None:
        """Open the menu of code actions, as soon as it has that one."""

        def asked() -> bool:
            self.normal()
            self.type(" a")
            return self.within(1.0, lambda: title in self.screen())

        self.until(asked, f"the editor offers {title!r}")

    def shows(self, word: str) -> None:
        """Look at the end of the document until it is there; in normal mode."""

        def seen() -> bool:
            self.type("ge")
            return word in self.screen()

        self.until(seen, f"{word!r} is on the screen")

    def save(self, path: Path, expected: str) -> None:
        """Save; the file must become the expected text."""
        self.command("write")
        # Helix moves the old file away before it writes the new one: for a moment there is none.
        self.until(
            lambda: _content(path) == expected,
            f"the file is {expected!r}",
        )

    def kill_server(self) -> None:
        """End the server as a crash would."""
        self.killed = True
        for pid in self.traffic.servers():
            os.kill(pid, signal.SIGKILL)
        self.until(self.traffic.server_is_gone, "the server is gone")

    def saved(self, path: Path) -> str:
        """What is in the file once it is saved."""
        before = _stamp(path)
        self.command("write!")
        self.until(lambda: _stamp(path) not in (0, before), "it is saved")
        return path.read_text(encoding="utf-8")

    def close(self) -> None:
        """Leave the editor as a person would, and end the terminal with it."""
        try:
            self.command("quit-all!")
            until(self.traffic.server_is_gone, "the server has ended")
        finally:
            self.end()


def _content(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None


def _stamp(path: Path) -> int:
    """When it was written; 0 in the moment in which Helix has moved the old file away."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
