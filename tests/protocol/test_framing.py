"""Cutting the stream: any pieces, any header a client may send, and getting over bad ones."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from tests.protocol.harness import NO_ANSWER, in_process, popups, spawned, trap
from twinny_lsp.lsp.framing import FrameDecoder, FramingError, encode

GOOD = encode(b"good")


def decode(data: bytes, step: int = 0, max_body_bytes: int = 1000) -> list[bytes | str]:
    decoder = FrameDecoder(max_body_bytes)
    pieces = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    frames = [frame for piece in pieces for frame in decoder.feed(piece)]
    return [frame.reason if isinstance(frame, FramingError) else frame for frame in frames]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 2\r\n\r\n",
        b"content-length: 2\r\n\r\n",
        b"CONTENT-LENGTH:2\r\n\r\n",
        b"Content-Length : 2 \r\n\r\n",
        b"Content-Length: 2\n\n",
        b"Content-Length: 002\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf8\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nX-More: yes\r\n\r\n",
        b"\r\n\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 9\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nX-Content-Length: 9\r\n\r\n",
    ],
    ids=repr,
)
@pytest.mark.parametrize("step", [0, 1, 7])
def test_headers(header: bytes, step: int) -> None:
    assert decode(header + b"{}" + GOOD, step) == [b"{}", b"good"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"Content-Length: -5\r\n\r\n", "Content-Length is not a sensible number"),
        (b"Content-Length: \r\n\r\n", "Content-Length is not a sensible number"),
        (b"Content-Length: 1e3\r\n\r\n", "Content-Length is not a sensible number"),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", "Content-Length is not a sensible number"),
        (b"Content-Length: 99999999999\r\n\r\n", "the message is too long"),
        (b"Content-Length: 1001\r\n\r\n" + b"x" * 1001, "the message is too long"),
        (b"Content-Type: a\r\n\r\n", "no Content-Length"),
        (b"rubbish\n\n", "no Content-Length"),
        (b"x" * 200_000 + b"\n\n", "no Content-Length"),
    ],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize("step", [0, 1000])
def test_bad_headers_cost_one_message_at_most(bad: bytes, reason: str, step: int) -> None:
    frames = decode(bad + GOOD + GOOD, step)
    assert frames[0] == reason
    assert frames[-1] == b"good"
    assert len(frames) <= 3


def test_a_length_too_short_is_got_over() -> None:
    frames = decode(b'Content-Length: 3\r\n\r\n{"a": 1}' + GOOD + GOOD)
    assert frames == [b'{"a', b"good", b"good"]


def test_memory_is_not_reserved_on_the_word_of_a_header() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(b"Content-Length: 200000000\r\n\r\nabc") == []
    assert decoder.mid_message
    assert len(decoder._buffer) == 3


def test_every_cut_of_a_stream() -> None:
    rng = random.Random(3)
    bodies = [rng.randbytes(rng.randrange(300)) for _ in range(20)]
    stream = b"".join(map(encode, bodies))
    for cut in range(0, len(stream), 7):
        decoder = FrameDecoder()
        assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == bodies
        assert not decoder.mid_message


@trap(ours="said", bare=NO_ANSWER)
@pytest.mark.parametrize(
    "header", [b"content-length: %d\r\n\r\n", b"Content-Length:%d\r\n\r\n", b"Content-Length: %d\n\n"]
)
async def test_headers_as_clients_write_them(kind: str, expected: Any, header: bytes) -> None:
    body = b'{"jsonrpc":"2.0","id":"h","method":"test/echo","params":{"say":"said"}}'
    async with in_process(kind) as (session, _):
        future = asyncio.get_running_loop().create_future()
        session._waiting["h"] = future
        session.send_raw(header % len(body) + body)
        await session.close()  # whatever was going to be answered is, before the end
        assert (future.result() if future.exception() is None else NO_ANSWER) == expected


@trap(ours=0, bare=1)
async def test_an_end_within_a_message_is_an_end(kind: str, expected: int) -> None:
    async with spawned(kind, initialize={}) as session:
        before = len(session.answers)
        session.send_raw(b'Content-Length: 100\r\n\r\n{"jsonrpc": ')
        await session.close()
        assert len(session.answers) == before
        assert popups(session) == expected


async def test_bad_headers_are_answered_and_got_over() -> None:
    async with in_process("ours") as (session, _):
        session.send_raw(b"Content-Length: -1\r\n\r\nContent-Length: 999999999999\r\n\r\n")
        assert await session.request("test/echo", {"say": 1}) == 1
        assert [a["error"]["code"] for a in session.answers if a["id"] is None] == [-32700, -32700]
