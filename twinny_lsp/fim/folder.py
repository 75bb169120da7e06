"""A folder of the user's templates: which files there are, whether they changed, what is in them.

Not for what a file means (custom.py, chat/templates.py); blocks, so it runs on a thread.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twinny_lsp.errors import TemplateError
from twinny_lsp.fim.catalogue import template_text
from twinny_lsp.fim.guard import MAX_CHARS

DEFAULT_DIRECTORY = "~/.twinny/templates"
_MOST = 200
"""Templates of one folder that are listed."""


class TemplateFolder:
    """The folder of `templates.directory`. It need not be there."""

    def __init__(self, directory: str | Path = DEFAULT_DIRECTORY) -> None:
        self.directory = Path(directory).expanduser()

    def shown(self, name: str) -> str:
        """A file's path for messages: with `~` for the home folder."""
        path = self.directory / name
        try:
            return str(Path("~") / path.relative_to(Path.home()))
        except (ValueError, RuntimeError):
            return str(path)

    def names(self) -> tuple[str, ...]:
        """The names of the templates in it, without `.hbs`, sorted; none where it cannot be read."""
        try:
            with os.scandir(self.directory) as entries:
                found = [entry.name for entry in entries if entry.name.endswith(".hbs")]
        except OSError:
            return ()
        return tuple(name.removesuffix(".hbs") for name in sorted(found)[:_MOST])

    def mark(self, name: str) -> tuple[int, int, int] | None:
        """What changes when the file does; None for no file. Raises TemplateError for what is no file."""
        try:
            status = os.stat(self.directory / name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise TemplateError(f"cannot be read: {error.strerror}", self.shown(name)) from None
        if not stat.S_ISREG(status.st_mode):
            raise TemplateError("is not a file; remove it or put a file in its place", self.shown(name))
        return status.st_mtime_ns, status.st_size, status.st_ino

    def text(self, name: str) -> str:
        """A file's text, without its last line end. Raises TemplateError when it cannot be used."""
        try:
            with (self.directory / name).open("rb") as file:
                data = file.read(4 * MAX_CHARS + 1)
        except OSError as error:
            raise TemplateError(f"cannot be read: {error.strerror}", self.shown(name)) from None
        if len(data) > 4 * MAX_CHARS:
            raise TemplateError(f"is longer than {MAX_CHARS} characters; make it shorter", self.shown(name))
        return template_text(data, self.shown(name))
