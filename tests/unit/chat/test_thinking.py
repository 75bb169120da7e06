from __future__ import annotations

import itertools

import pytest

from twinny_lsp.chat.thinking import ThinkingSplitter

CASES = [
    ("plain text", "plain text", ""),
    ("<think>hm</think>\n\nyes", "yes", "hm"),
    ("  \n<think>a < b</think>c", "c", "a < b"),
    ("<thinker> is a class", "<thinker> is a class", ""),
    ("say <think>no</think>", "say <think>no</think>", ""),
    ("<think>never closed", "", "never closed"),
    ("<think>x</thin</think>y", "y", "x</thin"),
    ("<thi", "<thi", ""),
    ("", "", ""),
]


@pytest.mark.parametrize(("whole", "text", "thinking"), CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_splits_however_it_is_cut(whole: str, text: str, thinking: str, size: int) -> None:
    splitter = ThinkingSplitter()
    pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
    out = [splitter.feed(piece) for piece in pieces] + [splitter.flush()]
    assert "".join(t for t, _ in out) == text
    assert "".join(h for _, h in out) == thinking


def test_text_comes_through_at_once_after_the_block() -> None:
    splitter = ThinkingSplitter()
    assert list(itertools.chain(splitter.feed("<think>a</think>"))) == ["", "a"]
    assert splitter.feed("b") == ("b", "")
