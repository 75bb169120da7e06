"""An event loop in whose time nothing takes long: it jumps to the next timer instead of waiting for it.

For the engine in this process, with a simulated model: no sockets, no threads. Hours of typing in seconds,
the same in every run.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Never waits: moves its loop's clock instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        """What is ready now; the time that would have been waited has passed."""
        ready = super().select(0)
        if not ready and timeout is not None and timeout > 0:
            self.loop.passed += timeout
        elif not ready and timeout is None:
            return super().select(1.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`passed` are the seconds since its start."""

    def __init__(self) -> None:
        self.passed = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """The virtual time, in seconds."""
        return self.passed


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
