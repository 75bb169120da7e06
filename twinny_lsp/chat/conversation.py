"""Conversations with a model: remembered messages, one streamed answer at a time.

Knows neither LSP nor HTTP: it is given a provider and yields text through a callback. Chat
documents and actions are other rooms' business.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.chat.history import alternating, fit, grouped
from twinny_lsp.chat.stream import listen
from twinny_lsp.chat.tokens import WINDOW_TOKENS, TokenCounts, reserved, window_of
from twinny_lsp.config.resolved import ChatSettings
from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import ChatPrompt, Finish, Generation, Message, Peer, Piece, Usage
from twinny_lsp.providers.base import Provider
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.presets import PRESETS

MAX_CONVERSATIONS = 50
MAX_MESSAGES = 60
"""Remembered messages per conversation; the oldest go first, in pairs."""


@dataclass(frozen=True, slots=True)
class Question:
    """New messages for a conversation. An empty `conversation` starts a new one; `model` and `system`
    override the settings for this question."""

    messages: tuple[Message, ...]
    conversation: str = ""
    system: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` never holds thinking. `finish` INCOMPLETE: the stream broke off and `text` is what had come.

    `answered_by`: whose computer it was, where the settings do not say that (Symmetry).
    """

    text: str
    model: str
    conversation: str
    finish: Finish
    thinking: str = ""
    usage: Usage | None = None
    answered_by: Peer | None = None


@dataclass(frozen=True, slots=True)
class _History:
    """What was said, and the names of the providers that have seen any of it."""

    messages: tuple[Message, ...] = ()
    seen_by: frozenset[str] = frozenset()


class Conversations:
    """The histories of this session, by id; bounded, in memory only."""

    def __init__(self, provider: Callable[[Endpoint], Provider]) -> None:
        self._provider = provider
        self._histories: OrderedDict[str, _History] = OrderedDict()

    async def ask(
        self, question: Question, settings: ChatSettings, on_text: Callable[[str, str], None] | None = None
    ) -> Answer:
        """Stream one answer; `on_text(conversation, piece)` gets each piece as it comes.

        Raises ProviderError with the server's own words, or SettingsError when there is nobody to ask. A
        failed, cancelled or unanswered question leaves the history as it was. Cancelling closes the socket.
        """
        if settings.target is None:
            raise SettingsError(settings.off_reason or "No chat provider is set up: set `chat.provider`.")
        if not any(message.content.strip() for message in question.messages):
            raise SettingsError("There is nothing to send: the message is empty.")
        conversation = question.conversation or uuid.uuid4().hex[:12]
        known = self._histories.get(conversation, _History())
        _keep_apart(known, settings.target.endpoint)
        history = (*known.messages, *question.messages)
        sent, system = history, question.system or settings.system
        if system and not any(message.role == "system" for message in history):
            sent = (Message("system", system), *history)  # not remembered: the next question may have another
        model = question.model or settings.target.model
        provider = self._provider(settings.target.endpoint)
        sent = await _fitting(sent, len(question.messages), provider, model, settings.max_tokens)
        generation = Generation(
            model, ChatPrompt(sent), max_tokens=settings.max_tokens, temperature=settings.temperature
        )

        def on_piece(piece: Piece) -> None:
            if on_text and piece.text:
                on_text(conversation, piece.text)

        said = await listen(provider, generation, on_piece)
        if said.text.strip():  # an empty message would have some servers refuse all that follow
            seen_by = known.seen_by | {settings.target.endpoint.name}
            self._remember(conversation, (*history, Message("assistant", said.text)), seen_by)
        return Answer(
            said.text, model, conversation, said.finish, said.thinking, said.usage, said.answered_by
        )

    def forget(self, conversation: str) -> None:
        """Drop one conversation; unknown ids are no error."""
        self._histories.pop(conversation, None)

    def _remember(self, conversation: str, history: tuple[Message, ...], seen_by: frozenset[str]) -> None:
        system = history[:1] if history[0].role == "system" else ()
        rest = history[len(system) :]
        while len(rest) > MAX_MESSAGES:
            rest = rest[2:]
        self._histories[conversation] = _History((*system, *rest), seen_by)
        self._histories.move_to_end(conversation)
        while len(self._histories) > MAX_CONVERSATIONS:
            self._histories.popitem(last=False)


async def _fitting(
    messages: tuple[Message, ...], new: int, provider: Provider, model: str, max_tokens: int
) -> tuple[Message, ...]:
    """The messages without the oldest that the model's window has no room for; the last `new` all stay.

    Where all is small, nobody is asked how large it is.
    """
    if 2 * sum(estimate_tokens(message.content) for message in messages) < WINDOW_TOKENS // 2:
        return messages
    window = await window_of(provider, model)
    counts = TokenCounts(provider, model)
    sizes = await counts.of_all([message.content for message in messages])
    system = [message for message in messages if message.role == "system"]
    budget = window - reserved(max_tokens, window)
    budget -= sum(size for i, size in enumerate(sizes) if i >= len(messages) - new or messages[i] in system)
    older = [(m, size) for m, size in zip(messages[:-new], sizes[:-new], strict=True) if m not in system]
    fitted = fit(grouped([m for m, _ in older], [size for _, size in older]), budget)
    asked = [message for message in messages[-new:] if message not in system]
    return (*system, *alternating([*fitted.messages, *asked]))


def _keep_apart(history: _History, endpoint: Endpoint) -> None:
    """Raise SettingsError where what was said to one provider would go to people the user does not know."""
    preset = PRESETS.get(endpoint.preset)
    others = history.seen_by - {endpoint.name}
    if preset is not None and preset.notice and others:
        raise SettingsError(
            f"This conversation was held with {', '.join(sorted(others))}, and what was said there does not "
            f"go to {preset.title}. Begin a new one."
        )
