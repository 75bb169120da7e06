"""The engine's parts, as its requests and what is asked ahead of them see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twinny_lsp.completion.flight import Flight
from twinny_lsp.completion.flights import Flights
from twinny_lsp.completion.known import KnownTexts
from twinny_lsp.completion.launch import Launcher
from twinny_lsp.completion.pause import Pause
from twinny_lsp.completion.seams import Clock, Registry
from twinny_lsp.completion.targets import Targets
from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import TwinnyError


@dataclass(frozen=True, slots=True)
class Rooms:
    """What a request works with. `landed` is told of every flight that has ended."""

    registry: Registry
    targets: Targets
    flights: Flights
    launcher: Launcher
    known: KnownTexts
    pause: Pause
    clock: Clock
    landed: Callable[[Flight], None]
    on_failure: Callable[[TwinnyError, Target], None]
