"""Moving pictures of a terminal: screens one after another, as one SVG that plays by itself.

No script and no font in it, so that it plays wherever a page shows it as a picture. What does not play it
shows the frame that was chosen as the still one. Not for comparing: tests look at the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from tests.editors.screens import FORE, HEIGHT, WIDTH, drawn_row, head_of, parsed, size_of

CAPTION = 34
"""Height of the line below the screen, which says what was done."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A screen with its colours, the cursor in it (column, row), how long it stays, and what was done."""

    screen: str
    cursor: tuple[int, int]
    seconds: float
    caption: str = ""


def as_moving_svg(frames: list[Frame], still: int) -> str:
    """The frames in an endless loop; `still` is the number of the one for those who see no movement."""
    whole = sum(frame.seconds for frame in frames)
    screens = [parsed(frame.screen) for frame in frames]
    ground = screens[0][1]
    width, height = (max(sizes) for sizes in zip(*(size_of(rows) for rows, _ in screens), strict=True))
    known: dict[str, str] = {}
    drawn, begin = [], 0.0
    for number, (frame, (rows, _)) in enumerate(zip(frames, screens, strict=True)):
        end = begin + frame.seconds
        parts = [_when(begin / whole, end / whole, whole)]
        for at, row in enumerate(rows):
            if picture := "".join(drawn_row(row, 0, ground)):
                name = known.setdefault(picture, f"r{len(known)}")
                parts.append(f'<use href="#{name}" y="{at * HEIGHT + 8}"/>')
        column, line = frame.cursor
        place = f'x="{8 + column * WIDTH:.1f}" y="{line * HEIGHT + 8}"'
        parts.append(f'<rect {place} width="2" height="{HEIGHT}" fill="{FORE}"/>')
        if frame.caption:
            parts.append(f'<text x="12" y="{height + 18}" fill="{FORE}">{escape(frame.caption)}</text>')
        hidden = "" if number == still else ' visibility="hidden"'
        drawn.append(f"<g{hidden}>{''.join(parts)}</g>")
        begin = end
    shared = "".join(f'<g id="{name}">{picture}</g>' for picture, name in known.items())
    head = head_of(width, height + CAPTION, ground)
    return "\n".join((*head, f"<defs>{shared}</defs>", *drawn, "</svg>")) + "\n"


def _when(begin: float, end: float, seconds: float) -> str:
    """Shown from `begin` to `end`, as parts of the whole."""
    steps = [(begin, "visible")]
    if begin > 0:
        steps.insert(0, (0.0, "hidden"))
    if end < 1 - 1e-9:
        steps.append((end, "hidden"))
    values = ";".join(value for _, value in steps)
    times = ";".join(f"{at:.4f}".rstrip("0").rstrip(".") for at, _ in steps)
    return (
        f'<animate attributeName="visibility" values="{values}" keyTimes="{times}" '
        f'dur="{seconds:.1f}s" calcMode="discrete" repeatCount="indefinite"/>'
    )
