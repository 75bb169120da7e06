"""Everything that can go wrong and is the user's to know, as one small tree.

    TwinnyError                 message: one line for a person, says what to do next
    ├── SettingsError           a setting that cannot be used
    │   └── KeyUnavailable      the API key cannot be had from where the settings say
    ├── TemplateError           a template that is refused or does not parse (file and line)
    ├── PullError               a model that could not be got, or a file that is not it
    └── ProviderError           a model server; `kind` groups failures that have one cause
        ├── Unreachable         nothing listens there, the name does not resolve
        ├── TimedOut            it listens, but did not answer in time
        ├── Unauthorized        key missing or wrong
        ├── ModelMissing        the server does not have that model
        ├── Loading             the model is being loaded; ask again soon
        ├── Busy                queue full, rate limit
        ├── ContextOverflow     the prompt is longer than the model's context
        ├── Unsupported         the server or model cannot do this (e.g. no native FIM)
        ├── WrongAddress        something answers there, but not this API
        ├── BadAnswer           the answer makes no sense
        ├── Interrupted         the stream broke off before its end
        └── ServerFailure       the server says it failed (5xx and the like)

Not for programming errors: those stay what they are and are logged.
"""

from __future__ import annotations

from enum import StrEnum


class TwinnyError(Exception):
    """A failure the user should hear of, once. `str()` is the message; it never holds a key or code."""


class SettingsError(TwinnyError):
    """A setting that cannot be used; the rest of the settings still hold."""


class KeyUnavailable(SettingsError):
    """The API key cannot be had: no such variable or file, or its command fails."""


class TemplateError(TwinnyError):
    """A template that is refused or does not parse.

    `path` is the file as the user knows it, `line` is 1-based (0: the whole file).
    """

    def __init__(self, reason: str, path: str = "", line: int = 0) -> None:
        self.reason, self.path, self.line = reason, path, line
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(f"{where}{reason}")


class PullError(TwinnyError):
    """A model that could not be got; what a second try may mend has been tried again already."""


class FailureKind(StrEnum):
    """What kind of failure it was: one message to the user per kind, server and model."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    UNAUTHORIZED = "unauthorized"
    MODEL_MISSING = "model-missing"
    LOADING = "loading"
    BUSY = "busy"
    CONTEXT_OVERFLOW = "context-overflow"
    UNSUPPORTED = "unsupported"
    WRONG_ADDRESS = "wrong-address"
    BAD_ANSWER = "bad-answer"
    INTERRUPTED = "interrupted"
    SERVER_FAILURE = "server-failure"


class ProviderError(TwinnyError):
    """A model server failed. `provider` is the name in the settings, `detail` the server's own words."""

    kind: FailureKind = FailureKind.SERVER_FAILURE

    def __init__(self, message: str, *, provider: str = "", detail: str = "") -> None:
        self.provider, self.detail = provider, detail
        super().__init__(message)


class Unreachable(ProviderError):
    """Nothing listens at that address, or its name does not resolve."""

    kind = FailureKind.UNREACHABLE


class TimedOut(ProviderError):
    """The server listens but did not answer in the time the settings allow."""

    kind = FailureKind.TIMED_OUT


class Unauthorized(ProviderError):
    """The key is missing or wrong."""

    kind = FailureKind.UNAUTHORIZED


class ModelMissing(ProviderError):
    """The server does not have that model."""

    kind = FailureKind.MODEL_MISSING


class Loading(ProviderError):
    """The model is being loaded; the same request may succeed soon."""

    kind = FailureKind.LOADING


class Busy(ProviderError):
    """The server's queue is full or a rate limit was reached."""

    kind = FailureKind.BUSY


class ContextOverflow(ProviderError):
    """The prompt of `asked` tokens is longer than the context of `limit` tokens; None where not told."""

    kind = FailureKind.CONTEXT_OVERFLOW

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        detail: str = "",
        limit: int | None = None,
        asked: int | None = None,
    ) -> None:
        super().__init__(message, provider=provider, detail=detail)
        self.limit, self.asked = limit, asked


class Unsupported(ProviderError):
    """The server or the model cannot do what was asked, e.g. native fill-in-the-middle."""

    kind = FailureKind.UNSUPPORTED


class WrongAddress(ProviderError):
    """Something answers at that address, but it is not this API (HTML, 404, unknown route)."""

    kind = FailureKind.WRONG_ADDRESS


class BadAnswer(ProviderError):
    """The answer is not what the API promises."""

    kind = FailureKind.BAD_ANSWER


class Interrupted(ProviderError):
    """The stream broke off before its end."""

    kind = FailureKind.INTERRUPTED


class ServerFailure(ProviderError):
    """The server says that it failed."""
