"""How things stand, as one word and one line: for status lines and the command `status`.

The words are promised in docs/lsp-extensions.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twinny_lsp.completion.standing import Standing
    from twinny_lsp.lsp.notices import Notice


def told(standing: Standing, problems: Sequence[Notice], *, busy: bool) -> tuple[str, str]:
    """(state, message). What keeps suggestions away comes before what else is wrong."""
    from twinny_lsp.completion.standing import Footing

    error, answers = standing.error, standing.answers
    said = str(error) if error is not None else ""
    whom = f"{answers.model} on {answers.endpoint.name}" if answers is not None else ""
    if standing.footing is Footing.LOADING:
        return "loading", said or f"{whom} is being loaded; suggestions come when it is there."
    if standing.footing is Footing.FALLBACK:
        return "fallback", f"{said} Until it is back, {whom} answers."
    if standing.footing is Footing.AWAY:
        return "down", said
    if standing.footing is Footing.REFUSED:
        return "problem", said
    if problems:
        return "problem", problems[-1].message
    return ("working" if busy else "ready"), ""
