"""Plots of several configurations, as plain SVG for a README: 720 wide, no background, colours that can be
read on light and on dark.

Not a plotting library: rows of labelled bars and ranges is all it can draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from benchmarks.typing.figures import Figures, Run

WIDTH, LABELS, RIGHT = 720, 208, 700
"""Where the picture, and in it the column of labels and that of the plot, end."""

ROW, BAR = 34, 16
TEXT, FAINT = "#768390", "#768390"
GOOD, BAD, NONE = "#2f81c7", "#e0812f", "#768390"
OURS, THEIRS = GOOD, "#8d8ca3"
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


@dataclass
class Picture:
    """Marks, from the top down."""

    title: str
    height: float = 0.0
    marks: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, *, anchor: str = "start", size: int = 13) -> None:
        """One line; `y` is its middle."""
        self.marks.append(
            f"<text x='{x:.1f}' y='{y + size * 0.35:.1f}' font-size='{size}' text-anchor='{anchor}'>"
            f"{escape(text)}</text>"
        )

    def bold(self, x: float, y: float, text: str) -> None:
        """A heading."""
        self.marks.append(
            f"<text x='{x:.1f}' y='{y + 5:.1f}' font-size='14' font-weight='600'>{escape(text)}</text>"
        )

    def bar(self, x: float, y: float, width: float, colour: str, *, opacity: float = 1.0) -> None:
        """A bar whose middle is at `y`; nothing where it has no width."""
        if width > 0:
            self.marks.append(
                f"<rect x='{x:.1f}' y='{y - BAR / 2:.1f}' width='{width:.1f}' height='{BAR}' "
                f"fill='{colour}' fill-opacity='{opacity}'/>"
            )

    def line(self, x1: float, y1: float, x2: float, y2: float, *, width: float = 1, stroke: str = "") -> None:
        """A line, faint where no colour is named."""
        colour = f"stroke='{stroke}'" if stroke else f"stroke='{FAINT}' stroke-opacity='0.3'"
        self.marks.append(
            f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' {colour} stroke-width='{width}'/>"
        )

    def dot(self, x: float, y: float, colour: str) -> None:
        """A dot."""
        self.marks.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{colour}'/>")

    def svg(self) -> str:
        """The file's text."""
        head = (
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{self.height:.0f}' "
            f"viewBox='0 0 {WIDTH} {self.height:.0f}' role='img' {FONT} fill='{TEXT}'>"
        )
        return "\n".join([head, f"<title>{escape(self.title)}</title>", *self.marks, "</svg>", ""])


def pictures(runs: Sequence[Run]) -> dict[str, str]:
    """The plots by file name."""
    return {
        "typing-shares.svg": shares(runs).svg(),
        "typing-times.svg": times(runs).svg(),
        "typing-cost.svg": cost(runs).svg(),
    }


def shares(runs: Sequence[Run]) -> Picture:
    """What stood on screen when the next key was pressed."""
    picture = Picture("On screen when the next key is pressed, percent of keys")
    picture.bold(0, 12, picture.title)
    x, kinds = 0.0, (("right text", GOOD, 1.0), ("only wrong", BAD, 1.0), ("nothing", NONE, 0.3))
    for name, colour, opacity in kinds:
        picture.bar(x, 40, BAR, colour, opacity=opacity)
        picture.text(x + BAR + 6, 40, name)
        x += 104
    picture.text(RIGHT - 62, 40, "right", anchor="end")
    picture.text(RIGHT, 40, "wrong", anchor="end")
    scale = (RIGHT - 112 - LABELS) / 100
    y = 76.0
    for run in runs:
        right, wrong = run.figures.right, run.figures.wrong
        picture.text(LABELS - 12, y, run.name, anchor="end")
        picture.bar(LABELS, y, right * scale, GOOD)
        picture.bar(LABELS + right * scale, y, wrong * scale, BAD)
        picture.bar(LABELS + (right + wrong) * scale, y, (100 - right - wrong) * scale, NONE, opacity=0.3)
        picture.text(RIGHT - 62, y, f"{right:.1f}", anchor="end")
        picture.text(RIGHT, y, f"{wrong:.1f}", anchor="end")
        y += ROW
    picture.height = y - 4
    return picture


FROM_MS, TO_MS = 0.1, 3000.0


def times(runs: Sequence[Run]) -> Picture:
    """From a key to its text: the middle, half of them, and nine of ten."""
    runs = [run for run in runs if run.figures.answers]
    picture = Picture("From a key to the text on screen, milliseconds")
    picture.bold(0, 12, picture.title)
    picture.text(0, 40, "dot: median · thick: the middle half · thin: 5 to 95 of 100")
    picture.text(RIGHT, 40, "median / 95th", anchor="end")
    top, bottom = 58.0, 58.0 + ROW * len(runs)
    end = RIGHT - 112

    def at(milliseconds: float) -> float:
        share = math.log(max(milliseconds, FROM_MS) / FROM_MS) / math.log(TO_MS / FROM_MS)
        return LABELS + share * (end - LABELS)

    for tick in (0.1, 1, 10, 100, 1000):
        picture.line(at(tick), top, at(tick), bottom)
        picture.text(at(tick), bottom + 14, f"{tick:g}", anchor="middle", size=12)
    y = top + ROW / 2
    for run in runs:
        of, colour = run.figures.answers, OURS if run.ours else THEIRS
        picture.text(LABELS - 12, y, run.name, anchor="end")
        picture.line(at(of[4]), y, at(of[94]), y, width=2, stroke=colour)
        picture.line(at(of[24]), y, at(of[74]), y, width=8, stroke=colour)
        picture.dot(at(of[49]), y, colour)
        picture.text(RIGHT, y, f"{short(of[49])} / {short(of[94])}", anchor="end")
        y += ROW
    picture.height = bottom + 26
    return picture


def cost(runs: Sequence[Run]) -> Picture:
    """What a hundred keys cost the model."""
    picture = Picture("What 100 keys cost the model")
    parts: tuple[tuple[str, str], ...] = (
        ("requests", "requests"),
        ("generated", "tokens generated"),
        ("anew", "prompt tokens computed anew"),
    )
    picture.bold(0, 12, picture.title)
    y = 40.0
    for name, what in parts:
        picture.text(LABELS, y, what)
        y += 24
        most = max(_figure(run.figures, name) for run in runs) or 1.0
        for run in runs:
            value = _figure(run.figures, name)
            picture.text(LABELS - 12, y, run.name, anchor="end")
            width = value / most * (RIGHT - 64 - LABELS)
            picture.bar(LABELS, y, width, OURS if run.ours else THEIRS)
            picture.text(LABELS + width + 8, y, short(value))
            y += ROW - 10
        y += 16
    picture.height = y - 18
    return picture


def _figure(figures: Figures, name: str) -> float:
    return float(getattr(figures, name))


def short(value: float) -> str:
    """A number as short as it is still true: three digits, thousands parted."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"
