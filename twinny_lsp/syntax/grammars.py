"""Which language has which grammar, and loading one from its wheel (the extra `syntax`).

The only module that imports tree-sitter, and it does so late: a first import takes some 20 ms. A grammar that
is missing or does not fit is no error: the text rules alone decide then.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib import import_module

from tree_sitter import Language

log = logging.getLogger(__name__)

_GRAMMARS = {
    "c": ("c", "language"),
    "cpp": ("cpp", "language"),
    "csharp": ("c_sharp", "language"),
    "css": ("css", "language"),
    "go": ("go", "language"),
    "html": ("html", "language"),
    "java": ("java", "language"),
    "javascript": ("javascript", "language"),
    "javascriptreact": ("javascript", "language"),
    "json": ("json", "language"),
    "jsonc": ("json", "language"),
    "lua": ("lua", "language"),
    "php": ("php", "language_php"),
    "python": ("python", "language"),
    "ruby": ("ruby", "language"),
    "rust": ("rust", "language"),
    "shellscript": ("bash", "language"),
    "typescript": ("typescript", "language_typescript"),
    "typescriptreact": ("typescript", "language_tsx"),
}


@cache
def load(language: str) -> Language | None:
    """The grammar for a language id, or None."""
    name, function = _GRAMMARS.get(language, ("", ""))
    if not name:
        return None
    try:
        return Language(getattr(import_module(f"tree_sitter_{name}"), function)())
    except Exception as error:
        log.debug("no grammar for %s: %s", language, type(error).__name__)
        return None
