"""Decoders: any cut of the bytes gives the same events, and nothing grows without end."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from twinny_lsp.providers.framing import Body, Event, Form, FramingError

ODD = "é😀\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"


def decode(data: bytes, content_type: str = "", cuts: tuple[int, ...] = ()) -> list[Event]:
    body = Body(content_type)
    events: list[Event] = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        events += body.feed(data[start:end])
    return events + body.close()


SSE = (
    ": ping\r\n\r\n"
    f'event: error\ndata: {{"a":"{ODD}"}}\n\n'
    'id: 7\nretry: 10\ndata:{"b":1}\n\n'
    "data: one\ndata:  two\ndata\n\n"
    ":\n\n"
    "data: last"
).encode()
SSE_EVENTS = [
    Event(f'{{"a":"{ODD}"}}', "error"),
    Event('{"b":1}'),
    Event("one\n two\n"),
    Event("last"),
]
LINES = f'{{"a":"{ODD}"}}\r\n\n{{"b":2}}\n{{"c":3}}'.encode()
LINE_EVENTS = [Event(f'{{"a":"{ODD}"}}'), Event('{"b":2}'), Event('{"c":3}')]
PRETTY = json.dumps({"error": {"message": ODD}}, indent=2, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("data", "content_type", "expected"),
    [
        (SSE, "text/event-stream", SSE_EVENTS),
        (SSE, "", SSE_EVENTS),
        (SSE, "application/json", SSE_EVENTS),
        (LINES, "application/x-ndjson", LINE_EVENTS),
        (LINES, "text/event-stream; charset=utf-8", LINE_EVENTS),
        (LINES, "", LINE_EVENTS),
        (PRETTY, "application/json", [Event(PRETTY.decode())]),
        (PRETTY, "text/event-stream", [Event(PRETTY.decode())]),
        (b"\xef\xbb\xbf \n" + LINES, "application/json", LINE_EVENTS),
        (b'"I\'m alive!"', "application/json", [Event('"I\'m alive!"')]),
        (b"", "application/json", []),
    ],
)
def test_the_same_events_from_any_cut(data: bytes, content_type: str, expected: list[Event]) -> None:
    assert decode(data, content_type) == expected
    assert decode(data, content_type, tuple(range(len(data)))) == expected
    for cut in range(len(data)):
        assert decode(data, content_type, (cut,)) == expected, cut
    chance = random.Random(7)
    for _ in range(200):
        cuts = tuple(chance.randrange(len(data) + 1) for _ in range(5))
        assert decode(data, content_type, cuts) == expected, cuts


@pytest.mark.parametrize(
    ("data", "content_type", "form"),
    [
        (b"<!doctype html><p>hi", "text/html", Form.HTML),
        (b"  <html>", "application/json", Form.HTML),
        (b"hello", "text/html; charset=utf-8", Form.HTML),
        (b"Internal Server Error", "text/plain", Form.TEXT),
        (b"event horizon", "", Form.TEXT),
        (b"id", "", Form.TEXT),
        (b"data: x", "text/plain", Form.EVENTS),
        (b"", "text/event-stream", Form.UNKNOWN),
    ],
)
def test_forms(data: bytes, content_type: str, form: Form) -> None:
    for size in (1, 3, 100):
        body = Body(content_type)
        for i in range(0, len(data), size):
            body.feed(data[i : i + size])
        body.close()
        assert body.form is form
        if form in (Form.HTML, Form.TEXT):
            assert body.text == data.decode().strip()


def feed_without_end(body: Body, data: bytes) -> None:
    for _ in range(10_000):
        body.feed(data)


@pytest.mark.parametrize("start", [b'{"a":', b"data: ", b"data: a\ndata: ", b'{\n"a":\n'])
@pytest.mark.parametrize("unit", [b"x" * 1000, b"x" * 100 + b"\n", b"data: xx\n"])
def test_a_line_or_event_without_end_is_refused(start: bytes, unit: bytes) -> None:
    body = Body("", max_line=10_000, max_body=60_000)
    with pytest.raises(FramingError, match="bytes"):
        feed_without_end(body, start + unit)


def test_a_body_of_many_good_lines_without_end_is_refused() -> None:
    body = Body("application/x-ndjson", max_body=10_000)
    with pytest.raises(FramingError):
        feed_without_end(body, b'{"a":1}\n')


def test_plain_text_is_kept_only_in_part() -> None:
    body = Body("text/plain")
    while not body.full:
        body.feed(b"x" * 10_000)
    assert len(body.text) <= 2 * 65536
