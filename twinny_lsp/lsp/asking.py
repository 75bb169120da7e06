"""One question to the chat model, with progress that can be cancelled.

Not for what is asked (code_tasks.py, commit_messages.py, chat_sending.py) nor for conversations (chat.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twinny_lsp.errors import ProviderError, SettingsError, TwinnyError
from twinny_lsp.lsp.chat import answerer, in_full
from twinny_lsp.lsp.chat_sending import Outgoing
from twinny_lsp.lsp.progress import begin, end
from twinny_lsp.lsp.strangers import Caution, strangers

if TYPE_CHECKING:
    from pathlib import Path

    from twinny_lsp.chat.stream import Spoken
    from twinny_lsp.chat.templates import Templates
    from twinny_lsp.config.resolved import ChatSettings, Target
    from twinny_lsp.exchange import Message, Piece
    from twinny_lsp.lsp.server import TwinnyServer
    from twinny_lsp.lsp.sync import SettingsSync
    from twinny_lsp.lsp.troubles import Troubles


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked, and how. `window` and `answer` are tokens; `away`: people the user does not know.

    `told`: the server has told its window.
    """

    settings: ChatSettings
    target: Target
    window: int
    answer: int
    away: bool
    told: bool = False


class Asker:
    """Asks; one object per server, many questions at once."""

    def __init__(
        self, server: TwinnyServer, sync: SettingsSync, troubles: Troubles, caution: Caution
    ) -> None:
        self._server, self._sync, self._troubles, self._caution = server, sync, troubles, caution
        self._templates: tuple[Path, Templates] | None = None

    def templates(self) -> Templates:
        """The prompts, with those of the user's folder."""
        from twinny_lsp.chat.templates import Templates

        folder = self._sync.settings().template_directory
        if self._templates is None or self._templates[0] != folder:
            self._templates = folder, Templates(folder)
        return self._templates[1]

    async def whom(self) -> Asked:
        """Who would be asked now. Raises SettingsError when there is nobody."""
        from twinny_lsp.chat.tokens import WINDOW_TOKENS, reserved, told_window

        settings = self._sync.chat_settings()
        target = settings.target
        if target is None:
            raise SettingsError(settings.off_reason or "No chat provider is set up: set `chat.provider`.")
        told = await told_window(self._server.backend.registry.provider(target.endpoint), target.model)
        window = told or WINDOW_TOKENS
        answer = reserved(settings.max_tokens, window)
        return Asked(settings, target, window, answer, strangers(target.endpoint), bool(told))

    async def outgoing(self, asked: Asked, messages: tuple[Message, ...], uri: str = "") -> Outgoing:
        """The messages as they may be sent; `uri` is the document they are about. Raises TwinnyError."""
        from twinny_lsp.chat.conversation import Question
        from twinny_lsp.documents.windows import estimate_tokens

        target = asked.target
        if asked.away:
            question = await self._caution.taken(Question(messages), target.endpoint, uri)
            messages = question.messages
        sizes = [estimate_tokens(message.content) for message in messages]
        told = [
            f"{'system message' if one.role == 'system' else 'the task and its code'}: {size:,} tokens"
            for one, size in zip(messages, sizes, strict=True)
        ]
        size = f"about {sum(sizes):,} tokens"
        return Outgoing(target, messages, asked.answer, asked.settings.temperature, tuple(told), size)

    async def ask(self, outgoing: Outgoing, on_piece: Callable[[Piece], None] | None = None) -> Spoken:
        """The answer; `on_piece` gets each piece as it comes. Raises TwinnyError with the server's own words.

        Cancelling, also by the progress, closes the connection to the model server.
        """
        from twinny_lsp.chat.stream import listen
        from twinny_lsp.exchange import ChatPrompt, Generation

        target = outgoing.target
        generation = Generation(
            target.model, ChatPrompt(outgoing.messages), outgoing.max_tokens, outgoing.temperature
        )
        provider = self._server.backend.registry.provider(target.endpoint)
        work = asyncio.ensure_future(listen(provider, generation, on_piece))
        # A client that does not answer must not hold up the model.
        showing = asyncio.ensure_future(begin(self._server, target.model, work.cancel))
        by = ""
        try:
            spoken = await work
            by = answerer(spoken.answered_by)
        except TwinnyError as error:
            if isinstance(error, ProviderError):
                self._troubles.failed(error, target, told=True)
            raise TwinnyError(in_full(error)) from error
        finally:
            work.cancel()
            if not showing.cancel():
                end(self._server, showing.result(), by)
        self._server.backend.engine.answered(target)
        self._troubles.worked(target)
        return spoken
