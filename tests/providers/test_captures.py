"""What real servers sent, in every cut of the bytes and over sockets: the right text or the right error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.captures import FOLDER, Capture, captures, generating
from tests.support.fake_server import FakeServer, bounded
from tests.support.replay import replay
from twinny_lsp import errors
from twinny_lsp.exchange import ChatPrompt, Finish, Piece
from twinny_lsp.providers import failures
from twinny_lsp.providers.answer import Answer, Complaint, ErrorBody
from twinny_lsp.providers.failures import Evidence
from twinny_lsp.providers.http import HttpProvider, Pace
from twinny_lsp.providers.routes import reader_for

EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
QUICK = Pace(grace=2.0, loading=0.0, poll=0.01)
by_id = pytest.mark.parametrize("capture", generating(), ids=lambda capture: capture.id)
BIG = 1200
"""Longer bodies are cut in two at fewer places (one byte at a time they are read all the same)."""


def decode(capture: Capture, cuts: list[bytes]) -> dict[str, Any]:
    """What a provider makes of a body that arrives in these pieces, without a socket."""
    endpoint, generation = capture.endpoint("http://127.0.0.1:9"), capture.generation()
    if capture.status != 200:
        error_body = ErrorBody(capture.content_type)
        for data in cuts:
            error_body.feed(data)
        form, complaint = error_body.close()
        evidence = Evidence(capture.status, complaint, form, path=capture.path, generation=generation)
        return {"error": type(failures.from_answer(endpoint, evidence)).__name__}
    wire = capture.wire
    assert wire is not None
    answer = Answer(reader_for(wire), capture.content_type, chat=isinstance(generation.prompt, ChatPrompt))
    pieces: list[Piece] = []
    for data in cuts:
        pieces += answer.feed(data)
    if not (answer.done or answer.refusal or capture.cut):
        pieces += answer.close()
    text = "".join(piece.text for piece in pieces)
    if answer.refusal is not None:
        said = answer.refusal.complaint or Complaint("")
        evidence = Evidence(200, said, answer.refusal.form, answer.refusal.what, capture.path, generation)
        return {"text": text, "error": type(failures.from_answer(endpoint, evidence)).__name__}
    if capture.cut:
        return {"text": text, "error": "Interrupted"}
    if not text and failures.silent_overflow(endpoint, answer.finish):
        return {"error": "ContextOverflow"}
    return {"text": text, "finish": str(answer.last().finish)}


def same(got: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Equal, where an empty text beside an error says nothing."""
    if "error" in expected and not got.get("text"):
        got = {"error": got.get("error")}
    return got == expected


def test_every_exchange_is_there_and_judged() -> None:
    assert len(captures()) == 376
    assert set(EXPECTED) == {capture.id for capture in generating()}
    assert len(EXPECTED) == 272


def test_same_tells_differences() -> None:
    assert same({"text": "a", "finish": "stop"}, {"text": "a", "finish": "stop"})
    assert not same({"text": "b", "finish": "stop"}, {"text": "a", "finish": "stop"})
    assert not same({"text": "", "error": "Busy"}, {"error": "Loading"})


@by_id
def test_as_the_server_framed_it(capture: Capture) -> None:
    got = decode(capture, capture.pieces)
    assert same(got, EXPECTED[capture.id]), got


@by_id
def test_cut_at_every_byte(capture: Capture) -> None:
    body = capture.body
    assert same(decode(capture, [body[i : i + 1] for i in range(len(body))]), EXPECTED[capture.id])
    step = 1 if len(body) <= BIG else len(body) // 40
    for cut in range(0, len(body) + 1, step):
        got = decode(capture, [part for part in (body[:cut], body[cut:]) if part])
        assert same(got, EXPECTED[capture.id]), (cut, got)


async def over_socket(server: FakeServer, capture: Capture) -> dict[str, Any]:
    """The same through HttpProvider."""
    provider = HttpProvider(capture.endpoint(server.url), QUICK)
    text = ""
    try:
        async for piece in provider.stream(capture.generation()):
            text += piece.text
            if piece.finish is not None:
                return {"text": text, "finish": str(piece.finish)}
    except errors.ProviderError as error:
        return {"text": text, "error": type(error).__name__, "names address": server.url in str(error)}
    finally:
        await provider.close()
    raise AssertionError("the stream ended without a last piece")


@by_id
async def test_over_a_socket(capture: Capture) -> None:
    async with FakeServer() as server:
        server.on("POST", capture.path, replay(capture))
        got = await bounded(over_socket(server, capture))
    expected = EXPECTED[capture.id]
    assert got.pop("names address", True)
    if capture.cut:  # aiohttp may notice the broken end before we have read what came before it
        assert got["error"] == expected["error"]
        assert expected.get("text", "").startswith(got["text"])
    else:
        assert same(got, expected), got


SAMPLE = [c for c in generating() if len(c.body) < 4000 and not c.cut][::9]


@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("capture", SAMPLE, ids=lambda capture: capture.id)
async def test_over_a_socket_in_other_chunks(capture: Capture, every: int) -> None:
    async with FakeServer() as server:
        server.on("POST", capture.path, replay(capture, every=every))
        got = await bounded(over_socket(server, capture))
    got.pop("names address", None)
    assert same(got, EXPECTED[capture.id]), got


async def test_with_the_timing_of_the_server() -> None:
    capture = next(c for c in generating() if c.id == "llamacpp_tiny/completion_stream")
    async with FakeServer() as server:
        server.on("POST", capture.path, replay(capture, speed=1.0))
        got = await bounded(over_socket(server, capture))
    assert same(got, EXPECTED[capture.id])


@pytest.mark.parametrize("capture", [c for c in generating() if c.cut], ids=lambda capture: capture.id)
def test_a_broken_stream_never_looks_complete(capture: Capture) -> None:
    wire = capture.wire
    assert wire is not None
    answer = Answer(reader_for(wire), capture.content_type)
    for data in capture.pieces:
        answer.feed(data)
    assert answer.last().finish is Finish.INCOMPLETE
