from __future__ import annotations

import pytest

from twinny_lsp.chat.document import ASSISTANT, USER, parse
from twinny_lsp.errors import SettingsError

TWO = """\
---
model: m
---
# A title

## You

one

## Headings of mine are text

```md
## You
## m ##
```

## m:7b ##

<details><summary>Sent to p: 12 tokens</summary>

- your message: 12 tokens

</details>

<details><summary>Thinking</summary>

## You
```

</details>

## Summary ##

two

\\## You

> **twinny-lsp:** The connection broke off before the answer's end.

## You

three
"""


def test_turns_and_what_models_are_given() -> None:
    document = parse(TWO)
    assert document.front.model == "m"
    assert [(turn.role, turn.model) for turn in document.turns] == [
        (USER, ""),
        (ASSISTANT, "m:7b"),
        (USER, ""),
    ]
    texts = [turn.text for turn in document.turns]
    assert texts[0] == "one\n\n## Headings of mine are text\n\n```md\n## You\n## m ##\n```"
    assert texts[1] == "## Summary ##\n\ntwo\n\n## You"
    assert texts[2] == "three"


def test_rows_lead_back_into_the_text() -> None:
    document, lines = parse(TWO), TWO.split("\n")
    assert [lines[turn.heading] for turn in document.turns] == ["## You", "## m:7b ##", "## You"]
    assert lines[document.turns[2].last] == "three"
    assert document.turns[0].end == document.turns[1].heading
    assert [document.turn_at(row) for row in (0, 5, 12, 20, len(lines) - 1)] == [None, 0, 0, 1, 2]


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_are_none_of_the_models_business(ends: str) -> None:
    assert [turn.text for turn in parse(TWO.replace("\n", ends)).turns] == [
        turn.text for turn in parse(TWO).turns
    ]


def test_what_is_no_chat_is_one_message() -> None:
    document = parse("why?\n\nbecause\n")
    assert [(turn.role, turn.heading, turn.text) for turn in document.turns] == [
        (USER, -1, "why?\n\nbecause")
    ]


def test_what_is_no_chat_becomes_one_by_an_answer() -> None:
    assert [(turn.heading, turn.text) for turn in parse("why?\n\n## m ##\n\nso\n\n## You\n").turns] == [
        (-1, "why?"),
        (2, "so"),
        (6, ""),
    ]


def test_separators_of_python_are_no_line_ends() -> None:
    assert [turn.text for turn in parse("## You\na\u2028## You\x0c## You\n").turns] == [
        "a\u2028## You\x0c## You"
    ]


def test_pinned_and_open_fences() -> None:
    turns = parse("## you (pinned)\n\nrules\n\n## You\n\n  ```py\nx\n").turns
    assert [(turn.pinned, turn.opened) for turn in turns] == [(True, ""), (False, "  ```")]


def test_a_block_nobody_closed_hides_nothing() -> None:
    document = parse("## You\na\n## m ##\n<details><summary>Sent x\n\n- y\n\nanswer\n\n## You\nb\n")
    assert [turn.text for turn in document.turns] == ["a", "- y\n\nanswer", "b"]


@pytest.mark.parametrize(
    ("text", "row", "asked"),
    [
        ("## You\na\n## m ##\nb\n## You\nc\n", None, 2),
        ("## You\na\n## m ##\nb\n## You\nc\n", 1, 0),  # branch off
        ("## You\na\n## m ##\nb\n## You\nc\n", 3, 0),  # again
        ("## You\na\n## m ##\n> **twinny-lsp:** no\n## You\n\n", None, 0),  # it came to nothing
        ("# title\n## You\na\n", 0, 0),
        ("a", None, 0),
    ],
)
def test_which_message_is_sent(text: str, row: int | None, asked: int) -> None:
    assert parse(text).asked(row) == asked


