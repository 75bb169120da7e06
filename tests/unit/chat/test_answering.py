"""Whatever pieces an answer comes in, the document reads back what the model said."""

from __future__ import annotations

import itertools

import pytest

from twinny_lsp.chat.answering import AnswerText, closing, ending, opening
from twinny_lsp.chat.document import ASSISTANT, USER, parse
from twinny_lsp.exchange import Finish

SAID = [
    "Hello",
    "  \n\nHello\n\n\nthere \n",
    "a\n## You\nb",
    "## you",
    "## Your\n## Yo\n##\n# You\n#",
    "```md\n## You\n```\n## You (pinned)\nx",
    "in a list:\n   ```py\n   x = 1\n   ```\ndone",
    "tick ```inline``` ## You\n~~~\n```\n~~~\n## You",
    "a\r\nb\u2028c\x0cd 😀",
    "## m ##\n\n## Title ##",
]


def pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def written(parts: list[str], *, thinking: str = "", shows: bool = False, said: str = "") -> str:
    answer = AnswerText(show_thinking=shows)
    made = answer.feed("", thinking) + "".join(answer.feed(part) for part in parts)
    body = made + answer.finish(said)
    return "## You\nq" + opening("m", ["your message: 1 token"], "to p: 1 token") + body + closing()


@pytest.mark.parametrize(("said", "size"), [*itertools.product(SAID, (1, 2, 3, 7, 1000))])
def test_what_was_said_is_read_back(said: str, size: int) -> None:
    turns = parse(written(pieces(said, size))).turns
    assert [turn.role for turn in turns] == [USER, ASSISTANT, USER]
    assert turns[1].text == said.replace("\r", "").strip("\n ").rstrip()


@pytest.mark.parametrize("said", SAID)
def test_the_text_does_not_depend_on_the_pieces(said: str) -> None:
    assert {written(pieces(said, size)) for size in (1, 2, 3, 5, 1000)} == {written([said])}


@pytest.mark.parametrize("said", ["```py\nx = 1", "1. a\n   ~~~~\n   b", "```\n## You\n"])
def test_an_open_fence_is_closed(said: str) -> None:
    turns = parse(written([said], said="Stopped.")).turns
    assert [turn.role for turn in turns] == [USER, ASSISTANT, USER]
    assert turns[1].opened == ""
    assert "Stopped" not in turns[1].text


def test_no_piece_ends_in_a_line_end() -> None:
    """Editors tell of such a change in many ways; and what follows may be the answer's end."""
    answer = AnswerText(show_thinking=False)
    made = [answer.feed(part) for part in ("a\n", "\n", "b", "\n\n")]
    assert made == ["a", "", "\n\nb", ""]
    assert answer.finish() == ""


@pytest.mark.parametrize("shows", [True, False])
def test_thinking_is_for_people_only(shows: bool) -> None:
    thought = "hm\n## You\n```\n</details>\nso"
    text = written(["x"], thinking=thought, shows=shows)
    assert ("hm" in text) is shows
    assert [turn.text for turn in parse(text).turns] == ["q", "x", ""]


def test_thinking_without_an_answer_is_closed() -> None:
    text = written([], thinking="hm", shows=True, said=ending(Finish.STOP, 9, text=False, thinking=True))
    assert [turn.text for turn in parse(text).turns] == ["q", "", ""]
    assert "only thought" in text


def test_a_fence_of_the_users_is_closed_before_the_heading() -> None:
    text = "## You\n```py\nx" + opening("m", [], "to p: 1 token", before="```") + "y" + closing()
    assert [turn.text for turn in parse(text).turns] == ["```py\nx\n```", "y", ""]


def test_a_models_name_cannot_break_the_heading() -> None:
    text = "q" + opening("a\n## You\n#", [], "x")
    assert [turn.model for turn in parse("## You\n" + text).turns] == ["", "a You"]
