"""What the doctor found, as plain data: no secrets, no code of the user's, ready to be printed or dumped.

Not for finding (examine.py and its helpers), not for judging (advice.py), not for showing (report.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from twinny_lsp.doctor.whereabouts import Whereabouts
from twinny_lsp.errors import FailureKind
from twinny_lsp.providers.base import State


@dataclass(frozen=True, slots=True)
class Symmetry:
    """Chat over Symmetry: whether the settings allow it, and then what is there or what is missing for it."""

    allowed: bool = False
    found: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where this program runs and what it brings; `embedded` is the extra."""

    version: str
    python: str
    system: str
    where: Whereabouts
    embedded: bool
    symmetry: Symmetry = Symmetry()


@dataclass(frozen=True, slots=True)
class SettingsFound:
    """The user's settings file, and what is wrong with any source of settings; `hints` work all the same."""

    path: str
    there: bool
    problems: tuple[str, ...]
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a server. `template` is what it would be asked with: a family's name, native, chat or
    "" where it cannot complete; `reason` says why, in plain words."""

    name: str
    template: str
    reason: str
    loaded: bool | None = None
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """What answers at an address, or fails to although the settings name it.

    `brand` is a preset's name, "" when it is nothing we know; `title` names it for people. `providers` are
    the settings' names for this address. `more` counts the models left out of `models`.
    """

    address: str
    brand: str
    title: str
    state: State
    detail: str = ""
    providers: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """What completion or chat is set to. `off` says in words why nothing is asked at all.

    `there`: the server lists the model; None where it did not say. `template` is for completion only.
    """

    role: str
    provider: str = ""
    preset: str = ""
    address: str = ""
    model: str = ""
    template: str = ""
    reason: str = ""
    there: bool | None = None
    off: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One completion asked of the configured model. Times in ms; `error` is one line for a person.

    `text` is empty when nothing came. `how` names the template and why.
    """

    text: str = ""
    how: str = ""
    first_ms: float | None = None
    total_ms: float = 0.0
    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    error: str = ""
    kind: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything. `advice` are the next steps, the most useful first."""

    environment: Environment
    settings: SettingsFound
    servers: tuple[Server, ...]
    completion: Use
    chat: Use
    trial: Trial | None
    advice: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """A completion came."""
        return self.trial is not None and bool(self.trial.text)
