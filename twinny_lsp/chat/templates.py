"""The templates of chat prompts: the package's in `prompts/`, and the user's own that go before them.

A file in `templates.directory` replaces the built-in one of the same name (Twinny's names are ours), if it
is not one that Twinny wrote by itself (twinny.py). Any other `.hbs` there is a task of the user's; its first
line says what becomes of the answer, and its title:

    {{! edit: Make it async }}      the answer replaces the code (`answer` and `file` are the others)

Without it the answer is only shown. Every template passes fim/guard.py. Not for what is put into them
(prompting.py).
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from twinny_lsp.chat.tasks import NOT_TASKS, TASKS, Result, Task
from twinny_lsp.chat.twinny import is_twinnys
from twinny_lsp.errors import TemplateError
from twinny_lsp.fim.folder import DEFAULT_DIRECTORY, TemplateFolder
from twinny_lsp.fim.guard import parse
from twinny_lsp.fim.nodes import Template, Vocabulary
from twinny_lsp.fim.render import prepare

PROMPTS = Path(__file__).resolve().parent / "prompts"

VOCABULARY = Vocabulary(
    strings=frozenset(
        ("code", "language", "systemMessage", "fileName")  # Twinny's
    )
    .union(("cwd", "defaultShell", "osName", "homedir"))  # Twinny's, in system.hbs
    .union(("similarCode",))  # Twinny's, up to 3.11; `context` by another name
    .union(("relativePath", "context", "fence", "instruction", "spokenLanguage", "testPath"))
    .union(("diff", "stat", "style")),
    lists=MappingProxyType(
        {
            "diagnostics": frozenset(("line", "severity", "message", "text")),
            "surroundings": frozenset(("above", "below", "place", "language", "fence")),
        }
    ),
)
"""What a template of a chat prompt may name."""

_HEAD = re.compile(r"\s*\{\{~?!\s*(?P<result>edit|answer|file)\b\s*:?\s*(?P<title>[^{}]*?)\s*~?\}\}")
_NAME = re.compile(r"[A-Za-z0-9][\w. -]{0,60}")
_TITLE_CHARS = 60
Mark = tuple[int, int, int]


class Templates:
    """The user's folder and what was last read from it. Its methods may be called at once."""

    def __init__(self, directory: str | Path = DEFAULT_DIRECTORY) -> None:
        self._folder = TemplateFolder(directory)
        self._read: dict[str, tuple[Mark, str, Template]] = {}

    async def find(self, names: Sequence[str], *, built_in: bool = True) -> Template | None:
        """The user's template of the first of these names that is there; else the package's.

        Ready to be rendered. Raises TemplateError with file and line when the user's cannot be used: never is
        another taken in its place.
        """
        found = await asyncio.to_thread(self._find, tuple(names), built_in)
        if found is not None:
            await prepare(found)
        return found

    async def tasks(self) -> tuple[Task, ...]:
        """All tasks: the package's, then the user's own. A file that cannot be used is left out here."""
        own = await asyncio.to_thread(self._own)
        return (*TASKS, *own)

    def shown(self, name: str) -> str:
        """Where the user's file of that name is, or would be, for messages."""
        return self._folder.shown(f"{name}.hbs")

    def _find(self, names: tuple[str, ...], built_in: bool) -> Template | None:
        for name in names:
            read = self._user(name)
            if read is not None:
                return read[2]
        if not built_in:
            return None
        return next((made for name in names if (made := packaged(name)) is not None), None)

    def _user(self, name: str) -> tuple[Mark, str, Template] | None:
        file = f"{name}.hbs"
        mark = self._folder.mark(file)
        if mark is None:
            self._read.pop(name, None)
            return None
        known = self._read.get(name)
        if known is None or known[0] != mark:
            text = self._folder.text(file)
            if is_twinnys(text):
                return None
            known = self._read[name] = (mark, text, parse(text, self._folder.shown(file), VOCABULARY))
        return known

    def _own(self) -> tuple[Task, ...]:
        found: list[Task] = []
        for name in self._folder.names():
            if name in NOT_TASKS or name.endswith("-system") or not _NAME.fullmatch(name):
                continue
            try:
                read = self._user(name)
            except TemplateError:
                continue  # told when it is used
            if read is not None:
                found.append(_task(name, read[1]))
        return tuple(found)


@functools.cache
def packaged(name: str) -> Template | None:
    """The package's template of that name, None if it has none."""
    path = PROMPTS / f"{name}.hbs"
    if not _NAME.fullmatch(name) or not path.is_file():
        return None
    return parse(path.read_text(encoding="utf-8").removesuffix("\n"), f"prompts/{path.name}", VOCABULARY)


def _task(name: str, text: str) -> Task:
    head = _HEAD.match(text)
    title = " ".join(head["title"].split())[:_TITLE_CHARS] if head else ""
    result = Result(head["result"]) if head else Result.ANSWER
    shown = title or re.sub(r"[-_]+", " ", name).capitalize()
    return Task(name, name, shown, result, own=True)
