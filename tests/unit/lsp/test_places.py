from __future__ import annotations

import pytest

from twinny_lsp.lsp.places import Place, place_of

HOME, INNER = "file:///home/me/proj", "file:///home/me/proj/sub%20dir"


@pytest.mark.parametrize(
    ("uri", "roots", "place"),
    [
        ("file:///home/me/proj/a/b.py", [HOME], Place("a/b.py", "proj", HOME)),
        ("file:///home/me/proj/sub dir/b.py", [HOME, INNER], Place("b.py", "sub dir", INNER)),
        ("file:///home/me/proj/sub%20dir/b.py", [INNER, HOME], Place("b.py", "sub dir", INNER)),
        ("file:///home/me/project2/b.py", [HOME], Place("b.py")),
        ("file:///home/me/b.py", [], Place("b.py")),
        ("file:///C%3A/x/y.py", ["file:///c:/x"], Place("y.py", "x", "file:///c:/x")),
        ("vscode-notebook-cell:/home/me/proj/n.ipynb#W0s", [HOME], Place("n.ipynb", "proj", HOME)),
        ("untitled:Untitled-1", [HOME], Place("Untitled-1")),
        ("git:/home/me/proj/a.py?ref", [HOME], Place()),
        ("", [HOME], Place()),
    ],
)
def test_only_what_is_inside_the_project_is_told(uri: str, roots: list[str], place: Place) -> None:
    assert place_of(uri, roots) == place
