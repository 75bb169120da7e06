"""What one run on the trace came to, in figures, and several runs of one configuration as one."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
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
    answers: tuple[float, ...] = ()
    """Key → text in ms: the 1st to the 99th percentile."""

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
            tuple(statistics.quantiles(score.answers, n=100)) if len(score.answers) > 1 else (),
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
        figures = {name: value for name, value in asdict(self).items() if name != "answers"}
        return {name: round(value, 2) for name, value in figures.items()}


@dataclass(frozen=True)
class Run:
    """One run of the configuration that is called so.

    `how` are the arguments of the command, `ours` tells whether it was our own server's, and `load` how many
    processes wanted a processor in the last minute of it.
    """

    name: str
    how: str
    ours: bool
    load: float
    figures: Figures

    @classmethod
    def read(cls, path: Path) -> Run:
        """From a file that `as_json` went into."""
        made = json.loads(path.read_text(encoding="utf-8"))
        made["figures"]["answers"] = tuple(made["figures"]["answers"])
        return cls(**made | {"figures": Figures(**made["figures"])})

    def as_json(self) -> dict[str, Any]:
        """For a file."""
        answers = [round(milliseconds, 2) for milliseconds in self.figures.answers]
        figures = self.figures.as_json() | {"answers": answers}
        return asdict(self) | {"figures": figures}


def medians(runs: Sequence[Run]) -> list[Run]:
    """One run for each name, in the order in which they first appear; `keys` are added up."""
    named: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        named[run.name].append(run)
    return [
        replace(of[0], load=max(run.load for run in of), figures=_median([run.figures for run in of]))
        for of in named.values()
    ]


def _median(of: Sequence[Figures]) -> Figures:
    columns = {field.name: [getattr(each, field.name) for each in of] for field in fields(Figures)}
    keys, answers = columns.pop("keys"), [each for each in columns.pop("answers") if each]
    middle = {name: statistics.median(values) for name, values in columns.items()}
    return Figures(
        keys=sum(keys), **middle, answers=tuple(map(statistics.median, zip(*answers, strict=True)))
    )
