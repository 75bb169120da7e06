"""The model that completes in the editors' tests, and how models run beside a test of plain functions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from tests.editors.chat import run_loop
from tests.support.fake_server import FakeServer, Recorded, Reply, json_reply, ollama_stream

MODEL = "codellama:7b-code"


class HasServer(Protocol):
    """A model with a server of its own."""

    server: FakeServer


M = TypeVar("M", bound=HasServer)


@contextmanager
def serving(model: M, loop: asyncio.AbstractEventLoop | None = None) -> Iterator[M]:
    """Run the model's server on a loop in a thread of its own (or on `loop`, which then ends with it)."""
    loop, thread = run_loop(loop)
    asyncio.run_coroutine_threadsafe(model.server.__aenter__(), loop).result(10)
    try:
        yield model
    finally:
        asyncio.run_coroutine_threadsafe(model.server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


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
        self.server.on("POST", "/api/generate", self.answer)

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

    def answer(self, request: Recorded) -> Reply:
        """Go on with the text the request ends in; for tests that have it say something else for a while."""
        found = re.search(r"<PRE> ?(.*) <SUF>", request.json.get("prompt", ""), re.DOTALL)
        before = found[1] if found else ""
        cuts = (i for i in range(len(self.text), self.known - 1, -1) if before.endswith(self.text[:i]))
        rest = self.text[next(cuts, len(self.text)) :]
        return ollama_stream([rest[i : i + 5] for i in range(0, len(rest), 5)])
