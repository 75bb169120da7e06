"""Editors, a project to edit, a model to answer, and the server under its own name on PATH."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.chat import ChatModel, run_loop
from tests.editors.lsp_tee import Traffic
from tests.support.fake_server import FakeServer, Recorded, Reply, json_reply, ollama_stream
from tools.fetch_editors import Editor, EditorUnavailable, locate

MODEL = "codellama:7b-code"


def editor_or_skip(name: str) -> Editor:
    """The editor, or a skipped test with the reason (CI does not accept the skip)."""
    try:
        return locate(name)
    except EditorUnavailable as problem:
        pytest.skip(f"{name} is not to be had here: {problem}")


@pytest.fixture(scope="session")
def nvim_editor() -> Editor:
    return editor_or_skip("nvim")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project: a folder an editor takes for a root."""
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture
def traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """Puts a `twinny-lsp` on PATH: the server of this checkout, with all it says written down."""
    log, folder = tmp_path / "traffic.jsonl", tmp_path / "bin"
    tee = Path(__file__).parent / "lsp_tee.py"
    server = shlex.split(os.environ.get("EDITOR_TESTS_SERVER", "")) or [sys.executable, "-m", "twinny_lsp"]
    folder.mkdir()
    script = folder / "twinny-lsp"
    command = shlex.join([sys.executable, str(tee), str(log), "--", *server])
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Traffic(log)


class Model:
    """An Ollama whose model knows how one text goes on, and says it in pieces.

    It finds the longest beginning of that text right before the template's suffix mark, as a model would that
    has learned it by heart; nothing else is completed.
    """

    def __init__(self) -> None:
        self.text = ""
        self.known = 0
        self.server = FakeServer()
        self.server.on("GET", "/api/version", json_reply({"version": "0.13.0"}))
        self.server.on("GET", "/api/tags", json_reply({"models": [{"name": MODEL, "model": MODEL}]}))
        self.server.on("POST", "/api/generate", self._answer)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.url

    def knows(self, before: str, completion: str, after: str) -> str:
        """Teach it to go on from the end of `before`, or later; the whole text is returned."""
        self.text, self.known = before + completion, len(before)
        return before + completion + after

    @property
    def asked(self) -> list[Recorded]:
        """The requests for text so far."""
        return [request for request in self.server.requests if request.path == "/api/generate"]

    def _answer(self, request: Recorded) -> Reply:
        found = re.search(r"<PRE> ?(.*) <SUF>", request.json.get("prompt", ""), re.DOTALL)
        before = found[1] if found else ""
        cuts = (i for i in range(len(self.text), self.known - 1, -1) if before.endswith(self.text[:i]))
        rest = self.text[next(cuts, len(self.text)) :]
        return ollama_stream([rest[i : i + 5] for i in range(0, len(rest), 5)])


@contextlib.contextmanager
def served(server: FakeServer, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> Iterator[None]:
    """Run a model's server on a loop in a thread: editors are driven from plain functions."""
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    yield
    asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def model() -> Iterator[Model]:
    """The model server."""
    made = Model()
    with served(made.server, *run_loop()):
        yield made


@pytest.fixture
def chat_model() -> Iterator[ChatModel]:
    """A model to chat with."""
    loop, thread = run_loop()
    made = ChatModel(loop)
    with served(made.server, loop, thread):
        yield made
