"""The cheapest question that tells whether a server, or a model on it, can be asked. Nothing is computed."""

from __future__ import annotations

import asyncio
import logging

from twinny_lsp.completion.seams import Registry
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import (
    Loading,
    ModelMissing,
    ProviderError,
    TimedOut,
    TwinnyError,
    Unreachable,
    WrongAddress,
)
from twinny_lsp.providers.base import Health, State
from twinny_lsp.providers.brand import match_name

log = logging.getLogger(__name__)

LOOK_S = 5.0
"""A look that takes longer has found that nobody answers."""

_KINDS = {State.DOWN: Unreachable, State.LOADING: Loading, State.REFUSING: WrongAddress}


async def look(registry: Registry, target: Target, *, models: bool = False) -> TwinnyError | None:
    """Why it cannot be asked, None when it can. `models`: also whether the server has the model."""
    provider = registry.provider(target.endpoint)
    try:
        async with asyncio.timeout(LOOK_S):
            error = _error_in(await provider.health(), target)
            if error is not None or not models:
                return error
            there = [model.name for model in await provider.models()]
    except TimeoutError:
        return _error(TimedOut, "does not answer", target)
    except TwinnyError as failure:
        return failure
    except Exception as bug:  # in an adapter; it must not hold back the requests that may be well
        log.error("asking how a server is failed: %s", type(bug).__name__)
        log.debug("the failure", exc_info=bug)
        return None
    if match_name(target.model, there) is None:
        return _error(ModelMissing, f"does not have the model {target.model}", target)
    return None


def _error_in(health: Health, target: Target) -> TwinnyError | None:
    kind = _KINDS.get(health.state)
    return kind and (health.error or _error(kind, health.detail, target))


def _error(kind: type[ProviderError], what: str, target: Target) -> ProviderError:
    return kind(f"{target.endpoint.name}: {what}", provider=target.endpoint.name)
