"""Files that belong to a file by their name: its test, what it tests, its header, its component's other half.

Pure: names in, names out; which of them are there is for the caller to see.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import NamedTuple

_TEST_FOLDERS = ("tests", "test", "spec", "__tests__", "specs", "tests/unit", "test/unit")
_SOURCE_FOLDERS = ("src", "lib", "app", "")
_TEST_NAME = re.compile(
    r"^(?:test[_-](?P<py>.+)|(?P<end>.+?)(?:[._-](?:test|tests|spec)|(?:Tests?|Spec|IT|TestCase)))$"
)
_HEADERS, _BODIES = (".h", ".hpp", ".hh", ".hxx", ".cuh"), (".c", ".cc", ".cpp", ".cxx", ".cu", ".m", ".mm")
_HALVES = (
    (".component.ts", ".component.html"),
    (".component.ts", ".component.scss"),
    (".razor.cs", ".razor"),
    (".cshtml.cs", ".cshtml"),
    (".xaml.cs", ".xaml"),
    (".ml", ".mli"),
    (".res", ".resi"),
    (".py", ".pyi"),
)
_MARKS = {
    ".py": ("test_{}", "{}_test"),
    ".go": ("{}_test",),
    ".rb": ("{}_spec", "{}_test"),
    ".ex": ("{}_test",),
    ".lua": ("{}_spec",),
    ".rs": ("{}", "{}_test", "test_{}"),
    ".dart": ("{}_test",),
    ".java": ("{}Test", "{}Tests", "{}IT"),
    ".kt": ("{}Test", "{}Tests"),
    ".scala": ("{}Spec", "{}Test"),
    ".groovy": ("{}Spec", "{}Test"),
    ".cs": ("{}Tests", "{}Test"),
    ".swift": ("{}Tests",),
    ".php": ("{}Test",),
    ".c": ("test_{}", "{}_test"),
    ".cc": ("{}_test", "test_{}"),
    ".cpp": ("{}_test", "test_{}"),
}
_SCRIPTS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".vue", ".svelte")
_TEST_ENDINGS = {".ex": ".exs"}


class Related(NamedTuple):
    """Paths of which the first that is there counts. `outline`: its definitions matter, else its text."""

    paths: tuple[str, ...]
    outline: bool
    why: str


def related(path: str) -> tuple[Related, ...]:
    """What belongs to a file, the most telling first."""
    folder, name = posixpath.split(path)
    stem, ending = posixpath.splitext(name)
    found: list[Related] = []
    if ending in _BODIES:
        found.append(Related(_headers(folder, stem, _HEADERS), True, "its header"))
    elif ending in _HEADERS:
        found.append(Related(_headers(folder, stem, _BODIES), False, "what it is the header of"))
    for one, other in _HALVES:
        for this, that in ((one, other), (other, one)):
            if name.endswith(this):
                found.append(Related((path.removesuffix(this) + that,), this != one, "its other half"))
    tested = _TEST_NAME.match(stem)
    if tested is not None:
        found.append(Related(_sources(folder, tested["py"] or tested["end"], ending), True, "what it tests"))
    else:
        found.append(Related(_tests(folder, stem, ending), False, "its test"))
    return tuple(one for one in found if one.paths)


def _headers(folder: str, stem: str, endings: tuple[str, ...]) -> tuple[str, ...]:
    up = posixpath.dirname(folder)
    folders = [folder, f"{up}/include", f"{up}/src", f"{up}/inc", up]
    folders += [_swapped(folder, "src", "include"), _swapped(folder, "include", "src")]
    return _unique(f"{place}/{stem}{end}" for place in dict.fromkeys(folders) for end in endings)


def _tests(folder: str, stem: str, ending: str) -> tuple[str, ...]:
    """Where the test of a source is usually found."""
    if ending in _SCRIPTS:
        endings = dict.fromkeys((ending if ending in _SCRIPTS[:4] else ".ts", ".ts", ".js"))
        names = [f"{stem}.{mark}{end}" for end in endings for mark in ("test", "spec")]
    else:
        names = [mark.format(stem) + _TEST_ENDINGS.get(ending, ending) for mark in _MARKS.get(ending, ())]
    inner = _inner(folder, _SOURCE_FOLDERS)
    folders = [folder, *(f"{folder}/{test}" for test in _TEST_FOLDERS[:4])]
    folders += [f"{outer}/{test}/{rest}" for outer, rest in inner for test in _TEST_FOLDERS]
    folders += [f"{outer}/{test}" for outer, _ in inner for test in _TEST_FOLDERS]
    folders += [_swapped(folder, "src/main", "src/test")]
    return _unique(f"{place}/{name}" for place in dict.fromkeys(folders) for name in names)


def _sources(folder: str, stem: str, ending: str) -> tuple[str, ...]:
    """Where the source of a test is usually found."""
    source = {end: start for start, end in _TEST_ENDINGS.items()}.get(ending, ending)
    names = [stem + end for end in (_SCRIPTS if ending in _SCRIPTS else (source,))]
    inner = _inner(folder, _TEST_FOLDERS)
    folders = [folder, posixpath.dirname(folder)] if posixpath.basename(folder) in _TEST_FOLDERS else [folder]
    folders += [f"{outer}/{src}/{rest}" for outer, rest in inner for src in _SOURCE_FOLDERS]
    folders += [f"{outer}/{src}" for outer, _ in inner for src in _SOURCE_FOLDERS]
    folders += [_swapped(folder, "src/test", "src/main")]
    return _unique(f"{place}/{name}" for place in dict.fromkeys(folders) for name in names)


def _inner(folder: str, marks: tuple[str, ...]) -> list[tuple[str, str]]:
    """The folder as (outer, rest) around each of its parts that is one of `marks`."""
    parts = folder.split("/") if folder else []
    found = [
        ("/".join(parts[:at]), "/".join(parts[at + 1 :])) for at, part in enumerate(parts) if part in marks
    ]
    # A package at the top of the project: its tests mirror it, with its name or without.
    found += [("", "/".join(parts[1:])), ("", folder)]
    return found


def _swapped(folder: str, this: str, that: str) -> str:
    return re.sub(rf"(^|/){this}(?=/|$)", rf"\g<1>{that}", folder)


def _unique(paths: Iterable[str]) -> tuple[str, ...]:
    clean = (re.sub(r"/{2,}", "/", path).lstrip("/") for path in paths)
    return tuple(dict.fromkeys(clean))
