"""Pictures of what an editor shows: a terminal's screen, with its colours, as SVG.

Kept only where EDITOR_TESTS_SCREENS names a folder. Not for comparing: tests look at the text.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT, SIZE = 8.4, 18, 14
BACK, FORE = "#1e1e2e", "#d9dcf0"
_SGR = re.compile(r"\x1b\[([\d;]*)m")
_OTHER = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b\[[\d;?]*[A-Za-ln-z]|\x0f|\x0e")
_NAMED = (
    *("#45475a", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#cba6f7", "#94e2d5", "#bac2de"),
    *("#6c7086", "#f38ba8", "#a6e3a1", "#f9e2af", "#89b4fa", "#f5c2e7", "#94e2d5", "#ffffff"),
)


def keep(name: str, screen: str) -> None:
    """Write the picture, if pictures are wanted; `screen` is text, with or without escape sequences."""
    if folder := wanted():
        (folder / f"{name}.svg").write_text(as_svg(screen), encoding="utf-8")


def wanted() -> Path | None:
    """The folder for pictures, made if need be; None where none are wanted."""
    if folder := os.environ.get("EDITOR_TESTS_SCREENS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        return Path(folder)
    return None


Run = tuple[str, str, str]
"""Text, its colour, and its background ("" for the terminal's)."""


def as_svg(screen: str) -> str:
    """A screen as a picture."""
    rows, ground = parsed(screen)
    width, height = size_of(rows)
    drawn = [part for number, row in enumerate(rows) for part in drawn_row(row, number * HEIGHT + 8, ground)]
    return "\n".join((*head_of(width, height, ground), *drawn, "</svg>")) + "\n"


def parsed(screen: str) -> tuple[list[list[Run]], str]:
    """The rows of a screen, and the background that most of it stands on."""
    style = ["", ""]
    rows = [list(_runs(row, style)) for row in screen.rstrip("\n").split("\n")]
    # Blanks at a row's end are not told of: what most of the text stands on is what all stands on.
    grounds = Counter(back for row in rows for _, _, back in row)
    return rows, max(grounds, key=lambda back: grounds[back]) or BACK


def size_of(rows: list[list[Run]]) -> tuple[int, int]:
    """Width and height of the picture."""
    columns = max(sum(len(text) for text, _, _ in row) for row in rows)
    return round(columns * WIDTH + 16), len(rows) * HEIGHT + 16


def head_of(width: int, height: int, ground: str) -> tuple[str, str]:
    """How the picture begins: with what all stands on."""
    font = f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="{SIZE}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'{font} xml:space="preserve">',
        f'<rect width="{width}" height="{height}" rx="6" fill="{ground}"/>',
    )


def drawn_row(row: list[Run], y: int, ground: str) -> list[str]:
    """The elements of a row whose top is at `y`."""
    drawn, column = [], 0
    for text, fore, back in row:
        x = 8 + column * WIDTH
        if back not in ("", ground):
            box = f'x="{x:.1f}" y="{y}" width="{len(text) * WIDTH:.1f}" height="{HEIGHT}"'
            drawn.append(f'<rect {box} fill="{back}"/>')
        if text.strip():
            drawn.append(f'<text x="{x:.1f}" y="{y + 14}" fill="{fore or FORE}">{escape(text)}</text>')
        column += len(text)
    return drawn


def _runs(row: str, style: list[str]) -> Iterator[Run]:
    """(text, colour, background) of the parts of a row; `style` goes on from row to row."""
    parts = _SGR.split(_OTHER.sub("", row))
    for at, part in enumerate(parts):
        if at % 2:
            _apply([int(number or 0) for number in part.split(";")], style)
        elif part:
            yield part, style[0], style[1]


def _apply(numbers: list[int], style: list[str]) -> None:
    while numbers:
        first = numbers.pop(0)
        if first == 0:
            style[:] = ["", ""]
        elif first == 7:
            style[:] = [style[1] or BACK, style[0] or FORE]
        elif first in (38, 48) and numbers:
            kind, count = numbers.pop(0), 3
            if kind == 5:
                count = 1
            given, numbers[:count] = numbers[:count], []
            style[first == 48] = _colour(given)
        elif first in (39, 49):
            style[first == 49] = ""
        elif 30 <= first <= 37 or 90 <= first <= 97:
            style[0] = _NAMED[first - 30 if first < 90 else first - 82]
        elif 40 <= first <= 47 or 100 <= first <= 107:
            style[1] = _NAMED[first - 40 if first < 100 else first - 92]


def _colour(given: list[int]) -> str:
    if len(given) == 3:
        return "#" + "".join(f"{number:02x}" for number in given)
    number = given[0] if given else 0
    if number < 16:
        return _NAMED[number]
    if number >= 232:
        return "#" + f"{(number - 232) * 10 + 8:02x}" * 3
    levels = (0, 95, 135, 175, 215, 255)
    number -= 16
    return "#" + "".join(f"{levels[each]:02x}" for each in (number // 36, number // 6 % 6, number % 6))
