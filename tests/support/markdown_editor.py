"""An editor with a chat document, for tests: takes versioned edits as real ones do, and types in between.

Each way real editors differ in is a flag: `late_s` collects changes before it tells them (Neovim, Eglot), and
`lies` answers that it has applied an edit that it has left out (Neovim). `whole` sends the whole text.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.editor import Editor, editing_project

CAPABILITIES = {
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
    "window": {"showDocument": {"support": True}},
}


@dataclass
class MarkdownEditor:
    """One open document. Positions are UTF-16."""

    uri: str
    late_s: float = 0.0
    lies: bool = False
    whole: bool = False
    text: str = ""
    version: int = 1
    applied: list[str] = field(default_factory=list)
    refused: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)
    pending: list[dict[str, Any]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    editor: Editor | None = None

    def open(self, text: str) -> None:
        """Open it with a text."""
        assert self.editor is not None
        self.text, self.version = text, 1
        item = {"uri": self.uri, "languageId": "markdown", "version": 1, "text": text}
        self.editor.session.notify("textDocument/didOpen", {"textDocument": item})

    def type(self, at: int, text: str) -> None:
        """Put text in at an offset, as its user."""
        self._change(at, at, text)

    def replace(self, old: str, new: str) -> None:
        """Put `new` in the place of `old`, as its user."""
        at = self.text.index(old)
        self._change(at, at + len(old), new)

    async def started(self) -> None:
        """Wait until the server can do all it does; it offers little before."""
        assert self.editor is not None
        await self.editor.command("clearCache")

    async def send(self, **argument: Any) -> Any:
        """Run `twinny-lsp.sendChat` here."""
        assert self.editor is not None
        return await self.editor.command("sendChat", {"uri": self.uri, **argument})

    async def becomes(self, word: str, seconds: float = 10.0) -> None:
        """Wait until the text has that in it."""
        async with asyncio.timeout(seconds):
            while word not in self.text:
                await asyncio.sleep(0.002)

    async def apply(self, params: Any) -> dict[str, Any]:
        """`workspace/applyEdit`."""
        (change,) = params["edit"]["documentChanges"]
        assert change["textDocument"]["uri"] == self.uri
        if change["textDocument"]["version"] != self.version:
            self.refused += 1
            return {"applied": self.lies}
        (edit,) = change["edits"]
        self.applied.append(edit["newText"])
        span = edit["range"]
        self._change(self._offset(span["start"]), self._offset(span["end"]), edit["newText"])
        return {"applied": True}

    async def show(self, params: Any) -> dict[str, Any]:
        """`window/showDocument`."""
        self.shown.append(params)
        return {"success": True}

    def _change(self, first: int, last: int, text: str) -> None:
        span = {"start": self._position(first), "end": self._position(last)}
        self.text = self.text[:first] + text + self.text[last:]
        self.version += 1
        self.pending.append({"text": self.text} if self.whole else {"range": span, "text": text})
        if not self.late_s:
            self._tell()
        elif self.timer is None:
            self.timer = asyncio.get_running_loop().call_later(self.late_s, self._tell)

    def _tell(self) -> None:
        assert self.editor is not None
        self.timer = None
        changes, self.pending = self.pending, []
        document = {"uri": self.uri, "version": self.version}
        params = {"textDocument": document, "contentChanges": changes[-1:] if self.whole else changes}
        self.editor.session.notify("textDocument/didChange", params)

    def _position(self, offset: int) -> dict[str, int]:
        before = self.text[:offset]
        line = before.rpartition("\n")[2]
        return {"line": before.count("\n"), "character": len(line.encode("utf-16-le")) // 2}

    def _offset(self, position: Mapping[str, int]) -> int:
        lines = self.text.split("\n")
        before = sum(len(line) + 1 for line in lines[: position["line"]])
        units = lines[position["line"]].encode("utf-16-le")[: position["character"] * 2]
        return before + len(units.decode("utf-16-le"))


@contextlib.asynccontextmanager
async def chatting(
    root: Path,
    settings: Mapping[str, Any],
    *,
    name: str = "test",
    capabilities: Mapping[str, Any] | None = None,
    uri: str = "",
    **ways: Any,
) -> AsyncIterator[MarkdownEditor]:
    """An editor of a project in `root`, with a chat document in its place."""
    made = MarkdownEditor(uri or (root / ".twinny" / "chat" / "a.md").as_uri(), **ways)
    handlers = {"workspace/applyEdit": made.apply, "window/showDocument": made.show}
    capabilities = CAPABILITIES if capabilities is None else capabilities
    async with editing_project(root, settings, capabilities, name, handlers) as editor:
        made.editor = editor
        yield made
        if made.timer is not None:
            made.timer.cancel()
