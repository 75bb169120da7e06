"""What the golden answers do not show: what decide is told besides the answer."""

from __future__ import annotations

import pytest

from twinny_lsp.chat.edits.decide import Replacement, decide
from twinny_lsp.chat.edits.passage import rows

PYTHON = ["# adds\n", "def add(a, b):  # both\n", "    return a + b\n"]
C = ["/* Addiert. */\n", "int add(int a, int b) {  /* so */\n", "    return a + b; // Summe\n", "}\n"]


@pytest.mark.parametrize(
    ("language", "lines", "answer", "kept"),
    [
        ("python", PYTHON, 'def add(a, b):\n    """Add.\n\n    Twice.\n    """\n    return a + b', True),
        ("python", PYTHON, 'def add(a, b):\n    """Add."""\n\n    # The sum.\n    return a + b', True),
        ("python", PYTHON, 'def add(a, b):\n    """Add."""\n    return b + a', False),
        ("c", C, "/** Adds.\n * Both.\n */\nint add(int a, int b) {\n    return a + b; // sum\n}", True),
        ("c", C, "/* Adds. */\nint add(int a, int b)\n{\n    return a + b;\n}", False),
    ],
)
def test_code_that_was_to_stay(language: str, lines: list[str], answer: str, kept: bool) -> None:
    of = rows(lines, 0, len(lines) - 1, language)
    made = decide(f"```{language}\n{answer}\n```", of, keeps_code=True)
    assert isinstance(made, Replacement)
    assert bool(made.notes) is not kept
    without = decide(f"```{language}\n{answer}\n```", of)
    assert isinstance(without, Replacement)
    assert without.notes == ()
    assert without.text == made.text


def test_nothing_of_a_no_is_lost_but_the_thoughts() -> None:
    of = rows(["x = 1\n"], 0, 0, "python")
    made = decide("<think>\nHm.\n</think>\nI cannot do that, because of `x`:\n\n1. It is so.\n", of)
    assert not isinstance(made, Replacement)
    assert made.said == "I cannot do that, because of `x`:\n\n1. It is so."
    assert made.message == "The model declined: I cannot do that, because of `x`:"
