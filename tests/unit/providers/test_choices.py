"""Several answers of one call, as the servers stream them: text and end of each, counts of all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from twinny_lsp.exchange import Finish, Piece, Usage
from twinny_lsp.providers.answer import Answer
from twinny_lsp.providers.endpoint import Wire
from twinny_lsp.providers.routes import reader_for

STOP, LENGTH = Finish.STOP, Finish.LENGTH


def heard(
    wire: Wire, events: list[Any], choices: int = 2, *, done: bool = False, chat: bool = False
) -> list[Piece]:
    """All pieces of a body with these events, the last one included; as one and cut at every byte."""
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n" * done
    made = []
    for cuts in ([body.encode()], [body.encode()[i : i + 1] for i in range(len(body.encode()))]):
        answer = Answer(reader_for(wire, choices), "text/event-stream", chat=chat)
        pieces = [piece for cut in cuts for piece in answer.feed(cut)]
        if not answer.done:
            pieces += answer.close()
        made.append([*pieces, answer.last()])
    assert made[0] == made[1]
    return made[0]


def of(choice: int, pieces: list[Piece]) -> tuple[str, Finish | None]:
    """One choice's text and the first that was said of its end."""
    mine = [piece for piece in pieces if piece.choice == choice]
    return "".join(piece.text for piece in mine), next((p.finish for p in mine if p.finish), None)


# Shortened from what llama.cpp sends for `n_cmpl` 2.
LLAMACPP: list[Any] = [
    {"index": 1, "content": "return", "stop": False, "tokens_predicted": 1, "tokens_evaluated": 11},
    {"index": 0, "content": "x", "stop": False, "tokens_predicted": 1, "tokens_evaluated": 11},
    {"index": 1, "content": " a", "stop": False, "tokens_predicted": 2, "tokens_evaluated": 11},
    {"index": 1, "content": "", "stop": True, "stop_type": "eos", "tokens_predicted": 3},
    {"index": 0, "content": "y", "stop": False, "tokens_predicted": 2},
    {"index": 0, "content": "", "stop": True, "stop_type": "limit", "tokens_predicted": 2},
]


def text(index: int, text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": index, "text": text, "finish_reason": finish}]}


def delta(index: int, content: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": content}, "finish_reason": finish}]}


def test_llamacpp_gives_each_choice_its_text_and_its_end() -> None:
    pieces = heard(Wire.LLAMACPP_INFILL, LLAMACPP)
    assert of(0, pieces) == ("xy", LENGTH)
    assert of(1, pieces) == ("return a", STOP)
    assert pieces[-1] == Piece(finish=LENGTH, usage=Usage(11, 5))


def test_a_choice_that_ends_is_told_before_the_others_end() -> None:
    pieces = heard(Wire.LLAMACPP_INFILL, LLAMACPP)
    ended = next(i for i, piece in enumerate(pieces) if piece.choice == 1 and piece.finish)
    assert ended < next(i for i, piece in enumerate(pieces) if piece.text == "y")


def test_a_server_too_old_for_several_gives_one() -> None:
    pieces = heard(Wire.LLAMACPP_COMPLETION, [event for event in LLAMACPP if event["index"] == 0])
    assert of(0, pieces) == ("xy", LENGTH)
    assert {piece.choice for piece in pieces} == {0}
    assert pieces[-1].finish is LENGTH


def test_a_choice_that_broke_off_is_never_said_to_have_ended() -> None:
    pieces = heard(Wire.LLAMACPP_COMPLETION, LLAMACPP[:5])
    assert of(0, pieces) == ("xy", Finish.INCOMPLETE)
    assert of(1, pieces) == ("return a", STOP)


OPENAI = [text(0, "a"), text(1, "b"), text(1, "c", "length"), text(0, "", "stop")]
TOTAL = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 7}}


def test_openai_counts_all_choices_at_the_end() -> None:
    pieces = heard(Wire.OPENAI_COMPLETIONS, [*OPENAI, TOTAL], done=True)
    assert (of(0, pieces), of(1, pieces)) == (("a", STOP), ("bc", LENGTH))
    assert pieces[-1] == Piece(finish=STOP, usage=Usage(4, 7))


def test_vllm_counts_each_choice_as_it_goes_and_all_at_the_end() -> None:
    def counted(index: int, generated: int) -> dict[str, Any]:
        return text(index, "a") | {"usage": {"prompt_tokens": 4, "completion_tokens": generated}}

    pieces = heard(Wire.OPENAI_COMPLETIONS, [counted(0, 1), counted(1, 1), counted(1, 2), *OPENAI, TOTAL])
    assert [piece.usage.generated for piece in pieces if piece.usage] == [1, 2, 3, 7]


def test_llamacpp_repeats_in_chat_what_it_has_counted_of_each_choice() -> None:
    def timed(generated: int) -> dict[str, Any]:
        return {"timings": {"cache_n": 0, "prompt_n": 12, "predicted_n": generated}}

    events = [
        delta(0, "a") | timed(1),
        delta(1, "b") | timed(1),
        delta(0, "", "stop"),
        {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 1}, **timed(1)},
        delta(1, "", "stop"),
        {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 1}, **timed(1)},
    ]
    assert heard(Wire.OPENAI_CHAT, events, done=True)[-1].usage == Usage(12, 2, 0)


@pytest.mark.parametrize("end", [True, False])
def test_what_a_choice_held_back_comes_with_its_end(end: bool) -> None:
    """`<thi` may begin `<think>`: until the choice ends nobody knows."""
    events = [delta(0, "<thi"), delta(1, "<think>hm</think>b"), delta(1, "", "stop")]
    pieces = heard(Wire.OPENAI_CHAT, [*events, delta(0, "", "stop")] if end else events, done=True, chat=True)
    assert of(0, pieces) == ("<thi", STOP)
    assert of(1, pieces) == ("b", STOP)
    assert "".join(piece.thinking for piece in pieces) == "hm"


def test_surrogate_halves_of_two_choices_do_not_meet() -> None:
    pieces = heard(
        Wire.OPENAI_COMPLETIONS, [text(0, "\ud83d"), text(1, "\ude00"), text(0, "\ude00"), *OPENAI[2:]]
    )
    assert of(0, pieces)[0] == "😀"
    assert of(1, pieces)[0] == "\ufffdc"


def test_one_answer_is_told_as_before_and_others_are_left_out() -> None:
    assert heard(Wire.OPENAI_COMPLETIONS, OPENAI, choices=1, done=True) == [Piece("a"), Piece(finish=STOP)]


def test_a_whole_body_with_several_answers() -> None:
    body = {
        "choices": [
            {"index": 0, "message": {"content": "a"}, "finish_reason": "stop"},
            {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    pieces = heard(Wire.OPENAI_CHAT, [body])
    assert (of(0, pieces), of(1, pieces)) == (("a", STOP), ("b", LENGTH))
    assert pieces[-1].usage == Usage(3, 2)
