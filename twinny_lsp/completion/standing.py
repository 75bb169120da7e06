"""How it stands with the models, for who tells people: data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.config.resolved import Target
from twinny_lsp.errors import TwinnyError


class Footing(StrEnum):
    """How it stands with completion, for a status line."""

    WELL = "well"
    LOADING = "loading"
    FALLBACK = "fallback"
    AWAY = "away"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands where somebody asked last. `error` says why the first target does not answer, `answers`
    who does: the first one, or the one that stands in for it."""

    footing: Footing
    error: TwinnyError | None = None
    answers: Target | None = None
