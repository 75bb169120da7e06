"""Who is asked to fill a hole: the engine in this process, or the whole server with a model behind HTTP."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, Self

from benchmarks.hole_models import TOKEN, Hole
from benchmarks.startup import environment
from tests.support.stand_in import ENDPOINT, OneProvider, StandIn
from twinny_lsp.cli.session import Session
from twinny_lsp.completion.engine import CompletionEngine
from twinny_lsp.completion.prompting import Prompts
from twinny_lsp.completion.request import Asked, Request, Trigger
from twinny_lsp.completion.seams import Reports
from twinny_lsp.config.resolved import CompletionSettings, Target
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.text import split_lines
from twinny_lsp.exchange import Finish, Generation, Piece

MODEL = "qwen2.5-coder:7b"


@dataclass
class Filled:
    """`document`: the whole text after acceptance, None when nothing was offered. `read`: characters said."""

    document: str | None
    read: int
    why: tuple[str, ...] = ()


class Side(Protocol):
    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def fill(self, hole: Hole, said: str, *, invoked: bool) -> Filled: ...


def pieces(text: str, seed: int, most: int) -> list[str]:
    """The text in pieces of 1 to 7 characters, up to about `most` characters."""
    chance = random.Random(seed)
    found, at = [], 0
    while at < len(text) and at < most:
        size = chance.randrange(1, 2 * TOKEN)
        found.append(text[at : at + size])
        at += size
    return found


# -- in process -----------------------------------------------------------------------------------


class Sayer(StandIn):
    """A provider that says what it is told."""

    def __init__(self) -> None:
        self.text, self.seed, self.said = "", 0, 0

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        self.said = 0
        for piece in pieces(self.text, self.seed, generation.max_tokens * TOKEN):
            self.said += len(piece)
            yield Piece(piece)
        yield Piece(finish=Finish.STOP if self.said >= len(self.text) else Finish.LENGTH)


class InProcess:
    """The engine with the real prompts."""

    def __init__(self) -> None:
        self.sayer = Sayer()
        reports = Reports(lambda error, _: print(error))
        self.engine = CompletionEngine(OneProvider(self.sayer), Prompts(), reports)
        base = CompletionSettings(enabled=True, target=Target(ENDPOINT, MODEL), debounce_ms=0)
        self.settings = replace(base, cache=False, speculate=False, candidates=1)
        self.count = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()

    async def fill(self, hole: Hole, said: str, *, invoked: bool) -> Filled:
        self.count += 1
        self.sayer.text, self.sayer.seed, self.sayer.said = said, self.count, 0
        lines = tuple(split_lines(hole.before + hole.after))
        snapshot = Snapshot(f"file:///hole{self.count}", hole.language, 1, lines, hole.row, len(hole.begun))
        trigger = Trigger.INVOKED if invoked else Trigger.AUTOMATIC
        request = Request(snapshot, self.settings, Asked.INLINE, trigger, path=Path(hole.path).name)
        result = await self.engine.complete(request)
        self.engine.forget(snapshot.uri)
        if not result.candidates:
            return Filled(None, self.sayer.said, result.steps)
        first = result.candidates[0]
        document = hole.before + first.text + hole.after[first.replaces :]
        return Filled(document, self.sayer.said, result.steps)


# -- over stdio -----------------------------------------------------------------------------------


class Ollama:
    """A model server on a free port: speaks Ollama's API, says `text`, counts what it could send."""

    def __init__(self) -> None:
        self.text, self.seed, self.said = "", 0, 0
        self.port = 0

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if line)
            body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
            if head.split(b" ", 2)[1] == b"/api/generate":
                most = json.loads(body)["options"]["num_predict"] * TOKEN
                await self._say(writer, most)
            else:
                facts = json.dumps({"capabilities": ["completion"], "model_info": {}, "models": []}).encode()
                length = b"Content-Length: %d\r\n\r\n" % len(facts)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + facts)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the server has enough, and closes
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, most: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n")
        self.said = 0
        for piece in pieces(self.text, self.seed, most):
            writer.write(json.dumps({"model": "m", "response": piece, "done": False}).encode() + b"\n")
            await writer.drain()
            await asyncio.sleep(0.001)
            self.said += len(piece)
        reason = "stop" if self.said >= len(self.text) else "length"
        end = {"model": "m", "response": "", "done": True, "done_reason": reason}
        writer.write(json.dumps(end).encode() + b"\n")


class OverStdio:
    """The whole server in a process of its own, asked as an editor asks."""

    def __init__(self) -> None:
        self.model = Ollama()
        self.count = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(await self.model.serve())
        home = self._stack.enter_context(tempfile.TemporaryDirectory())
        serve = [sys.executable, "-m", "twinny_lsp", "serve", "--stdio"]
        self.session = await self._stack.enter_async_context(
            await Session.spawn(serve, env=environment(home))
        )
        options = {
            "providers": {"ollama": {"baseUrl": f"http://127.0.0.1:{self.model.port}"}},
            "completion": {
                "model": MODEL,
                "fimTemplate": "qwen",
                "debounce": 0,
                "cache": False,
                "candidates": 1,
            },
        }
        capabilities = {"general": {"positionEncodings": ["utf-32"]}}
        await self.session.initialize({"initializationOptions": options, "capabilities": capabilities})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.shutdown()
        await self._stack.aclose()

    async def fill(self, hole: Hole, said: str, *, invoked: bool) -> Filled:
        self.count += 1
        self.model.text, self.model.seed, self.model.said = said, self.count, 0
        uri = f"file:///project/hole{self.count}"
        text = hole.before + hole.after
        document = {"uri": uri, "languageId": hole.language, "version": 1, "text": text}
        self.session.notify("textDocument/didOpen", {"textDocument": document})
        where = {
            "textDocument": {"uri": uri},
            "position": {"line": hole.row, "character": len(hole.begun)},
            "context": {"triggerKind": 1 if invoked else 2},
        }
        answer = await self.session.request("textDocument/inlineCompletion", where)
        self.session.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        return Filled(_accepted(answer, hole, text), self.model.said)


def _accepted(answer: Any, hole: Hole, text: str) -> str | None:
    """The document with the first item applied over its range."""
    if not answer["items"]:
        return None
    item = answer["items"][0]
    start, end = item["range"]["start"], item["range"]["end"]
    if start["line"] != hole.row or end["line"] != hole.row:
        raise RuntimeError(f"a range beyond the cursor's line: {item['range']}")
    line = len(hole.before) - len(hole.begun)
    return text[: line + start["character"]] + item["insertText"] + text[line + end["character"] :]
