from __future__ import annotations

import pytest

from twinny_lsp.chat.mentions import Begun, Kind, begun, file_mention, find


def shown(text: str) -> list[tuple[str, str, tuple[int, int] | None]]:
    return [(m.kind.value, m.name, (m.rows.start, m.rows.stop) if m.rows else None) for m in find(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see @file:src/a.py.", [("file", "src/a.py", None)]),
        ("(@file:./a.py:3-9), @file:b:10", [("file", "a.py", (2, 9)), ("file", "b", (9, 10))]),
        ('@file:"my file.py":2-3 x', [("file", "my file.py", (1, 3))]),
        ('"@file:a.py"', [("file", "a.py", None)]),
        ("@selection and @selection", [("selection", "", None)]),
        ("@open, @diagnostics; @diff!", [("open", "", None), ("diagnostics", "", None), ("diff", "", None)]),
        ("@symbol:a.B::c", [("symbol", "a.B::c", None)]),
        ("@workspace where is x?\nmore", [("workspace", "where is x?", None)]),
        ("me@file:x.py @@open @opener @open-source @file @file: /@diff", []),
        ("`@diff` and\n```\n@open\n```\n", []),
    ],
)
def test_what_is_a_mention(text: str, found: object) -> None:
    assert shown(text) == found


@pytest.mark.parametrize("path", ["a.py", "my file.py", "a(1)", "ends.", "ü/ß.rs"])
@pytest.mark.parametrize("rows", [None, range(0, 1), range(4, 9)])
def test_a_file_is_mentioned_so_that_it_is_found(path: str, rows: range | None) -> None:
    (mention,) = find(f"see {file_mention(path, rows)} there")
    assert (mention.kind, mention.name, mention.rows) == (Kind.FILE, path, rows)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("hi @", Begun(None, "", 1)),
        ("@fi", Begun(None, "fi", 3)),
        ("x @file:src/", Begun(Kind.FILE, "src/", 10)),
        ('@file:"my', Begun(Kind.FILE, "my", 9)),
        ("@symbol:Fo", Begun(Kind.SYMBOL, "Fo", 10)),
        ("a@b", None),
        ("`@f", None),
        ("@diff:", None),
        ("@file:a b", None),
    ],
)
def test_what_is_being_typed(line: str, wanted: Begun | None) -> None:
    assert begun(line) == wanted
