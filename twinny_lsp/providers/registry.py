"""Which provider speaks for an endpoint: one instance for equal endpoints, kept while settings name it.

Light to import: what a provider needs is loaded when the first one is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from twinny_lsp.providers.base import Provider
from twinny_lsp.providers.endpoint import Endpoint


class Registry:
    """Makes providers, shares them and closes them."""

    def __init__(self) -> None:
        # Endpoints hold mappings, so they compare but do not hash; there are only ever a few.
        self._made: list[tuple[Endpoint, Provider]] = []
        self._no_native: list[tuple[Endpoint, str]] = []

    def provider(self, endpoint: Endpoint) -> Provider:
        """The provider for an endpoint; does no I/O."""
        for known, provider in self._made:
            if known == endpoint:
                return provider
        provider = _make(endpoint)
        self._made.append((endpoint, provider))
        return provider

    def native_refused(self, endpoint: Endpoint, model: str) -> bool:
        """True when this server has said that this model cannot fill in the middle by itself."""
        return (endpoint, model) in self._no_native

    def refuse_native(self, endpoint: Endpoint, model: str) -> None:
        """Remember an `Unsupported` answer to a FIM prompt, so that a template is used from now on."""
        if not self.native_refused(endpoint, model):
            self._no_native.append((endpoint, model))

    def restarted(self, endpoint: Endpoint) -> None:
        """Nobody answers there: who comes back may have another model, so forget what this one refused."""
        self._no_native = [pair for pair in self._no_native if pair[0] != endpoint]

    async def keep(self, endpoints: Iterable[Endpoint]) -> None:
        """After a change of settings: close the providers of all other endpoints and forget about them."""
        wanted = list(endpoints)
        gone = [provider for known, provider in self._made if known not in wanted]
        self._made = [pair for pair in self._made if pair[0] in wanted]
        self._no_native = [pair for pair in self._no_native if pair[0] in wanted]
        await _close(gone)

    async def close_all(self) -> None:
        """Close every provider."""
        gone = [provider for _, provider in self._made]
        self._made.clear()
        await _close(gone)


def _make(endpoint: Endpoint) -> Provider:
    if endpoint.preset == "embedded":
        from twinny_lsp.providers.embedded.provider import EmbeddedProvider

        return EmbeddedProvider(endpoint)
    if endpoint.preset == "symmetry":
        from twinny_lsp.providers.symmetry.provider import SymmetryProvider

        return SymmetryProvider(endpoint)
    from twinny_lsp.providers.http import HttpProvider

    return HttpProvider(endpoint)


async def _close(providers: list[Provider]) -> None:
    """Close all; one that fails to close does not keep the others open."""
    await asyncio.gather(*(provider.close() for provider in providers), return_exceptions=True)
