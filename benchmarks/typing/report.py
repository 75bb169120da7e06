"""What a run came to: the figures, what was promised of them, and a table for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.typing.knower import Counted
from benchmarks.typing.typist import Score


@dataclass(frozen=True)
class Figures:
    """Shares in percent, times in ms; `requests`, `generated` and `anew` (tokens) per 100 keys.

    `anew` leaves out the first request in each file.
    """

    keys: int
    right: float
    wrong: float
    saved: float
    p50: float
    p95: float
    requests: float
    generated: float
    anew: float
    prompt: float
    suffix: float

    @classmethod
    def of(cls, score: Score, counted: list[Counted]) -> Figures:
        """From what was seen and what it cost."""
        per, number = 100 / max(score.keys, 1), max(len(counted), 1)
        p50, p95 = score.percentiles()
        return cls(
            score.keys,
            score.share(score.right),
            score.share(score.wrong),
            score.saved_share,
            p50,
            p95,
            len(counted) * per,
            sum(each.generated for each in counted) * per,
            sum(each.anew for each in counted if not each.first_in_file) * per,
            sum(each.prompt for each in counted) / number,
            sum(each.suffix for each in counted) / number,
        )

    def rows(self, *, never: bool) -> list[tuple[str, str, str, bool]]:
        """(what, figure, promise, whether it is held)."""
        right, wrong = (94, 2) if never else (95, 1)
        return [
            ("right text before the next key", f"{self.right:.1f} %", f"≥ {right} %", self.right >= right),
            ("only wrong text on screen", f"{self.wrong:.1f} %", f"≤ {wrong} %", self.wrong <= wrong),
            ("characters accepting would save", f"{self.saved:.1f} %", "≥ 92 %", self.saved >= 92 or never),
            ("key → text, p50", f"{self.p50:.1f} ms", "≤ 5 ms", self.p50 <= 5),
            ("key → text, p95", f"{self.p95:.1f} ms", "≤ 100 ms", self.p95 <= 100),
            ("requests per 100 keys", f"{self.requests:.1f}", "≤ 6", self.requests <= 6),
            ("generated tokens per 100 keys", f"{self.generated:.0f}", "≤ 150", self.generated <= 150),
            ("prompt tokens anew per 100 keys", f"{self.anew:.0f}", "≤ 2500", self.anew <= 2500),
            ("tokens of a prompt, of these suffix (mean)", f"{self.prompt:.0f}, {self.suffix:.0f}", "", True),
        ]

    def held(self, *, never: bool) -> bool:
        """Whether every promise is."""
        return all(held for *_, held in self.rows(never=never))

    def as_json(self) -> dict[str, Any]:
        """The figures, rounded."""
        return {name: round(value, 2) for name, value in asdict(self).items()}


def table(figures: Figures, *, never: bool) -> str:
    """The rows for a terminal."""
    lines = [f"{figures.keys} keys" + (", a model that never stops" if never else "")]
    for what, figure, promise, held in figures.rows(never=never):
        verdict = f"{promise}: {'held' if held else 'MISSED'}" if promise else ""
        lines.append(f"{what:<46}{figure:>14}   {verdict}")
    return "\n".join(lines)