@pytest.mark.parametrize(
    "text", ["", "## You\n\n", "## You\na\n## m ##\nb\n## You\n", "---\nmodel: m\n---\n"]
)
def test_nothing_to_send(text: str) -> None:
    with pytest.raises(SettingsError, match="write your message"):
        parse(text).asked()


def test_front_matter() -> None:
    front = parse(
        "---\n# which\nmodel: 'a: b' \nProvider: ollama # mine\nsystem: |\n  Be brief.\n    Very.\n\n"
        "temperature: 0\ncontext: 8_192\nthinking: yes\n---\n## You\nx"
    ).front
    assert (front.model, front.provider, front.system) == ("a: b", "ollama", "Be brief.\n  Very.")
    assert (front.temperature, front.context, front.thinking, front.problems) == (0.0, 8192, True, ())


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("temperature: hot", "number from 0 to 2"),
        ("temperature: nan", "number from 0 to 2"),
        ("context: 3", "number from 256"),
        ("thinking: maybe", "true or false"),
        ("modle: x", "known here are `model:`"),
        ("- x", "known here are"),
    ],
)
def test_front_matter_that_says_nothing_is_told_by_line(line: str, word: str) -> None:
    front = parse(f"---\nmodel: m\n{line}\n---\nx").front
    assert front.model == "m"
    assert [("line 3" in problem, word in problem) for problem in front.problems] == [(True, True)]


def test_a_block_that_is_the_models_hides_nothing() -> None:
    """Only what an answer begins with is ours: else the next message would end up in the block."""
    sent = "<details><summary>Sent to p: 2 tokens</summary>"
    said = f"Write\n{sent}\nand"
    text = f"## You\na\n## m ##\n{said}\n## You\nb\n## m ##\n{sent}\n\n- c\n\n</details>\n\nd\n"
    assert [turn.text for turn in parse(text).turns] == ["a", said, "b", "d"]


def test_a_block_that_is_not_closed_hides_its_first_line_only() -> None:
    sent = "<details><summary>Sent to p: 2 tokens</summary>\n\n- a\n"
    text = f"## You\na\n## m ##\n{sent}so\n## You\nb\n## m ##\n{sent}</details>\nd\n"
    assert [turn.text for turn in parse(text).turns] == ["a", "- a\nso", "b", "d"]
    thinking = "<details><summary>Thinking</summary>\n\nhm\n"
    text = f"## You\na\n## m ##\n{thinking}## You\nb\n## m ##\n{sent}</details>\nd\n"
    assert [turn.text for turn in parse(text).turns] == ["a", "hm", "b", "d"]


@pytest.mark.parametrize("text", ["---\n\nx", "---\nSome words.\n\n---\nx", "---\n\n---\nx"])
def test_a_rule_at_the_top_is_no_front_matter(text: str) -> None:
    document = parse(text)
    assert (document.turns[0].text, document.front.problems) == (text, ())


def test_a_rule_below_the_message_does_not_swallow_it() -> None:
    document = parse("---\nmodel: m\n\n## You\nhi\n\n---\nmore\n")
    assert (document.turns[0].text, document.front.problems) == ("hi\n\n---\nmore", ())


@pytest.mark.parametrize(
    "more", ["title: My notes\n", "tags:\n  - a\n  - b\n", "tags:\n- a\n- b\n", "aliases: [x, y]\n"]
)
def test_keys_of_other_programs_are_theirs(more: str) -> None:
    front = parse(f"\ufeff---\n{more}model: m\n---\n## You\nx").front
    assert (front.model, front.problems) == ("m", ())


def test_what_is_not_meant_for_us_is_no_mistake() -> None:
    document = parse("---\nNote: old\nSome words.\n---\n## You\nx")
    assert ([turn.text for turn in document.turns], document.front.problems) == (["x"], ())


@pytest.mark.parametrize("line", ["model qwen", "models: qwen", "prvider: ollama"])
def test_a_slip_in_front_matter_is_told(line: str) -> None:
    assert "line 2: known here are" in parse(f"---\n{line}\n---\n## You\nx").front.problems[0]
