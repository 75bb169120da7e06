"""What happened to one request: what `twinny-lsp.why`, the debug log and the benchmarks read. No code in it.

`lines` tell it in words, in order and with times; the fields say the same for programs. One record a
request, written while it runs and not changed afterwards.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from twinny_lsp.completion.seams import Clock


@dataclass(frozen=True, slots=True)
class ContextPiece:
    """One piece of context in the prompt: its path, where it came from, and its size in estimated tokens."""

    path: str
    source: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Asking:
    """One question to a model. Times in ms since it was asked, None where that did not come; tokens.

    `prompt` is what was sent, by the server's count or estimated; `cached` of these it had computed before.
    """

    model: str
    provider: str
    template: str
    window: str
    prefix_tokens: int
    suffix_tokens: int
    context: tuple[ContextPiece, ...] = ()
    ahead: bool = False


@dataclass(slots=True)
class Outcome:
    """How that question went, as far as it is known."""

    first_byte_ms: float | None = None
    first_line_ms: float | None = None
    end_ms: float | None = None
    ended: str = ""
    prompt: int | None = None
    cached: int | None = None
    generated: int | None = None


@dataclass(slots=True)
class Record:
    """See the module. `reuse` says what of known texts and streams served, or why nothing did."""

    clock: Clock
    surface: str = ""
    trigger: str = ""
    shape: str = ""
    reuse: str = ""
    pause_ms: float = 0.0
    asked: Asking | None = None
    outcome: Outcome = field(default_factory=Outcome)
    filters: list[str] = field(default_factory=list)
    shown: int = 0
    """Characters of the best candidate."""
    candidates: int = 0
    took_ms: float | None = None
    lines: list[str] = field(default_factory=list)
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.now()

    def add(self, what: str) -> None:
        """Note one step in words."""
        self.lines.append(f"{self.elapsed_ms():.1f} ms: {what}")

    def elapsed_ms(self) -> float:
        """Milliseconds since the request came."""
        return (self.clock.now() - self.began) * 1000

    def as_json(self) -> dict[str, Any]:
        """The fields in camelCase, as plain JSON."""
        made = {name: value for name, value in _fields(self).items() if value is not None}
        made["asked"] = _camel(asdict(self.asked)) if self.asked else None
        made["outcome"] = _camel(asdict(self.outcome)) if self.asked else None
        return _camel(made)


_PLAIN = ("surface", "trigger", "shape", "reuse", "pause_ms", "filters", "shown", "candidates", "took_ms")


def _fields(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _PLAIN}


def _camel(values: dict[str, Any]) -> dict[str, Any]:
    """The same with camelCase keys, numbers rounded to a tenth."""
    made: dict[str, Any] = {}
    for name, value in values.items():
        first, *more = name.split("_")
        plain: Any = round(value, 1) if isinstance(value, float) else value
        if isinstance(plain, tuple):
            plain = [_camel(each) if isinstance(each, dict) else each for each in plain]
        made[first + "".join(word.capitalize() for word in more)] = plain
    return made
