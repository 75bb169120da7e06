"""`twinny-lsp complete FILE:LINE:COL`: one completion, asked of the language server as an editor asks.

Prints what goes in at the cursor; `--json` prints the whole answer and how it came about.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twinny_lsp.cli.console import (
    SLOW_S,
    command,
    complain,
    connect,
    out,
    out_json,
    overrides,
    unknown_provider,
)
from twinny_lsp.cli.session import JsonRpcError, Session, SessionClosed
from twinny_lsp.documents.text import content_length, split_lines
from twinny_lsp.languages import language_from_path

WRONG = 2
"""Exit code for wrong arguments."""


class WrongArgument(Exception):
    """The message is for the user."""


@dataclass(frozen=True, slots=True)
class Where:
    """A cursor in a file; `line` and `column` count from 0, in code points."""

    path: Path
    text: str
    line: int
    column: int

    @property
    def language(self) -> str:
        """The language id, from the file's name or its `#!` line."""
        return language_from_path(self.path.name, self.text.partition("\n")[0])

    @property
    def line_text(self) -> str:
        """The cursor's line, without its terminator."""
        line = split_lines(self.text)[self.line]
        return line[: content_length(line)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said, and how long it took, in ms."""

    items: list[dict[str, Any]]
    why: dict[str, Any]
    started_ms: float
    answered_ms: float


def run(options: argparse.Namespace) -> int:
    """0 with a completion, 1 without (the reason is on stderr), 2 for wrong arguments."""
    try:
        where = read_where(options.where)
        if problem := unknown_provider(options.provider):
            raise WrongArgument(problem)
    except WrongArgument as error:
        complain(f"twinny-lsp complete: {error}")
        return WRONG
    settings = overrides("completion", options.provider, options.model)
    if chosen := settings["completion"]:
        # A row of the user's own for this language would be the stronger otherwise.
        settings["completion"] = {**chosen, "languages": {where.language: chosen}}
    # One answer is asked for, and nobody is there for what might follow it.
    settings["completion"] |= {"speculate": False, "candidates": 1}
    try:
        answer = asyncio.run(ask(where, settings))
    except JsonRpcError as error:
        complain(error.message)
        return 1
    except (SessionClosed, TimeoutError) as error:
        complain(f"The language server gave no answer. {error}".strip())
        return 1
    return show(where, answer, as_json=options.json)


def read_where(given: str) -> Where:
    """FILE:LINE:COL, counted from 1; FILE may hold colons itself. Raises WrongArgument."""
    name, line, column = split_where(given)
    path = Path(name).expanduser()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise WrongArgument(f"{name} is not UTF-8 text") from None
    except OSError as error:
        raise WrongArgument(f"{name}: {error.strerror or 'cannot be read'}") from None
    lines = split_lines(text)
    if not 1 <= line <= len(lines):
        raise WrongArgument(f"{name} has {len(lines)} lines, so there is no line {line}")
    length = content_length(lines[line - 1])
    if not 1 <= column <= length + 1:
        raise WrongArgument(
            f"line {line} of {name} has {length} characters, so the cursor can be at column 1 to {length + 1}"
        )
    return Where(path.resolve(), text, line - 1, column - 1)


def split_where(given: str) -> tuple[str, int, int]:
    """The three parts; the last two colons count, so a drive letter stays with its path."""
    parts = given.rsplit(":", 2)
    if len(parts) != 3 or not parts[0] or not all(_is_number(part) for part in parts[1:]):
        raise WrongArgument(f"{given}: give FILE:LINE:COL, both counted from 1, e.g. main.py:12:5")
    return parts[0], int(parts[1]), int(parts[2])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


async def ask(where: Where, settings: dict[str, Any]) -> Answer:
    """Open the document, ask for ghost text at the cursor, and ask why."""
    begun = time.perf_counter()
    async with await connect(settings, _root_of(where.path)) as session:
        started = time.perf_counter()
        uri = where.path.as_uri()
        document = {"uri": uri, "languageId": where.language, "version": 1, "text": where.text}
        session.notify("textDocument/didOpen", {"textDocument": document})
        position = {"line": where.line, "character": where.column}
        params = {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": 1}}
        answer = await session.request("textDocument/inlineCompletion", params, timeout=SLOW_S)
        answered = time.perf_counter()
        why = await _why(session, uri)
        await session.shutdown()
    items = (answer or {}).get("items", [])
    return Answer(items, why, (started - begun) * 1000, (answered - started) * 1000)


async def _why(session: Session, uri: str) -> dict[str, Any]:
    why: dict[str, Any] = await session.request("workspace/executeCommand", command("why", {"uri": uri}))
    return why


def _root_of(path: Path) -> Path:
    """The workspace folder: where the user stands, if the file is below it, else the file's folder."""
    here = Path.cwd()
    return here if path.is_relative_to(here) else path.parent


def show(where: Where, answer: Answer, *, as_json: bool) -> int:
    """Print the answer; the exit code."""
    texts = [inserted(where, item) for item in answer.items]
    if as_json:
        out_json(
            {
                "completion": texts[0] if texts else None,
                "candidates": [
                    {"text": text, "insertText": item["insertText"], "range": item.get("range")}
                    for text, item in zip(texts, answer.items, strict=True)
                ],
                "timings": {
                    "serverStartMs": round(answer.started_ms, 1),
                    "answerMs": round(answer.answered_ms, 1),
                },
                "why": answer.why,
            }
        )
    elif texts:
        out(texts[0])
    if not texts:
        complain(f"No completion.\n{answer.why['text']}")
    return 0 if texts else 1


def inserted(where: Where, item: dict[str, Any]) -> str:
    """The part of an item that is new at the cursor: an item repeats the word it stands behind."""
    text = str(item["insertText"])
    span = item.get("range")
    if not span:
        return text
    covered = where.line_text[span["start"]["character"] : where.column]
    return text.removeprefix(covered)
