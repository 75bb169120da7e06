"""What can be said of the shipped files without an editor: they are complete and start the right program."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CONFIGS = ROOT / "editor-configs"
SKIPPED = {".venv", ".cache", "node_modules", "dist"}
DOCUMENTS = [path for path in sorted(ROOT.rglob("*.md")) if SKIPPED.isdisjoint(path.relative_to(ROOT).parts)]


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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_the_documents_name_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    prose = re.sub(r"`+[^`]*`+", "", re.sub(r"^(`{3,}).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE))
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", prose)
    files = re.findall(r"`((?:neovim|helix|emacs|vscode|vim|kakoune|sublime|jetbrains|kate)/[\w./-]+)`", text)
    for link in links:
        assert (document.parent / link).exists(), link
    for name in files:
        assert (CONFIGS / name).exists(), name


def test_the_other_configurations_start_the_server() -> None:
    kate = json.loads((CONFIGS / "kate" / "settings.json").read_text(encoding="utf-8"))
    assert all(each["command"] == ["twinny-lsp"] for each in kate["servers"].values())
    jetbrains = json.loads((CONFIGS / "jetbrains" / "template.json").read_text(encoding="utf-8"))
    assert jetbrains["programArgs"] == {"default": "twinny-lsp"}
    assert all(each["fileType"]["patterns"] and each["languageId"] for each in jetbrains["fileTypeMappings"])
    coc = json.loads((CONFIGS / "vim" / "coc-settings.json").read_text(encoding="utf-8"))
    assert coc["languageserver"]["twinny-lsp"]["command"] == "twinny-lsp"
    sublime = (CONFIGS / "sublime" / "LSP.sublime-settings").read_text(encoding="utf-8")
    without_comments = re.sub(r"^\s*//.*$", "", sublime, flags=re.MULTILINE)
    assert json.loads(without_comments)["clients"]["twinny-lsp"]["command"] == ["twinny-lsp"]
    kakoune = (CONFIGS / "kakoune" / "twinny-lsp.kak").read_text(encoding="utf-8")
    table = re.search(r"lsp_servers %\{(.*?)\n    \}", kakoune, re.DOTALL)
    assert table
    assert tomllib.loads(table[1])["twinny-lsp"]["root_globs"] == [".git", ".hg"]
