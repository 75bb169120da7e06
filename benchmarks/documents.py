"""The document model: is it right (`fuzz`), and what does an edit cost beside pygls' own (`bench`)?

    python -m benchmarks.documents fuzz --edits 1000000
    python -m benchmarks.documents bench

`fuzz` ends with status 1 if there was any difference. `bench` compares within one run; read its ratios,
since the milliseconds are those of the machine.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

from lsprotocol import types
from pygls.workspace import PositionCodec, TextDocument

from tests.unit.documents.reference import ENCODINGS, LINE_ENDS, Maker, Reference, lines_of
from twinny_lsp.documents.document import Document
from twinny_lsp.documents.encoding import Encoding, Range
from twinny_lsp.documents.snapshot import Snapshot
from twinny_lsp.documents.windows import window

EDITS_PER_DOCUMENT = 40
Edit = tuple[Range, str]


def fuzz(edits: int, first_seed: int) -> int:
    """Apply `edits` random edits to both models; return the number of edits after which they differed."""
    started = time.perf_counter()
    combinations = list(itertools.product(ENCODINGS, LINE_ENDS))
    done = differences = 0
    for seed in itertools.count(first_seed):
        if done >= edits:
            break
        encoding, style = combinations[seed % len(combinations)]
        count = min(EDITS_PER_DOCUMENT, edits - done)
        wrong = fuzz_document(seed, encoding, style, count)
        if wrong:
            print(f"seed {seed} ({encoding}, {style}): {wrong} differences")
        differences += wrong
        done += count
    documents = seed - first_seed
    print(
        f"{done:,} random edits of {documents:,} documents ({len(ENCODINGS)} encodings x {len(LINE_ENDS)} "
        f"styles of line ends, odd separators, emoji, lone surrogates): {differences} differences, "
        f"{time.perf_counter() - started:.0f} s"
    )
    return differences


def fuzz_document(seed: int, encoding: str, style: str, edits: int) -> int:
    """One document's life; a difference is counted once per edit and does not spoil the edits after it."""
    maker = Maker(seed, style)
    start = maker.text(10)
    document = Document("file:///a", "python", 1, start, Encoding(encoding))
    reference = Reference(start, encoding)
    differences = 0
    for _ in range(edits):
        rows = len(document.lines)
        span, new = maker.edit(rows)
        place = maker.place(rows)
        try:
            document.apply_incremental(span, new)
            reference.apply(span, new)
            same = agrees(document, reference, place)
        except Exception as error:  # a crash is a difference
            print(f"seed {seed}: {error!r} at {span} {new!r}")
            same = False
        if not same:
            differences += 1
            reference.text = document.text
    return differences


def agrees(document: Document, reference: Reference, place: tuple[int, int]) -> bool:
    """Whether text, lines, sizes and one position, both ways, are the same."""
    snapshot = document.snapshot(*place)
    lines = lines_of(reference.text)
    row, column = reference.row_and_column(*place)
    return (
        document.text == reference.text
        and list(document.lines) == lines
        and document.char_count == len(reference.text)
        and document.byte_count == reference.byte_count()
        and (snapshot.row, snapshot.column) == (row, column)
        and document.position(row, column) == reference.position(row, column)
    )


def code(lines: int, size: int) -> str:
    """A made-up source file of so many lines and about so many characters."""
    width = size // lines - 1
    return "".join(
        f"    value_{at} = compute(value_{at - 1}, {at})".ljust(width, "#") + "\n" for at in range(lines)
    )


def times(action: Callable[[], object], rounds: int) -> list[float]:
    """Milliseconds of each round."""
    taken: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def figures(taken: list[float]) -> str:
    return f"min {min(taken):9.4f}  median {statistics.median(taken):9.4f} ms"


def pygls_document(text: str, encoding: Encoding) -> TextDocument:
    return TextDocument("file:///a", text, 1, "python", position_codec=PositionCodec(encoding.value))


def pygls_edit(document: TextDocument, edit: Edit) -> None:
    line, character, last, end = edit[0]
    span = types.Range(start=types.Position(line, character), end=types.Position(last, end))
    document.apply_change(types.TextDocumentContentChangePartial(range=span, text=edit[1]))


