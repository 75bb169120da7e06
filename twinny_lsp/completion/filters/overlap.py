"""What stands after the cursor and is repeated at the end of the text is cut off, over several lines.

Cut, not replaced: several editors cannot take away text right of the cursor. Equal to the character; the
question is only whether so much is equal that it is no chance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from twinny_lsp.completion.around import Around
from twinny_lsp.completion.blocks import ends_block
from twinny_lsp.completion.closers import missing
from twinny_lsp.completion.filters.base import FilterInput, Step
from twinny_lsp.completion.returning import returns
from twinny_lsp.completion.text import is_word, unmatched_closers

_LEAST = 3
"""Characters of a part of the rest of the line that must come back."""

_SIGNS = ")]};,:{"
"""A rest of the line that begins with one of these is known by it."""

_SPEAKS = 6
"""Letters and digits of a part that is not there for its closers."""

_CERTAIN = 12
"""So many characters count even when they end within a word: the model was stopped there."""

_WORD, _WORD_AT_END = re.compile(r"\w+"), re.compile(r"\w+$")
_TAG = re.compile(r"\s*</([\w.:-]+)")


def overlap(text: str, given: FilterInput) -> Step:
    """Cut the longest beginning of what stands after the cursor that the text ends with."""
    around, suffix = given.around, given.around.suffix
    if around.bottom and text.endswith(suffix) and _whole_rest(text, around):
        return Step(text[: len(text) - len(suffix)], "cut the rest of the document")
    rest = around.after.strip()
    # Where the text ends in a begun line, that is no line end after a repetition.
    begun = given.shape.whole and text[-1:] in {" ", "\t"} and "\n" in text
    for body in (text,) if begun else dict.fromkeys((text, text.rstrip())):
        for wanted in (suffix, rest) if rest and not suffix.startswith(rest) else (suffix,):
            for at in returns(body, wanted):
                part = _Part(body[at:], body[:at], wanted, around, given.shape.whole)
                if _counts(part, glued=body is text):
                    return Step(body[:at], "cut what stands after the cursor")
    return Step(text)


def _whole_rest(text: str, around: Around) -> bool:
    """Whether all that is left of the document comes again; one closer alone may be a deeper one."""
    suffix = around.suffix
    filled = [line for line in suffix.split("\n") if line.strip()]
    if len(filled) != 1:
        return bool(filled)
    deeper = suffix[:1] in " \t" and text[: len(text) - len(suffix)][-1:] in {" ", "\t"}
    return not (deeper and ends_block(filled[0], around.language))


@dataclass(frozen=True, slots=True)
class _Part:
    """`text` is the repeated part, `kept` what stands before it; `suffix` begins with `text`."""

    text: str
    kept: str
    suffix: str
    around: Around
    whole: bool

    @property
    def rest(self) -> str:
        """The rest of the cursor's line."""
        return self.suffix.partition("\n")[0].rstrip()

    @property
    def told(self) -> int:
        """Letters and digits that tell something: an `end` is no more than a bracket."""
        lines = [line for line in self.text.split("\n") if line.strip()]
        bare = not any(sign in self.text for sign in ("(", "</"))
        if bare and all(ends_block(line, self.around.language) for line in lines):
            return 0
        return sum(map(str.isalnum, self.text))

    @property
    def following(self) -> str:
        """The character that comes after the part where it stands."""
        return self.suffix[len(self.text) : len(self.text) + 1]


def _counts(part: _Part, *, glued: bool) -> bool:
    """Whether the part is more than chance. `glued`: the text goes up to what stands right of the cursor."""
    if not part.text.strip() or _closes_own_tag(part):
        return False
    last = part.kept.rpartition("\n")[2]
    lines = "\n" in part.text or (part.text == part.rest and not last.strip() and "\n" in part.kept)
    if glued and part.text == part.rest and not last.strip() and (lines or part.around.blank):
        return bool(part.around.after.strip())  # one line would say the same twice
    told = part.told
    indented = part.kept[-1:] in {" ", "\t"}
    deeper = indented and (part.text[:1] in " \t" or not last.strip())
    if not told and (deeper or part.suffix is not part.around.suffix):
        return False  # a closer that is not indented like the one that stands there
    if told < _SPEAKS and (not told or not lines) and _closes_own_bracket(part):
        return False
    return _lines_count(part, told) if lines else _rest_counts(part, told)


def _closes_own_tag(part: _Part) -> bool:
    tag = _TAG.match(part.text)
    return tag is not None and part.kept.count(f"<{tag.group(1)}") > part.kept.count(f"</{tag.group(1)}")


def _closes_own_bracket(part: _Part) -> bool:
    """Whether the part closes what the text itself has opened, so that nothing would be better without it."""
    if not unmatched_closers(part.text, part.around.language):
        return False
    return missing(part.kept, part.around) >= missing(part.kept + part.text, part.around)


def _lines_count(part: _Part, told: int) -> bool:
    """A part of whole lines. One letter is a row of a table; none is a closer, a comment's end, a ruler,
    which do not stand twice.
    """
    if part.following not in ("", "\n"):
        return not part.whole and told >= _CERTAIN
    return told != 1 and (not told or part.around.next_line.rstrip() != part.around.last_line.rstrip())


def _word_again(part: _Part) -> bool:
    """Whether a word that is known here would get the same letters twice, and not become another one."""
    word, rest = _WORD_AT_END.search(part.kept + part.text), _WORD.match(part.text)
    if word is None or rest is None:
        return False
    near = _words_of(part.around)
    return word.group() in near and word.group() + rest.group() not in near


def _words_of(around: Around) -> set[str]:
    return {match.group() for match in _WORD.finditer(around.prefix + "\n" + around.suffix)}


def _rest_counts(part: _Part, told: int) -> bool:
    """A part within the rest of the cursor's line, or all of that."""
    bare = part.text.strip()
    starts_word = not (is_word(part.text[:1]) and is_word(part.kept[-1:]))
    if part.text == part.rest and starts_word:
        return told > 0 or bare[0] in _SIGNS or len(bare) > 1
    if part.text == part.rest:
        return len(bare) >= _LEAST or (len(bare) > 1 and bare[-1] in ";:{") or _word_again(part)
    if part.whole and len(bare) < _CERTAIN:
        return False  # the model has stopped by itself, hardly within what stands there
    inside_word = len(bare) < _CERTAIN and is_word(part.text[-1]) and is_word(part.following)
    return len(bare) >= _LEAST and told > 0 and starts_word and not inside_word
