from __future__ import annotations

from twinny_lsp.chat.retrieval import (
    PART_ROWS,
    Found,
    asked_words,
    best,
    candidates,
    fused,
    joined,
    parts_of,
    words,
)
from twinny_lsp.documents.text import split_lines


def search(question: str, files: dict[str, str], most: int = 3) -> list[str]:
    asked = asked_words(question)
    parts = [
        part for path, text in files.items() for part in parts_of(path, split_lines(text), frozenset(asked))
    ]
    return [one.path for one in best(parts, asked, most)]


def test_names_are_taken_apart() -> None:
    assert words("parseHTTPHeaders parse_http_header 42") == [
        *("parse", "http", "header"),
        *("parse", "http", "header"),
        "42",
    ]


def test_empty_words_count_only_where_there_is_nothing_else() -> None:
    assert asked_words("where is the header parsed?") == ("header", "parsed")
    assert asked_words("what is this") == ("what", "is", "thi")


def test_the_place_that_fits_is_first() -> None:
    files = {
        "a.py": "def parse_header(line):\n    return line.split(':')\n",
        "b.py": "def send(request):\n    request.headers = {}\n" * 3,
        "parser/header.py": "x = 1\n",
        "c.py": "nothing = 0\n",
    }
    assert search("how is a header parsed? parse", files)[0] == "a.py"
    assert "c.py" not in search("how is a header parsed?", files)
    assert search("header of the parser", files)[0] == "parser/header.py"


def test_rare_words_count_more() -> None:
    files = {f"f{i}.py": "value = request\n" for i in range(20)} | {"g.py": "value = quaternion\n"}
    assert search("request quaternion", files, 1) == ["g.py"]


def test_parts_cover_a_file_and_end_at_blank_lines() -> None:
    lines = [f"line {i}\n" if i % 10 else "\n" for i in range(95)]
    rows = [part.rows for part in parts_of("a", lines, frozenset())]
    assert [row for part in rows for row in part] == list(range(95))
    assert all(len(part) <= PART_ROWS for part in rows)
    assert not lines[rows[0].stop - 1].strip()


def test_parts_in_a_row_are_one() -> None:
    found = [Found("a", range(40, 80), 2.0), Found("b", range(0, 9), 1.5), Found("a", range(0, 40), 1.0)]
    assert joined(found) == [Found("a", range(0, 80), 2.0), Found("b", range(0, 9), 1.5)]


def found(*scores: float) -> list[Found]:
    return [Found(name, range(9), score) for name, score in zip("abcdefgh", scores, strict=False)]


def paths(made: list[Found]) -> str:
    return "".join(one.path for one in made)


def test_without_a_model_words_decide() -> None:
    assert paths(fused(found(3, 2, 1), [None, None, None], 2)) == "ab"
    assert paths(fused(found(3, 0), [None, None], 9)) == "a", "no word, and not compared"


def test_words_and_meaning_count_alike() -> None:
    assert paths(fused(found(3, 2, 1), [0.1, 0.9, 0.5], 9)) == "bac"
    assert paths(fused(found(3, 0, 0), [0.1, 0.9, 0.2], 9)) == "abc", "third by meaning, but first by words"
    assert paths(fused(found(3, 2, 0), [None, 0.2, 0.9], 9)) == "bac", "first by one order, whichever"


def test_where_few_parts_have_the_words_others_are_compared_too() -> None:
    files = {"a.py": "login = 1\n", "b.py": "authenticate = 2\n", "c.py": "\n", "d.py": "other = 3\n"}
    asked = asked_words("login")
    parts = [part for path, text in files.items() for part in parts_of(path, [text], frozenset(asked))]
    made = [(one.path, one.score > 0) for one in candidates(parts, asked, 2)]
    assert made == [("a.py", True), ("b.py", False)]
    assert [one.path for one in candidates(parts, asked, 9)] == ["a.py", "b.py", "d.py"]
    assert [one.path for one in candidates(parts, asked, 1)] == ["a.py"]