def compare(
    name: str, text: str, encoding: Encoding, there: Edit, back: Edit, rounds: tuple[int, int]
) -> None:
    """Apply an edit and its reverse in turn to both models, check that they agree, print the figures."""
    ours = Document("file:///a", "python", 1, text, encoding)
    theirs = pygls_document(text, encoding)
    turn = itertools.cycle((there, back))
    our_times = times(lambda: ours.apply_incremental(*next(turn)), rounds[0] * 2)
    turn = itertools.cycle((there, back))
    their_times = times(lambda: pygls_edit(theirs, next(turn)), rounds[1] * 2)
    if not ours.text == theirs.source == text:
        raise AssertionError(f"{name}: the texts differ")
    ratio = min(their_times) / min(our_times)
    median = statistics.median(their_times) / statistics.median(our_times)
    print(f"{name}, {encoding.value}")
    print(f"  twinny-lsp  {figures(our_times)}")
    print(f"  pygls       {figures(their_times)}   {ratio:,.0f}x (min), {median:,.0f}x (median)")


def bench() -> None:
    many = code(30_000, 806_000)
    for encoding in (Encoding.UTF16, Encoding.UTF32):
        letter: tuple[Edit, Edit] = ((15_000, 10, 15_000, 10), "x"), ((15_000, 10, 15_000, 11), "")
        newline: tuple[Edit, Edit] = ((15_000, 10, 15_000, 10), "\n"), ((15_000, 10, 15_001, 0), "")
        compare("letter in the middle of 30,000 lines", many, encoding, *letter, (500, 10))
        compare("new line in the middle of 30,000 lines", many, encoding, *newline, (500, 10))
    ascii_line = "const a=1;" * 100_000
    emoji_line = ("const a='\U0001f600é';" * 62_500)[:1_000_000]
    for encoding in (Encoding.UTF16, Encoding.UTF32):
        letter = ((0, 500_000, 0, 500_000), "x"), ((0, 500_000, 0, 500_001), "")
        compare("letter in one line of 1 MB, ASCII", ascii_line, encoding, *letter, (50, 2))
        compare("letter in one line of 1,000,000 characters, emoji", emoji_line, encoding, *letter, (50, 2))
    reading(many, emoji_line)


def reading(many: str, long_line: str) -> None:
    """What the way of a keystroke costs besides the edit."""
    document = Document("file:///a", "python", 1, many, Encoding.UTF16)

    def after_an_edit() -> None:
        document.apply_incremental((15_000, 10, 15_000, 11), "x")
        document.snapshot(15_000, 11)

    print("30,000 lines")
    print(f"  edit and snapshot                   {figures(times(after_an_edit, 200))}")
    print(
        f"  snapshot of an unchanged document   {figures(times(lambda: document.snapshot(15_000, 10), 200))}"
    )
    snapshot = document.snapshot(15_000, 10)
    print(f"  window of 1,792 + 256 tokens        {figures(times(lambda: window(snapshot, 1792, 256), 200))}")
    print(f"  prefix and suffix of 6,000 + 2,000  {figures(times(lambda: both(snapshot), 200))}")
    print(f"  whole text                          {figures(times(lambda: document.text, 50))}")
    print(f"  open                                {figures(times(lambda: document.replace_all(many), 10))}")
    document = Document("file:///a", "javascript", 1, long_line, Encoding.UTF16)
    print("one line of 1,000,000 characters with emoji")
    print(
        f"  snapshot                            {figures(times(lambda: document.snapshot(0, 500_000), 50))}"
    )
    snapshot = document.snapshot(0, 500_000)
    print(f"  window of 1,792 + 256 tokens        {figures(times(lambda: window(snapshot, 1792, 256), 200))}")
    print(f"  prefix and suffix of 6,000 + 2,000  {figures(times(lambda: both(snapshot), 200))}")


def both(snapshot: Snapshot) -> tuple[str, str]:
    return snapshot.prefix(6_000), snapshot.suffix(2_000)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    long_run = commands.add_parser("fuzz", help="compare with the slow reference over random edits")
    long_run.add_argument("--edits", type=int, default=100_000)
    long_run.add_argument("--seed", type=int, default=1)
    commands.add_parser("bench", help="time edits beside pygls")
    options = parser.parse_args()
    if options.command == "fuzz":
        return 1 if fuzz(options.edits, options.seed) else 0
    bench()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
