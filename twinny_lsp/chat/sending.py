"""What is sent of a chat document: system message, as much history as fits, the message, what it mentions.

Puts the messages together under the window's budget, and tells line by line what is in them.
Knows no LSP; looking things up is given to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from twinny_lsp.chat import mentions
from twinny_lsp.chat.attachments import Attachment
from twinny_lsp.chat.document import USER, ChatDocument, Turn
from twinny_lsp.chat.excerpts import Excerpt, shortened
from twinny_lsp.chat.history import Exchange, alternating, fit
from twinny_lsp.chat.mentions import LASTING, Mention
from twinny_lsp.chat.tokens import PER_MESSAGE, TokenCounts
from twinny_lsp.context import secrets
from twinny_lsp.documents.windows import estimate_tokens
from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import Message

LookUp = Callable[[Sequence[Mention]], Awaitable[list[Attachment]]]
ATTACHED_SHARE = 0.75
"""Of what is left beside the message itself, at most so much goes to what it mentions."""
_TRIES = 4
_FAR = 4
"""An estimate may be wrong by as much."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens of the model's window, and those of them kept for the answer."""

    window: int
    answer: int

    @property
    def prompt(self) -> int:
        """What may be sent."""
        return self.window - self.answer


@dataclass(frozen=True, slots=True)
class Sending:
    """`told`: a line for each part, for people; `tokens`: of all of it; `exact`: counted by the server."""

    messages: tuple[Message, ...]
    told: tuple[str, ...]
    tokens: int
    exact: bool

    @property
    def size(self) -> str:
        """The tokens, in words."""
        return f"{'' if self.exact else 'about '}{self.tokens:,} tokens"


@dataclass(slots=True)
class _Attached:
    """A user's message with what it mentions."""

    text: str
    tokens: int
    told: list[str]


