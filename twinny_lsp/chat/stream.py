"""One answer of a model, from its stream. Knows neither conversations nor documents."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.exchange import Finish, Generation, Peer, Piece, Usage
from twinny_lsp.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a model said. `text` never holds thinking. INCOMPLETE: the stream broke off.

    `answered_by`: see `exchange.Peer`.
    """

    text: str
    thinking: str
    finish: Finish
    usage: Usage | None
    answered_by: Peer | None = None


async def listen(
    provider: Provider, generation: Generation, on_piece: Callable[[Piece], None] | None = None
) -> Spoken:
    """Read one answer; `on_piece` gets each piece as it comes. Raises ProviderError.

    Cancelling closes the socket.
    """
    parts: list[str] = []
    thoughts: list[str] = []
    finish, usage, peer = Finish.INCOMPLETE, None, None
    async with contextlib.aclosing(provider.stream(generation)) as stream:
        async for piece in stream:
            parts.append(piece.text)
            thoughts.append(piece.thinking)
            usage = piece.usage or usage
            finish = piece.finish or finish
            peer = piece.answered_by or peer
            if on_piece is not None:
                on_piece(piece)
    return Spoken("".join(parts), "".join(thoughts), finish, usage, peer)
