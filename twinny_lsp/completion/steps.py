"""What happened to one request, in order and with times: what `why` and the debug log show. No code in it."""

from __future__ import annotations

from twinny_lsp.completion.seams import Clock


class Steps:
    """Short lines, each with the milliseconds since the request came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.now()
        self._lines: list[str] = []

    def add(self, what: str) -> None:
        """Note one step."""
        self._lines.append(f"{self.elapsed() * 1000:.1f} ms: {what}")

    def elapsed(self) -> float:
        """Seconds since the request came."""
        return self._clock.now() - self._began

    def all(self) -> tuple[str, ...]:
        """The steps so far."""
        return tuple(self._lines)