class Composer:
    """Puts together what is sent for one message of one document."""

    def __init__(self, counts: TokenCounts, look_up: LookUp, budget: Budget, *, masks: bool) -> None:
        self._counts, self._look_up, self._budget, self._masks = counts, look_up, budget, masks
        self._masked = 0
        self._seen: set[Mention] = set()

    async def compose(self, document: ChatDocument, asked: int, system: str) -> Sending:
        """What to send for the turn `asked`.

        Raises SettingsError when that message alone does not fit.
        """
        turn = document.turns[asked]
        system_tokens = await self._size(system) if system else 0
        own_tokens = await self._size(turn.text)
        left = self._budget.prompt - system_tokens - own_tokens
        if left < 0:
            raise SettingsError(
                f"Your message alone has {own_tokens:,} tokens; the model's window of "
                f"{self._budget.window:,} has room for {max(self._budget.prompt - system_tokens, 0):,}."
            )
        current = await self._attached(turn.text, own_tokens, int(left * ATTACHED_SHARE), lasting=False)
        left = self._budget.prompt - system_tokens - current.tokens
        kept, left_out, told = await self._history(document.turns[:asked], left)
        sent = alternating([*(m for one in kept for m in one.messages), Message(USER, current.text)])
        if system:
            sent = (Message("system", self._mask(system)), *sent)
        history_tokens = sum(one.tokens for one in kept)
        lines = [f"system message: {system_tokens:,} tokens"] if system else []
        lines += _history_lines(kept, left_out, self._budget)
        lines += [f"your message: {own_tokens:,} tokens", *current.told, *told]
        if self._masked:
            lines.append(f"{self._masked} secret{'s' if self._masked > 1 else ''} masked")
        total = system_tokens + history_tokens + current.tokens
        return Sending(sent, tuple(lines), total, self._counts.exact)

    async def _history(
        self, turns: Sequence[Turn], budget: int
    ) -> tuple[tuple[Exchange, ...], tuple[Exchange, ...], list[str]]:
        """(what is kept of the earlier turns, what is not, lines on what they mention)."""
        exchanges: list[Exchange] = []
        for turn in turns:
            if not turn.text:
                continue
            size = await self._size(turn.text)
            message = Message(turn.role, self._mask(turn.text))
            if turn.role == USER or not exchanges:
                exchanges.append(Exchange((message,), size, turn.pinned))
            else:
                last = exchanges[-1]
                exchanges[-1] = Exchange((*last.messages, message), last.tokens + size, last.pinned)
        fitted = fit(exchanges, budget)
        # What they mention comes after them: better the conversation than a file of long ago.
        left = budget - sum(one.tokens for one in fitted.kept)
        kept, told = list(fitted.kept), []
        for i in range(len(kept) - 1, -1, -1):
            one = kept[i]
            if one.messages[0].role != USER:
                continue
            first = await self._attached(one.messages[0].content, 0, max(left, 0), lasting=True)
            left -= first.tokens
            told += first.told
            with_it = (Message(USER, first.text), *one.messages[1:])
            kept[i] = Exchange(with_it, one.tokens + first.tokens, one.pinned)
        return tuple(kept), fitted.left_out, told

    async def _attached(self, text: str, tokens: int, budget: int, *, lasting: bool) -> _Attached:
        """A message with what it mentions, as far as that fits `budget`. `lasting`: an earlier message."""
        wanted = [
            one
            for one in mentions.find(text)
            if one not in self._seen and (not lasting or one.kind in LASTING)
        ]
        made = _Attached(self._mask(text), tokens, [])
        if not wanted:
            return made
        self._seen.update(wanted)
        found = await self._look_up(wanted)
        count = sum(len(one.excerpts) for one in found)
        parts = [made.text]
        for attachment in found:
            name = attachment.mention.text
            made.told += [f"`{name}`: {attachment.how}"] if attachment.how else []
            made.told += [f"`{name}` not sent: {reason}" for reason in attachment.refused]
            for excerpt in attachment.excerpts:
                # What is left is shared: a large file must not crowd out the small ones after it.
                fitted = await self._fitted(excerpt, budget // max(count, 1))
                count -= 1
                if fitted is None:
                    made.told.append(f"`{name}` not sent: no room for {excerpt.title}")
                    continue
                shown, size = fitted
                budget -= size
                made.tokens += size
                parts.append(shown.shown)
                made.told.append(f"`{name}`: {shown.title}, {size:,} tokens")
        made.text = "\n\n".join(parts)
        return made

    async def _fitted(self, excerpt: Excerpt, budget: int) -> tuple[Excerpt, int] | None:
        """The excerpt, or its first lines, in at most `budget` tokens, and how many it has."""
        text, guess = excerpt.text, estimate_tokens(excerpt.text)
        if guess > _FAR * budget:
            # Little of it will be left: secrets are looked for in that part, and it alone is counted. Twice
            # as far as it goes, since a secret that is cut through is not seen.
            share = _FAR * budget / guess
            far = int(2 * share * len(text))
            excerpt = Excerpt(excerpt.title, self._mask(text[:far]) + text[far:], excerpt.language)
        else:
            excerpt = Excerpt(excerpt.title, self._mask(text), excerpt.language)
            size = await self._counts.of(excerpt.shown)
            if size <= budget:
                return excerpt, size
            share = budget / max(size, 1)
        for _ in range(_TRIES):
            part = shortened(excerpt, share)
            if part is None:
                return None
            size = await self._counts.of(part.shown)
            if size <= budget:
                return part, size
            share *= budget / size * 0.95
        return None

    async def _size(self, text: str) -> int:
        return await self._counts.of(text) + PER_MESSAGE

    def _mask(self, text: str) -> str:
        if not self._masks:
            return text
        self._masked += len(secrets.find(text))
        return secrets.mask(text)


def _history_lines(kept: Sequence[Exchange], left_out: Sequence[Exchange], budget: Budget) -> list[str]:
    lines = []
    if kept:
        count = sum(len(one.messages) for one in kept)
        lines.append(f"{_messages(count)} before it: {sum(one.tokens for one in kept):,} tokens")
    if left_out:
        count = sum(len(one.messages) for one in left_out)
        lines.append(
            f"{_messages(count)} left out, {sum(one.tokens for one in left_out):,} tokens: the window has "
            f"{budget.window:,}, and {budget.answer:,} of them are for the answer"
        )
    return lines


def _messages(count: int) -> str:
    return f"{count} message{'s' if count > 1 else ''}"
