"""The user's own FIM template: `fim.hbs` in the folder of the settings (Twinny's folder by default).

Read again when a file changes. A missing file means Twinny's default text; a file that cannot be read or
that the guard refuses is an error with its line, never a silent fallback to another template.

`fim-system.hbs`, else `system.hbs`, gives `systemMessage`, as it stands and unrendered, as in Twinny.
`fileName` is the *relative* path here: Twinny's absolute one tells the server the user's name and folders.

Not for the templates of the package (catalogue.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim.folder import DEFAULT_DIRECTORY, TemplateFolder
from twinny_lsp.fim.guard import parse
from twinny_lsp.fim.nodes import Template

DEFAULT_TEXT = "<PRE>{{{prefix}}} <SUF> {{{suffix}}} <MID>"
_NAMES = ("fim.hbs", "fim-system.hbs", "system.hbs")


@dataclass(frozen=True, slots=True)
class CustomTemplate:
    """`built_in`: there is no fim.hbs, so this is the default text."""

    template: Template
    system: str
    built_in: bool


class CustomTemplates:
    """One folder of templates and what was last read from it."""

    def __init__(self, directory: str | Path = DEFAULT_DIRECTORY) -> None:
        self._folder = TemplateFolder(directory)
        self._read: tuple[object, CustomTemplate] | None = None

    @property
    def directory(self) -> Path:
        """The folder."""
        return self._folder.directory

    async def current(self) -> CustomTemplate:
        """The template as it is now on disk; reads off the event loop, and only what has changed.

        Raises TemplateError with file and line when it cannot be used; the next call looks again.
        """
        return await asyncio.to_thread(self.load)

    def load(self) -> CustomTemplate:
        """The same, on the calling thread."""
        folder = self._folder
        marks = tuple(folder.mark(name) for name in _NAMES)
        if self._read is not None and self._read[0] == marks:
            return self._read[1]
        fim, system, common = marks
        text = folder.text("fim.hbs") if fim else DEFAULT_TEXT
        template = parse(text, folder.shown("fim.hbs") if fim else "")
        if not template.puts("prefix"):
            reason = "has no {{{prefix}}}: the model would see nothing of the code before the cursor"
            raise TemplateError(reason, template.path)
        message = folder.text("fim-system.hbs") if system else folder.text("system.hbs") if common else ""
        made = CustomTemplate(template, message, built_in=fim is None)
        self._read = (marks, made)
        return made
