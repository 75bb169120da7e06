"""What is asked of a model and what comes back: the plain data that passes between the rooms.

`fim` and `chat` make prompts, `providers` turn them into requests and yield pieces, `completion`
reads them. Nothing here does I/O, and nothing here knows LSP or HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ContextFile:
    """A piece of another file the model should see. `path` is relative, with forward slashes."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class RawPrompt:
    """A rendered prompt that goes to the model as it is; special tokens in it are meant."""

    text: str


@dataclass(frozen=True, slots=True)
class FimPrompt:
    """Prefix and suffix for a server that knows how its model does fill-in-the-middle."""

    prefix: str
    suffix: str
    extra: tuple[ContextFile, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages for a chat endpoint."""

    messages: tuple[Message, ...]


Prompt = RawPrompt | FimPrompt | ChatPrompt


@dataclass(frozen=True, slots=True)
class Generation:
    """One request to a model.

    `stop` are the strings that end the answer; servers may lose them, so readers cut too.
    """

    model: str
    prompt: Prompt
    max_tokens: int
    temperature: float
    stop: tuple[str, ...] = ()
    seed: int | None = None


class Finish(StrEnum):
    """Why a stream ended. INCOMPLETE: it just stopped, without the server saying that it was done."""

    STOP = "stop"
    LENGTH = "length"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counts them; `cached` are prompt tokens it did not compute anew."""

    prompt: int | None = None
    generated: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of a stream. Only the last piece has `finish`; `thinking` is never part of the text."""

    text: str = ""
    thinking: str = ""
    finish: Finish | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a server tells about one model; None is "it did not say".

    `insert`: it can do fill-in-the-middle by itself (Ollama's capability `insert`, llama.cpp's
    FIM tokens). `template`: its own prompt template, which shows the FIM tokens it knows.
    `serves`: the model it answers with whatever name is asked for, where it has just one (llama.cpp).
    `context_tokens`: the window one request has. `batch_tokens`: llama.cpp's n_batch.
    """

    name: str
    insert: bool | None = None
    template: str | None = None
    context_tokens: int | None = None
    batch_tokens: int | None = None
    capabilities: tuple[str, ...] = ()
    loaded: bool | None = None
    serves: str = ""
