"""The one interface every model server is driven through.

A provider turns a Generation into a stream of Pieces. It does not render templates, does not cut
or filter text, and knows nothing of documents.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from twinny_lsp.errors import TwinnyError
from twinny_lsp.exchange import Generation, ModelFacts, Piece, Prompt, Vector
from twinny_lsp.providers.endpoint import Endpoint


class State(StrEnum):
    """How a server is, seen from here."""

    READY = "ready"
    LOADING = "loading"
    DOWN = "down"
    REFUSING = "refusing"  # it answers, but not to us: key, address, wrong kind of server


@dataclass(frozen=True, slots=True)
class Health:
    """`detail` is one line for a person; `server` names the software and version if it tells.

    `error` is why it is not well, where that is known as an error.
    """

    state: State
    detail: str = ""
    server: str = ""
    error: TwinnyError | None = None


class Provider(Protocol):
    """One model server. All methods raise `errors.ProviderError` subclasses, but `health`, which tells."""

    endpoint: Endpoint

    def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """Yield the answer piece by piece; the last piece has `finish` (see `Piece` for several answers).

        The prompt's kind picks the route. Closing the generator (`aclose`, or cancelling the task
        that iterates) closes the socket at once, also while waiting for the first byte: that is what makes
        servers stop. Raises Unsupported before any piece when the server cannot do this kind.
        """
        ...

    async def health(self) -> Health:
        """Ask the cheapest question the server answers without computing; never raises ProviderError."""
        ...

    async def models(self) -> list[ModelFacts]:
        """What the server has, in its own order; may be empty."""
        ...

    async def facts(self, model: str) -> ModelFacts:
        """What the server tells of one model; cheap and cached by the provider."""
        ...

    def most_choices(self, prompt: Prompt, facts: ModelFacts) -> int:
        """How many answers one call can give to this kind of prompt; 1 where several calls are needed."""
        ...

    async def count_tokens(self, text: str, model: str) -> int | None:
        """How many tokens the server's tokenizer makes of `text`, as a piece of a raw prompt, without a BOS.

        None where it cannot tell, which is remembered, or does not within two seconds; never raises
        ProviderError.
        """
        ...

    async def embed(self, texts: Sequence[str], model: str) -> list[Vector]:
        """The texts' vectors, in their order. Cancelling closes the socket.

        Raises Unsupported where the server has no route for it, and ContextOverflow when one of the texts is
        longer than the model takes (several servers cut it instead).
        """
        ...

    async def close(self) -> None:
        """Release sockets and child processes; the provider is not used afterwards."""
        ...
