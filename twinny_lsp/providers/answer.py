"""One answer of a model server, from body bytes to pieces. No sockets here, so every cut can be tested.

It knows when an answer is complete and when what came is no answer (`Refusal`); what to tell the user
of that is failures.py's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from twinny_lsp.exchange import Finish, Piece, Usage
from twinny_lsp.providers.framing import Body, Event, Form, FramingError, parse
from twinny_lsp.providers.wire import Reader

_DONE = "[DONE]"
_ERROR_BYTES = 65536
_OPEN, _CLOSE = "<think>", "</think>"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A server's own words about a failure. `type` and `code` are strings, whatever they were sent as."""

    message: str
    type: str = ""
    code: str = ""
    context: int | None = None


class Refusal(Exception):
    """What came is no answer. `what` is a cause in plain words when the server gave no words of its own."""

    def __init__(self, form: Form, complaint: Complaint | None = None, what: str = "") -> None:
        super().__init__(what or "the server reports an error")
        self.form, self.complaint, self.what = form, complaint, what


def complaint_in(value: object) -> Complaint | None:
    """The error in a decoded body or event, in any form the known servers use; None when it is none."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return None
    if error := value.get("error"):
        if isinstance(error, dict):
            return _from_object(error)
        return Complaint(error if isinstance(error, str) else "", str(value.get("type") or ""))
    answers = value.keys() & {"choices", "response", "content", "done", "data", "models"}
    if answers:
        return None
    if detail := value.get("detail"):
        return Complaint(_from_detail(detail))
    if isinstance(value.get("message"), str):
        return _from_object(value)
    return None


def _from_object(error: dict[str, object]) -> Complaint:
    message = error.get("message") or error.get("detail") or error.get("error") or ""
    n_ctx = error.get("n_ctx")
    return Complaint(
        message if isinstance(message, str) else "",
        str(error.get("type") or ""),
        str(error.get("code") or ""),
        n_ctx if isinstance(n_ctx, int) else None,
    )


def _from_detail(detail: object) -> str:
    """FastAPI's detail: a string, or a list of what is wrong where (its `input` would repeat the prompt)."""
    if isinstance(detail, list):
        said = []
        for item in detail:
            if isinstance(item, dict):
                where = item.get("loc")
                path = ".".join(str(part) for part in where) if isinstance(where, list) else ""
                said.append(f"{path}: {item.get('msg', '')}".strip(": "))
        return "; ".join(said)
    if isinstance(detail, dict):
        return _from_object(detail).message
    return detail if isinstance(detail, str) else ""


