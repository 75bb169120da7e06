"""Where editors come from, and what is said where they cannot be had. No network here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import packages
from tools.fetch_editors import KNOWN, MARKER, cached, fetch, locate, main
from tools.packages import SUITE, Unavailable, mirrors


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH: only what a test puts there can be run."""
    folder = tmp_path / "commands"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_mirror_is_the_machines_own(commands: Path) -> None:
    script(
        commands / "apt-get",
        "printf '%s\\n' 'http://one/debian/ bookworm Debian' 'http://one/debian/ bookworm-updates Debian'"
        " 'http://sec/ bookworm-security Debian' 'http://shop/debian/ bookworm Shop'"
        " 'http://two/debian/ trixie '",
    )
    assert mirrors() == ["http://one/debian/", "http://two/debian/"]


def test_without_a_mirror_the_reason_is_said(commands: Path) -> None:
    script(commands / "apt-get", "exit 0")
    with pytest.raises(Unavailable, match="no Debian mirror"):
        mirrors()


def test_without_apt_the_reason_is_said(
    commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keyring = tmp_path / "keyring"
    keyring.touch()
    monkeypatch.setattr(packages, "KEYRING", keyring)
    assert main(["nvim", "--cache", str(tmp_path / "cache")]) == 1
    assert capsys.readouterr().err == "nvim: apt-get is not installed\n"


def test_another_system_is_told_apart(
    commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "KEYRING", tmp_path / "no keyring")
    with pytest.raises(Unavailable, match="not a Debian machine"):
        fetch("nvim", tmp_path / "cache")


def test_an_editor_of_ones_own_is_taken(
    commands: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = script(tmp_path / "own" / "nvim", "echo NVIM v0.12.9")
    monkeypatch.setenv("NVIM_BINARY", str(own))
    editor = locate("nvim", tmp_path / "cache")
    assert (editor.binary, editor.version, editor.env) == (own, "NVIM v0.12.9", {})
    own.unlink()
    with pytest.raises(Unavailable, match="is not installed"):
        locate("nvim", tmp_path / "cache")


def test_the_cache_is_used_only_where_it_was_made(commands: Path, tmp_path: Path) -> None:
    root = tmp_path / "nvim"
    binary = script(root / KNOWN["nvim"].binary, "echo NVIM v0.12.4")
    assert cached("nvim", tmp_path) is None, "not finished"
    mark = {"root": str(root), "suite": SUITE, "packages": ["neovim"]}
    (root / MARKER).write_text(json.dumps(mark))
    editor = fetch("nvim", tmp_path)
    assert (editor.binary, editor.version) == (binary, "NVIM v0.12.4")
    assert editor.env == {"VIMRUNTIME": str(root / "usr/share/nvim/runtime")}
    (root / MARKER).write_text(json.dumps({**mark, "root": "elsewhere"}))
    assert cached("nvim", tmp_path) is None, "unpacked elsewhere, so its library paths are wrong"
    (root / MARKER).write_text(json.dumps(mark))
    script(binary, "exit 1")
    assert cached("nvim", tmp_path) is None, "does not run"
