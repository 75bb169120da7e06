"""Patterns in the syntax of .gitignore, as people write them in settings and ignore files.

Comes with the import of pathspec, so only after `initialized`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pathspec import GitIgnoreSpec, RegexPattern

_CLASS = re.compile(r"\[[!^]?\]?(?:\[:\w+:\]|\\.|[^\]\\])*+\]")
_NAMED = re.compile(r"\[:(\w+):\]")
_NAMES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_STARS, _MANY_STARS = re.compile(r"\*+"), re.compile(r"\*{3,}")
_MOST_STARS = 6


def compiled(patterns: Iterable[str]) -> GitIgnoreSpec:
    """A matcher; what is no pattern is left out, as git does."""
    tame = [_tamed(_translated(line)) for line in patterns]
    try:
        return GitIgnoreSpec.from_lines(tame)
    except (ValueError, re.error):
        return GitIgnoreSpec.from_lines([line for line in tame if is_pattern(line)])


def own_verdict(spec: GitIgnoreSpec, path: str) -> bool | None:
    """Whether the last pattern for just this path ignores it (False: an exception); None: there is none.

    A folder's path ends with a slash. Patterns that match only a folder above it are left out: as in git,
    they say nothing of what is in it, least of all an exception such as `!*/`.
    """
    for pattern in reversed(tuple(spec.patterns)):
        if isinstance(pattern, RegexPattern) and pattern.regex is not None and pattern.include is not None:
            found = pattern.regex.finditer(path)
            if any(each.groupdict().get("ps_d") is None or each.end() == len(path) for each in found):
                return pattern.include
    return None


def is_pattern(line: str) -> bool:
    """Whether a line is a pattern, a comment or blank."""
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _translated(pattern: str) -> str:
    """The pattern with what git knows and pathspec does not, `***` and `[[:digit:]]`, written
    otherwise.

    A class that cannot be written out becomes any character; an exception (`!`) with one is none.
    """
    pattern = _MANY_STARS.sub("**", pattern)
    if "[:" not in pattern:
        return pattern
    wide = False

    def written(found: re.Match[str]) -> str:
        nonlocal wide
        if all(name in _NAMES for name in _NAMED.findall(found.group())):
            return _NAMED.sub(lambda name: _NAMES[name.group(1)], found.group())
        wide = True
        return "?"

    made = _CLASS.sub(written, pattern)
    return "" if wide and made.startswith("!") else made


def _tamed(pattern: str) -> str:
    """The pattern, or a wider one where so many stars are in it that matching it could take for ever.

    Such a file comes with somebody's repository. An exception (`!`) that is too wide is none.
    """
    stars = list(_STARS.finditer(pattern))
    if len(stars) <= _MOST_STARS:
        return pattern
    return "" if pattern.startswith("!") else f"{pattern[: stars[0].start()]}**{pattern[stars[-1].end() :]}"
