"""One answer of a model server, from body bytes to pieces. No sockets here, so every cut can be tested.

It knows when an answer is complete and when what came is no answer (`Refusal`); what to tell the user
of that is failures.py's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from twinny_lsp.exchange import Finish, Piece
from twinny_lsp.providers.framing import Body, Event, Form, FramingError, parse
from twinny_lsp.providers.strand import Strand
from twinny_lsp.providers.wire import Reader, int_at

_DONE = "[DONE]"
_ERROR_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Complaint:
    """A server's own words about a failure. `type` and `code` are strings, whatever they were sent as.

    `context` and `asked`: tokens of the model's context, and of the prompt that was too long for it.
    """

    message: str
    type: str = ""
    code: str = ""
    context: int | None = None
    asked: int | None = None


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
    return Complaint(
        message if isinstance(message, str) else "",
        str(error.get("type") or ""),
        str(error.get("code") or ""),
        int_at(error, "n_ctx"),
        int_at(error, "n_prompt_tokens"),
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
        self._chat = chat
        self._strands: dict[int, Strand] = {}
        self._ends: dict[int, Finish] = {}
        self._done = False
        self.any_text = False
        self.refusal: Refusal | None = None

    @property
    def finish(self) -> Finish | None:
        """Why the server stopped, as soon as it has said so of all choices."""
        if len(self._ends) < self._reader.choices and not self._done:
            return None
        return self._ends.get(0, Finish.STOP)

    @property
    def done(self) -> bool:
        """True when nothing worth waiting for can follow."""
        return self._done or (self._reader.final and self.finish is not None)

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
        return pieces + self._held_back()

    def last(self) -> Piece:
        """The piece that ends the stream."""
        finish = self.finish or self._ends.get(0, Finish.INCOMPLETE)
        return Piece(finish=finish, usage=self._reader.tally.total)

    def _pieces(self, events: list[Event]) -> list[Piece]:
        pieces: list[Piece] = []
        for event in events:
            data = event.data.strip()
            if data == _DONE:
                self._done = self._reader.known = True
                pieces += self._held_back()
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
        made = [
            piece
            for read in (self._reader.read(value) if isinstance(value, dict) else ())
            for piece in self._of_choice(read)
        ]
        self.any_text = self.any_text or any(piece.text for piece in made)
        return self._counted(made)

    def _of_choice(self, read: Piece) -> list[Piece]:
        """What one choice has come to; its end is told at once where there are others."""
        strand = self._strands.get(read.choice)
        if strand is None:
            strand = self._strands[read.choice] = Strand(read.choice, chat=self._chat)
        made = strand.feed(read)
        if read.finish is not None:
            self._ends[read.choice] = read.finish
            made += strand.close()
            if self._reader.choices > 1:
                made.append(Piece(finish=read.finish, choice=read.choice))
        return made

    def _counted(self, made: list[Piece]) -> list[Piece]:
        """With what was counted anew; after the finish only `last` tells it."""
        tally = self._reader.tally
        if not tally.news or self.finish is not None:
            return made
        tally.news = False
        last = made.pop() if made else Piece()
        made.append(Piece(last.text, last.thinking, last.finish, tally.total, last.choice))
        return made

    def _held_back(self) -> list[Piece]:
        return [piece for strand in self._strands.values() for piece in strand.close()]

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
