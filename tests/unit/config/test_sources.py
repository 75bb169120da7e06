"""Where settings come from: files that may be broken, and clients that wrap them differently."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from twinny_lsp.config.restrict import FILE_NAME
from twinny_lsp.config.sources import (
    nearest_project_file,
    path_of,
    read_toml,
    section,
    shown_path,
    user_config_path,
)

OURS = {"completion": {"enabled": False}}


@pytest.mark.parametrize(
    ("sent", "ours"),
    [
        (OURS, OURS),
        ({"twinny-lsp": OURS}, OURS),
        ({"twinny-lsp": OURS, "twinny": {"enabled": True}, "python": {}}, OURS),
        ({"twinny-lsp": None}, None),
        ({"twinny-lsp.completion": {"enabled": False}, "editor.tabSize": 4}, OURS),
        ({**OURS, "twinny": {"apiHostname": "h"}, "twinny.enabled": True}, OURS),
        ({"twinny": {"enabled": False}}, None),
        ({"python": {}, "pylsp": {}}, None),
        ({}, None),
        (None, None),
        ([OURS], [OURS]),
    ],
)
def test_section(sent: object, ours: object) -> None:
    assert section(sent) == ours


def test_user_config_path(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    path = user_config_path()
    assert path.name == "config.toml"
    assert path.parent.name == "twinny-lsp"
    assert path.is_relative_to(isolated_home)
    monkeypatch.setenv("TWINNY_LSP_CONFIG", "~/mine.toml")
    assert user_config_path() == isolated_home / "mine.toml"


def test_a_file_with_windows_habits(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf[completion]\r\nmax_tokens = 5\r\n")
    read = read_toml(path)
    assert read.problem is None
    assert read.table == {"completion": {"max_tokens": 5}}


@pytest.mark.parametrize(
    ("content", "where", "part"),
    [
        (b"[completion]\nenabled = nope\n", ":2:11", "not valid TOML: Invalid value"),
        (b"[completion]\nenabled", ":2:8", "not valid TOML"),
        (b"[a]\nb = '\xff'\n", ":2:6", "not UTF-8"),
        (b"a = " + b"[" * 100_000, "", "nested too deeply"),
        (b"#" * (1024 * 1024 + 1), "", "larger than 1 MiB"),
    ],
    ids=["value", "end", "encoding", "nesting", "size"],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, content: bytes, where: str, part: str) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    read = read_toml(path)
    assert read.table is None
    assert read.problem is not None
    assert read.problem.source == f"{path}{where}"
    assert part in read.problem.message


def test_a_broken_line_with_a_key_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("api_key = sk-hunter2\n", encoding="utf-8")
    assert "hunter2" not in str(read_toml(path).problem)


def test_what_is_no_file(tmp_path: Path) -> None:
    assert read_toml(tmp_path / "none").problem is None
    assert read_toml(Path(os.devnull)).problem is None
    assert "not a file" in str(read_toml(tmp_path).problem)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE_NAME)
    assert "not a file" in str(read_toml(tmp_path / FILE_NAME).problem)


def test_shown_path(isolated_home: Path) -> None:
    assert shown_path(isolated_home / "a") == os.path.join("~", "a")
    assert shown_path(Path("/elsewhere/a")) == str(Path("/elsewhere/a"))


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a/b%20c/%C3%A9.py", "/a/b c/é.py"),
        ("file:///c%3A/x.py", "c:/x.py"),
        ("file://localhost/a.py", "/a.py"),
        ("vscode-notebook-cell:/a/b.ipynb#W0s", "/a/b.ipynb"),
        ("untitled:Untitled-1", None),
        ("file:///a%00b", None),
        ("a.py", None),
        ("", None),
    ],
)
def test_path_of(uri: str, path: str | None) -> None:
    assert path_of(uri) == (Path(path) if path else None)


def test_the_nearest_project_file_within_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    deep = root / "a" / "b"
    deep.mkdir(parents=True)
    document = deep / "x.py"
    (tmp_path / FILE_NAME).touch()
    assert nearest_project_file(document, root) is None
    (root / FILE_NAME).touch()
    assert nearest_project_file(document, root) == root / FILE_NAME
    (deep / FILE_NAME).touch()
    assert nearest_project_file(document, root) == deep / FILE_NAME
    assert nearest_project_file(tmp_path / "x.py", root) is None
    assert nearest_project_file(root / ".." / "x.py", root) is None
