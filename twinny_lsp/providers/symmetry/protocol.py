"""What is said on the Symmetry network, from a consumer's side: topics, messages, frames of an answer.

A message is one frame of JSON, `{"key": name, "data": anything}`, without a delimiter. Pure: no process and
no clock. Not for finding a provider (search.py). The facts come from symmetry-core and
symmetry-server as published, versions 1.0.10 to 1.0.46.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from twinny_lsp.exchange import Finish, Message, Peer, Piece
from twinny_lsp.providers.answer import Answer, Complaint
from twinny_lsp.providers.openai import OpenAiReader
from twinny_lsp.providers.strand import Strand
from twinny_lsp.providers.wire import object_at, text_at

PUBLIC_SERVER_KEY = "4b4a9cc325d134dee6679e9407420023531fd7e96c563f6c5d00fd5549b77435"
"""The matchmaking server of the public network, as Twinny and the network's own programs have it."""

MAX_MESSAGE_BYTES = 16 * 2**20 - 1024
"""A frame has a length of three bytes; a little is left for what the encryption adds."""

SYSTEM = "You are a helpful assistant for programmers."
"""Sent where the chat has no system message: without one a provider may put its own in front."""

_KEY = re.compile(r"[0-9a-f]{64}")
_NAME_CHARS = 60
_EVENTS = b"data:"


def is_key(text: str) -> bool:
    """Whether `text` is a public key or a topic: 32 bytes in lower-case hexadecimal."""
    return _KEY.fullmatch(text) is not None


def server_topic(server_key: str) -> str:
    """Where a server announces itself: keyed with the 64 characters of its key, not with the 32 bytes."""
    return _discovery_key(server_key.encode())


def provider_topic(provider_id: str) -> str:
    """Where the provider of that id announces itself."""
    return _discovery_key(bytes.fromhex(provider_id))


def _discovery_key(key: bytes) -> str:
    return hashlib.blake2b(b"hypercore", key=key, digest_size=32).hexdigest()


def request_provider(model: str) -> str:
    """To the server: who has exactly this model? It answers `providerDetails`, or nothing at all."""
    return _message("requestProvider", {"modelName": model})


def verify_session(token: str) -> str:
    """To the server: where is that provider? It answers `sessionValid`, or nothing at all."""
    return _message("verifySession", token)


def inference(messages: Sequence[Message], request_id: str) -> str:
    """To a provider: the chat. It reads nothing else: no model, temperature, limit or stop string."""
    sent = list(messages)
    if not any(message.role == "system" for message in sent):
        sent.insert(0, Message("system", SYSTEM))
    said = [{"role": message.role, "content": message.content} for message in sent]
    return _message("inference", {"key": request_id, "messages": said})


def _message(key: str, data: object) -> str:
    return json.dumps({"key": key, "data": data}, ensure_ascii=False)


def read_message(frame: bytes) -> tuple[str, object]:
    """(key, data) of a frame; the key is "" when it is no message."""
    value = _object(frame)
    return text_at(value, "key"), value.get("data")


def peer(name: object, provider_id: str) -> Peer:
    """A provider as it is shown. Its name is a stranger's text: printable, on one line, not long."""
    text = "".join(char if char.isprintable() else " " for char in name) if isinstance(name, str) else ""
    text = " ".join(text.split())
    return Peer(text[: _NAME_CHARS - 1] + "…" if len(text) > _NAME_CHARS else text, provider_id)


class Framing(StrEnum):
    """How a provider wraps an answer; it goes by its version, which it does not tell."""

    CHUNKS = "chunks"  # since 1.0.36: each frame is one OpenAI chunk
    TEXT = "text"  # 1.0.34 and 1.0.35: each frame is the text itself
    EVENTS = "events"  # before: what the model server sent, cut anywhere


class AnswerReader:
    """Feed it the frames of one answer, which must have been asked for with this `request_id`.

    The id makes the end certain: text of the model never holds it. `ended`: the provider said that it is
    done.
    """

    def __init__(self, request_id: str) -> None:
        self._id = request_id
        self._framing: Framing | None = None
        self._held = b""
        self._answer = Answer(OpenAiReader(), "text/event-stream", chat=True)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._strand = Strand(chat=True)
        self._any_text = False
        self.ended = False
        self.complaint: Complaint | None = None

    @property
    def any_text(self) -> bool:
        """Whether anything for the user has come."""
        return self._any_text or self._answer.any_text

    @property
    def finish(self) -> Finish | None:
        """What the model server behind the provider said of the end; older providers do not pass it on."""
        return self._answer.finish

    def feed(self, frame: bytes) -> list[Piece]:
        """The pieces that this frame completes."""
        value = _object(frame) if frame.startswith(b"{") else {}
        if self._is_control(value):
            return self.close() if self.ended else []
        frame, self._held = self._held + frame, b""
        if self._framing is None and not value and len(frame) < len(_EVENTS) and _EVENTS.startswith(frame):
            self._held = frame  # it may become either
            return []
        if self._framing is None:
            self._framing = _framing_of(frame, value)
        if self._framing is Framing.TEXT:
            return self._text(self._decoder.decode(frame))
        if self._framing is Framing.CHUNKS:
            if not value:
                return []
            frame = b"data: " + frame + b"\n\n"
        return self._checked(self._answer.feed(frame))

    def close(self) -> list[Piece]:
        """What was held back when the answer ended."""
        if self._framing in (Framing.CHUNKS, Framing.EVENTS):
            return self._checked(self._answer.close())
        held, self._held = self._held, b""
        pieces = self._text(self._decoder.decode(held, final=True)) + self._strand.close()
        return self._seen(pieces)

    def _is_control(self, value: Mapping[str, object]) -> bool:
        """Take what is a message and not a part of the answer."""
        key = text_at(value, "key")
        if "choices" in value:
            return False
        if key == "inferenceEnded" and (value.get("data") == self._id or self._framing is not Framing.TEXT):
            self.ended = True
        elif key == "inferenceError" and self._framing is not Framing.TEXT:
            self.complaint = Complaint(text_at(object_at(value, "data"), "error"))
        else:
            return "symmetryEmitterKey" in value and self._framing is None
        return True

    def _text(self, text: str) -> list[Piece]:
        return self._seen(self._strand.feed(Piece(text))) if text else []

    def _seen(self, pieces: list[Piece]) -> list[Piece]:
        self._any_text = self._any_text or any(piece.text for piece in pieces)
        return pieces

    def _checked(self, pieces: list[Piece]) -> list[Piece]:
        refusal = self._answer.refusal
        if refusal is not None and (refusal.complaint is not None or not self.ended):
            self.complaint = refusal.complaint or Complaint(refusal.what)
        return pieces


def _framing_of(frame: bytes, value: Mapping[str, object]) -> Framing:
    if value.keys() & {"choices", "error"}:
        return Framing.CHUNKS
    return Framing.EVENTS if frame.startswith(_EVENTS) else Framing.TEXT


def _object(frame: bytes) -> Mapping[str, object]:
    """The JSON object that a frame is, or an empty one."""
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
