"""Which model is being loaded: that takes up to minutes, is no failure, and is worth saying.

Servers load a model with the first request for it and send nothing meanwhile. While they do, Ollama already
lists it as loaded; so a model that may have been unloaded is looked up before it is asked. And it gives up
loading when the connection closes; so the request that loads a model is not ended by the next key (flight).

Also notices when two models of one server push each other out. Not for servers that refuse while they load:
that is a failure with a circuit (watch.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.completion.seams import Clock, Handle, Registry
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import TwinnyError
from twinny_lsp.exchange import ModelFacts
from twinny_lsp.providers.brand import match_name
from twinny_lsp.providers.presets import METERED

LATE_S = 1.0
"""Without a first text for so long, a model that was not loaded is said to be loading."""

LINGER_S = 3.0
"""Between looks whether a request still waits: the next key may bring another one."""

COLD_S = 240.0
"""After so long without an answer a model may have been unloaded: Ollama does it after 5 minutes."""

LOOK_S = 0.5
"""How long a request waits to learn whether its model is loaded."""

TURNS = 2
"""So often a model must have been pushed out by another one before that is worth saying."""


def slot_of(target: Target) -> str:
    """What can do one generation at a time: the server."""
    return target.endpoint.address or target.endpoint.name


@dataclass(slots=True, eq=False)
class _Load:
    """One model that was not loaded when it was asked. `waiting` says whether a request waits for it."""

    target: Target
    waiting: Callable[[], bool]
    timer: Handle | None = None
    shown: bool = False


class Loads:
    """The loads under way. `changed`: `now` is another; `pushed_out(target, other)`: see the module."""

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        changed: Callable[[], None],
        pushed_out: Callable[[Target, str], None],
    ) -> None:
        self._registry, self._clock = registry, clock
        self._changed, self._pushed_out = changed, pushed_out
        self._heard: dict[tuple[str, str], float] = {}
        """When each model (server, name) last answered."""
        self._turns: dict[tuple[str, str], int] = {}
        self._load: _Load | None = None

    @property
    def now(self) -> Target | None:
        """The model that is being loaded, if one is."""
        return self._load.target if self._load is not None and self._load.shown else None

    async def is_cold(self, target: Target, facts: ModelFacts) -> bool:
        """Before a request: whether its model will have to be loaded, as far as the server tells."""
        if target.endpoint.preset in METERED:
            return False
        key = slot_of(target), target.model
        heard = self._heard.get(key)
        other = "" if heard is None else self._other_since(key, heard)
        if heard is None and facts.loaded is not False:
            return False
        if heard is not None and not other and self._clock.now() - heard < COLD_S:
            return False
        loaded = await self._is_loaded(target)  # the facts may be old
        if other and loaded is False:
            self._count(target, other)
        return loaded is False or (loaded is None and heard is None)

    def begun(self, target: Target, waiting: Callable[[], bool]) -> None:
        """A request to a cold model was sent. `waiting`: whether it still waits for its first text."""
        if self._load is not None and self._load.target == target:
            self._load.waiting = waiting
            return
        self._end()
        self._load = _Load(target, waiting)
        self._after(LATE_S)

    def heard(self, target: Target) -> None:
        """It answers."""
        self._heard[slot_of(target), target.model] = self._clock.now()
        if self._load is not None and self._load.target == target:
            self._end()

    def failed(self, target: Target) -> None:
        """A request failed: whether the model is loaded is not known any more."""
        self._heard.pop((slot_of(target), target.model), None)
        if self._load is not None and self._load.target == target:
            self._end()

    def forget(self) -> None:
        """Other settings."""
        self._heard.clear()
        self._turns.clear()
        self._end()

    def _other_since(self, key: tuple[str, str], heard: float) -> str:
        """The model of the same server that has answered since, "" for none."""
        slot, model = key
        others = (name for (where, name), at in self._heard.items() if where == slot and at > heard)
        return next((name for name in others if name != model), "")

    async def _is_loaded(self, target: Target) -> bool | None:
        provider = self._registry.provider(target.endpoint)
        try:
            async with asyncio.timeout(LOOK_S):
                models = {model.name: model.loaded for model in await provider.models()}
        except (TwinnyError, TimeoutError):
            return None
        name = match_name(target.model, models)
        return models[name] if name is not None else None

    def _count(self, target: Target, other: str) -> None:
        key = slot_of(target), target.model
        self._turns[key] = self._turns.get(key, 0) + 1
        if self._turns[key] == TURNS:
            self._pushed_out(target, other)

    def _after(self, seconds: float) -> None:
        assert self._load is not None  # noqa: S101 - whoever waits has one
        self._load.timer = self._clock.call_later(seconds, self._check)

    def _check(self) -> None:
        load = self._load
        if load is None:
            return
        if not load.waiting():
            self._end()
            return
        if not load.shown:
            load.shown = True
            self._changed()
        self._after(LINGER_S)

    def _end(self) -> None:
        load, self._load = self._load, None
        if load is None:
            return
        if load.timer is not None:
            load.timer.cancel()
        if load.shown:
            self._changed()
