"""Stands between an editor and a language server on stdio and writes down what they say to each other.

    python lsp_tee.py LOG -- SERVER ARGUMENT...

Every byte is passed on unchanged; every message becomes one JSON line {"t", "from", "message"} of LOG
(`t`: seconds since the start; `from`: "editor" or "server"). The first line holds the server's process id
("start"), the last its exit code ("end"; missing when the editor kills the tee). Standard library only,
since it runs in the editor's environment. `Traffic` reads such a log while it grows.
Not a debugger: nothing is held up, changed or made up.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO, TypeVar

ROOT = Path(__file__).resolve().parents[2]
EDITOR, SERVER = "editor", "server"
START, END = "start", "end"
GRACE_S = 10.0
"""How long the server may take to end after the editor has closed the connection."""

T = TypeVar("T")


class Frames:
    """Cuts a byte stream into message bodies by their Content-Length."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are complete now."""
        self._buffer += data
        bodies = []
        while (body := self._next()) is not None:
            bodies.append(body)
        return bodies

    def _next(self) -> bytes | None:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return None
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n") if b":" in line)
        length = int(fields[b"content-length"])
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        return rest[:length]


class Recorder:
    """Writes messages of both directions to one file, one line each."""

    def __init__(self, log: TextIO) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._start = time.monotonic()

    def note(self, sender: str, body: bytes) -> None:
        """Write one message; what is no JSON is written as {"unparsed": text}."""
        try:
            message = json.loads(body)
        except ValueError:
            message = {"unparsed": body.decode("utf-8", "replace")}
        entry = {"t": round(time.monotonic() - self._start, 4), "from": sender, "message": message}
        with self._lock:
            self._log.write(json.dumps(entry) + "\n")
            self._log.flush()


def pump(source: int, target: int, sender: str, recorder: Recorder) -> None:
    """Pass bytes on until either side is closed. A message is in the log before it is passed on whole."""
    frames = Frames()
    while data := os.read(source, 65536):
        for body in frames.feed(data):
            recorder.note(sender, body)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(target, view) :]
        except OSError:
            return


def main(argv: list[str]) -> int:
    """Run the server of the command line behind the tee; its exit code."""
    split = argv.index("--")
    with (
        open(argv[0], "a", encoding="utf-8") as log,
        subprocess.Popen(
            argv[split + 1 :], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        ) as server,
    ):
        assert server.stdin is not None
        assert server.stdout is not None
        recorder = Recorder(log)
        recorder.note(START, json.dumps(server.pid).encode())

        def from_editor(to_server: IO[bytes] = server.stdin) -> None:
            pump(sys.stdin.fileno(), to_server.fileno(), EDITOR, recorder)
            to_server.close()
            try:
                server.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                server.kill()

        # A daemon: it may be waiting for an editor that never closes its end.
        threading.Thread(target=from_editor, daemon=True).start()
        pump(server.stdout.fileno(), sys.stdout.fileno(), SERVER, recorder)
        code = server.wait()
        recorder.note(END, json.dumps(code).encode())
        return code


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the log."""

    t: float
    sender: str
    message: dict[str, Any]

    @property
    def method(self) -> str:
        """The method of a request or notification, "" for an answer."""
        return str(self.message.get("method", ""))

    @property
    def id(self) -> Any:
        """The id of a request or answer, None for a notification."""
        return self.message.get("id")


def until(
    look: Callable[[], T], what: str, seconds: float = 30.0, seen: Callable[[], object] | None = None
) -> T:
    """Poll until `look` gives something true, and return that; AssertionError when it never does.

    For what an editor does in its own time and tells nobody about. `seen` says what is there instead.
    """
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; {seen() if seen else ''}")
        time.sleep(0.01)
    return found


def _runs(pid: int) -> bool:
    import psutil  # for tests; not there where the tee itself runs

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Traffic:
    """What has been said so far, read anew from the log with every question."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def _lines(self) -> list[dict[str, Any]]:
        """The log; a line that is still being written is left out."""
        text = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def entries(self) -> list[Entry]:
        """All messages."""
        return [
            Entry(e["t"], e["from"], e["message"]) for e in self._lines() if e["from"] in (EDITOR, SERVER)
        ]

    def exit_code(self) -> int | None:
        """The exit code of the server; None while it runs, or when the editor killed what would say it."""
        return next((e["message"] for e in self._lines() if e["from"] == END), None)

    def servers(self) -> list[int]:
        """The process ids of the servers that were started and run still."""
        return [e["message"] for e in self._lines() if e["from"] == START and _runs(e["message"])]

    def server_is_gone(self) -> bool:
        """Whether every server that was started has ended."""
        return not self.servers()

    def said(self, sender: str, method: str) -> list[Entry]:
        """Requests and notifications with that method."""
        return [entry for entry in self.entries() if entry.sender == sender and entry.method == method]

    def exchanges(self, method: str) -> list[tuple[Entry, Entry | None]]:
        """The editor's requests with that method, each with its answer, None while there is none."""
        answers = {
            e.id: e for e in self.entries() if e.sender == SERVER and not e.method and e.id is not None
        }
        return [(request, answers.get(request.id)) for request in self.said(EDITOR, method)]

    def results(self, method: str) -> list[Any]:
        """The results of the answered requests with that method, in the order they were asked."""
        return [answer.message.get("result") for _, answer in self.exchanges(method) if answer]

    def badly_answered(self) -> list[Entry]:
        """The editor's requests that have not exactly one answer."""
        count = Counter(e.id for e in self.entries() if e.sender == SERVER and not e.method)
        asked = [e for e in self.entries() if e.sender == EDITOR and e.method and e.id is not None]
        return [entry for entry in asked if count[entry.id] != 1]


def a_server(folder: Path) -> tuple[Path, Traffic]:
    """A folder for PATH with a `twinny-lsp` in it: the server of this checkout, behind the tee."""
    log, programs = folder / "traffic.jsonl", folder / "bin"
    server = shlex.split(os.environ.get("EDITOR_TESTS_SERVER", "")) or [sys.executable, "-m", "twinny_lsp"]
    programs.mkdir()
    script = programs / "twinny-lsp"
    command = shlex.join([sys.executable, str(Path(__file__).resolve()), str(log), "--", *server])
    # In the project's folder Python would find the installed one, which may be another checkout's.
    here = "" if os.environ.get("EDITOR_TESTS_SERVER") else f"PYTHONPATH={shlex.quote(str(ROOT))} "
    script.write_text(f'#!/bin/sh\n{here}exec {command} "$@"\n')
    script.chmod(0o755)
    return programs, Traffic(log)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
