"""Saving a choice: the lines that are meant change, nothing else does."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from twinny_lsp.config.saving import save
from twinny_lsp.errors import SettingsError

COMMENTED = """\
# my settings
[completion]  # while I type
model = "old"   # the small one
max_tokens = 64

[chat]
model = "talker"
"""

CASES = {
    "an empty file": ("", {"model": "new"}, '[completion]\nmodel = "new"\n'),
    "a value with a comment": (
        COMMENTED,
        {"model": "new"},
        COMMENTED.replace('"old"', '"new"'),
    ),
    "a key that was not there": (
        COMMENTED,
        {"provider": "ollama"},
        COMMENTED.replace("I type\n", 'I type\nprovider = "ollama"\n'),
    ),
    "what does not hold any more becomes a comment": (
        COMMENTED,
        {"provider": "p"},
        COMMENTED.replace("I type\n", 'I type\nprovider = "p"\n').replace('model = "old"', '# model = "old"'),
    ),
    "nor do an address and a family's template": (
        "[completion]\nprovider = 'a'\nmodel = 'old'\nhostname = 'h'\nfimTemplate = 'qwen'\ncache = true\n",
        {"provider": "p", "model": "new"},
        '[completion]\nprovider = "p"\nmodel = "new"\n'
        "# hostname = 'h'\n# fimTemplate = 'qwen'\ncache = true\n",
    ),
    "a template of one's own stays": (
        "[completion]\nfim_template = 'custom-template'\n",
        {"model": "new"},
        "[completion]\nmodel = \"new\"\nfim_template = 'custom-template'\n",
    ),
    "a section that was not there": (
        "# only chat\n[chat]\nmodel = 'm'",
        {"model": "new"},
        "# only chat\n[chat]\nmodel = 'm'\n\n[completion]\nmodel = \"new\"\n",
    ),
    "lines of Windows": (
        "[completion]\r\nmodel = 'old'\r\n",
        {"provider": "ollama", "model": "new"},
        '[completion]\r\nprovider = "ollama"\r\nmodel = "new"\r\n',
    ),
    "under the section's name, in camelCase": (
        '[twinny-lsp.completion]\nmodel = "old"\nfimTemplate = "qwen"\n',
        {"model": "new"},
        '[twinny-lsp.completion]\nmodel = "new"\n# fimTemplate = "qwen"\n',
    ),
    "only its own sub-tables are there": (
        "[completion.languages]\ngo = false\n",
        {"model": "new"},
        '[completion.languages]\ngo = false\n\n[completion]\nmodel = "new"\n',
    ),
    "a header inside of a text is none": (
        'x = """\n[completion]\nmodel = "no"\n"""\n[completion]\nmodel = "old"\n',
        {"model": "new"},
        'x = """\n[completion]\nmodel = "no"\n"""\n[completion]\nmodel = "new"\n',
    ),
    "quotes, backslashes, other scripts": (
        "[completion]\nmodel = 'old'\n",
        {"model": 'a"b\\c ü'},
        '[completion]\nmodel = "a\\"b\\\\c ü"\n',
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_only_what_is_meant_changes(name: str, tmp_path: Path) -> None:
    before, chosen, after = CASES[name]
    path = tmp_path / "new" / "config.toml"
    if before:
        path.parent.mkdir()
        path.write_bytes(before.encode())
    save(path, "completion", chosen)
    assert path.read_bytes().decode() == after
    assert [file.name for file in path.parent.iterdir()] == ["config.toml"]


REFUSED = {
    "an inline table": 'completion = { model = "old" }\n',
    "dotted keys": 'completion.model = "old"\n',
    "a text of several lines": '[completion]\nmodel = """\nold"""\n',
    "no table": "completion = 1\n",
    "no TOML": "[completion\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_lines_cannot_do_is_left_to_the_user(name: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(REFUSED[name])
    with pytest.raises(SettingsError, match="nothing is saved"):
        save(path, "completion", {"model": "new"})
    assert path.read_text() == REFUSED[name]


def test_a_link_its_rights_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_bytes(b"\xef\xbb\xbf[chat]\n")
    real.chmod(0o640)
    link.symlink_to(real)
    save(link, "chat", {"model": "m"})
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.read_bytes() == b'\xef\xbb\xbf[chat]\nmodel = "m"\n'


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="nothing is saved"):
        save(tmp_path / "file" / "config.toml", "chat", {"model": "m"})


def test_what_is_saved_can_be_saved_again(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    for model in ("a", "b", "c"):
        save(path, "completion", {"provider": model, "model": model})
        save(path, "chat", {"model": model})
    assert tomllib.loads(path.read_text()) == {
        "completion": {"provider": "c", "model": "c"},
        "chat": {"model": "c"},
    }
