"""Any language server over stdio, beside the model that knows the files in a process of its own: real time.

`Editor` types into the server by `didChange` and `textDocument/inlineCompletion`, as an editor with ghost
text does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.typing.knower import Counted, Knower
from benchmarks.typing.trace import Hole
from twinny_lsp.cli.session import Session

ROOT = Path(__file__).parent.parent.parent


class ModelProcess:
    """The simulated model server."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.url = process, f"http://127.0.0.1:{port}"

    async def counts(self) -> list[Counted]:
        """What each request cost so far."""
        return [Counted(**each) for each in await asyncio.to_thread(self._counts)]

    def _counts(self) -> Any:
        with urllib.request.urlopen(f"{self.url}/counts", timeout=10) as answer:
            return json.load(answer)


@contextlib.asynccontextmanager
async def model_server(knower: Knower) -> AsyncIterator[ModelProcess]:
    """Such a server with that knower in it."""
    pipe = asyncio.subprocess.PIPE
    argv = [sys.executable, "-m", "benchmarks.typing.server"]
    process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    speed = knower.speed
    asked = {
        "files": knower.files,
        "stops": knower.stops,
        "speed": [speed.base, speed.prompt, speed.token],
    }
    process.stdin.write(json.dumps(asked).encode() + b"\n")
    try:
        yield ModelProcess(process, int(await process.stdout.readline()))
    finally:
        process.stdin.close()
        await process.wait()


class Editor:
    """A client of one language server. Files are opened when the first hole is cut from them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._versions: dict[str, int] = {}
        self._number = 0
        self._ids: dict[asyncio.Future[str], str] = {}
        self.uri, self.row, self.column, self.line = "", 0, 0, ""

    def now(self) -> float:
        """The trace's clock is the real one."""
        return time.perf_counter()

    async def cut(self, hole: Hole) -> None:
        """Show the file with the hole cut out."""
        self.uri = f"file:///project/{hole.name}"
        if self.uri not in self._versions:
            self._versions[self.uri] = 1
            document = {"uri": self.uri, "languageId": hole.language, "version": 1, "text": hole.file}
            self.session.notify("textDocument/didOpen", {"textDocument": document})
        start, end = _position(hole.file, hole.start), _position(hole.file, hole.end)
        self._change({"range": {"start": start, "end": end}, "text": ""})
        self.row = start["line"]
        self.line = hole.file[: hole.start].rpartition("\n")[2]
        await self.session.link.drain()

    def key(self, key: str) -> None:
        """One character at the cursor."""
        here = self._here()
        self._change({"range": {"start": here, "end": here}, "text": key})
        if key == "\n":
            self.row, self.line = self.row + 1, ""
        else:
            self.line += key

    def type(self, text: str) -> None:
        """Put in a text at once, as accepting does."""
        here = self._here()
        self._change({"range": {"start": here, "end": here}, "text": text})
        *above, last = text.split("\n")
        self.row += len(above)
        self.line = last if above else self.line + last

    def ask(self) -> asyncio.Future[str]:
        """Ask for ghost text; what stands behind the cursor when it is drawn."""
        self._number += 1
        where = {
            "textDocument": {"uri": self.uri},
            "position": self._here(),
            "context": {"triggerKind": 2},
        }
        id = f"ask-{self._number}"
        answer = self.session.send_request("textDocument/inlineCompletion", where, id=id)
        task = asyncio.ensure_future(_ghost(answer, self.line))
        self._ids[task] = id
        task.add_done_callback(self._answered)
        return task

    def _answered(self, asked: asyncio.Future[str]) -> None:
        self._ids.pop(asked, None)
        if not asked.cancelled():
            asked.exception()  # whoever waits gets it; a cancelled request has nobody

    def cancel(self, asked: asyncio.Future[str]) -> None:
        """`$/cancelRequest`."""
        if (id := self._ids.get(asked)) is not None:
            self.session.cancel(id)
        asked.cancel()

    def _here(self) -> dict[str, int]:
        return {"line": self.row, "character": len(self.line.encode("utf-16-le")) // 2}

    def _change(self, change: Mapping[str, Any]) -> None:
        self._versions[self.uri] += 1
        document = {"uri": self.uri, "version": self._versions[self.uri]}
        self.session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})


async def _ghost(answer: asyncio.Future[Any], line: str) -> str:
    found = await answer
    items = found.get("items", []) if isinstance(found, dict) else found or []
    if not items:
        return ""
    text = items[0]["insertText"]
    text = text["value"] if isinstance(text, dict) else text
    start = items[0].get("range", {}).get("start", {}).get("character")
    covered = line.encode("utf-16-le")[2 * start :].decode("utf-16-le") if start is not None else ""
    return str(text).removeprefix(covered)


def _position(text: str, offset: int) -> dict[str, int]:
    before = text[:offset]
    line = before.rpartition("\n")[2]
    return {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}


@contextlib.asynccontextmanager
async def editor_on(
    argv: Sequence[str], options: Mapping[str, Any], env: Mapping[str, str]
) -> AsyncIterator[Editor]:
    """An editor on that server; `options` are initializationOptions."""
    async with await Session.spawn(list(argv), env=dict(env)) as session:
        root = "file:///project"
        await session.initialize(
            {
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": "project"}],
                "initializationOptions": options,
                "clientInfo": {"name": "typing"},
            }
        )
        yield Editor(session)
        await session.shutdown()
