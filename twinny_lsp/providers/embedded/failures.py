"""Why an embedded child ended or could not load its model, and what to do about it, in words for a person.

Judged by the exit code, by what the kernel counts, and by llama.cpp's last lines; the patterns are what it
really writes (tests/unit/providers/test_embedded_failures.py). Not for starting or watching children.
"""

from __future__ import annotations

import platform
import re
import signal
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from twinny_lsp.errors import ModelMissing, ProviderError, ServerFailure, Unsupported
from twinny_lsp.providers.embedded.options import Lack
from twinny_lsp.providers.presets import INSTALL_HINT

UPGRADE_HINT = "`pip install -U xllamacpp`, with pipx `pipx runpip twinny-lsp install -U xllamacpp`"
"""How a newer llama.cpp comes into the environment this program runs in."""

_GET_AGAIN = "Get it again: delete the file and `twinny-lsp pull` it."
_QUOTED_CHARS = 160
_NO_MEMORY = re.compile(
    r"bad_alloc|MemoryError|insufficient memory|cannot allocate memory|failed to allocate|out of memory"
    r"|resource temporarily unavailable",
    re.IGNORECASE,
)
_TOO_NEW = re.compile(
    r"unknown model architecture|unknown pre-tokenizer|invalid ggml type|only supports up to version"
    r"|unknown (?:projector|tokenizer|rope) type|tensor '[^']*' not found|wrong number of tensors",
    re.IGNORECASE,
)
_BROKEN = re.compile(
    r"corrupted or incomplete|not within the file bounds|failed to read|read error|unexpected end"
    r"|invalid magic|duplicated tensor|has wrong shape|not contiguous|invalid (?:string|array)",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"illegal split file|GGUF split|invalid split file", re.IGNORECASE)
_REASON = re.compile(r"^\S+ [EF] (?:\w+ +)*?\w+: (?:error loading model: )?(.+)$", re.MULTILINE)
# What Windows ends a process with, in both ways of reading it.
_WINDOWS = {
    0xC000001D: signal.SIGILL,
    0xC0000005: signal.SIGSEGV,
    0xC00000FD: signal.SIGSEGV,
    0xC0000409: signal.SIGABRT,
}


class OutOfMemory(ServerFailure):
    """A child that ended, or a model that did not load, for want of memory."""


class NoRoom(ServerFailure):
    """A model that was not even started, because memory would not do."""

    def __init__(self, model: str, lack: Lack, provider: str) -> None:
        advice = _smaller(provider, close=lack.for_now)
        super().__init__(f"not enough memory for {model}: {lack}. {advice}.", provider=provider)


