"""tree-sitter grammars from their wheels (tests/requirements.txt): what benchmarks judge by.

twinny-lsp itself needs none; docs/architecture.md says what was tried.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from tree_sitter import Language, Node, Parser

GRAMMARS = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}
"""By language id: the grammar's module, and the function there."""


@cache
def _parser(language: str) -> Parser | None:
    module, function = GRAMMARS.get(language, ("", ""))
    return Parser(Language(getattr(import_module(module), function)())) if module else None


def parse(language: str, text: str) -> Node | None:
    """The root of the text's tree; None for a language that is not in the table."""
    parser = _parser(language)
    return parser.parse(text.encode()).root_node if parser is not None else None
