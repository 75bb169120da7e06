"""What is wrong right now, and telling the user once.

Messages vanish in most editors, so the list stays readable (`why`, the code action, `status`) until the cause
is gone. Not a log: logging is for developers and holds no user text either.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.errors import FailureKind, ProviderError, TemplateError, TwinnyError

REPEAT_AFTER = 600.0
"""Seconds before the same problem, gone and come again, is worth another message: no flood while a server
comes and goes."""

TEMPLATE = "template"
"""The topic of the user's own template."""

WHOLE_SERVER = frozenset({FailureKind.UNREACHABLE, FailureKind.UNAUTHORIZED, FailureKind.BUSY})
"""Failures that are over when any model of the server answers."""

PLAIN_DIGITS = str.maketrans("", "", "0123456789")


class Level(StrEnum):
    """How a notice is shown; the names of LSP's message types."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that is wrong. `topic` groups what is resolved together, e.g. one provider; within it,
    `model` is the one that must answer for this to be over ("": any)."""

    topic: str
    cause: str
    message: str
    level: Level = Level.WARNING
    model: str = ""


class Notices:
    """The current problems. `show` sends one message to the client; `changed` tells status lines."""

    def __init__(
        self,
        show: Callable[[str, Level], None],
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show, self._changed, self._clock = show, changed, clock
        self._current: dict[tuple[str, str], Notice] = {}
        self._shown_at: dict[tuple[str, str], float] = {}

    @property
    def current(self) -> tuple[Notice, ...]:
        """What is wrong now, oldest first."""
        return tuple(self._current.values())

    def report(self, notice: Notice, *, quiet: bool = False) -> bool:
        """Note a problem; True if the user was told now. The same topic and cause is told once.

        `quiet`: the user hears of it in another way, e.g. by a question.
        """
        key = (notice.topic, notice.cause)
        known = self._current.get(key)
        self._current[key] = notice
        if known is not None:
            return False
        self._changed()
        last = self._shown_at.get(key)
        if last is not None and self._clock() - last < REPEAT_AFTER:
            return False
        self._shown_at[key] = self._clock()
        if quiet:
            return False
        self._show(notice.message, notice.level)
        return True

    def resolve(self, topic: str, model: str = "") -> None:
        """Everything under this topic works again; with `model`, what does not hang on another one."""
        gone = [
            key
            for key, notice in self._current.items()
            if key[0] == topic and (not model or notice.model in ("", model))
        ]
        for key in gone:
            del self._current[key]
        if gone:
            self._changed()

    def forget_all_but(self, topic: str) -> None:
        """After a change of settings: everything else gets a new chance, and is told again if it fails."""
        gone = [key for key in self._current if key[0] != topic]
        self._shown_at = {key: at for key, at in self._shown_at.items() if key[0] == topic}
        for key in gone:
            del self._current[key]
        if gone:
            self._changed()

    def replace(self, topic: str, notices: list[Notice], *, quiet: bool = False) -> None:
        """Set all that is wrong under a topic, e.g. after the settings were read again."""
        keys = {(notice.topic, notice.cause) for notice in notices}
        gone = [key for key in self._current if key[0] == topic and key not in keys]
        for key in gone:
            del self._current[key]
            self._shown_at.pop(key, None)
        for notice in notices:
            self.report(notice, quiet=quiet)
        if gone:
            self._changed()


def of_error(error: TwinnyError, model: str = "", provider: str = "") -> Notice:
    """The notice for an error of a request to that model: one cause per kind, server and model."""
    if isinstance(error, ProviderError):
        needs = "" if error.kind in WHOLE_SERVER else model
        cause = f"{error.kind}:{model}"
        level = Level.INFO if error.kind is FailureKind.LOADING else Level.ERROR
        return Notice(f"provider:{error.provider}", cause, str(error), level, needs)
    # Line numbers and the like may differ while the cause is the same.
    cause = str(error).translate(PLAIN_DIGITS)
    if isinstance(error, TemplateError):
        return Notice(TEMPLATE, cause, str(error))
    return Notice(f"provider:{provider}", cause, str(error), model=model)
