"""What is wrong with the settings, as data, and the search for what was probably meant.

Nothing here shows or logs; and a setting's value is never part of a message, since it may be a key.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to tell the user about their settings; equal problems are one problem.

    `source` is where it was said: a file (with `:line:column` for one that does not parse) or
    the way an editor sends settings. `path` is the dotted key as it was written, "" for the whole.
    `hint` marks what was understood and works all the same.
    """

    source: str
    path: str
    message: str
    hint: bool = False

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.path, self.message) if part)


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?` for a near miss among `known`, else ""."""
    near = nearest(written, known)
    return f"; did you mean `{near}`?" if near else ""


def near_or_known(written: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?` for a near miss, else all there is: a long list hides the one word that helps."""
    known = tuple(known)
    return did_you_mean(written, known) or f"; known: {listed(known)}"


def nearest(written: str, known: Iterable[str]) -> str:
    """The known name that looks most like what was written, or ""."""
    names = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(written.casefold(), names, n=1, cutoff=0.72)
    return names[found[0]] if found else ""


def listed(names: Iterable[str]) -> str:
    """Names in back-ticks, with commas."""
    return ", ".join(f"`{name}`" for name in names)
