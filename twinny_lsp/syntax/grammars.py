"""Which language has which grammar, and loading it from its wheel (the extra `syntax`).

The only module that imports tree-sitter, and it does so on a thread, when a language is first asked for: no
request waits for that. A grammar that is missing or does not fit is no error; the text rules alone decide
then. Not for what is read in a tree (inside.py).
"""

from __future__ import annotations

import logging
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

log = logging.getLogger(__name__)

GRAMMARS = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "css": ("tree_sitter_css", "language"),
    "go": ("tree_sitter_go", "language"),
    "html": ("tree_sitter_html", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "javascriptreact": ("tree_sitter_javascript", "language"),
    "lua": ("tree_sitter_lua", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "shellscript": ("tree_sitter_bash", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescriptreact": ("tree_sitter_typescript", "language_tsx"),
}
"""Language ids, their grammars' modules, and the function there."""

MOST_SECONDS = 1
"""A parse that takes longer is given up: it runs on the loop. 20 KB take 1 to 3 ms."""

_CHUNK = 4096


class Grammars:
    """The grammars there are, by language id; each is loaded once.

    `table`: as GRAMMARS; an empty one switches them off.
    """

    def __init__(self, table: dict[str, tuple[str, str]] = GRAMMARS) -> None:
        self._table = table
        self._parsers: dict[str, Parser | None] = {}
        self._asked: set[str] = set()

    def parse(self, language: str, source: bytes) -> Node | None:
        """The tree's root; None where no grammar is there (yet), or parsing takes too long."""
        parser = self._parsers.get(language)
        if parser is None:
            self._want(language)
            return None
        until = time.monotonic() + MOST_SECONDS
        try:
            tree = parser.parse(
                lambda at, _: source[at : at + _CHUNK],
                progress_callback=lambda *_: time.monotonic() > until,
            )
        except ValueError:  # given up
            parser.reset()
            return None
        return tree.root_node

    def load(self, language: str) -> bool:
        """Load the grammar here and now; whether it is there."""
        if language not in self._parsers and language in self._table:
            self._parsers[language] = _load(*self._table[language], language)
        return self._parsers.get(language) is not None

    def _want(self, language: str) -> None:
        if language in self._table and language not in self._asked:
            self._asked.add(language)
            threading.Thread(target=self.load, args=(language,), name="grammar", daemon=True).start()


def _load(module: str, function: str, language: str) -> Parser | None:
    try:
        from tree_sitter import Language, Parser

        return Parser(Language(getattr(import_module(module), function)()))
    except Exception as error:  # a wheel can fail in any way; the text rules are there
        log.debug("no grammar for %s: %s", language, type(error).__name__)
        return None
