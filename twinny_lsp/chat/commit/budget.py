"""What of many changes a model is shown, within a budget of tokens: a list of all files, then the most
telling parts of them.

Made by programs and locks are only listed. The others get the budget in turns: each its most telling hunk,
then each its next, so that no large file crowds the small ones out. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twinny_lsp.chat.commit.diff import Change, Hunk, Status
from twinny_lsp.context.deny import Kind, denied, useless
from twinny_lsp.context.secrets import mask
from twinny_lsp.documents.windows import estimate_tokens

_LIST_SHARE = 4
"""The list of files gets the budget divided by this, at most."""
_HUNK_LINES = 40
"""Lines of one hunk, beyond which its middle is left out."""
_CONTEXT = 2
"""Unchanged lines that stay beside a changed one."""
_WIDEST = 240
"""Characters of a line."""
_LEAST_TOKENS = 24
_DEFINES = re.compile(
    r"[+-]\s*(?:(?:export|pub|public|private|protected|static|async|default|abstract|final)\s+)*"
    r"(?:def|class|func|fn|function|interface|struct|enum|trait|type|impl|module|CREATE|ALTER)\b"
)
_TESTS = re.compile(r"(?i)(?:^|/)(?:tests?|specs?|__tests__|fixtures?)/|[._-](?:test|spec)\.|(?:^|/)test_")
_DOCUMENTS = (".md", ".rst", ".txt", ".adoc")
_SETTINGS = (".json", ".toml", ".yml", ".yaml", ".ini", ".cfg")
Judge = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Summary:
    """`stat` lists the files, one a line; `diff` are parts of them. Secrets are masked in both.

    `held_back` counts the files that no model may see, of which nothing is in here.
    """

    stat: str
    diff: str
    files: int
    held_back: int


def summary(changes: Sequence[Change], tokens: int, why_never: Judge) -> Summary:
    """What of the changes fits into so many tokens.

    `why_never` says why no model may see a file of this path, "" when one may.
    """
    seen = [each for each in changes if not any(map(why_never, each.paths))]
    stat = _stat(seen, tokens // _LIST_SHARE)
    left = tokens - estimate_tokens(stat)
    return Summary(stat, _parts(seen, left), len(seen), len(changes) - len(seen))


def _stat(changes: Sequence[Change], tokens: int) -> str:
    """A line for each file; where these are too many, the smaller changes are counted by folder."""
    ordered = sorted(changes, key=lambda each: (_rank(each), -(each.added + each.removed)))
    shown: set[str] = set()
    for change in ordered:
        tokens -= estimate_tokens(_line(change) + "\n")
        if tokens < 0 and shown:
            break
        shown.add(change.path)
    lines = [_line(change) for change in changes if change.path in shown]
    others = Counter(_folder(change.path) for change in changes if change.path not in shown)
    lines += [f"and {count} more in {folder}" for folder, count in others.most_common(8)]
    rest = sum(others.values()) - sum(count for _, count in others.most_common(8))
    return mask("\n".join((*lines, f"and {rest} more elsewhere") if rest else lines))


def _line(change: Change) -> str:
    path = f"{change.old_path} -> {change.path}" if change.old_path else change.path
    size = " (binary)" if change.binary else f" +{change.added} -{change.removed}"
    return f"{change.status} {path}{size}"


def _folder(path: str) -> str:
    return f"{path.split('/')[0]}/" if "/" in path else "the top folder"


def _parts(changes: Sequence[Change], tokens: int) -> str:
    """The hunks that fit, in the order of the diff, each file under its name."""
    shown = [change for change in sorted(changes, key=_rank) if _rank(change) < _LISTED]
    hunks = {change.path: [_short(hunk) for hunk in change.hunks] for change in shown}
    turns = {change.path: _most_telling_first(change.hunks) for change in shown}
    chosen: dict[str, set[int]] = {}
    for turn in range(max(map(len, turns.values()), default=0)):
        for path, order in turns.items():
            if turn >= len(order) or tokens < _LEAST_TOKENS:
                continue
            cost = estimate_tokens("\n".join(hunks[path][order[turn]])) + 2
            cost += 0 if path in chosen else estimate_tokens(path) + 4
            if cost <= tokens:
                tokens -= cost
                chosen.setdefault(path, set()).add(order[turn])
    made: list[str] = []
    for change in changes:
        if change.path in chosen:
            made.append(_head(change))
            for at in sorted(chosen[change.path]):
                made += hunks[change.path][at]
    return "\n".join(made)


def _head(change: Change) -> str:
    return f"--- {change.path}" if change.status is Status.DELETED else f"+++ {change.path}"


_LISTED = 9
"""The rank from which on a file is only listed."""


def _rank(change: Change) -> int:
    """The order in which files get their turns: sources, then settings, tests, documents; then the listed."""
    verdict = denied(change.path)
    added = "\n".join(line[1:] for hunk in change.hunks for line in hunk.lines[:60])
    if change.binary or (verdict is not None and verdict.kind is Kind.NOISE) or useless(added):
        return _LISTED
    if change.status is Status.DELETED:
        return 4
    if _TESTS.search(change.path):
        return 2
    ending = posixpath.splitext(change.path)[1].lower()
    return 3 if ending in _DOCUMENTS else 1 if ending in _SETTINGS else 0


def _most_telling_first(hunks: Sequence[Hunk]) -> list[int]:
    return sorted(range(len(hunks)), key=lambda at: -_telling(hunks[at]))


def _telling(hunk: Hunk) -> float:
    """How much a hunk tells: definitions first, then what was changed and not only added, then its size."""
    changed = [line for line in hunk.lines if line[:1] in ("+", "-") and line[1:].strip()]
    defines = sum(_DEFINES.match(line) is not None for line in changed)
    both = any(line[0] == "+" for line in changed) and any(line[0] == "-" for line in changed)
    return 4 * min(defines, 3) + 2 * both + min(len(changed), 20) / 10


def _short(hunk: Hunk) -> list[str]:
    """The hunk with few unchanged lines and no very long ones, its middle left out where it is long."""
    changed = [at for at, line in enumerate(hunk.lines) if line[:1] in ("+", "-")]
    near = {at + step for at in changed for step in range(-_CONTEXT, _CONTEXT + 1)}
    masked = mask("\n".join(hunk.lines)).split("\n")  # before a line is cut, and a secret in it with it
    lines = [_cut(line) for at, line in enumerate(masked) if at in near]
    if len(lines) > _HUNK_LINES:
        half = _HUNK_LINES // 2
        lines = [*lines[:half], f"[{len(lines) - 2 * half} more lines]", *lines[-half:]]
    return [f"@@ {_cut(mask(hunk.title))}".rstrip(), *lines]


def _cut(line: str) -> str:
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}…"
