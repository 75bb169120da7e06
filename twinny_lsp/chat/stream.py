"""One answer of a model, from its stream. Knows neither conversations nor documents."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.exchange import Finish, Generation, Piece, Usage
from twinny_lsp.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a model said. `text` never holds thinking. INCOMPLETE: the stream broke off."""

    text: str
    thinking: str
    finish: Finish
    usage: Usage | None


async def listen(
    provider: Provider, generation: Generation, on_piece: Callable[[Piece], None] | None = None
) -> Spoken:
    """Read one answer; `on_piece` gets each piece as it comes. Raises ProviderError.

    Cancelling closes the socket.
    """
    parts: list[str] = []
    thoughts: list[str] = []
    finish, usage = Finish.INCOMPLETE, None
    async with contextlib.aclosing(provider.stream(generation)) as stream:
        async for piece in stream:
            parts.append(piece.text)
            thoughts.append(piece.thinking)
            usage = piece.usage or usage
            finish = piece.finish or finish
            if on_piece is not None:
                on_piece(piece)
    return Spoken("".join(parts), "".join(thoughts), finish, usage)
