"""Chat over the Symmetry network: strangers' computers answer, found by the name of a model.

Only what a person asks goes there, and only once their own settings allow it (config/endpoints.py): no
completion, no probing, no warming, and no second try, since a question that was sent was read. Each chat
gets a connection of its own, because pieces of an answer do not say what they belong to, and ending the
connection is the only way to cancel. Sharing the user's own models over the network is not in here, on
purpose.

Options (Endpoint.options): `server_key`, `allowed_providers` (ids; none: any), `bootstrap` (a private
network's nodes), `node_path`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from twinny_lsp.exchange import ChatPrompt, Finish, Generation, ModelFacts, Piece, Prompt, Vector
from twinny_lsp.providers import embeddings
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.symmetry.failures import Failures
from twinny_lsp.providers.symmetry.protocol import (
    MAX_MESSAGE_BYTES,
    PUBLIC_SERVER_KEY,
    AnswerReader,
    inference,
)
from twinny_lsp.providers.symmetry.search import Found, Wanted, find
from twinny_lsp.providers.symmetry.setup import Setup, look
from twinny_lsp.providers.symmetry.sidecar import (
    IDLE_SECONDS,
    Connection,
    Launch,
    PeerClosed,
    Sidecar,
    SidecarFailed,
    launch,
)

GRACE_SECONDS = 2.0
"""How long the provider's own end is waited for after the model server's."""
CHARS_PER_TOKEN = 8
"""A provider is not told how long an answer may be; at so many characters a token it is cut off here."""


class _NotSetUp(Exception):
    """Node.js or the modules are missing."""


class SymmetryProvider:
    """The network, as a Provider. Starts nothing and sends nothing before the first chat."""

    def __init__(
        self, endpoint: Endpoint, *, modules: Path | None = None, idle: float = IDLE_SECONDS
    ) -> None:
        self.endpoint = endpoint
        self.sidecar = Sidecar(self._plan, idle=idle)
        self._modules = modules
        self._failures = Failures(endpoint)
        self._closed = False

    async def stream(self, generation: Generation) -> AsyncGenerator[Piece, None]:
        """Find a provider, ask it, and pass its answer on; see base.Provider."""
        prompt = generation.prompt
        if not isinstance(prompt, ChatPrompt) or generation.warm:
            raise self._failures.chat_only()
        if self._closed:
            raise self._failures.closed()
        request_id = secrets.token_hex(16)
        message = inference(prompt.messages, request_id)
        size = len(message.encode("utf-8", "replace"))
        if size > MAX_MESSAGE_BYTES:
            raise self._failures.too_large(size)
        self.sidecar.hold()
        found: Found | None = None
        try:
            found = await self._find(generation.model)
            yield Piece(answered_by=found.peer)
            found.connection.send(message)
            answer = _Answer(found, generation, self.endpoint, self._failures)
            async with aclosing(answer.pieces(AnswerReader(request_id))) as pieces:
                async for piece in pieces:
                    yield piece
        except SidecarFailed as error:
            if self._closed:
                raise self._failures.closed() from None
            raise self._failures.sidecar(error, under_way=found is not None) from error
        finally:
            if found is not None:
                found.connection.close()
            self.sidecar.let_go()

    async def health(self) -> Health:
        """Whether it could be asked, by what is on this machine: the network is not touched for this."""
        setup = await asyncio.to_thread(self._look)
        if setup.problem:
            return Health(State.DOWN, setup.problem)
        version = f"hyperdht {setup.hyperdht}" + (f", Node.js {setup.node.version}" if setup.node else "")
        return Health(State.READY, "the network is only asked with a question of yours", version)

    async def models(self) -> list[ModelFacts]:
        """Raises Unsupported: only asking for one tells whether it is there."""
        raise self._failures.no_list()

    async def facts(self, model: str) -> ModelFacts:
        """Nothing is known of a stranger's model."""
        return ModelFacts(model)

    def most_choices(self, prompt: Prompt, facts: ModelFacts) -> int:
        """One."""
        return 1

    async def count_tokens(self, text: str, model: str) -> int | None:
        """Cannot be told."""
        return None

    async def embed(self, texts: Sequence[str], model: str) -> list[Vector]:
        """Never: raises Unsupported."""
        raise embeddings.unsupported(self.endpoint)

    async def close(self) -> None:
        """End the child process and with it every connection."""
        self._closed = True
        await self.sidecar.close()

    async def _find(self, model: str) -> Found:
        """A provider. A child that was found dead is replaced, once: nothing was sent yet."""
        starts = self.sidecar.starts
        try:
            return await self._search(model)
        except SidecarFailed:
            if self.sidecar.starts != starts or self._closed:
                raise
            return await self._search(model)

    async def _search(self, model: str) -> Found:
        options = self.endpoint.options
        allowed = options.get("allowed_providers")
        wanted = Wanted(
            model,
            str(options.get("server_key") or PUBLIC_SERVER_KEY),
            tuple(map(str, allowed)) if isinstance(allowed, list | tuple) else (),
            self.endpoint.timeouts.connect,
        )
        try:
            return await find(self.sidecar, wanted, self._failures)
        except _NotSetUp as error:
            raise self._failures.not_set_up(str(error)) from None

    def _look(self) -> Setup:
        return look(str(self.endpoint.options.get("node_path") or ""), self._modules)

    def _plan(self) -> Launch:
        """How the child is started. Blocks."""
        setup = self._look()
        if setup.problem or setup.node is None:
            raise _NotSetUp(setup.problem)
        bootstrap = self.endpoint.options.get("bootstrap")
        nodes = tuple(map(str, bootstrap)) if isinstance(bootstrap, list | tuple) else ()
        return launch(setup.node.path, str(setup.folder), nodes)


