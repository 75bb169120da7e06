"""Where a new file with tests goes, and the place its text is decided for. Pure: what is there is asked.

Not for writing it: that is the editor's, by a `WorkspaceEdit`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from twinny_lsp.chat.edits.passage import Passage, Span, passage
from twinny_lsp.context.related import related

_TEST_FOLDERS = frozenset(("tests", "test", "spec", "specs", "__tests__"))


def test_path(path: str, is_there: Callable[[str], bool]) -> str:
    """The file for the tests of a source: the one that is there already, else where the project has tests.

    Paths are relative, with forward slashes; `is_there` answers for files and folders. A file that is there
    must not be overwritten: that is for the caller to see.
    """
    candidates = [each for one in related(path) if one.why == "its test" for each in one.paths]
    found = next((each for each in candidates if is_there(each)), "")
    if found:
        return found
    in_folders = (each for each in candidates if not _TEST_FOLDERS.isdisjoint(each.split("/")[:-1]))
    fitting = [each for each in in_folders if is_there(posixpath.dirname(each))]
    if fitting:
        return max(fitting, key=lambda each: each.count("/"))  # the one that mirrors the source's folders
    folder, name = posixpath.split(path)
    stem, ending = posixpath.splitext(name)
    return candidates[0] if candidates else posixpath.join(folder, f"{stem}_test{ending}")


def blank(language: str) -> Passage:
    """A file with nothing in it: `decide` gives the text of the new file for it."""
    return passage(("",), Span((0, 0), (0, 0)), language)
