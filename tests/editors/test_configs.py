"""What can be said of the shipped files without an editor: they are complete and start the right program."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CONFIGS = ROOT / "editor-configs"
DOCUMENTS = [
    ROOT / "docs" / "editors.md",
    *sorted((ROOT / "docs" / "editors").glob("*.md")),
    CONFIGS / "vscode" / "README.md",
]


def test_helix_starts_the_server_last_in_every_language() -> None:
    config = tomllib.loads((CONFIGS / "helix" / "languages.toml").read_text(encoding="utf-8"))
    assert config["language-server"] == {"twinny-lsp": {"command": "twinny-lsp"}}
    names = [row["name"] for row in config["language"]]
    assert names == sorted(set(names))
    for row in config["language"]:
        assert set(row) == {"name", "language-servers"}
        assert row["language-servers"].index("twinny-lsp") == len(row["language-servers"]) - 1


def test_the_vs_code_client_names_files_that_are_there() -> None:
    folder = CONFIGS / "vscode" / "client"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    source = (folder / package["main"]).read_text(encoding="utf-8")
    assert set(re.findall(r"require\('([\w-]+)", source)) == {"vscode", *package["dependencies"]}
    [(setting, described)] = package["contributes"]["configuration"]["properties"].items()
    assert setting == "twinny-lsp-client.command"
    assert (described["default"], described["scope"]) == ("twinny-lsp", "machine"), "no workspace may set it"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_the_documents_name_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    files = re.findall(r"`((?:neovim|helix|emacs|vscode)/[\w./-]+)`", text)
    for link in links:
        assert (document.parent / link).exists(), link
    for name in files:
        assert (CONFIGS / name).exists(), name
