"""What is asked of a model and what comes back: the plain data that passes between the rooms.

`fim` and `chat` make prompts, `providers` turn them into requests and yield pieces, `completion`
reads them. Nothing here does I/O, and nothing here knows LSP or HTTP.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


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

    `stop` are the strings that end the answer; servers may lose them, so readers cut too. `n`: how many
    answers are wanted; no more are asked for than `Provider.most_choices`, and fewer may come. `warm`: the
    prompt is only to be read into the server's cache, for the next request that begins with it; `max_tokens`
    does not count then, and the token that may come means nothing.
    """

    model: str
    prompt: Prompt
    max_tokens: int
    temperature: float
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    warm: bool = False


class Finish(StrEnum):
    """Why a stream ended. INCOMPLETE: it just stopped, without the server saying that it was done."""

    STOP = "stop"
    LENGTH = "length"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and times as the server counts them; None is "it did not say".

    `prompt`: all tokens of the prompt. `cached`: those of them that the server did not compute anew, so
    that it computed `prompt - cached`. `generated`: all tokens generated so far, over all choices, with
    thinking and what was cut off as a stop string. `prompt_ms`: milliseconds of computing the prompt,
    `generated_ms`: of generating (of several choices the longest); waiting in a queue and loading a model
    are in neither.
    """

    prompt: int | None = None
    generated: int | None = None
    cached: int | None = None
    prompt_ms: float | None = None
    generated_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody's computer that answers, where the settings only name a network (Symmetry).

    `name` is what its operator calls it: a stranger's words, on one line; `id` is its public key in
    hexadecimal.
    """

    name: str
    id: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One step of a stream. `thinking` is never part of the text.

    `usage`: what was counted so far; where a server tells it early it comes before the first text, and
    again as it grows. `choice`: which of several answers this belongs to, from 0. `finish`: that answer is
    at its end. Of one answer only the stream's last piece has it; of several each has a piece of its own
    with it, as soon as it ends, and the last piece tells choice 0's again. `answered_by`: who answers, told
    once, before any text, where the settings do not say it.
    """

    text: str = ""
    thinking: str = ""
    finish: Finish | None = None
    usage: Usage | None = None
    choice: int = 0
    answered_by: Peer | None = None


Vector: TypeAlias = "array[float]"
"""A text's embedding: 32-bit floats, of length 1, so that the product of two tells how near they are."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a server tells about one model; None is "it did not say".

    `insert`: it can do fill-in-the-middle by itself (Ollama's capability `insert`, llama.cpp's
    FIM tokens). `template`: its own prompt template, which shows the FIM tokens it knows.
    `serves`: the model it answers with whatever name is asked for, where it has just one (llama.cpp).
    `context_tokens`: the window one request has. `batch_tokens`: llama.cpp's n_batch. `slots`: how many
    requests it computes at once, each with a cache of its own.
    """

    name: str
    insert: bool | None = None
    template: str | None = None
    context_tokens: int | None = None
    batch_tokens: int | None = None
    capabilities: tuple[str, ...] = ()
    loaded: bool | None = None
    serves: str = ""
    slots: int | None = None
