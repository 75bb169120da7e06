"""Patterns in the syntax of .gitignore, as people write them in settings and ignore files.

Comes with the import of pathspec, so only after `initialized`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pathspec import GitIgnoreSpec

_STARS = re.compile(r"\*+")
_MOST_STARS = 6


def compiled(patterns: Iterable[str]) -> GitIgnoreSpec:
    """A matcher; what is no pattern is left out, as git does."""
    tame = [_tamed(line) for line in patterns]
    try:
        return GitIgnoreSpec.from_lines(tame)
    except (ValueError, re.error):
        return GitIgnoreSpec.from_lines([line for line in tame if is_pattern(line)])


def is_pattern(line: str) -> bool:
    """Whether a line is a pattern, a comment or blank."""
    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True


def _tamed(pattern: str) -> str:
    """The pattern, or a wider one where so many stars are in it that matching it could take for ever.

    Such a file comes with somebody's repository. An exception (`!`) that is too wide is none.
    """
    stars = list(_STARS.finditer(pattern))
    if len(stars) <= _MOST_STARS:
        return pattern
    return "" if pattern.startswith("!") else f"{pattern[: stars[0].start()]}**{pattern[stars[-1].end() :]}"
