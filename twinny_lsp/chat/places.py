"""Where chat documents are kept, and what they are called. Makes folders and files; for a worker's thread.

In a project that is `.twinny/chat/`, which ignores itself in git; outside of any, the user's data folder.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import platformdirs

from twinny_lsp.chat.document import YOU
from twinny_lsp.chat.fences import Fences

FOLDER = Path(".twinny") / "chat"
_MOST_WORDS, _MOST_CHARS = 6, 48
_MOST_OF_A_NAME = 100
_MOST_OF_A_TITLE = 60
_WORD = re.compile(r"\w+")
_MENTION = re.compile(r"(?<![\w@])@[a-z]+:?")
_BY_TIME = re.compile(r"\d{4}-\d\d-\d\d-\d{6}(?:-\d+)?")


def folder_of(root: Path | None) -> Path:
    """Where the chats of a project are; None is for those outside of any."""
    return Path(platformdirs.user_data_path("twinny-lsp")) / "chat" if root is None else root / FOLDER


def name_of(when: datetime, text: str) -> str:
    """A file's name by date and first words ("2026-03-09-why-is-it-slow"), by the time without any."""
    words = [word.lower() for word in _WORD.findall(_MENTION.sub(" ", _first(text)))][:_MOST_WORDS]
    while len(words) > 1 and len("-".join(words)) > _MOST_CHARS:
        words.pop()
    title = "-".join(words)[:_MOST_CHARS]
    return f"{when:%Y-%m-%d}-{title or format(when, '%H%M%S')}"


def is_named_by_time(path: Path) -> bool:
    """Whether a chat's name says nothing of what it is about."""
    return _BY_TIME.fullmatch(path.stem) is not None


def title_of(text: str) -> str:
    """The first words of a message, as a heading; "" where it has none."""
    words = _MENTION.sub("", _first(text)).strip(" \t#>*-").split()
    title = ""
    while words and len(title) + len(words[0]) < _MOST_OF_A_TITLE:
        title = f"{title} {words.pop(0)}".strip()
    return f"{title} …" if words and title else title


def _first(text: str) -> str:
    """The first line that has words; one of code only where there is no other."""
    fences = Fences()
    lines = [(fences.feed(line), line) for line in text.split("\n")]
    worded = (each for each in lines if _WORD.search(each[1]))
    return min(worded, key=lambda each: each[0], default=(False, ""))[1]


def create(root: Path | None, text: str = "", front: str = "", when: datetime | None = None) -> Path:
    """Make a new chat document with the user's first words in it (it may be none); its path.

    Raises OSError when it cannot be written.
    """
    folder = folder_of(root)
    folder.mkdir(parents=True, exist_ok=True)
    if root is not None:
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    name = name_of(when or datetime.now(), text)
    content = f"{front}{YOU}\n\n{text.strip()}\n" if text.strip() else f"{front}{YOU}\n\n"
    for number in range(1, _MOST_OF_A_NAME):
        path = folder / f"{name}{f'-{number}' if number > 1 else ''}.md"
        try:
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(content)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"there are {_MOST_OF_A_NAME} chats of that name")


def append(path: Path, text: str) -> None:
    """Put text at the end of a chat document. Raises OSError."""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def is_chat(path: Path) -> bool:
    """Whether a file is a chat document: it is in a folder of them."""
    folder = path.parent
    return path.suffix == ".md" and (
        (folder.name == "chat" and folder.parent.name == ".twinny") or folder == folder_of(None)
    )
