"""Answers written like chat: the code is taken out of its fence; prose without code is dropped."""

from __future__ import annotations

import re

from twinny_lsp.completion.blocks import PROSE
from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.unfence import unfenced

_ONLY_PROSE = re.compile(
    r"\s*(?:sure[,!.]|certainly[,!.]|of course[,!.]|i'm sorry|i am sorry|i cannot|i can't|as an ai|"
    r"here(?:'s| is| are) (?:the|a|an|your|how)\b.*[:.]$|the (?:missing|completed?) (?:code|part)\b)",
    re.IGNORECASE | re.MULTILINE,
)


def prose(text: str, given: FilterInput) -> Step:
    """Take off fences and what stands around them; drop an answer that is only words."""
    around = given.around
    code, acted = unfenced(text, around, chat=given.chat, patient=given.shape.whole)
    if not code.strip() and acted:
        return Step(None, f"nothing but {acted}")
    words_meant = around.language in PROSE or not (given.chat or around.blank)
    if not words_meant and not acted and _ONLY_PROSE.match(code):
        return Step(None, "prose instead of code")
    return Step(code, f"took off {acted}" if acted else "")
