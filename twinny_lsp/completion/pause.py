"""How long an automatic request waits for the next key before the model is asked.

A request for each key would be thrown away at the next one: the model computes for nobody, and the answer
that is wanted comes later. How long is worth it follows from three things measured here: how quickly this
person types, how often what was asked early turned out to be what was typed on, and how long the server
takes to begin. Where people stop to think anyway (after a blank, a dot, an opened bracket, a new line) the
wait is the shortest.

Not for requests by hand, nor for answers that are known: those wait for nothing. Keeps numbers only.
"""

from __future__ import annotations

from collections import deque

SHORTEST = 0.08
"""Seconds. Within a word people type 60 to 90 ms apart at their fastest: a burst of keys must end first."""

LONGEST = 0.4
"""Seconds; who waits longer than that for the next key is reading."""

_USUAL_GAP = 0.15
"""Seconds between two keys of one word, until this person's own are known."""

_WITHIN_BURST = 0.4
"""Seconds; a longer gap is no rhythm but a stop."""

_GAPS = 40
_THINKING = frozenset(" \t\n.(,:=[{")
_SLOW_START = 1.0
"""Seconds to the first text from which on asking in vain costs twice."""


class Pause:
    """The wait, by what was seen so far."""

    def __init__(self) -> None:
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._last: tuple[str, float] | None = None
        self._trust = 0.7
        self._start = 0.0

    def key(self, uri: str, at: float) -> None:
        """A key was typed in that document at that time (s)."""
        if self._last is not None and self._last[0] == uri and 0 < at - self._last[1] <= _WITHIN_BURST:
            self._gaps.append(at - self._last[1])
        self._last = uri, at

    def outcome(self, *, used: bool) -> None:
        """Whether what was asked for while somebody typed was any use to them."""
        self._trust += 0.2 * (used - self._trust)

    def first_text(self, seconds: float) -> None:
        """How long a model took to begin."""
        self._start = seconds if not self._start else self._start + 0.2 * (seconds - self._start)

    def seconds(self, before: str, idle: float = 0.0) -> float:
        """How long to wait. `before` stands left of the cursor; the last key was `idle` seconds ago."""
        wait = SHORTEST
        if (before[-1:] or "\n") not in _THINKING:
            doubt = (1 - self._trust) * min(2.0, 1 + self._start / _SLOW_START)
            wait += doubt * max(self._slow_gap() - SHORTEST, 0)
        return max(0.0, min(wait, LONGEST) - idle)

    def _slow_gap(self) -> float:
        """The gap that four of five keys of this person keep within."""
        if len(self._gaps) < 8:
            return _USUAL_GAP
        return sorted(self._gaps)[int(len(self._gaps) * 0.8)]