class Answer:
    """Feed it the body of a 200 response; it gives pieces of text and, from `last`, the one that ends it.

    `chat`: text that begins with `<think>` is thinking. When something turns up that is no answer,
    `refusal` is set, and the pieces before it are still given.
    """

    def __init__(self, reader: Reader, content_type: str, *, chat: bool = False) -> None:
        self._reader = reader
        self._body = Body(content_type)
        self._think = Thinking() if chat else None
        self._half = ""
        self.any_text = False
        self.refusal: Refusal | None = None

    @property
    def finish(self) -> Finish | None:
        """Why the server stopped, as soon as it has said so."""
        return self._reader.finish

    @property
    def usage(self) -> Usage | None:
        """What the server counted, as soon as it has said so."""
        return self._reader.usage

    @property
    def done(self) -> bool:
        """True when nothing worth waiting for can follow."""
        return self._reader.done

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that `data` completes."""
        try:
            pieces = self._pieces(self._body.feed(data))
        except FramingError as error:
            self.refusal = Refusal(self._body.form, what=f"it sent {error}")
            return []
        if self._body.full:
            self.refusal = self._no_answer()
        return pieces

    def close(self) -> list[Piece]:
        """The body has ended: the pieces that were left."""
        try:
            pieces = self._pieces(self._body.close())
        except FramingError as error:
            self.refusal = Refusal(self._body.form, what=f"it sent {error}")
            return []
        if not self._reader.known and self.refusal is None:
            self.refusal = self._no_answer()
        if self._half:
            pieces.append(Piece("\ufffd"))
            self._half = ""
        if self._think:
            pieces += self._think.close()
        return pieces

    def last(self) -> Piece:
        """The piece that ends the stream."""
        return Piece(finish=self._reader.finish or Finish.INCOMPLETE, usage=self._reader.usage)

    def _pieces(self, events: list[Event]) -> list[Piece]:
        pieces: list[Piece] = []
        for event in events:
            data = event.data.strip()
            if data == _DONE:
                self._reader.finish = self._reader.finish or Finish.STOP
                self._reader.done = self._reader.known = True
            elif data and not self.done and self.refusal is None:
                try:
                    pieces += self._piece(event)
                except Refusal as refusal:
                    self.refusal = refusal
        return pieces

    def _piece(self, event: Event) -> list[Piece]:
        try:
            value = parse(event.data)
        except ValueError:
            if event.name == "error":
                raise Refusal(self._body.form, Complaint(event.data)) from None
            raise Refusal(self._body.form, what="it sent something that is not JSON") from None
        complaint = complaint_in(value)
        if complaint is None and event.name == "error":
            complaint = Complaint("")
        if complaint is not None:
            raise Refusal(self._body.form, complaint)
        piece = self._reader.read(value) if isinstance(value, dict) else None
        if piece is None:
            return []
        text = self._whole(piece.text)
        made = self._think.feed(text) if self._think and text else [Piece(text)] if text else []
        if piece.thinking:
            made.insert(0, Piece(thinking=piece.thinking))
        self.any_text = self.any_text or any(p.text for p in made)
        return made

    def _whole(self, text: str) -> str:
        """Join surrogate halves that were cut apart: a lone one could never be sent to an editor."""
        if not self._half and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)):
            return text
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def _no_answer(self) -> Refusal:
        """Why a body without a single known object is no answer."""
        if self._body.form is Form.HTML:
            return Refusal(Form.HTML)
        if self._body.form is Form.TEXT:
            return Refusal(Form.TEXT, Complaint(self._body.text.strip()))
        what = (
            "it sent an empty answer"
            if not self._body.size
            else "its answer has none of the fields of this API"
        )
        return Refusal(self._body.form, what=what)


class ErrorBody:
    """The body of a response that is not 200: feed it what comes, then ask what the server says."""

    def __init__(self, content_type: str) -> None:
        self._body = Body(content_type, max_body=_ERROR_BYTES)
        self._events: list[Event] = []

    def feed(self, data: bytes) -> bool:
        """Take more of it; False when enough has come."""
        try:
            self._events += self._body.feed(data)
        except FramingError:
            return False
        return not self._body.full

    def close(self) -> tuple[Form, Complaint]:
        """What it was, and the server's words in it (none of an HTML page's)."""
        with suppress(FramingError):
            self._events += self._body.close()
        for event in self._events:
            try:
                complaint = complaint_in(parse(event.data))
            except ValueError:
                complaint = Complaint(event.data)
            if complaint is not None:
                return self._body.form, complaint
        return self._body.form, Complaint("" if self._body.form is Form.HTML else self._body.text.strip())


class Thinking:
    """Takes `<think>…</think>` at the start of a chat's text apart from the answer."""

    def __init__(self) -> None:
        self._held = ""
        self._state = "start"

    def feed(self, text: str) -> list[Piece]:
        """What of `text` is surely thinking and surely answer; the tags themselves are dropped."""
        if self._state == "text":
            return [Piece(text)]
        self._held += text
        if self._state == "start":
            begun = self._held.lstrip()
            if begun.startswith(_OPEN):
                self._held, self._state = begun[len(_OPEN) :], "thinking"
            elif _OPEN.startswith(begun):
                return []
            else:
                return self._as_text(self._held)
        if self._state == "after":
            rest = self._held.lstrip()
            return self._as_text(rest) if rest else []
        thought, closed, rest = self._held.partition(_CLOSE)
        if closed:
            self._held, self._state = "", "after"
            return ([Piece(thinking=thought)] if thought else []) + self.feed(rest)
        keep = next(
            (n for n in range(min(len(_CLOSE), len(thought)), 0, -1) if _CLOSE.startswith(thought[-n:])), 0
        )
        sure, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        return [Piece(thinking=sure)] if sure else []

    def close(self) -> list[Piece]:
        """What was held back when the stream ended."""
        held, self._held = self._held, ""
        if not held or self._state == "after":
            return []
        return [Piece(thinking=held) if self._state == "thinking" else Piece(held)]

    def _as_text(self, text: str) -> list[Piece]:
        self._held, self._state = "", "text"
        return [Piece(text)] if text else []
