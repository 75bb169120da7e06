"""From bytes to pieces where no transcript shows it: thinking, surrogates, errors in every form."""

from __future__ import annotations

import json

import pytest

from twinny_lsp.exchange import Finish, Piece
from twinny_lsp.providers.answer import Answer, Complaint, complaint_in
from twinny_lsp.providers.ollama import OllamaReader
from twinny_lsp.providers.openai import OpenAiReader
from twinny_lsp.providers.strand import Thinking


def joined(pieces: list[Piece]) -> tuple[str, str]:
    return "".join(p.thinking for p in pieces), "".join(p.text for p in pieces)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a < b</think>\n\ncode", ("a < b", "code")),
        ("\n <think></think>x", ("", "x")),
        ("<think>never ends </thin", ("never ends </thin", "")),
        ("<thinking> is a word", ("", "<thinking> is a word")),
        ("  <thi", ("", "  <thi")),
        ("x <think>y</think>", ("", "x <think>y</think>")),
        ("<think>a</think>b</think>", ("a", "b</think>")),
        ("", ("", "")),
    ],
)
def test_thinking_is_taken_apart_in_any_cut(text: str, expected: tuple[str, str]) -> None:
    for size in range(1, len(text) + 2):
        thinking = Thinking()
        pieces: list[Piece] = []
        for i in range(0, len(text), size):
            pieces += thinking.feed(text[i : i + size])
        assert joined(pieces + thinking.close()) == expected, size


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_in_a_field_of_its_own(field: str) -> None:
    answer = Answer(OpenAiReader(), "text/event-stream", chat=True)
    event = {"choices": [{"delta": {field: "hm", "content": "x"}}]}
    assert answer.feed(f"data: {json.dumps(event)}\n\n".encode()) == [Piece(thinking="hm"), Piece("x")]


def test_surrogate_halves_in_two_pieces_become_one_character() -> None:
    answer = Answer(OllamaReader(), "application/x-ndjson")
    lines = [b'{"response":"a\\ud83d","done":false}\n', b'{"response":"\\ude00b","done":false}\n']
    assert joined([piece for line in lines for piece in answer.feed(line)]) == ("", "a😀b")


@pytest.mark.parametrize("text", ["\\ud83d", "\\ude00", "\\ude00\\ud83d", "x\\ud83dy"])
def test_a_lone_surrogate_never_gets_out(text: str) -> None:
    answer = Answer(OllamaReader(), "application/x-ndjson")
    pieces = answer.feed(b'{"response":"%b","done":false}\n' % text.encode()) + answer.close()
    whole = joined(pieces)[1]
    assert "\ufffd" in whole
    whole.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"error": {"message": "m", "type": "t", "code": 400}}, Complaint("m", "t", "400")),
        ({"error": {"message": "m", "n_ctx": 1024}}, Complaint("m", "", "", 1024)),
        ({"error": "m"}, Complaint("m")),
        ({"error": "m", "choices": []}, Complaint("m")),
        ({"error": True}, Complaint("")),
        ([{"error": {"message": "m"}}], Complaint("m")),
        ({"detail": "m"}, Complaint("m")),
        ({"detail": [{"loc": ["body", "x"], "msg": "m", "input": "code"}]}, Complaint("body.x: m")),
        ({"detail": {"error": "m"}}, Complaint("m")),
        ({"message": "m", "type": "t"}, Complaint("m", "t")),
        ({"error": None, "response": "x"}, None),
        ({"message": {"content": "x"}, "done": False}, None),
        ({"choices": [], "detail": "x"}, None),
        ({}, None),
        ("x", None),
        (None, None),
        ([], None),
        (3, None),
    ],
)
def test_complaints_in_every_form(value: object, expected: Complaint | None) -> None:
    assert complaint_in(value) == expected


@pytest.mark.parametrize(
    "line",
    [
        {"choices": None},
        {"choices": [None, 3, "x"]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"content": None, "role": 3}, "finish_reason": None}]},
        {"choices": [{"text": None, "index": 1}]},
        {"choices": [], "usage": None},
        {"usage": {"prompt_tokens": "many"}},
        {"choices": [{"index": 0}], "usage": {"completion_tokens": 0, "prompt_tokens": 0}},
    ],
)
def test_every_field_may_be_missing_null_or_wrong(line: object) -> None:
    answer = Answer(OpenAiReader(), "text/event-stream")
    assert answer.feed(f"data: {json.dumps(line)}\n\n".encode()) == []
    assert answer.close() == []
    assert answer.refusal is None
    assert answer.last() == Piece(finish=Finish.INCOMPLETE)


@pytest.mark.parametrize("rubbish", [b"data: {]\n\n", b"data: " + b"[" * 200_000 + b"\n\n", b"data: x\n\n"])
def test_rubbish_is_refused(rubbish: bytes) -> None:
    answer = Answer(OpenAiReader(), "text/event-stream")
    assert answer.feed(rubbish) == []
    assert answer.refusal is not None


def test_content_in_parts() -> None:
    answer = Answer(OpenAiReader(), "text/event-stream")
    parts = [{"type": "text", "text": "a"}, {"type": "thinking", "text": "no"}, {"type": "text", "text": "b"}]
    event = {"choices": [{"delta": {"content": parts}}]}
    assert answer.feed(f"data: {json.dumps(event)}\n\n".encode()) == [Piece("ab")]
