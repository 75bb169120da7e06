"""One golden case: text with a cursor mark, what the model writes, what should be inserted.

Cases are data in the TOML files beside this one; adding one needs no code. Keys of a case:

    name       what it is about
    language   the language id ("python" when absent)
    text       the document, with the cursor as `█`
    model      what the model writes when nobody stops it
    expected   what is inserted; absent when nothing should be
    reason     when nothing should be inserted: a word of the last note
    by         the name of a filter (or `cutter`) that must have acted
    stop       the family's stop words
    multiline  auto, always or never ("auto" when absent)
    invoked    true: a person asked for it
    finish     stop (when absent) or length: the model was cut off by its limit of tokens
    replaces   so many characters right of the cursor go away
    chat       true: a chat model was asked
    eol        the document's line end, "\\r\\n" or "\\r" ("\\n" when absent)
    uncut      true: the model's whole text goes to the filters, past the cutter
    unread     text the stream must not be read into: the stream was closed before it
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from twinny_lsp.completion.around import look_around
from twinny_lsp.completion.cutter import Cutter, Reading
from twinny_lsp.completion.filters import Cleaned, FilterInput, clean, restored
from twinny_lsp.completion.shape import decide
from twinny_lsp.config.resolved import Multiline
from twinny_lsp.documents.snapshot import Snapshot

CURSOR = "█"
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One case; see the module's text."""

    name: str
    text: str
    model: str
    language: str = "python"
    expected: str | None = None
    reason: str = ""
    by: str = ""
    stop: list[str] = field(default_factory=list)
    multiline: str = "auto"
    chat: bool = False
    eol: str = "\n"
    uncut: bool = False
    unread: str = ""
    invoked: bool = False
    finish: str = "stop"
    replaces: int = 0


def cases() -> Iterator[tuple[str, Case]]:
    """Every case, with its id: file and name."""
    for path in sorted(HERE.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["case"]:
            case = Case(**entry)
            yield f"{path.stem}: {case.name}", case


def snapshot_of(text: str, language: str = "python", eol: str = "\n", uri: str = "file:///x") -> Snapshot:
    """The document with the cursor where the mark is."""
    assert text.count(CURSOR) == 1, "exactly one cursor mark"
    before, after = text.split(CURSOR)
    lines = tuple(line + eol for line in (before + after).split("\n"))
    lines = (*lines[:-1], lines[-1][: -len(eol)])
    above, _, left = before.rpartition("\n")
    row = above.count("\n") + 1 if "\n" in before else 0
    return Snapshot(uri, language, 1, lines, row, len(left))


def given_for(case: Case) -> FilterInput:
    """What the filters may look at."""
    around = look_around(snapshot_of(case.text, case.language, case.eol))
    shape = decide(around, Multiline(case.multiline), invoked=case.invoked)
    return FilterInput(around, shape, tuple(case.stop), case.chat)


def stream_through(case: Case, size: int) -> tuple[Cleaned, tuple[str, ...], int]:
    """Run cutter and filters with pieces of `size`: what comes out, all notes, how much was read."""
    given = given_for(case)
    if case.uncut:
        whole = clean(case.model, given)
        return whole, whole.notes, 0
    cutter = Cutter(given.around, given.shape, Reading(tuple(case.stop), chat=case.chat))
    read = 0
    while read < len(case.model) and not cutter.done:
        cutter.feed(case.model[read : read + size])
        read += size
    cut = (f"cutter: {cutter.why}",) if cutter.done else ()
    cutter.finish(case.finish == "stop")
    text = cutter.text if cutter.certain or case.finish == "stop" else cutter.text.rpartition("\n")[0]
    cleaned = clean(text, given)
    return cleaned, (*cut, *cutter.notes, *cleaned.notes), read


def check(case: Case) -> None:
    """The case holds, however the stream is cut into pieces."""
    assert (case.expected is None) != (case.reason == ""), "say what is expected, or why nothing is"
    for size in (1, 2, 3, 5, 8, 13, len(case.model) + 1):
        cleaned, notes, read = stream_through(case, size)
        text = restored(cleaned.text, case.eol) if cleaned.text is not None else None
        assert text == case.expected, f"pieces of {size}: {text!r}, notes: {notes}"
        assert cleaned.replaces == case.replaces, f"replaces {cleaned.replaces}, notes: {notes}"
        if case.expected is None:
            assert any(case.reason in note for note in notes), notes
        if case.by and size > 1:
            assert any(note.startswith(f"{case.by}:") for note in notes), f"pieces of {size}: {notes}"
        if case.unread and size == 1:
            assert case.unread in case.model
            assert read <= case.model.index(case.unread) + 2, f"read on to {case.model[:read]!r}"
    if case.expected is not None:
        _clean_again(case)


def _clean_again(case: Case) -> None:
    """What was cleaned stays as it is when it is cleaned once more: filters do not eat good text."""
    assert case.expected is not None
    again = clean(case.expected, given_for(case))
    assert again.text == case.expected.replace(case.eol, "\n"), again.notes
