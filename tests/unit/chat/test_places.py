from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from twinny_lsp.chat.document import parse
from twinny_lsp.chat.places import create, folder_of, is_chat, name_of, title_of

WHEN = datetime(2026, 3, 9, 14, 5, 6)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Why is the parser slow?", "2026-03-09-why-is-the-parser-slow"),
        ("", "2026-03-09-140506"),
        ("???", "2026-03-09-140506"),
        ("@file:src/a.py\nwhat?", "2026-03-09-src-a-py"),
        ("Wie heißt das? 你好", "2026-03-09-wie-heißt-das-你好"),
        ("../../etc/passwd", "2026-03-09-etc-passwd"),
        ("x" * 300, "2026-03-09-" + "x" * 48),
        ("```py\nx = 1\n```\nwhat is it?", "2026-03-09-what-is-it"),
        ("```py\nx = 1\n```", "2026-03-09-py"),
        ("one two three four five six seven", "2026-03-09-one-two-three-four-five-six"),
    ],
)
def test_names_are_dates_and_first_words(text: str, name: str) -> None:
    assert name_of(WHEN, text) == name


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Why is it slow? See @file:a.py", "Why is it slow? See a.py"),
        ("\n# @selection what does this do\n", "what does this do"),
        ("```py\nx = 1\n```\nwhat is it?", "what is it?"),
        ("mail me@example.com", "mail me@example.com"),
        ("word " * 30, "word word word word word word word word word word word word …"),
        ("", ""),
        ("?!", ""),
    ],
)
def test_titles_are_first_words(text: str, title: str) -> None:
    assert title_of(text) == title


def test_a_chat_of_a_project_ignores_itself(tmp_path: Path) -> None:
    path = create(tmp_path, "Why?", when=WHEN)
    assert path == tmp_path / ".twinny" / "chat" / "2026-03-09-why.md"
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert [turn.text for turn in parse(path.read_text()).turns] == ["Why?"]
    assert is_chat(path)
    assert not is_chat(tmp_path / "chat" / "a.md")


def test_a_second_one_of_the_same_name(tmp_path: Path) -> None:
    paths = [create(tmp_path, "Why?", when=WHEN) for _ in range(3)]
    assert [path.stem for path in paths] == [
        "2026-03-09-why",
        "2026-03-09-why-2",
        "2026-03-09-why-3",
    ]


def test_an_ignore_file_of_the_users_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".twinny" / "chat").mkdir(parents=True)
    (tmp_path / ".twinny" / "chat" / ".gitignore").write_text("")
    create(tmp_path)
    assert (tmp_path / ".twinny" / "chat" / ".gitignore").read_text() == ""


def test_outside_of_projects_it_is_the_users_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = create(None, "a")
    assert path.parent == folder_of(None)
    assert is_chat(path)
    assert not (path.parent / ".gitignore").exists()
