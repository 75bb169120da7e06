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
from twinny_lsp.cli.session import JsonRpcError, Session

INLINE, MENU = "textDocument/inlineCompletion", "textDocument/completion"
AUTOMATIC = {INLINE: 2, MENU: 1}
"""The trigger kind of what is asked while somebody types."""

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
    """A client of one language server. Files are opened when the first hole is cut from them.

    `method` is what it asks for ghost text; the first item of a menu will do where a server has no other.
    """

    def __init__(self, session: Session, method: str = INLINE) -> None:
        self.session, self.method = session, method
        self.errors: list[str] = []
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
            "context": {"triggerKind": AUTOMATIC[self.method]},
        }
        id = f"ask-{self._number}"
        answer = self.session.send_request(self.method, where, id=id)
        task = asyncio.ensure_future(self._ghost(answer, self.line))
        self._ids[task] = id
        task.add_done_callback(self._answered)
        return task

    def _answered(self, asked: asyncio.Future[str]) -> None:
        self._ids.pop(asked, None)
        if not asked.cancelled():
            asked.exception()  # whoever waits gets it; a cancelled request has nobody

    def cancel(self, asked: asyncio.Future[str]) -> str:
        """`$/cancelRequest`."""
        if (id := self._ids.get(asked)) is not None:
            self.session.cancel(id)
        asked.cancel()
        return ""

    def why(self) -> str:
        """A server does not tell."""
        return ""

    async def _ghost(self, answer: asyncio.Future[Any], line: str) -> str:
        try:
            return ghost(await answer, line)
        except JsonRpcError as error:
            self.errors.append(str(error))
            return ""

    def _here(self) -> dict[str, int]:
        return {"line": self.row, "character": len(self.line.encode("utf-16-le")) // 2}

    def _change(self, change: Mapping[str, Any]) -> None:
        self._versions[self.uri] += 1
        document = {"uri": self.uri, "version": self._versions[self.uri]}
        self.session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})


def method_for(capabilities: Mapping[str, Any]) -> str:
    """What to ask a server that announces these: `{}` is a yes, too."""
    return MENU if capabilities.get("inlineCompletionProvider", False) is False else INLINE


def ghost(answer: Any, line: str) -> str:
    """What an editor draws behind the cursor, with `line` left of it, for any server's answer.

    "" for nothing. Takes a list or an object with `items`, of inline or of menu items, with or without a
    range, with a plain text or a snippet's.
    """
    items = answer.get("items") if isinstance(answer, dict) else answer
    if not items:
        return ""
    edit = items[0].get("textEdit") or {}
    text = edit.get("newText") or items[0].get("insertText") or items[0].get("label") or ""
    text = text.get("value", "") if isinstance(text, dict) else text
    span = items[0].get("range") or edit.get("range") or edit.get("insert")
    covered = _from_utf16(line, span["start"]["character"]) if span else ""
    return str(text).removeprefix(covered) if str(text).startswith(covered) else ""


def _from_utf16(line: str, column: int) -> str:
    return line.encode("utf-16-le")[2 * column :].decode("utf-16-le")


def _position(text: str, offset: int) -> dict[str, int]:
    before = text[:offset]
    line = before.rpartition("\n")[2]
    return {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}


@contextlib.asynccontextmanager
async def editor_on(
    argv: Sequence[str], options: Mapping[str, Any], env: Mapping[str, str]
) -> AsyncIterator[Editor]:
    """An editor on that server; `options` are initializationOptions. It asks for a menu where there is no
    inline completion."""
    async with await Session.spawn(list(argv), env=dict(env)) as session:
        root = "file:///project"
        result = await session.initialize(
            {
                "rootUri": root,
                "capabilities": {"textDocument": {"inlineCompletion": {}, "completion": {}}},
                "workspaceFolders": [{"uri": root, "name": "project"}],
                "initializationOptions": options,
                "clientInfo": {"name": "typing"},
            }
        )
        yield Editor(session, method_for(result["capabilities"]))
        await session.shutdown()
