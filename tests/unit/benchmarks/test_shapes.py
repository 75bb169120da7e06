"""The judge of where automatic answers end, on one small file."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.shapes import At, hole_of, judged, places, read

TEXT = """\
def f(a):
    \"\"\"Give it.

    Or nothing.
    \"\"\"
    if a:
        one(
            a,
        )
        two()
    three()


def g():
    pass
"""


def place(tmp_path: Path, kind: str, row: int) -> At:
    path = tmp_path / "f.py"
    path.write_text(TEXT)
    file = read(path, "python")
    assert file is not None
    return next(each for each in places(file) if (each.kind, TEXT.count("\n", 0, each.start)) == (kind, row))


@pytest.mark.parametrize(
    ("kind", "row", "text", "verdict"),
    [
        ("opened", 5, "\n        one(\n            a,\n        )\n        two()", "whole"),
        ("opened", 5, "\n        one(\n            a,\n        )", "short"),
        ("opened", 5, "\n        one(\n            a,", "torn"),
        ("opened", 5, "\n        one(\n            a,\n        )\n        two()\n    three()", "beyond"),
        ("opened", 5, "\n        four()", "wrong"),
        ("opened", 5, None, "quiet"),
        ("begun", 9, "two()", "whole"),
        ("begun", 9, "two()\n    three()\n\n\ndef g():", "beyond"),
        ("text", 1, "\n\n    Or nothing.", "whole"),
        ("text", 1, '\n\n    Or nothing.\n    """\n    if a:', "beyond"),
    ],
)
def test_verdicts(tmp_path: Path, kind: str, row: int, text: str | None, verdict: str) -> None:
    at = place(tmp_path, kind, row)
    hole = hole_of(at, follows=False)
    assert judged(at, None if text is None else hole.before + text, hole) == verdict
