"""Special tokens that a server prints instead of obeying: the text ends at the first one."""

from __future__ import annotations

from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.special import special_token


def leaks(text: str, given: FilterInput) -> Step:
    """Cut at the first stop word or special token, unless the user's own code near the cursor has it too.

    A token that marks where an answer begins is taken off there.
    """
    kept, note = text, ""
    while (token := None if given.tokens_meant else special_token(kept, given.around)) is not None:
        kept = kept[token.end :] if token.opens else kept[: token.at]
        note = f"cut at {token.text}"
        if not token.opens:
            break
    for stop in given.stop:
        found = kept.find(stop) if stop else -1
        if found >= 0:
            kept, note = kept[:found], f"cut at {stop.strip()}"
    return Step(kept, note)
