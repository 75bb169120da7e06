"""From the name of a model to a connection with somebody who serves it, by way of the server.

The server is who its key says: the handshake proves it. A provider's own network key is a random one, so
nothing proves that who answers on its topic is who the server named; what can be checked is that topic and
id belong together. Not for the chat itself (symmetry.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from twinny_lsp.exchange import Peer
from twinny_lsp.providers.symmetry.failures import Failures
from twinny_lsp.providers.symmetry.protocol import (
    is_key,
    peer,
    provider_topic,
    read_message,
    request_provider,
    server_topic,
    verify_session,
)
from twinny_lsp.providers.symmetry.sidecar import Connection, PeerClosed, Sidecar
from twinny_lsp.providers.wire import text_at

ATTEMPTS = 2
"""How many providers are tried, each for as long as the settings say."""

TRIES = 20
"""How often the server is asked for another provider than the one it named; it chooses at random."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. `allowed` are ids of providers (none: any will do); `seconds` is for each step."""

    model: str
    server_key: str
    allowed: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Found:
    """An open connection to a provider; whoever has it closes it."""

    connection: Connection
    peer: Peer


async def find(sidecar: Sidecar, wanted: Wanted, failures: Failures) -> Found:
    """Raises ProviderError with the step that failed, or SidecarFailed. Nothing stays open then.

    The server also names providers that have gone or that no way leads to; then another one is tried.
    """
    unreached: list[Peer] = []
    for _ in range(ATTEMPTS):
        chosen, topic = await _choose(sidecar, wanted, failures, unreached)
        provider = await sidecar.open(topic=topic)
        try:
            if await _opens(provider, wanted.seconds):
                return Found(provider, chosen)
        except BaseException:
            provider.close()
            raise
        provider.close()
        unreached.append(chosen)
    raise failures.provider_unreachable(unreached[-1], wanted.seconds)


async def _choose(
    sidecar: Sidecar, wanted: Wanted, failures: Failures, unreached: list[Peer]
) -> tuple[Peer, str]:
    """Let the server name a provider other than these: who it is, and its topic."""
    server = await sidecar.open(key=wanted.server_key, topic=server_topic(wanted.server_key))
    try:
        if not await _opens(server, wanted.seconds):
            raise failures.server_unreachable(wanted.server_key, wanted.seconds)
        return await _Talk(server, wanted, failures, unreached).chosen()
    except PeerClosed:
        raise failures.server_closed() from None
    finally:
        server.close()


async def _opens(connection: Connection, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await connection.opened()
    except TimeoutError:
        return False
    return True


class _Talk:
    """What is said with the server, over one connection."""

    def __init__(self, server: Connection, wanted: Wanted, failures: Failures, unreached: list[Peer]) -> None:
        self._server, self._wanted, self._failures = server, wanted, failures
        self._unreached = unreached

    async def chosen(self) -> tuple[Peer, str]:
        """A provider that may be used, and its topic. Raises ProviderError or PeerClosed."""
        provider_id, token = await self._named()
        self._server.send(verify_session(token))
        data = await self._answer("sessionValid")
        topic = text_at(data, "discoveryKey")
        if data.get("valid") is False or not is_key(topic):
            raise self._failures.no_session(text_at(data, "error"), self._wanted.seconds)
        if topic != provider_topic(provider_id):
            raise self._failures.wrong_topic()
        return peer(data.get("name"), provider_id), topic

    async def _named(self) -> tuple[str, str]:
        """(id, session token) of the first provider named that is allowed."""
        refused: list[str] = []
        avoided = {peer.id for peer in self._unreached}
        for _ in range(TRIES):
            self._server.send(request_provider(self._wanted.model))
            data = await self._answer("providerDetails")
            provider_id = text_at(data, "providerId")
            if not is_key(provider_id):
                break
            if self._wanted.allowed and provider_id not in self._wanted.allowed:
                refused += [provider_id] if provider_id not in refused else []
            elif provider_id not in avoided:
                return provider_id, text_at(data, "sessionToken")
        if self._unreached:
            raise self._failures.provider_unreachable(self._unreached[-1], self._wanted.seconds)
        if refused:
            raise self._failures.none_allowed(self._wanted.model, refused)
        raise self._failures.no_provider(self._wanted.model, self._wanted.seconds)

    async def _answer(self, key: str) -> Mapping[str, object]:
        """The data of the server's next message of that name; empty when none comes, as it may well be."""
        try:
            async with asyncio.timeout(self._wanted.seconds):
                while True:
                    name, data = read_message(await self._server.frame())
                    if name == key:
                        return data if isinstance(data, dict) else {}
        except TimeoutError:
            return {}
