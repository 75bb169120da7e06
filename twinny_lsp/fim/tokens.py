"""Special tokens in the user's own code, made harmless.

A server parses `<|fim_middle|>` in a raw prompt as the control token, wherever it stands: a file that has
such text in it (this program's own source does) would tear its prompt apart. So one space is put before the
token's last character: `<|fim_middle| >`. No tokenizer matches that, and it is the smallest change to what
the model reads: plain ASCII that it has seen a thousand times (a zero-width character or a look-alike
becomes rare byte tokens, which small models drop or garble), the line stays as it is but for one blank, and
`<s >` is still good HTML.

The document is never changed. A model that repeats the text repeats it with the blank, so `restore` takes
the blank out of its answer again. If the user's text already has the form with one space, two are used, and
so on: what is undone is only ever what was done.

Not for prompts whose server does not parse special tokens (llama.cpp's /infill): those stay untouched.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@functools.lru_cache(maxsize=64)
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    """All tokens, longest first. All begin with `<` or `[`, by which a search finds them fast."""
    return re.compile("|".join(re.escape(token) for token in sorted(set(tokens), key=lambda t: (-len(t), t))))


@dataclass(frozen=True, slots=True)
class Breaker:
    """Which tokens are broken up in one prompt, and into what; made by `breaker`."""

    tokens: tuple[str, ...]
    broken: Mapping[str, str] = field(default_factory=dict)

    def hide(self, text: str) -> str:
        """`text` with its special tokens broken up."""
        if not self.broken:
            return text
        return _pattern(self.tokens).sub(lambda found: self.broken[found[0]], text)

    def restore(self, text: str) -> str:
        """`text`, by the model, with the tokens of the user's code whole again."""
        for token, broken in self.broken.items():
            text = text.replace(broken, token)
        return text


def breaker(texts: Iterable[str], tokens: tuple[str, ...]) -> Breaker:
    """What has to be done to `texts` so that none of `tokens` is parsed in them.

    `hide` takes these texts only: it knows no other token than those that occur in them.
    """
    pieces = [text for text in texts if text]
    if not tokens:
        return Breaker(())
    found = {token for piece in pieces for token in _pattern(tokens).findall(piece)}
    broken: dict[str, str] = {}
    for token in sorted(found):
        width = 1
        while any(_spaced(token, width) in piece for piece in pieces):
            width += 1
        broken[token] = _spaced(token, width)
    return Breaker(tokens, broken)


def _spaced(token: str, width: int) -> str:
    return f"{token[:-1]}{' ' * width}{token[-1]}"


_LOOKS_SPECIAL = re.compile(
    r"<\|[^\s<>|]{1,40}\|>|<｜[^\s<>｜]{1,40}｜>|<\[[^\s<>\[\]]{1,40}\]>|<[A-Z]{2,12}>|<fim[-_][a-z]{1,12}>"
    r"|\[/?[A-Z]{3,12}\]"
)


def special_looking(text: str, known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What looks like special tokens in a template's own text, in order, each once; `known` always do."""
    found = [match[0] for match in _LOOKS_SPECIAL.finditer(text)]
    if known:
        found += [match[0] for match in _pattern(known).finditer(text)]
    return tuple(dict.fromkeys(found))
