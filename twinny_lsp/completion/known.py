"""What is known of how the text goes on: answers kept, and found again without a request.

An answer belongs to a place and says what comes there. It holds anywhere along that text: typed through,
gone back in, undone, accepted in part, or come to again; as long as what is left and right of it is the
same to the character. So it is kept under where its line begins, beside all others that begin there, in the
order of their texts: those that go on from a cursor are one run in that order, found by bisection and not
by looking at all of them.

Entries are immutable, a failure never comes in; that a model had nothing to add is an answer and does. The
oldest go.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from twinny_lsp.completion.place import FARTHEST, LONGEST_LINE, Cursor, Place, awaited
from twinny_lsp.config.resolved import CompletionSettings, Multiline, Target

KEPT = 1_000
"""Answers, of all documents together: about 2 MiB."""

_TEXT = attrgetter("text")


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that must be equal for an answer or a stream to serve another request."""

    targets: tuple[Target | None, ...]
    multiline: Multiline
    max_tokens: int
    temperature: float
    context_tokens: int
    suffix_tokens: int
    suffix_first: bool

    @classmethod
    def of(cls, settings: CompletionSettings) -> Terms:
        """Those of these settings."""
        return cls(
            (settings.target, *settings.fallback),
            settings.multiline,
            settings.max_tokens,
            settings.temperature,
            settings.context_tokens,
            settings.suffix_tokens,
            settings.suffix_first,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` has line ends `\\n` and is "" when the model had nothing to add (`reason`).

    `whole` False: more was to come, but was not waited for. `replaces` code points right of its end go away.
    `spare`: to choose from, when a person asks; not the first that comes to mind. `by_hand`: a person asked,
    so it is all that belongs there. `target` said it.
    """

    place: Place
    terms: Terms
    text: str
    reason: str = ""
    whole: bool = True
    replaces: int = 0
    spare: bool = False
    by_hand: bool = False
    target: Target | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is left of an answer at a cursor, and the code points right of the cursor that go away with it."""

    text: str
    answer: Answer
    replaces: int = 0


@dataclass(frozen=True, slots=True)
class _Entry:
    """`text` begins where the answer's line does, and so with what stands left of its place."""

    text: str
    answer: Answer
    number: int


_Key = tuple[int, int, int, int]
"""Row, what is above it, what is right of the place, terms."""


class KnownTexts:
    """The answers of all documents."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._by_place: dict[str, dict[_Key, list[_Entry]]] = {}
        self._rows: dict[str, Counter[int]] = {}
        self._terms: list[Terms] = []
        self._age: OrderedDict[int, tuple[str, _Key, _Entry]] = OrderedDict()
        self._count = 0

    def find(self, cursor: Cursor, terms: Terms) -> Known | None:
        """What comes at the cursor: the newest answer that holds there, or a longer one that says the same.

        Its text is "" where the newest answer for just this place is that there is nothing to add.
        """
        best: tuple[_Entry, Known] | None = None
        for entry, known in self._holding(cursor, terms):
            if best is None or _better(entry, known, best[0], best[1]):
                best = entry, known
        if best is None:
            return None
        self._age.move_to_end(best[0].number)
        return best[1]

    def every(self, cursor: Cursor, terms: Terms) -> list[Known]:
        """All different texts known to come at the cursor, the newest first."""
        found = sorted(self._holding(cursor, terms), key=lambda pair: -pair[0].number)
        return list({known.text: known for _, known in reversed(found) if known.text.strip()}.values())[::-1]

    def put(self, answer: Answer, left: str) -> None:
        """Keep an answer; `left` is what stands left of its place on its line."""
        if len(left) > LONGEST_LINE:
            return
        place = answer.place
        key = (place.row, place.above, place.right, self._number_of(answer.terms))
        bucket = self._by_place.setdefault(place.uri, {}).setdefault(key, [])
        entry = _Entry(left + answer.text, answer, self._count)
        self._count += 1
        for old in self._same(bucket, entry):
            self._drop(place.uri, key, old)
        bucket = self._by_place.setdefault(place.uri, {}).setdefault(key, bucket)
        insort(bucket, entry, key=_TEXT)
        self._rows.setdefault(place.uri, Counter())[place.row] += 1
        self._age[entry.number] = place.uri, key, entry
        while len(self._age) > self._kept:
            self._drop(*next(iter(self._age.values())))

    def forget(self, uri: str) -> None:
        """Drop what is known of a document."""
        for bucket in self._by_place.pop(uri, {}).values():
            for entry in bucket:
                del self._age[entry.number]
        self._rows.pop(uri, None)

    def drop_stand_ins(self, target: Target, shown: Place | None) -> None:
        """That target can be asked again: drop what others said in its stead, but for what is on screen."""
        for uri, key, entry in list(self._age.values()):
            answer = entry.answer
            wanted = answer.terms.targets
            if answer.place == shown or target not in wanted or answer.target not in wanted:
                continue
            if wanted.index(target) < wanted.index(answer.target):
                self._drop(uri, key, entry)

    def clear(self) -> None:
        """Drop everything."""
        self._by_place.clear()
        self._rows.clear()
        self._terms.clear()
        self._age.clear()

    def __len__(self) -> int:
        return len(self._age)

    def _holding(self, cursor: Cursor, terms: Terms) -> Iterator[tuple[_Entry, Known]]:
        """The entries that hold at the cursor."""
        uri = cursor.place.uri
        buckets = self._by_place.get(uri)
        if buckets is None or terms not in self._terms:
            return
        number = self._terms.index(terms)
        near = [row for row in self._rows[uri] if 0 <= cursor.row - row <= FARTHEST]
        for row in near:
            since = None
            for closers, right in cursor.rights:
                bucket = buckets.get((row, cursor.above(row), right, number))
                if bucket is None:
                    continue
                since = cursor.since(row) if since is None else since
                yield from _following(bucket, since, closers)

    def _same(self, bucket: list[_Entry], entry: _Entry) -> list[_Entry]:
        """Older entries that say nothing the new one does not say better."""
        place, text = entry.answer.place, entry.answer.text
        return [
            old
            for old in bucket
            if old.answer.place == place
            and (text.startswith(old.answer.text) or (entry.answer.whole and old.answer.text == text))
        ]

    def _drop(self, uri: str, key: _Key, entry: _Entry) -> None:
        buckets, rows = self._by_place[uri], self._rows[uri]
        bucket = buckets[key]
        bucket.remove(entry)
        del self._age[entry.number]
        rows[key[0]] -= 1
        if not rows[key[0]]:
            del rows[key[0]]
        if not bucket:
            del buckets[key]
        if not buckets:
            del self._by_place[uri], self._rows[uri]

    def _number_of(self, terms: Terms) -> int:
        # Targets hold mappings, so they compare but do not hash; there are only ever a few.
        if terms not in self._terms:
            self._terms.append(terms)
        return self._terms.index(terms)


def _following(bucket: list[_Entry], since: str, closers: str) -> Iterator[tuple[_Entry, Known]]:
    """The run of entries whose text begins with what stands between their line's beginning and the cursor."""
    for index in range(bisect_left(bucket, since, key=_TEXT), len(bucket)):
        entry = bucket[index]
        if not entry.text.startswith(since):
            return
        answer = entry.answer
        before = len(entry.text) - len(answer.text)
        rest = entry.text[len(since) :]
        if len(since) < before or (not rest.strip() and (answer.text or len(since) > before)):
            continue
        if closers and not awaited(since[before:]).startswith(closers):
            continue
        put_there = len(closers) if has_closers(rest, closers) else 0
        yield entry, Known(rest, answer, answer.replaces + put_there)


def has_closers(rest: str, closers: str) -> bool:
    """Whether the text writes these closers itself, in that order."""
    at = -1
    return all((at := rest.find(closer, at + 1)) >= 0 for closer in closers)


def _better(entry: _Entry, known: Known, than: _Entry, other: Known) -> bool:
    """Whether it is the newer one, or says more of the same; what is to spare comes after all others."""
    if entry.answer.spare != than.answer.spare:
        return than.answer.spare
    if entry.answer.spare:
        return entry.number < than.number
    if known.text.startswith(other.text) and other.text:
        return True
    if other.text.startswith(known.text) and known.text:
        return False
    return entry.number > than.number
