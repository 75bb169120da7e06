"""Bytes as they come off a socket, out as events: server-sent events, lines of JSON, one JSON body.

Every decoder is incremental and may be fed any cut of the bytes. Text is never split by anything but
`\\n` (one `\\r` before it goes too), since U+2028 and friends are ordinary characters in code. Not for
the meaning of an event: the wire modules know that.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum

MAX_LINE_BYTES = 8 * 2**20
MAX_BODY_BYTES = 64 * 2**20
_PLAIN_BYTES = 64 * 2**10
_DECODER = json.JSONDecoder(strict=False)  # some servers leave control characters in strings as they are
_SSE_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
_LONGEST_FIELD = 6


class FramingError(Exception):
    """The bytes cannot be what the API promises: a line or body without end. The message has no content."""


class Form(StrEnum):
    """What a body turned out to be."""

    UNKNOWN = "unknown"
    EVENTS = "events"
    JSON = "json"
    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a stream: `data` is its text, `name` the SSE event name ("" if there was none)."""

    data: str
    name: str = ""


class Lines:
    """Byte lines out of any cut of them; `\\n` ends a line, one `\\r` before it is dropped."""

    def __init__(self, max_line: int = MAX_LINE_BYTES) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._max = max_line

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises FramingError when one grows beyond the limit."""
        first, *rest = data.split(b"\n")
        self._keep(first)
        if not rest:
            return []
        lines = [self._take(), *(line.removesuffix(b"\r") for line in rest[:-1])]
        self._keep(rest[-1])
        return lines

    def close(self) -> list[bytes]:
        """The last line, when it had no terminator."""
        return [self._take()] if self._size else []

    def _keep(self, part: bytes) -> None:
        if part:
            self._size += len(part)
            if self._size > self._max:
                raise FramingError(f"a line of more than {self._max} bytes")
            self._parts.append(part)

    def _take(self) -> bytes:
        line = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return line.removesuffix(b"\r")


class Events:
    """Server-sent events. Comments are skipped; an event at the end of the body needs no blank line."""

    def __init__(self, max_line: int = MAX_LINE_BYTES) -> None:
        self._lines = Lines(max_line)
        self._data: list[str] = []
        self._size = 0
        self._max = max_line
        self._name = ""

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        return self._read(self._lines.feed(data))

    def close(self) -> list[Event]:
        """What was left when the body ended."""
        events = self._read(self._lines.close())
        return events + self._flush()

    def _read(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            if not line:
                events += self._flush()
            elif not line.startswith(b":"):
                self._field(line)
        return events

    def _field(self, line: bytes) -> None:
        field, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        self._size += len(line)
        if self._size > self._max:
            raise FramingError(f"an event of more than {self._max} bytes")
        if field == b"data":
            self._data.append(text)
        elif field == b"event":
            self._name = text
        elif line.startswith((b"{", b"<")):
            # An error body that a server sent under the stream's content type.
            self._data.append(line.decode("utf-8", "replace"))

    def _flush(self) -> list[Event]:
        data, name = self._data, self._name
        self._data, self._name, self._size = [], "", 0
        return [Event("\n".join(data), name)] if data else []


class JsonValues:
    """JSON, one value a line or one value over many lines: the first line decides."""

    def __init__(self, max_line: int = MAX_LINE_BYTES) -> None:
        self._lines = Lines(max_line)
        self._body: list[str] = []
        self._size = 0
        self._max = max_line
        self._by_line: bool | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The values that `data` completes."""
        return self._read(self._lines.feed(data))

    def close(self) -> list[Event]:
        """What was left when the body ended."""
        events = self._read(self._lines.close())
        if self._body:
            events.append(Event("\n".join(self._body)))
            self._body = []
        return events

    def _read(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            text = line.decode("utf-8", "replace")
            if not text.strip():
                continue
            if self._by_line is None:
                self._by_line = _is_json(text)
            if self._by_line:
                events.append(Event(text))
            else:
                self._collect(text)
        return events

    def _collect(self, text: str) -> None:
        self._size += len(text)
        if self._size > self._max:
            raise FramingError(f"a body of more than {self._max} bytes")
        self._body.append(text)


def parse(text: str) -> object:
    """The value of a JSON text. Raises ValueError, also for one that is nested too deeply."""
    try:
        value: object = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _is_json(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


class Body:
    """A response body of any form: the content type says which, unless the first bytes say otherwise.

    `form` is known after the first bytes; `text` is the beginning of a body that has no events.
    """

    def __init__(
        self, content_type: str = "", max_line: int = MAX_LINE_BYTES, max_body: int = MAX_BODY_BYTES
    ) -> None:
        self.form = Form.UNKNOWN
        self.size = 0
        self._type = content_type.partition(";")[0].strip().lower()
        self._max_line, self._max_body = max_line, max_body
        self._head = b""
        self._plain: list[bytes] = []
        self._decoder: Events | JsonValues | None = None

    @property
    def text(self) -> str:
        """The beginning of an HTML or plain text body, or what came before its form was clear."""
        return (b"".join(self._plain) or self._head).decode("utf-8", "replace")

    @property
    def full(self) -> bool:
        """True when reading on is of no use: enough of a body without events has come."""
        return self.form in (Form.HTML, Form.TEXT) and self.size > _PLAIN_BYTES

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. Raises FramingError beyond the limits."""
        self.size += len(data)
        if self.size > self._max_body:
            raise FramingError(f"a body of more than {self._max_body} bytes")
        if self.form is Form.UNKNOWN:
            self._head = (self._head + data).lstrip(b"\xef\xbb\xbf \t\r\n")
            if not self._decide(final=False):
                return []
            data, self._head = self._head, b""
        return self._pass(data)

    def close(self) -> list[Event]:
        """What was left when the body ended."""
        events: list[Event] = []
        if self.form is Form.UNKNOWN and self._head:
            self._decide(final=True)
            data, self._head = self._head, b""
            events = self._pass(data)
        return events + (self._decoder.close() if self._decoder else [])

    def _pass(self, data: bytes) -> list[Event]:
        if self._decoder:
            return self._decoder.feed(data)
        if not self.full:
            self._plain.append(data[:_PLAIN_BYTES])
        return []

    def _decide(self, *, final: bool) -> bool:
        """Set form and decoder as soon as the first bytes allow; with `final` in any case."""
        head = self._head
        if not head or (len(head) < _LONGEST_FIELD and not final and self._could_be_field(head)):
            return False
        if head[:1] in b"{[":
            self.form, self._decoder = Form.JSON, JsonValues(self._max_line)
        elif head.startswith(_SSE_FIELDS):
            self.form, self._decoder = Form.EVENTS, Events(self._max_line)
        elif head.startswith(b"<") or self._type == "text/html":
            self.form = Form.HTML
        elif self._type == "text/event-stream":
            self.form, self._decoder = Form.EVENTS, Events(self._max_line)
        elif self._type in ("application/json", "application/x-ndjson"):
            self.form, self._decoder = Form.JSON, JsonValues(self._max_line)
        else:
            self.form = Form.TEXT
        return True

    @staticmethod
    def _could_be_field(head: bytes) -> bool:
        return any(field.startswith(head) for field in _SSE_FIELDS)
