"""The user's own FIM template: `fim.hbs` in the folder of the settings (Twinny's folder by default).

Read again when a file changes. A missing file means Twinny's default text; a file that cannot be read or
that the guard refuses is an error with its line, never a silent fallback to another template.

`fim-system.hbs`, else `system.hbs`, gives `systemMessage`, as it stands and unrendered, as in Twinny.
`fileName` is the *relative* path here: Twinny's absolute one tells the server the user's name and folders.

Not for the templates of the package (catalogue.py).
"""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim.catalogue import template_text
from twinny_lsp.fim.guard import MAX_CHARS, parse
from twinny_lsp.fim.nodes import Template

DEFAULT_DIRECTORY = "~/.twinny/templates"
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
        self.directory = Path(directory).expanduser()
        self._read: tuple[object, CustomTemplate] | None = None

    async def current(self) -> CustomTemplate:
        """The template as it is now on disk; reads off the event loop, and only what has changed.

        Raises TemplateError with file and line when it cannot be used; the next call looks again.
        """
        return await asyncio.to_thread(self.load)

    def load(self) -> CustomTemplate:
        """The same, on the calling thread."""
        marks = tuple(self._mark(name) for name in _NAMES)
        if self._read is not None and self._read[0] == marks:
            return self._read[1]
        fim, system, common = marks
        text = self._text("fim.hbs") if fim else DEFAULT_TEXT
        template = parse(text, self.shown("fim.hbs") if fim else "")
        if not template.puts("prefix"):
            reason = "has no {{{prefix}}}: the model would see nothing of the code before the cursor"
            raise TemplateError(reason, template.path)
        message = self._text("fim-system.hbs") if system else self._text("system.hbs") if common else ""
        made = CustomTemplate(template, message, built_in=fim is None)
        self._read = (marks, made)
        return made

    def shown(self, name: str) -> str:
        """A file's path for messages: with `~` for the home folder."""
        path = self.directory / name
        try:
            return str(Path("~") / path.relative_to(Path.home()))
        except (ValueError, RuntimeError):
            return str(path)

    def _mark(self, name: str) -> tuple[int, int, int] | None:
        """What changes when the file does; None for no file."""
        try:
            status = os.stat(self.directory / name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise TemplateError(f"cannot be read: {error.strerror}", self.shown(name)) from None
        if not stat.S_ISREG(status.st_mode):
            raise TemplateError("is not a file; remove it or put a file in its place", self.shown(name))
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _text(self, name: str) -> str:
        try:
            with (self.directory / name).open("rb") as file:
                data = file.read(4 * MAX_CHARS + 1)
        except OSError as error:
            raise TemplateError(f"cannot be read: {error.strerror}", self.shown(name)) from None
        if len(data) > 4 * MAX_CHARS:
            raise TemplateError(f"is longer than {MAX_CHARS} characters; make it shorter", self.shown(name))
        return template_text(data, self.shown(name))
