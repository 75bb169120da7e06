"""One golden case: a document with a selection, a model's whole answer, the document afterwards or a no.

Cases are data in the .txt files beside this one; adding one needs no code. A case is made of parts, each
begun by a line with a mark:

    ════ NAME                       what the case is about
    ──── document LANGUAGE [crlf]   the document, with the selection in ⟦ ⟧
    ──── answer [length]            what the model wrote; `length`: it was cut off by its limit of tokens
    ──── after                      the document afterwards
    ──── no WHY                     instead of it: nothing changes, for this reason (decide.Why)
    ──── notes                      parts of what is told besides, one a line

A line `·` stands for no line end at the end of a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twinny_lsp.chat.edits.changes import edits
from twinny_lsp.chat.edits.decide import No, Replacement, Why, decide
from twinny_lsp.chat.edits.passage import Passage, Span, applied, passage
from twinny_lsp.documents.text import split_lines
from twinny_lsp.exchange import Finish

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    name: str
    parts: dict[str, tuple[list[str], str]]
    """By their first word: the other words of the mark, and the text."""


def cases(*paths: Path) -> Iterator[tuple[str, Case]]:
    """Every case of the files (of all beside this one when none is named), with its id: file and name."""
    for path in paths or sorted(HERE.glob("*.txt")):
        for chunk in path.read_text(encoding="utf-8").split("\n════ ")[1:]:
            name, *parts = chunk.split("\n──── ")
            made: dict[str, tuple[list[str], str]] = {}
            for part in parts:
                head, _, text = part.partition("\n")
                kind, *more = head.split()
                assert kind not in made, f"{name}: two parts {kind}"
                made[kind] = more, _text(text)
            yield f"{path.stem}: {name.strip()}", Case(name.strip(), made)


def _text(text: str) -> str:
    text = text.rstrip("\n") + "\n"
    if text == "·\n":
        return ""
    return text.removesuffix("\n·\n") if text.endswith("\n·\n") else text


def passage_of(case: Case) -> Passage:
    """The selection of a case."""
    (language, *more), text = case.parts["document"]
    assert text.count("⟦") == text.count("⟧") == 1, "one selection"
    start, end = text.index("⟦"), text.index("⟧") - 1
    bare = text.replace("⟦", "").replace("⟧", "")

    def place(at: int) -> tuple[int, int]:
        return bare.count("\n", 0, at), at - (bare.rfind("\n", 0, at) + 1)

    eol = "\r\n" if "crlf" in more else "\n"
    lines = [line.replace("\n", eol) for line in split_lines(bare)]
    return passage(lines, Span(place(start), place(end)), language)


def outcome_of(case: Case) -> tuple[Passage, Replacement | No]:
    given = passage_of(case)
    more, answer = case.parts["answer"]
    return given, decide(answer, given, finish=Finish.LENGTH if "length" in more else Finish.STOP)


def check(case: Case) -> None:
    """The case holds: exactly this document, or exactly this reason."""
    given, outcome = outcome_of(case)
    if "no" in case.parts:
        why = Why(" ".join(case.parts["no"][0]))
        assert isinstance(outcome, No), f"no was expected, but: {outcome}"
        assert outcome.why is why, f"{outcome.why}: {outcome.message}"
        assert outcome.message.endswith((".", "?", "!")), outcome.message
        return
    assert isinstance(outcome, Replacement), f"{outcome.why}: {outcome.message}"
    after = applied(given.lines, edits(given, outcome.text))
    expected = case.parts["after"][1]
    eol = "\r\n" if "crlf" in case.parts["document"][0] else "\n"
    assert after == expected.replace("\n", eol), f"\n{after}"
    for note in case.parts.get("notes", ([], ""))[1].strip().split("\n"):
        assert any(note in each for each in outcome.notes) or not note, outcome.notes
    assert outcome.notes == () or "notes" in case.parts, outcome.notes