class Cause(Enum):
    """Why a child ended."""

    PROCESSOR = auto()
    MEMORY = auto()
    KILLED = auto()
    CRASH = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended.

    `code` is its exit code as `subprocess` tells it, None when it only hung up; `tail` the end of what it
    wrote; `starved`: the kernel ended some process for want of memory meanwhile; `ours`: we killed it.
    """

    code: int | None
    tail: str = ""
    starved: bool = False
    ours: bool = False

    @property
    def cause(self) -> Cause:
        """What it most likely was."""
        number = _signal(self.code)
        if number == signal.SIGILL:
            return Cause.PROCESSOR
        if number == _KILL and not self.ours:
            return Cause.MEMORY if self.starved else Cause.KILLED
        if self.code and not self.ours and _NO_MEMORY.search(self.tail):
            return Cause.MEMORY
        if number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, _BUS):
            return Cause.CRASH
        return Cause.OTHER

    @property
    def hopeless(self) -> bool:
        """Whether another start at once would end the same way."""
        return self.cause in (Cause.PROCESSOR, Cause.MEMORY)

    def words(self, provider: str) -> str:
        """What happened, and the next step; `provider` is its name in the settings."""
        cause, number = self.cause, _signal(self.code)
        if self.code is None:
            return "it hung up"
        if cause is Cause.PROCESSOR:
            missing = " (AVX2, FMA)" if platform.machine().lower() in ("x86_64", "amd64") else ""
            return (
                f"this processor lacks instructions{missing} that the llama.cpp build needs. Use a server "
                "that is built for older processors, such as Ollama, or one on another machine"
            )
        if cause is Cause.MEMORY:
            return f"memory ran out. {_smaller(provider)}"
        if cause is Cause.KILLED:
            return f"it was ended by SIGKILL, most often for want of memory. {_smaller(provider)}"
        if cause is Cause.CRASH and number is not None:
            name = signal.Signals(number).name
            return f"llama.cpp crashed ({name}). If it does so again, try a newer one ({UPGRADE_HINT})"
        if number is not None:
            return f"it was ended by {_name(number)}"
        return f"it ended with code {self.code}"


_KILL = getattr(signal, "SIGKILL", 9)
_BUS = getattr(signal, "SIGBUS", None)


def _signal(code: int | None) -> int | None:
    """The signal behind an exit code; some wrappers (shells, containers) tell it as 128 more."""
    if code is None:
        return None
    if code & 0xFFFFFFFF in _WINDOWS:
        return _WINDOWS[code & 0xFFFFFFFF]
    number = -code if code < 0 else code - 128
    return number if 0 < number < 65 else None


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _smaller(provider: str, *, close: bool = True) -> str:
    return (
        f"{'Close other programs, choose' if close else 'Choose'} a smaller model (`twinny-lsp pull` lists "
        f"some), or lower providers.{provider}.contextTokens"
    )


def ended_early(ending: Ending, provider: str) -> ProviderError:
    """The error for a child that ended before it said anything."""
    message = f"the embedded model server ended while starting: {ending.words(provider)}"
    kinds = {Cause.PROCESSOR: Unsupported, Cause.MEMORY: OutOfMemory}
    return kinds.get(ending.cause, ServerFailure)(message, provider=provider, detail=ending.tail)


def damaged(path: Path, words: str, provider: str) -> ProviderError:
    """The error for a file whose end is missing, which needs no child to be seen."""
    message = f"the model file {path} is not whole: {words}. {_GET_AGAIN}"
    return ServerFailure(message, provider=provider)


def could_not(answer: tuple[str, str], path: str, tail: str, provider: str) -> ProviderError:
    """The error for a child's own `(reason, words)`; see child.FAILURES."""
    reason, words = answer
    if reason == "no-extra":
        message = f"the embedded model needs llama.cpp: {INSTALL_HINT}"
        return Unsupported(message, provider=provider, detail=words)
    if reason == "no-library":
        message = f"llama.cpp is installed but cannot be loaded: {words}{_library_hint(words)}"
        return ServerFailure(message, provider=provider)
    if reason == "no-file":
        return ModelMissing(f"cannot read the model file {path}: {words}", provider=provider)
    if reason == "not-gguf":
        return Unsupported(f"not a GGUF model: {path} ({words})", provider=provider)
    said = tail or words
    message = f"llama.cpp could not load {path}: {_load_failure(said, provider)}"
    kind = OutOfMemory if _NO_MEMORY.search(said) else ServerFailure
    return kind(message, provider=provider, detail=said)


def _load_failure(tail: str, provider: str) -> str:
    found = _REASON.search(tail)
    quoted = f' (it says: "{found[1].strip()[:_QUOTED_CHARS]}")' if found else ""
    if _NO_MEMORY.search(tail):
        return f"there is not enough memory{quoted}. {_smaller(provider)}."
    if _TOO_NEW.search(tail):
        return f"it is a kind of model this llama.cpp does not know{quoted}. Try a newer one: {UPGRADE_HINT}."
    if _BROKEN.search(tail):
        return f"the file is damaged or not whole{quoted}. {_GET_AGAIN}"
    if _SPLIT.search(tail):
        return f"it is one part of several{quoted}. Name the first part, with all parts beside it."
    return f"damaged, too new, or too big for the memory{quoted}."


def _library_hint(words: str) -> str:
    """What brings the library that a minimal system lacks."""
    if "libgomp" in words:
        return ". Install that library: `apt-get install libgomp1` (Debian, Ubuntu), `dnf install libgomp`."
    return ""
