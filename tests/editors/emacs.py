"""A real Emacs with the files this project ships: in batch, or in a terminal and driven by keys.

In the terminal Emacs runs its own server (of emacsclient's protocol), so that a test can also ask what is in
a buffer; what a person does goes in by keys. The files of `editor-configs/emacs` are used as they are.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.editors import chat, model
from tests.editors.chat import ChatModel
from tests.editors.lsp_tee import Traffic, a_server, until
from tests.editors.model import Model
from tests.editors.terminal import Terminal
from tests.support.fake_server import Recorded, Reply, json_reply
from tools.fetch_editors import Editor, locate

T = TypeVar("T")
CONFIG = Path(__file__).parent.parent.parent / "editor-configs" / "emacs"
PLAIN = """\
(setq make-backup-files nil auto-save-default nil create-lockfiles nil inhibit-startup-screen t
      python-indent-guess-indent-offset nil ring-bell-function #'ignore native-comp-jit-compilation nil
      native-comp-enable-subr-trampolines nil
      eglot-sync-connect 60 eglot-connect-timeout 60 eglot-events-buffer-config '(:size 0))
(setq custom-file null-device)
"""
DOOR = """\
(require 'json)
(require 'server)
(setq server-socket-dir "{folder}" server-name "door")
(server-start)
"""


class Program:
    """The editor as it was fetched; it has to be told where its own files are."""

    def __init__(self, editor: Editor) -> None:
        self.command, self.env = [str(editor.binary)], {}
        root = editor.binary.parents[1]
        self.packages = sorted(root.glob("share/emacs/site-lisp/elpa-src/*"))
        dumps = sorted(root.glob("libexec/emacs/*/*/emacs-*.pdmp"))
        if dumps:
            version = dumps[0].parents[1].name
            self.command.append(f"--dump-file={dumps[0]}")
            self.env["EMACSLOADPATH"] = str(root / "share" / "emacs" / version / "lisp")
            self.env["EMACSDATA"] = str(root / "share" / "emacs" / version / "etc")
            self.env["EMACSPATH"] = str(dumps[0].parent)

    def has(self, package: str) -> bool:
        """Whether a package of others was fetched along."""
        return any(folder.name.startswith(f"{package}-") for folder in self.packages)

    @property
    def loading(self) -> list[str]:
        """Arguments that make our files, and the packages of others, known."""
        return [part for folder in (CONFIG, *self.packages) for part in ("-L", str(folder))]

    def batch(self, folder: Path, *arguments: str, **env: str) -> str:
        """Run without a screen; what it printed. It must end well."""
        done = subprocess.run(
            [*self.command, "-Q", "--batch", *arguments],
            env={**os.environ, **self.env, "LC_ALL": "C.UTF-8", **env},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@dataclass(frozen=True, slots=True)
class Server:
    """A project, and the folder of a `twinny-lsp` that tells its traffic."""

    project: Path
    programs: Path
    traffic: Traffic

    @classmethod
    def below(cls, folder: Path) -> Server:
        """In a folder of their own."""
        project = folder / "project"
        # A real one: Eglot has git list the files to watch, and pyright ends when it cannot watch any.
        subprocess.run(["git", "init", "--quiet", str(project)], check=True, timeout=30)
        return cls(project, *a_server(folder))


NOBODY = "http://127.0.0.1:9"
"""Where no provider is."""


def completing(url: str, **completion: object) -> dict[str, object]:
    """A user's settings: a model at that address, no pause before asking, whole blocks always."""
    return {
        "providers": {"ollama": {"baseUrl": url}},
        "completion": {"debounce": 0, "speculate": False, "multiline": "always", **completion},
    }


class Both(ChatModel):
    """A model that completes and one to chat with, at one address."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._model = Model()
        names = (chat.MODEL, model.MODEL)
        self.server.on("GET", "/api/tags", json_reply({"models": [{"name": n, "model": n} for n in names]}))
        self.server.on("POST", "/api/generate", self.completes)

    def completes(self, request: Recorded) -> Reply:
        """What it says; for tests that have it say something else for a while."""
        return self._model.answer(request)

    @property
    def settings(self) -> dict[str, Any]:
        """The user's settings for both."""
        return {**completing(self.server.url), "chat": {"model": chat.MODEL}}

    def knows(self, before: str, completion: str, after: str) -> str:
        """See Model."""
        return self._model.knows(before, completion, after)


def plist(value: object) -> str:
    """A JSON value as Emacs Lisp has it."""
    if isinstance(value, dict):
        return "(" + " ".join(f":{key} {plist(each)}" for key, each in value.items()) + ")"
    if isinstance(value, bool):
        return "t" if value else ":json-false"
    return json.dumps(value, ensure_ascii=False)


class Emacs:
    """One editor in a terminal; close it. `init` is the user's init file."""

    def __init__(self, program: Program, tmux: Editor, server: Server, init: str) -> None:
        self.project, self.traffic = server.project, server.traffic
        self._folder = tempfile.TemporaryDirectory(prefix="emacs-")
        home = Path(self._folder.name)
        (home / "init.el").write_text(PLAIN + init + DOOR.format(folder=home), encoding="utf-8")
        command = [*program.command, "-nw", "-Q", *program.loading, "-l", str(home / "init.el")]
        self._door = home / "door"
        env = {"HOME": str(home), "PATH": f"{server.programs}{os.pathsep}{os.environ['PATH']}"}
        self.terminal = Terminal(command, tmux, server.project, {**program.env, **env})
        try:
            self.until(self._listens, "Emacs listens")
        except BaseException:
            self.close()
            raise

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as door:
            return door.connect_ex(str(self._door)) == 0

    def eval(self, expression: str) -> Any:
        """The value of an expression, which JSON must have, in the buffer of the selected window."""
        inside = f"(with-current-buffer (window-buffer) {expression})"
        packed = f"(base64-encode-string (encode-coding-string (json-encode {inside}) 'utf-8) t)"
        quoted = packed.replace("&", "&&").replace(" ", "&_").replace("\n", "&n")
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(30)
            door.connect(str(self._door))
            door.sendall(f"-current-frame -eval {quoted} \n".encode())
            said = b""
            while data := door.recv(65536):
                said += data
        lines = said.decode().split("\n")
        parts = [line.partition(" ")[2] for line in lines if line.startswith("-print")]
        assert parts, said.decode()
        return json.loads(base64.b64decode("".join(parts).replace("&n", "").replace('"', "")).decode())

    def open(self, name: str, text: str, row: int, column: int | None = None) -> Path:
        """Write a file and visit it, with point in a row (from 0), at its end or at a column."""
        path = self.project / name
        path.write_bytes(text.encode())
        self.visit(path)
        at = "(end-of-line)" if column is None else f"(forward-char {column})"
        self.eval(f"(progn (goto-char (point-min)) (forward-line {row}) {at} nil)")
        return path

    def visit(self, path: Path) -> None:
        """Show a file; the server that is to have it has it."""
        self.eval(f'(progn (find-file "{path}") nil)')
        self.keys("C-e")  # Eglot starts after a command
        uri = path.as_uri()
        self.until(lambda: uri in self.opened(), f"the server has {path.name}")

    def opened(self) -> list[str]:
        """What the server was told to open."""
        said = self.traffic.said("editor", "textDocument/didOpen")
        return [entry.message["params"]["textDocument"]["uri"] for entry in said]

    def text(self) -> str:
        """What is in the buffer."""
        return str(self.eval("(buffer-substring-no-properties (point-min) (point-max))"))

    def line(self) -> str:
        """The line with point."""
        return str(self.eval("(buffer-substring-no-properties (pos-bol) (pos-eol))"))

    def ghost(self) -> str:
        """The ghost text that is shown, "" when there is none."""
        return str(self.eval('(if twinny-lsp--overlay (overlay-get twinny-lsp--overlay \'twinny-lsp) "")'))

    def run(self, command: str) -> None:
        """M-x."""
        self.keys("M-x")
        self.until(lambda: "M-x" in self.screen().strip("\n").rpartition("\n")[2], "the prompt")
        self.type(command)
        self.keys("Enter")

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names."""
        self.terminal.keys(*names)

    def type(self, text: str) -> None:
        """Type text as it stands."""
        self.terminal.type(text)

    def screen(self) -> str:
        """What a person sees."""
        return self.terminal.screen()

    def until(self, look: Callable[[], T], what: str, seconds: float = 30.0) -> T:
        """Wait for it; where it never comes, the failure shows the screen."""
        return self.terminal.until(look, what, seconds)

    def becomes(self, text: str) -> None:
        """Wait until the buffer holds this text."""
        self.until(lambda: self.text() == text, f"the text is {text!r}")

    def save(self, path: Path) -> str:
        """Save, and read the file back."""
        self.keys("C-x", "C-s")
        self.until(lambda: not self.eval("(if (buffer-modified-p) t)"), "it is saved")
        return path.read_bytes().decode()

    def messages(self) -> str:
        """What has been shown in the echo area."""
        return str(self.eval('(with-current-buffer "*Messages*" (buffer-string))'))

    def close(self) -> None:
        """Leave the editor, whatever is not saved, and end the terminal with it."""
        try:
            if self._listens():
                process = self.eval("(progn (run-at-time 0 nil #'kill-emacs) (emacs-pid))")
                until(lambda: not psutil.pid_exists(process), "Emacs has left")
                until(self.traffic.server_is_gone, "the server has ended")
        finally:
            self.terminal.end()
            self._folder.cleanup()


GHOSTS = "(require 'twinny-lsp)\n(global-twinny-lsp-mode)\n"
PYRIGHT = """\
(require 'eglot)
(add-to-list 'eglot-server-programs '(python-mode . ("{command}" "--stdio")))
(add-hook 'python-mode-hook #'eglot-ensure)
"""


@contextmanager
def ghostly(folder: Path, settings: Mapping[str, object], more: str = "") -> Iterator[Emacs]:
    """Emacs with twinny-lsp.el and settings for it; `more` stands above them in the user's init file."""
    init = f"{more}{GHOSTS}(setq twinny-lsp-settings '{plist(dict(settings))})\n"
    emacs = Emacs(Program(locate("emacs")), locate("tmux"), Server.below(folder), init)
    try:
        yield emacs
    finally:
        emacs.close()


def pyright() -> str:
    """Init file: pyright by Eglot in Python."""
    return PYRIGHT.format(command=locate("pyright").binary.with_name("pyright-langserver"))


def told_of_once(emacs: Emacs) -> None:
    """Ask in twenty rows where no provider answers: one message, and the text is what was typed."""
    menu, message = "textDocument/completion", "window/showMessage"
    told = len(emacs.traffic.said("server", message))
    for _ in range(20):
        answered = len(emacs.traffic.results(menu))
        emacs.type("value")
        emacs.until(lambda: emacs.line() == "value", "it is typed")
        emacs.keys("C-M-i")
        emacs.until(lambda answered=answered: len(emacs.traffic.results(menu)) > answered, "it is asked")
        emacs.keys("Enter")
    emacs.becomes("value\n" * 20)
    assert len(emacs.traffic.said("server", message)) == told + 1


def killed_while_it_writes(emacs: Emacs, models: Both, send: Callable[[], object]) -> None:
    """The server dies in the middle of an answer: another one is started, and the text stays as it is."""
    models.says(["Half of it", None])
    send()
    emacs.until(lambda: "Half of it" in emacs.text(), "the answer begins")
    before = emacs.text()
    (server,) = emacs.traffic.servers()
    os.kill(server, signal.SIGKILL)
    emacs.until(lambda: emacs.traffic.servers() not in ([], [server]), "another one runs")
    models.goes_on()
    emacs.type(" More.")
    emacs.until(lambda: " More." in emacs.text(), "the editor goes on")
    assert emacs.text().replace(" More.", "", 1) == before
