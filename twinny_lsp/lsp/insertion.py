"""Text that is written into an open document bit by bit, while its user types elsewhere in it.

One edit is under way at a time, with the version it was made for: an editor whose user was quicker refuses
it, and it is made again for the newer text. Whether it was applied is told by the text and not by the
editor's answer (Neovim says yes to edits it has left out): the first change after the version it was made for
is either this edit or something else. What comes meanwhile is collected and goes into the next one.

Not for what is written (see chat/answering.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from twinny_lsp.documents.marks import moved, narrowed, shared_back, shared_front

if TYPE_CHECKING:
    from twinny_lsp.documents.document import Change, Document
    from twinny_lsp.documents.text import Position
    from twinny_lsp.lsp.server import TwinnyServer

log = logging.getLogger(__name__)

PACE_S = 0.04
"""Between two edits at least: an editor draws, colours and remembers each."""
ECHO_S = 30.0
"""How long the editor may take to tell of an edit it has applied: Eglot waits for a rest of half a second."""
HEARD_S = 2.0
"""The same for an edit of others. Shorter, since Neovim says yes to edits it has left out."""
ANSWER_S = 10.0
REFUSALS = 200
"""In a row, a few milliseconds apart: somebody types and types, or the editor takes no edits."""
AGAIN_S = 0.02
TYPING_S, FRESH_S = 1.0, 0.005
SOON_S = 0.015
"""A key that was quicker than an edit is told of within that, by an editor that does not collect them."""


class InsertionLost(Exception):
    """The text cannot go on: `str()` says why, "" where the user has removed its place or closed it."""


class _Under:
    """The edit under way: what the text will be, and where in it the new part stands."""

    def __init__(self, expected: str, first: int, last: int, text: str) -> None:
        self.expected, self.first, self.last, self.text = expected, first, last, text
        self.decided: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def end_in(self, document: Document, change: Change, start: Position, end: Position) -> int | None:
        """Where the new part ends, if a change was this edit, alone or together with others around it."""
        if document.char_count == len(self.expected):
            return self.last if document.text == self.expected else None
        covers = change.start <= start and change.end >= end
        if not covers or len(change.inserted) < self.last - self.first:
            return None
        now = document.text
        if shared_front(now, self.expected) >= self.last:
            return self.last
        if shared_back(now, self.expected) >= len(self.expected) - self.first:
            return len(now) - (len(self.expected) - self.last)
        return None


class Insertion:
    """Writes into one document. `start` once, then `append` as often as wanted, and `finish` at the end."""

    def __init__(self, server: TwinnyServer, document: Document, start: Position, end: Position) -> None:
        self._server, self._uri = server, document.uri
        self._start, self._end = start, end
        self._under: _Under | None = None
        self._lost: InsertionLost | None = None
        self._waiting: list[str] = []
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._ending = False
        self._sent_at = self._change_at = self._typed_at = self._late_s = 0.0
        self._eol = "\r\n" if document.lines[0].endswith("\r\n") else "\n"

    def append(self, text: str) -> None:
        """Write `text` behind what was written so far, soon."""
        if text:
            self._waiting.append(text)
            self._wake.set()

    def finish(self) -> None:
        """Nothing more will be appended: `run` ends when all is written."""
        self._ending = True
        self._wake.set()

    async def run(self, before: str, after: str) -> None:
        """Put `before` and `after` in the place given at the start, then write between them what is appended.

        Raises InsertionLost.
        """
        await self._write(before, after)
        self._sent_at = 0.0  # the first words need not wait
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._lost is not None:
                raise self._lost
            if self._waiting:
                await asyncio.sleep(self._sent_at + PACE_S - time.monotonic())
                text, self._waiting = "".join(self._waiting), []
                await self._write(text)
            if self._ending and not self._waiting:
                return
            if self._waiting:
                self._wake.set()

    async def hears_of_more(self, version: int) -> None:
        """Wait a moment until the editor has told of a change to that version of the document.

        Eglot says at once that it has applied an edit, tells of it half a second later, and until then
        lays further edits for the old version over the new text. Raises InsertionLost.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HEARD_S):
                while self._document().version == version:
                    self._changed.clear()
                    await self._changed.wait()

    # -- what happens in the editor

    def edited(self, document: Document, change: Change) -> None:
        """A document was edited, by us or by the user."""
        if document.uri != self._uri:
            return
        self._change_at = time.monotonic()
        self._changed.set()
        under, self._under = self._under, None
        if under is not None:
            offset = under.end_in(document, change, self._start, self._end)
            if offset is not None:
                self._start = self._end = document.position_at(offset)
                under.decided.set_result(True)
                return
            if change.inserted == under.text and len(under.text) > 1:
                # Helix 25.01 may tell of quick keys in another order: to try again would write it again.
                self.lose("The editor has another text than it told of; open the file again.")
                under.decided.set_result(False)
                return
        self._typed_at = self._change_at
        if change.removed and change.start == (0, 0):
            change = narrowed(change)
        start, end = moved(self._start, change), moved(self._end, change)
        if start is None or end is None:
            self.lose("")
        else:
            self._start, self._end = start, end
        if under is not None:
            under.decided.set_result(False)

    def closed(self, document: Document) -> None:
        """A document was closed."""
        if document.uri == self._uri:
            self.lose("")

    def lose(self, why: str) -> None:
        """Nothing more can be written."""
        self._lost = self._lost or InsertionLost(why)
        self._wake.set()
        self._changed.set()
        if self._under is not None and not self._under.decided.done():
            self._under.decided.set_result(False)

    # -- one edit

    async def _write(self, before: str, after: str = "") -> None:
        before, after = (text.replace("\n", self._eol) for text in (before, after))
        for _ in range(REFUSALS):
            await self._good_moment()
            document = self._document()
            if await self._try(document, before, after):
                return
            if self._lost is not None:
                raise self._lost
            await asyncio.sleep(AGAIN_S if self._change_at < self._sent_at else 0)
        raise InsertionLost("The editor did not take the answer's text.")

    async def _try(self, document: Document, before: str, after: str) -> bool:
        text = document.text
        first, last = document.offset_of(self._start), document.offset_of(self._end)
        expected = text[:first] + before + after + text[last:]
        under = self._under = _Under(expected, first, first + len(before), before + after)
        self._changed.clear()
        self._sent_at = time.monotonic()
        edit = self._edit(document, before + after)
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._server.workspace_apply_edit_async(edit)
        except JsonRpcException as error:
            log.debug("an edit was refused: %s", error.code)
            answer = lsp.ApplyWorkspaceEditResult(applied=False)
        except TimeoutError:
            raise InsertionLost("The editor does not answer.") from None
        answered_at = time.monotonic()
        if answer.applied or under.decided.done():
            await asyncio.wait({under.decided}, timeout=ECHO_S)
            if not under.decided.done():
                raise InsertionLost("The editor does not tell what became of the answer's text.")
        self._under = None
        applied = under.decided.done() and under.decided.result()
        if answer.applied and not applied and self._change_at - answered_at > SOON_S:
            self._late_s = self._server.profile.tells_late_s
        return applied

    def _edit(self, document: Document, text: str) -> lsp.ApplyWorkspaceEditParams:
        start, end = (lsp.Position(*document.position(*at)) for at in (self._start, self._end))
        name = lsp.OptionalVersionedTextDocumentIdentifier(uri=self._uri, version=document.version)
        edits = [lsp.TextEdit(lsp.Range(start, end), text)]
        change = lsp.TextDocumentEdit(text_document=name, edits=edits)
        return lsp.ApplyWorkspaceEditParams(edit=lsp.WorkspaceEdit(document_changes=[change]))

    async def _good_moment(self) -> None:
        """Wait until the editor will have told of all keys, where it collects them and somebody types.

        A refused edit costs a line of message there. That it collects is seen by the first one.
        """
        late = self._late_s
        while late and self._lost is None:
            now = time.monotonic()
            since = now - self._change_at
            if now - self._typed_at > TYPING_S or since <= FRESH_S or since >= late:
                return
            self._changed.clear()
            try:
                async with asyncio.timeout(late - since):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _document(self) -> Document:
        document = self._server.documents.get(self._uri)
        if document is None or self._lost is not None:
            raise self._lost or InsertionLost("")
        return document
