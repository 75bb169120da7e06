"""An editor with one document of code, for tests of tasks on it: applies `WorkspaceEdit`s."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tests.support.editor import Editor, editing_project
from tests.support.markdown_editor import MarkdownEditor

EDIT = {
    "documentChanges": True,
    "resourceOperations": ["create"],
    "changeAnnotationSupport": {"groupsOnLabel": True},
}
RESOLVES = {"resolveSupport": {"properties": ["edit"]}, "dataSupport": True}
CAPABILITIES: dict[str, Any] = {
    "workspace": {"applyEdit": True, "workspaceEdit": EDIT},
    "textDocument": {"codeAction": RESOLVES},
    "window": {"showDocument": {"support": True}, "workDoneProgress": True},
}


@dataclass
class CodeEditor:
    """`chooses` is the button it presses on a question. The text has no wide characters."""

    uri: str
    chooses: str = ""
    text: str = ""
    version: int = 1
    applied: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    made: Editor | None = None
    opens_chats: bool = True
    """Whether it uses the server for the chats that it shows."""
    chat: MarkdownEditor | None = None

    @property
    def editor(self) -> Editor:
        """The editor below."""
        assert self.made is not None
        return self.made

    async def open(self, text: str, language: str = "python") -> None:
        """Open the document, and wait until the server can do all it does."""
        self.text = text
        item = {"uri": self.uri, "languageId": language, "version": 1, "text": text}
        self.editor.session.notify("textDocument/didOpen", {"textDocument": item})
        await self.editor.command("clearCache")

    def type(self, old: str, new: str) -> None:
        """Put `new` in the place of `old`, as its user."""
        self._become(self.text.replace(old, new, 1))

    async def actions(
        self, first: int, last: int | None = None, messages: Mapping[int, str] | None = None, **context: Any
    ) -> dict[str, dict[str, Any]]:
        """What is offered for a selection from row `first` up to row `last`, or at the cursor; by title."""
        params = {
            "textDocument": {"uri": self.uri},
            "range": rows(first, first if last is None else last),
            "context": {"diagnostics": [told(*each) for each in (messages or {}).items()], **context},
        }
        offered = await self.editor.session.request("textDocument/codeAction", params)
        return {each["title"].removeprefix("twinny-lsp: "): each for each in offered}

    async def resolve(self, action: Mapping[str, Any]) -> dict[str, Any]:
        """`codeAction/resolve`."""
        return dict(await self.editor.session.request("codeAction/resolve", action))

    async def run(self, action: Mapping[str, Any]) -> Any:
        """Run the command of an action."""
        return await self.editor.session.request("workspace/executeCommand", action["command"])

    def apply(self, edit: Mapping[str, Any]) -> bool:
        """A `WorkspaceEdit`: all of it, or nothing where it was made for another version."""
        changes = edit.get("documentChanges")
        for change in [{"edits": edit["changes"][self.uri]}] if changes is None else changes:
            if "edits" not in change or change.get("textDocument", {}).get("uri", self.uri) != self.uri:
                continue
            if "textDocument" in change and change["textDocument"]["version"] != self.version:
                return False
            text = self.text
            for each in reversed(change["edits"]):
                first, last = (self._offset(each["range"][end]) for end in ("start", "end"))
                text = text[:first] + each["newText"] + text[last:]
            self._become(text)
        return True

    async def on_apply(self, params: Any) -> dict[str, Any]:
        """`workspace/applyEdit`."""
        if self.chat is not None and self.chat.uri in str(params):
            return await self.chat.apply(params)
        self.applied.append(params)
        return {"applied": self.apply(params["edit"])}

    async def on_question(self, params: Any) -> dict[str, Any] | None:
        """`window/showMessageRequest`."""
        self.asked.append(params["message"])
        return {"title": self.chooses} if self.chooses else None

    async def on_show(self, params: Any) -> dict[str, Any]:
        """`window/showDocument`."""
        self.shown.append(params["uri"])
        if self.opens_chats and self.chat is None:
            uri = params["uri"].replace("%28", "(").replace("%29", ")")  # as VS Code and others write it
            self.chat = MarkdownEditor(uri, editor=self.made)
            self.chat.open(Path(url2pathname(urlsplit(params["uri"]).path)).read_text())
        return {"success": True}

    def _become(self, text: str) -> None:
        self.text, self.version = text, self.version + 1
        document = {"uri": self.uri, "version": self.version}
        params = {"textDocument": document, "contentChanges": [{"text": text}]}
        self.editor.session.notify("textDocument/didChange", params)

    def lines(self) -> list[str]:
        """The lines, with whatever ends them."""
        return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", self.text)

    def _offset(self, position: Mapping[str, int]) -> int:
        return sum(map(len, self.lines()[: position["line"]])) + position["character"]


def rows(first: int, last: int) -> dict[str, dict[str, int]]:
    """The range of the rows up to `last`, without it."""
    return {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}


def told(row: int, message: str) -> dict[str, Any]:
    """A diagnostic."""
    return {"range": rows(row, row + 1), "severity": 1, "message": message}


@contextlib.asynccontextmanager
async def coding(
    root: Path,
    settings: Mapping[str, Any],
    *,
    capabilities: Mapping[str, Any] = CAPABILITIES,
    client: str = "test",
    name: str = "a.py",
    **ways: Any,
) -> AsyncIterator[CodeEditor]:
    """An editor of a project in `root`, with the file `name` in its place."""
    editor = CodeEditor((root / name).as_uri(), **ways)
    handlers = {
        "workspace/applyEdit": editor.on_apply,
        "window/showDocument": editor.on_show,
        "window/showMessageRequest": editor.on_question,
    }
    async with editing_project(root, settings, capabilities, client, handlers) as made:
        editor.made = made
        yield editor