class _Answer:
    """One answer under way, with every limit that the network does not have itself."""

    def __init__(self, found: Found, generation: Generation, endpoint: Endpoint, failures: Failures) -> None:
        self._connection: Connection = found.connection
        self._peer, self._generation, self._failures = found.peer, generation, failures
        self._timeouts = endpoint.timeouts
        self._until = asyncio.get_running_loop().time() + self._timeouts.total

    async def pieces(self, reader: AnswerReader) -> AsyncGenerator[Piece, None]:
        """The pieces, the last of which has `finish`. Raises ProviderError or SidecarFailed."""
        room = self._generation.max_tokens * CHARS_PER_TOKEN
        while not reader.ended and room > 0:
            frame = await self._frame(reader)
            if frame is None:
                break
            for piece in reader.feed(frame):
                room -= len(piece.text) + len(piece.thinking)
                yield piece
            if reader.complaint is not None:
                raise self._failures.complaint(self._peer, reader.complaint.message, self._generation)
        if not reader.ended:
            for piece in reader.close():
                yield piece
        if not reader.any_text:
            raise self._failures.empty(self._peer)
        yield Piece(finish=Finish.LENGTH if room <= 0 else reader.finish or Finish.STOP)

    async def _frame(self, reader: AnswerReader) -> bytes | None:
        """The next frame; None when the rest of a finished answer does not come."""
        left = self._until - asyncio.get_running_loop().time()
        seconds = self._timeouts.idle if reader.any_text else self._timeouts.first_byte
        if reader.finish is not None:
            seconds = GRACE_SECONDS
        try:
            async with asyncio.timeout(min(seconds, left)):
                return await self._connection.frame()
        except PeerClosed:
            if reader.finish is not None:
                return None
            raise self._failures.provider_closed(self._peer, came=reader.any_text) from None
        except TimeoutError:
            if reader.finish is not None:
                return None
            if left <= seconds:
                raise self._failures.too_long(self._peer, self._timeouts.total) from None
            raise self._failures.silent(self._peer, seconds, came=reader.any_text) from None
