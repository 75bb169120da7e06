"""A file's text and what is known of it. Pure; how it is read is files.py's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

from twinny_lsp.context.chunks import Chunk, cut
from twinny_lsp.context.deny import useless
from twinny_lsp.context.imports import Import, imports_of
from twinny_lsp.context.outline import Definition, definitions
from twinny_lsp.documents.text import split_lines


class Code:
    """One version of a file, secrets masked. What is asked of it is worked out once."""

    def __init__(self, path: str, language: str, text: str) -> None:
        self.path = path
        self.language = language
        self.text = text

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Its lines with their terminators."""
        return tuple(split_lines(self.text))

    @cached_property
    def useless(self) -> str:
        """Why it is of no use as context; "" if it is of use."""
        return useless(self.text)

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """What it defines."""
        return definitions(self.lines, self.language)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """What it imports."""
        return imports_of(self.text, self.language)

    @cached_property
    def chunks(self) -> tuple[Chunk, ...]:
        """All of it in parts."""
        return tuple(cut(self.lines))


class Reader(Protocol):
    """The files of one workspace folder, as far as they may be seen."""

    def read(self, path: str) -> Code | None:
        """A file, as the editor has it if it is open; None if it is not there or may not be seen."""
        ...

    def folder(self, path: str, endings: Sequence[str]) -> Sequence[str]:
        """The paths of the files right in a folder that have one of these endings."""
        ...
