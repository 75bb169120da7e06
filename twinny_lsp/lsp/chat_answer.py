"""One answer in one chat document: what is sent, the stream, what is written, and how it ends.

Ends well in every case: the model's answer, an error, a stop, an editor that takes no edits. The reader finds
in the document how it went. What starts and stops it is chat_documents.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from twinny_lsp.errors import TwinnyError
from twinny_lsp.lsp.chat import in_full, usage_json
from twinny_lsp.lsp.insertion import ANSWER_S, Insertion, InsertionLost
from twinny_lsp.lsp.notices import Level
from twinny_lsp.lsp.workspace_edits import abilities, apply, changed

if TYPE_CHECKING:
    from twinny_lsp.chat.document import ChatDocument
    from twinny_lsp.chat.stream import Spoken
    from twinny_lsp.documents.document import Document
    from twinny_lsp.exchange import Piece
    from twinny_lsp.lsp.asking import Asker
    from twinny_lsp.lsp.chat_sending import Outgoing
    from twinny_lsp.lsp.server import TwinnyServer

T = TypeVar("T")
STOPPED = "Stopped."
Compose = Callable[[], Awaitable["Outgoing"]]
"""Puts together what is sent. Raises TwinnyError."""


@dataclass(frozen=True, slots=True)
class Place:
    """The turn `asked` of an open chat document. `writes`: the client takes edits of it."""

    document: Document
    chat: ChatDocument
    asked: int
    writes: bool


class ChatAnswer:
    """Answers one message of a document, into the document where the client can be edited."""

    def __init__(self, server: TwinnyServer, asker: Asker, place: Place, compose: Compose) -> None:
        from twinny_lsp.chat.answering import AnswerText

        self._server, self._asker, self._compose = server, asker, compose
        self._document, self._chat, self._asked = place.document, place.chat, place.asked
        self._text = AnswerText(show_thinking=place.chat.front.thinking)
        self._insertion = self._place() if place.writes else None
        self._writing: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._said: list[str] = []
        self._told: tuple[str, ...] = ()

    @property
    def insertion(self) -> Insertion | None:
        """The place in the document, which wants to hear of its edits."""
        return self._insertion

    def stop(self) -> None:
        """End it: what has come stays, and the connection to the model server closes at once."""
        self._stopping.set()

    def close(self) -> None:
        """Nothing goes on after this; `run` has ended, or was cancelled."""
        if self._writing is not None:
            self._writing.cancel()

    async def run(self) -> dict[str, Any]:
        """Ask, write, end: `{text, model, finishReason, usage, written, sent}`. Raises TwinnyError.

        An error is in the document already when it is raised.
        """
        model = self._chat.front.model
        try:
            outgoing = await self._stoppable(self._compose())
            model, self._told = outgoing.target.model, outgoing.told
            if self._insertion is not None:
                self._open(self._insertion, model, outgoing)
            spoken = await self._stoppable(self._asker.ask(outgoing, self._piece))
        except TwinnyError as error:
            await self._end(in_full(error), model)
            raise TwinnyError(in_full(error)) from error
        except _Stopped:
            lost = await self._end(STOPPED, model)
            return self._result(None, model, lost)
        from twinny_lsp.chat.answering import ending

        said = ending(
            spoken.finish, outgoing.max_tokens, text=bool(spoken.text.strip()), thinking=bool(spoken.thinking)
        )
        lost = await self._end(said, model)
        return self._result(spoken, model, lost)

    async def _stoppable(self, work: Awaitable[T]) -> T:
        """Await it, unless it is stopped before: by the user, or since nothing can be written any more."""
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stopping.wait())
        waiting: set[asyncio.Future[Any]] = {task, stop}
        if self._writing is not None:
            waiting.add(self._writing)
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if task.done() and not task.cancelled():
                return task.result()
            raise _Stopped
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    # -- what is written

    def _place(self) -> Insertion:
        """Behind the message; an earlier answer to it is what the new one takes the place of."""
        turns, lines = self._chat.turns, self._document.lines
        turn, answer = turns[self._asked], self._chat.answer_of(self._asked)
        start = turn.last, len(lines[turn.last].rstrip())
        last = turn.last if answer is None else turns[answer].last
        return Insertion(self._server, self._document, start, (last, len(lines[last].rstrip())))

    def _open(self, insertion: Insertion, model: str, outgoing: Outgoing | None = None) -> asyncio.Task[None]:
        """Begin to write: the heading, and what was sent; below the place for the next message."""
        from twinny_lsp.chat.answering import closing, opening

        chat, answer = self._chat, self._chat.answer_of(self._asked)
        summary = f"to {outgoing.target.endpoint.name}: {outgoing.size}" if outgoing else ""
        before = opening(model, self._told, summary, chat.turns[self._asked].opened)
        is_last = (self._asked if answer is None else answer) == len(chat.turns) - 1

        async def write() -> None:
            await self._entitle()
            await insertion.run(before, closing() if is_last else "")

        self._writing = asyncio.ensure_future(write())
        return self._writing

    async def _entitle(self) -> None:
        """Put the first words above a chat whose file is named by the time alone, if nothing stands there.

        The file itself cannot be renamed: editors do not follow, and would write it again by its old name.
        """
        from twinny_lsp.chat.document import parse, title_row
        from twinny_lsp.chat.edits.passage import Edit
        from twinny_lsp.chat.places import is_chat, is_named_by_time, title_of
        from twinny_lsp.config.sources import path_of

        path = path_of(self._document.uri)
        if path is None or not is_chat(path) or not is_named_by_time(path):
            return
        lines = self._document.lines
        chat = parse("".join(lines))
        row = title_row(lines, chat)
        title = "" if row is None else title_of(chat.turns[0].text)
        if row is None or not title:
            return
        eol = "\r\n" if lines[0].endswith("\r\n") else "\n"
        edit = Edit((row, 0), (row, 0), f"# {title}{eol}{eol}")
        able = abilities(self._server.client_capabilities)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await apply(self._server, changed(self._document, [edit], able, ""))

    def _piece(self, piece: Piece) -> None:
        self._said.append(piece.text)
        made = self._text.feed(piece.text, piece.thinking)
        if self._insertion is not None:
            self._insertion.append(made)

    async def _end(self, said: str, model: str) -> str:
        """Write the rest and a note; why that could not be done, "" when it could."""
        if self._insertion is None:
            return ""
        writing = self._writing or self._open(self._insertion, model)
        self._insertion.append(self._text.finish(said))
        self._insertion.finish()
        try:
            await writing
        except InsertionLost as lost:
            if str(lost):
                self._server.tell(f"chat: {lost}", Level.WARNING)
            return str(lost) or "its place is gone"
        return ""

    def _result(self, spoken: Spoken | None, model: str, lost: str) -> dict[str, Any]:
        return {
            "text": "".join(self._said),
            "model": model,
            "finishReason": str(spoken.finish) if spoken else "stopped",
            "usage": usage_json(spoken.usage if spoken else None),
            "sent": list(self._told),
            "written": self._insertion is not None and not lost,
        }


class _Stopped(Exception):
    """Nobody wants the rest."""
