"""Which earlier messages are sent along: as many as fit, the oldest left out first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twinny_lsp.exchange import Message


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message of the user's and its answers, sent or left out together. `tokens`: of all of them."""

    messages: tuple[Message, ...]
    tokens: int
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """`kept` and `left_out` are in the order they came in."""

    kept: tuple[Exchange, ...]
    left_out: tuple[Exchange, ...]

    @property
    def messages(self) -> tuple[Message, ...]:
        """What is kept, with roles that alternate: many chat templates refuse anything else."""
        return alternating([message for exchange in self.kept for message in exchange.messages])


def fit(exchanges: Sequence[Exchange], budget: int) -> Fitted:
    """Keep what is pinned, and of the rest the latest, as long as all together stays within `budget` tokens.

    What is pinned is kept even where it does not fit: that is for who asked for it to see.
    """
    left = budget - sum(exchange.tokens for exchange in exchanges if exchange.pinned)
    kept: set[int] = {i for i, exchange in enumerate(exchanges) if exchange.pinned}
    for i in range(len(exchanges) - 1, -1, -1):
        if i in kept:
            continue
        left -= exchanges[i].tokens
        if left < 0:
            break
        kept.add(i)
    return Fitted(
        tuple(exchange for i, exchange in enumerate(exchanges) if i in kept),
        tuple(exchange for i, exchange in enumerate(exchanges) if i not in kept),
    )


def grouped(messages: Sequence[Message], sizes: Sequence[int]) -> tuple[Exchange, ...]:
    """Messages as exchanges: each of the user's with what follows it. `sizes`: tokens of each message."""
    made: list[Exchange] = []
    for message, size in zip(messages, sizes, strict=True):
        if made and message.role == "assistant":
            made[-1] = Exchange((*made[-1].messages, message), made[-1].tokens + size)
        else:
            made.append(Exchange((message,), size))
    return tuple(made)


def alternating(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same messages, those of one role in a row joined."""
    made: list[Message] = []
    for message in messages:
        if made and made[-1].role == message.role:
            made[-1] = Message(message.role, f"{made[-1].content}\n\n{message.content}")
        else:
            made.append(message)
    return tuple(made)
