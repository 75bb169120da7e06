"""Moving pictures: each frame has its time, and what is the same is drawn once."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.editors.animation import Frame, as_moving_svg

SVG = "{http://www.w3.org/2000/svg}"
FRAMES = [
    Frame("def f():\n", (8, 0), 1.0, "typed"),
    Frame("def f():\n    \x1b[90mreturn\x1b[39m\n", (4, 1), 2.0, "shown"),
    Frame("def f():\n    return\n", (10, 1), 1.0),
]


def test_each_frame_is_shown_in_its_time_and_no_other() -> None:
    root = ElementTree.fromstring(as_moving_svg(FRAMES, still=1))
    groups = [group for group in root.findall(f"{SVG}g") if group.find(f"{SVG}animate") is not None]
    plans = []
    for group in groups:
        animate = group.find(f"{SVG}animate")
        assert animate is not None
        assert (animate.get("dur"), animate.get("repeatCount")) == ("4.0s", "indefinite")
        plans.append((animate.get("keyTimes"), animate.get("values")))
    assert plans == [
        ("0;0.25", "visible;hidden"),
        ("0;0.25;0.75", "hidden;visible;hidden"),
        ("0;0.75", "hidden;visible"),
    ]
    assert [group.get("visibility") for group in groups] == ["hidden", None, "hidden"]


def test_rows_that_are_the_same_are_drawn_once() -> None:
    picture = as_moving_svg(FRAMES, still=0)
    assert picture.count("def f():") == 1
    assert len(re.findall('<use href="#r0"', picture)) == 3
    assert "shown" in picture
