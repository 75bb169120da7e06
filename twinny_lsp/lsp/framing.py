"""Cuts a byte stream into LSP messages and frames the ones that go out. No I/O, no JSON, no pygls.

Tolerant on purpose: a stream that is cut wrongly once must find its feet again, never hang and never make
us reserve memory on the word of a header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_BODY_BYTES = 256 * 1024 * 1024
"""A longer message is refused; the largest real ones (a whole document) are far below."""

_MAX_LINE_BYTES = 64 * 1024
_RESYNC_TAIL_BYTES = 256
# Searched, not matched: when a length was too short, the rest of that body stands before the next header.
_LENGTH = re.compile(rb"(?<!-)content-length[ \t]*:[ \t]*([^\r\n]*?)[ \t\r]*$", re.IGNORECASE)
_DIGITS = re.compile(rb"\d{1,12}")


@dataclass(frozen=True, slots=True)
class FramingError:
    """A header that cannot be followed; decoding goes on with the next header found."""

    reason: str


def encode(body: bytes) -> bytes:
    """One message as it goes over the wire."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameDecoder:
    """Takes bytes in pieces of any size and gives back whole bodies and framing errors, in order."""

    def __init__(self, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max = max_body_bytes
        self._buffer = bytearray()
        self._length: int | None = None
        self._in_body = False
        self._saw_header = False
        self._error: FramingError | None = None

    @property
    def mid_message(self) -> bool:
        """True when the stream would end inside a message if it ended now."""
        return bool(self._buffer) or self._in_body or self._saw_header

    def feed(self, data: bytes) -> list[bytes | FramingError]:
        """Add `data`; the complete messages so far, each once."""
        self._buffer += data
        frames: list[bytes | FramingError] = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> bytes | FramingError | None:
        while not self._in_body:
            line = self._take_line()
            if line is None:
                return None
            if line.strip():
                self._header(line)
                continue
            error, self._error = self._error, None
            if self._length is not None:
                self._in_body = True
            elif self._saw_header:
                self._saw_header = False
                return error or FramingError("no Content-Length")
        length = self._length or 0
        if len(self._buffer) < length:
            return None
        body = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        self._length, self._in_body, self._saw_header = None, False, False
        return body

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            return line
        if len(self._buffer) > _MAX_LINE_BYTES:
            # Not a header; keep enough to recognise one that has begun at the end.
            self._saw_header = True
            del self._buffer[:-_RESYNC_TAIL_BYTES]
        return None

    def _header(self, line: bytes) -> None:
        self._saw_header = True
        found = _LENGTH.search(line)
        if found is None:
            return
        value = found.group(1)
        if not _DIGITS.fullmatch(value):
            self._length, self._error = None, FramingError("Content-Length is not a sensible number")
        elif int(value) > self._max:
            self._length, self._error = None, FramingError("the message is too long")
        else:
            self._length, self._error = int(value), None
