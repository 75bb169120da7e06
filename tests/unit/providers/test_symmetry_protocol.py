"""Symmetry's messages and topics, and every framing of an answer under every cut."""

from __future__ import annotations

import json

import pytest

from twinny_lsp.exchange import Finish, Message, Peer
from twinny_lsp.providers.symmetry.protocol import (
    PUBLIC_SERVER_KEY,
    SYSTEM,
    AnswerReader,
    inference,
    is_key,
    peer,
    provider_topic,
    read_message,
    request_provider,
    server_topic,
    verify_session,
)

ID = "5f" * 16
END = json.dumps({"key": "inferenceEnded", "data": ID}).encode()
CHUNKS = [
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"content": "žluť 🦊"}, "finish_reason": None}], "x_extra": 1},
    {"choices": [{"index": 0, "delta": {"content": "\u2028 end\n"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]},
]
TEXT = "žluť 🦊\u2028 end\n"


def read(frames: list[bytes]) -> tuple[str, AnswerReader]:
    reader = AnswerReader(ID)
    pieces = [piece for frame in frames for piece in reader.feed(frame)]
    return "".join(piece.text for piece in pieces), reader


def as_frames() -> list[bytes]:
    return [json.dumps(chunk).encode() for chunk in CHUNKS]


def as_events() -> bytes:
    body = "".join(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in CHUNKS)
    return (body + "data: [DONE]\n\n").encode()


def test_topics_are_those_of_the_network() -> None:
    # What hypercore-crypto 3.4.2 gives for `discoveryKey(Buffer.from(key))`, and for the 32 bytes.
    assert server_topic(PUBLIC_SERVER_KEY) == (
        "b38aeb9960b07ab9eb03540e0a2c3f073abcb9845cc96190678210a53547e944"
    )
    assert provider_topic(PUBLIC_SERVER_KEY) != server_topic(PUBLIC_SERVER_KEY)
    assert is_key(provider_topic("00" * 32))


@pytest.mark.parametrize("text", ["", "00" * 31, "00" * 33, "0G" * 32, "00" * 32 + "\n", "AA" * 32])
def test_what_is_no_key(text: str) -> None:
    assert not is_key(text)


def test_messages() -> None:
    assert json.loads(request_provider("llama3.2:latest")) == {
        "key": "requestProvider",
        "data": {"modelName": "llama3.2:latest"},
    }
    assert json.loads(verify_session("t")) == {"key": "verifySession", "data": "t"}
    assert read_message(END) == ("inferenceEnded", ID)


@pytest.mark.parametrize("frame", [b"", b"[]", b"nonsense", b'{"key": 3}', b"\xff", b"[" * 100_000, b'"key"'])
def test_what_is_no_message(frame: bytes) -> None:
    assert read_message(frame)[0] == ""


def test_there_is_always_a_system_message() -> None:
    """Else the provider may put its own in front."""
    own = Message("system", "be brief")
    asked = json.loads(inference([Message("user", "hi 🦊")], ID))
    assert asked["data"]["key"] == ID
    assert [m["content"] for m in asked["data"]["messages"]] == [SYSTEM, "hi 🦊"]
    again = json.loads(inference([own, Message("user", "hi")], ID))
    assert [m["content"] for m in again["data"]["messages"]] == ["be brief", "hi"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("home", "home"),
        ("a\nb\u202e\x1b[31m", "a b [31m"),
        ("x" * 100, "x" * 59 + "…"),
        (None, ""),
        (7, ""),
    ],
)
def test_a_providers_name_is_a_strangers_text(name: object, shown: str) -> None:
    assert peer(name, "id") == Peer(shown, "id")


def test_chunks() -> None:
    text, reader = read([*as_frames(), END])
    assert (text, reader.finish, reader.ended, reader.complaint) == (TEXT, Finish.LENGTH, True, None)


@pytest.mark.parametrize("head", [[], [b'{"symmetryEmitterKey": "x"}']])
def test_events_may_be_cut_anywhere(head: list[bytes]) -> None:
    body = as_events()
    for size in (1, 2, 3, 7, 50, len(body)):
        cut = [body[at : at + size] for at in range(0, len(body), size)]
        text, reader = read([*head, *cut, END])
        assert (text, reader.ended) == (TEXT, True), size


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_plain_text_may_be_cut_within_a_character(size: int) -> None:
    raw = TEXT.encode()
    text, reader = read([*(raw[at : at + size] for at in range(0, len(raw), size)), END])
    assert (text, reader.ended, reader.any_text) == (TEXT, True, True)


@pytest.mark.parametrize("first", [b"data", b"d", b"{", b'{"a": 1}', b"1", b"null", b'"choices"'])
def test_plain_text_that_looks_like_something_else(first: bytes) -> None:
    text, _ = read([first, b" more", END])
    assert text == first.decode() + " more"


def test_the_model_may_write_what_ends_an_answer() -> None:
    said = '{"key":"inferenceEnded"}'
    in_chunks = json.dumps({"choices": [{"delta": {"content": said}}]}).encode()
    text, reader = read([in_chunks, in_chunks, END])
    assert (text, reader.ended) == (said * 2, True)
    text, reader = read([b"look: ", said.encode(), b'{"key":"inferenceError"}', END])
    assert (text, reader.ended) == (f'look: {said}{{"key":"inferenceError"}}', True)
    assert reader.complaint is None


def test_thinking_is_not_part_of_the_text() -> None:
    for frames in (
        [b"<think>hm", b"</think>yes", END],
        [json.dumps({"choices": [{"delta": {"content": "<think>hm</think>yes"}}]}).encode(), END],
        [json.dumps({"choices": [{"delta": {"reasoning_content": "hm", "content": "yes"}}]}).encode(), END],
    ):
        assert read(frames)[0] == "yes"


@pytest.mark.parametrize(
    "frames", [[END], [b'{"key":"inferenceEnded"}'], [as_frames()[0], as_frames()[3], END]]
)
def test_an_answer_without_text(frames: list[bytes]) -> None:
    text, reader = read(frames)
    assert (text, reader.ended, reader.any_text, reader.complaint) == ("", True, False, None)


@pytest.mark.parametrize(
    "frame",
    [
        {"key": "inferenceError", "data": {"requestId": "r", "error": "no memory"}},
        {"error": {"message": "no memory"}},
        {"error": "no memory"},
    ],
)
def test_a_complaint(frame: dict[str, object]) -> None:
    _, reader = read([json.dumps(frame).encode()])
    assert reader.complaint is not None
    assert reader.complaint.message == "no memory"
    assert not reader.ended


def test_rubbish_between_chunks_is_passed_over() -> None:
    frames = as_frames()
    text, reader = read([*frames[:2], b"rubbish", b"[]", b'{"other": 1}', *frames[2:], END])
    assert (text, reader.complaint) == (TEXT, None)
