"""The shape of a figure."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

TURNS = 15
E = TypeVar("E")
"""An editor, or what tells two apart."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report: what was measured, how much of it, and in which unit."""

    what: str
    value: float
    unit: str = "ms"

    def __str__(self) -> str:
        return f"{self.what}: {self.value:.1f} {self.unit}".rstrip()


def in_turns(ours: E, alone: E, menu_s: Callable[[E], float]) -> list[Figure]:
    """How long pyright's menu takes, by turns in an editor with our server beside it and in one without.

    `menu_s` opens the menu once, and tells the seconds. The first time is not counted: it is pyright's start.
    """
    times = [(menu_s(ours), menu_s(alone)) for _ in range(TURNS + 1)][1:]
    with_ours, without = zip(*times, strict=True)
    with_ms, without_ms = (1000 * statistics.median(times) for times in (with_ours, without))
    return [
        Figure("menu of pyright alone, median", without_ms),
        Figure("menu of pyright with ours beside it, median", with_ms),
        Figure("ratio", with_ms / without_ms, ""),
    ]
