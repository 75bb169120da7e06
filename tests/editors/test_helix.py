"""Helix as a person uses it: the shipped `languages.toml`, keys, and the file on disk afterwards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.conftest import editor_or_skip
from tests.editors.helix import CONFIG, Helix, home_with_config
from tests.editors.lsp_tee import Traffic, until
from tests.editors.model import Model
from tools.fetch_editors import Editor

pytestmark = pytest.mark.editor

HEAD = "def total(a, b):\n"
TAIL = "\n\n# the end\n"
BODY = "rn compute(\n        a,\n        b,\n    )"
MENU = "textDocument/completion"


@pytest.fixture(scope="module")
def helix_editor() -> Editor:
    return editor_or_skip("hx")


@pytest.fixture(scope="module")
def tmux() -> Editor:
    return editor_or_skip("tmux")


@pytest.fixture
def helix(
    helix_editor: Editor, tmux: Editor, project: Path, tmp_path: Path, traffic: Traffic, model: Model
) -> Iterator[Helix]:
    """Helix with the shipped configuration; only the model's address is added, as a person would."""
    added = (
        "[language-server.twinny-lsp.config]\n"
        f"providers = {{ ollama = {{ baseUrl = {json.dumps(model.url)} }} }}\n"
        'completion = { debounce = 0, speculate = false, multiline = "always" }\n'
    )
    home = home_with_config(tmp_path / "config", added)
    env = {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    editor = Helix(helix_editor, tmux, project, traffic, env)
    yield editor
    try:
        until(lambda: not traffic.badly_answered(), "every request is answered once")
    finally:
        editor.close()


def configured_servers(editor: Editor, config: Path, language: str) -> list[str]:
    """The servers Helix says it would use for a language, in order."""
    env = {**os.environ, **editor.env, "XDG_CONFIG_HOME": str(config)}
    command = [str(editor.binary), "--health", language]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=30)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    section = plain.partition("Configured language servers:")[2].partition("\nConfigured")[0]
    return re.findall(r"^ +\S ([\w.-]+):", section, re.MULTILINE)


def shows_item(helix: Helix, end: str) -> bool:
    """Whether the menu is up with one item whose label ends so (the kind stands right of it)."""
    return re.search(re.escape(end) + r" +text", helix.screen()) is not None


def test_each_language_keeps_the_servers_helix_gives_it(helix_editor: Editor, tmp_path: Path) -> None:
    """Helix replaces the list, so a row that forgets a server would take it from the user."""
    rows = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["language"]
    bare, ours = tmp_path / "bare", home_with_config(tmp_path / "ours")
    bare.mkdir()
    assert len(rows) > 20
    for row in rows:
        before = configured_servers(helix_editor, bare, row["name"])
        assert configured_servers(helix_editor, ours, row["name"]) == [*before, "twinny-lsp"], row["name"]


def test_menu_item_of_several_lines(helix: Helix, project: Path, model: Model) -> None:
    want = model.knows(HEAD + "    x = '😀é'; ret", "u" + BODY, TAIL)
    helix.open(project / "a.py", HEAD + "    x = '😀é'; ret" + TAIL, row=1)
    helix.keys("C-x")
    helix.until(lambda: shows_item(helix, "return compute("), "the suggestion is in the menu")
    helix.keys("C-n", "Enter")
    helix.until(lambda: "        b," in helix.screen(), "the suggestion is in the text")
    helix.save(project / "a.py", want)


@pytest.mark.parametrize(
    ("before", "typed", "completion"),
    [
        ("    re", "t", "u" + BODY),
        ("    return", " ", "compute(\n        a,\n        b,\n    )"),
        ("    x = compute", "(", "a,\n        b,\n    )"),
        ("    x = math", ".", "sin(\n        a,\n    )"),
    ],
)
def test_menu_comes_while_typing(
    helix: Helix, project: Path, model: Model, before: str, typed: str, completion: str
) -> None:
    want = model.knows(HEAD + before + typed, completion, TAIL)
    helix.open(project / "a.py", HEAD + before + TAIL, row=1)
    helix.type(typed)
    helix.until(lambda: shows_item(helix, completion.split("\n")[0]), "the suggestion is in the menu")
    helix.keys("C-n", "Enter")
    helix.save(project / "a.py", want)


def test_menu_item_in_a_file_with_windows_line_ends(helix: Helix, project: Path, model: Model) -> None:
    head, body, tail = (text.replace("\n", "\r\n") for text in (HEAD, "u" + BODY, TAIL))
    want = model.knows(head + "    ret", body, tail)
    helix.open(project / "a.py", head + "    ret" + tail, row=1)
    helix.keys("C-x")
    helix.until(lambda: shows_item(helix, "return compute("), "the suggestion is in the menu")
    helix.keys("C-n", "Enter")
    helix.save(project / "a.py", want)


def test_menu_on_an_empty_line(helix: Helix, project: Path, model: Model) -> None:
    """Helix asks nobody after Enter; with C-x there is a whole block at once."""
    want = model.knows("def total(a, b):\n    ", "return compute(\n        a,\n        b,\n    )", TAIL)
    helix.open(project / "a.py", "def total(a, b):\n    " + TAIL, row=1)
    helix.keys("C-x")
    helix.until(lambda: shows_item(helix, "return compute("), "the suggestion is in the menu")
    helix.keys("C-n", "Enter")
    helix.save(project / "a.py", want)
