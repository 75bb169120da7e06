"""The shape of a figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report: what was measured, how much of it, and in which unit."""

    what: str
    value: float
    unit: str = "ms"

    def __str__(self) -> str:
        return f"{self.what}: {self.value:.1f} {self.unit}".rstrip()


def medians(with_ours: Sequence[float], without: Sequence[float]) -> list[Figure]:
    """How long the other server's menu took, seconds each, in runs that took turns."""
    with_ms, without_ms = (1000 * statistics.median(times) for times in (with_ours, without))
    return [
        Figure("menu of pyright alone, median", without_ms),
        Figure("menu of pyright with ours beside it, median", with_ms),
        Figure("ratio", with_ms / without_ms, ""),
    ]
