"""Answers written like chat: the code is taken out of its fence; prose without code is dropped."""

from __future__ import annotations

import re

from twinny_lsp.completion.filters.base import FilterInput
from twinny_lsp.completion.unfence import FENCED_LANGUAGES, unfenced

_ONLY_PROSE = re.compile(
    r"\s*(?:sure[,!.]|certainly[,!.]|of course[,!.]|i'm sorry|i am sorry|i cannot|i can't|as an ai|"
    r"here(?:'s| is| are) (?:the|a|an|your|how)\b.*[:.]$|the (?:missing|completed?) (?:code|part)\b)",
    re.IGNORECASE | re.MULTILINE,
)


def prose(text: str, given: FilterInput) -> tuple[str | None, str]:
    """Take off fences and what stands around them; drop an answer that is only words."""
    if given.around.language in FENCED_LANGUAGES:
        return text, ""
    code, acted = unfenced(text, given.around.language, prose=given.chat or given.around.blank)
    if text and not code.strip() and acted:
        return None, f"nothing but {acted}"
    if (given.chat or given.around.blank) and not acted and _ONLY_PROSE.match(code):
        return None, "prose instead of code"
    return code, f"took off {acted}" if acted else ""
