"""One answer in one chat document: what is sent, the stream, what is written, and how it ends.

Ends well in every case: the model's answer, an error, a stop, an editor that takes no edits. The reader finds
in the document how it went. What starts and stops it is chat_documents.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from twinny_lsp.errors import ProviderError, SettingsError, TwinnyError
from twinny_lsp.lsp.chat import in_full
from twinny_lsp.lsp.insertion import Insertion, InsertionLost
from twinny_lsp.lsp.notices import Level
from twinny_lsp.lsp.progress import begin, end
from twinny_lsp.lsp.strangers import strangers

if TYPE_CHECKING:
    from twinny_lsp.chat.document import ChatDocument
    from twinny_lsp.chat.frontmatter import Front
    from twinny_lsp.chat.sending import Sending
    from twinny_lsp.chat.stream import Spoken
    from twinny_lsp.chat.tokens import Known
    from twinny_lsp.config.resolved import ChatSettings, Target
    from twinny_lsp.documents.document import Document
    from twinny_lsp.exchange import Piece
    from twinny_lsp.lsp.chat_lookup import ChatLookup
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync
    from twinny_lsp.lsp.troubles import Troubles

T = TypeVar("T")
STOPPED = "Stopped."


@dataclass(frozen=True, slots=True)
class Parts:
    """What answers need of the server."""

    server: TwinnyServer
    sync: SettingsSync
    troubles: Troubles
    lookup: ChatLookup
    counted: Known


class ChatAnswer:
    """Answers one message of a document. `writes`: into the document, where the client can be edited."""

    def __init__(
        self, parts: Parts, document: Document, chat: ChatDocument, asked: int, *, writes: bool
    ) -> None:
        from twinny_lsp.chat.answering import AnswerText

        self._parts, self._document, self._chat, self._asked = parts, document, chat, asked
        self._text = AnswerText(show_thinking=chat.front.thinking)
        self._insertion = self._place() if writes else None
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
            settings, target = self._settings(self._chat.front)
            model = target.model
            sending, generation_tokens = await self._stoppable(self._compose(settings, target))
            self._told = sending.told
            if self._insertion is not None:
                self._open(self._insertion, model, target.endpoint.name, sending)
            spoken = await self._listen(settings, target, sending, generation_tokens)
        except TwinnyError as error:
            await self._end(in_full(error), model)
            raise TwinnyError(in_full(error)) from error
        except _Stopped:
            lost = await self._end(STOPPED, model)
            return self._result(None, model, lost)
        from twinny_lsp.chat.answering import ending

        said = ending(
            spoken.finish, generation_tokens, text=bool(spoken.text.strip()), thinking=bool(spoken.thinking)
        )
        lost = await self._end(said, model)
        self._parts.server.backend.engine.answered(target)
        self._parts.troubles.worked(target)
        return self._result(spoken, model, lost)

    # -- what is sent

    def _settings(self, front: Front) -> tuple[ChatSettings, Target]:
        """The chat settings with what the document's front matter says."""
        from twinny_lsp.config.resolved import Target

        if front.problems:
            raise SettingsError("Front matter: " + "; ".join(front.problems) + ".")
        settings, target = self._parts.sync.chat_settings(), self._parts.sync.chat_settings().target
        if front.provider:
            known = self._parts.sync.settings()
            endpoint = known.endpoint(front.provider)
            if endpoint is None:
                why = known.why_no_endpoint(front.provider)
                raise SettingsError(f"Front matter: `provider: {front.provider}`: {why}.")
            same = target is not None and target.endpoint == endpoint
            model = front.model or (target.model if same and target else "")
            if not model:
                raise SettingsError(f"Front matter: `provider: {front.provider}` needs a `model:` beside it.")
            target = Target(endpoint, model)
        elif target is not None and front.model:
            target = replace(target, model=front.model)
        if target is None:
            raise SettingsError(settings.off_reason or "No chat provider is set up: set `chat.provider`.")
        if strangers(target.endpoint):
            raise SettingsError(
                f"A chat document is not sent to {target.endpoint.name}: people you do not know would read "
                "it, with all that was said to other models and the names of your files. Choose another "
                "`provider:`."
            )
        temperature = settings.temperature if front.temperature is None else front.temperature
        system = front.system or settings.system
        return replace(settings, target=target, system=system, temperature=temperature), target

    async def _compose(self, settings: ChatSettings, target: Target) -> tuple[Sending, int]:
        """(what is sent, tokens the answer may have)."""
        from twinny_lsp.chat.sending import Budget, Composer
        from twinny_lsp.chat.tokens import TokenCounts, reserved, window_of

        backend, uri = self._parts.server.backend, self._document.uri
        provider = backend.registry.provider(target.endpoint)
        window = self._chat.front.context or await window_of(provider, target.model)
        answer = reserved(settings.max_tokens, window)
        masks = backend.store.for_document(uri).privacy().mask_secrets
        composer = Composer(
            TokenCounts(provider, target.model, self._parts.counted),
            lambda mentions: self._parts.lookup.attachments(uri, mentions),
            Budget(window, answer),
            masks=masks,
        )
        return await composer.compose(self._chat, self._asked, settings.system), answer

    async def _listen(
        self, settings: ChatSettings, target: Target, sending: Sending, max_tokens: int
    ) -> Spoken:
        from twinny_lsp.chat.stream import listen
        from twinny_lsp.exchange import ChatPrompt, Generation

        provider = self._parts.server.backend.registry.provider(target.endpoint)
        generation = Generation(
            target.model, ChatPrompt(sending.messages), max_tokens, temperature=settings.temperature
        )
        work = asyncio.ensure_future(listen(provider, generation, self._piece))
        showing = asyncio.ensure_future(begin(self._parts.server, target.model, work.cancel))
        try:
            return await self._stoppable(work)
        except ProviderError as error:
            self._parts.troubles.failed(error, target, told=True)
            raise
        finally:
            if not showing.cancel():
                end(self._parts.server, showing.result())

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
        return Insertion(self._parts.server, self._document, start, (last, len(lines[last].rstrip())))

    def _open(
        self, insertion: Insertion, model: str, provider: str = "", sending: Sending | None = None
    ) -> asyncio.Task[None]:
        """Begin to write: the heading, and what was sent; below the place for the next message."""
        from twinny_lsp.chat.answering import closing, opening

        chat, answer = self._chat, self._chat.answer_of(self._asked)
        told = sending.told if sending else ()
        summary = f"to {provider}: {sending.size}" if sending else ""
        before = opening(model, told, summary, chat.turns[self._asked].opened)
        is_last = (self._asked if answer is None else answer) == len(chat.turns) - 1
        task = insertion.run(before, closing() if is_last else "")
        self._writing = asyncio.ensure_future(task)
        return self._writing

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
                self._parts.server.tell(f"chat: {lost}", Level.WARNING)
            return str(lost) or "its place is gone"
        return ""

    def _result(self, spoken: Spoken | None, model: str, lost: str) -> dict[str, Any]:
        usage = spoken.usage if spoken else None
        return {
            "text": "".join(self._said),
            "model": model,
            "finishReason": str(spoken.finish) if spoken else "stopped",
            "usage": usage
            and {
                "promptTokens": usage.prompt,
                "generatedTokens": usage.generated,
                "cachedTokens": usage.cached,
            },
            "sent": list(self._told),
            "written": self._insertion is not None and not lost,
        }


class _Stopped(Exception):
    """Nobody wants the rest."""
