"""The settings in the VS Code extension's manifest: all there are, and what a repository may say of them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools import vsix
from tools.vscode_settings import MANIFEST, OF_A_FOLDER, ROOT, configuration
from twinny_lsp.config.schema import Settings
from twinny_lsp.config.spelling import camel

FOLDER = ROOT / "editor-configs" / "vscode"
MADE = json.loads((ROOT / MANIFEST).read_text(encoding="utf-8"))
SECTIONS = configuration()
PROPERTIES = {name: part for section in SECTIONS for name, part in section["properties"].items()}
EXTENSION_COMMANDS = {command["command"] for command in MADE["contributes"]["commands"]}


def test_every_section_is_there() -> None:
    sections = {name.split(".")[1] for name in PROPERTIES}
    assert sections == {camel(name) for name in Settings.model_fields} - {"schemaVersion"} | {"client"}


@pytest.mark.parametrize(
    "key",
    [
        *("providers", "provider", "model", "fallback", "languages", "fimTemplate", "systemMessage"),
        *("protocol", "hostname", "port", "path", "apiKey", "command", "directory", "allow", "level"),
    ],
)
def test_no_repository_says_where_code_goes_or_what_is_run(key: str) -> None:
    named = [name for name in PROPERTIES if name.rpartition(".")[2] == key]
    assert named
    assert {PROPERTIES[name]["scope"] for name in named} == {"machine"}


def test_what_a_repository_may_say_is_what_its_own_file_may() -> None:
    open_ones = {name for name, part in PROPERTIES.items() if part["scope"] != "machine"}
    assert open_ones < OF_A_FOLDER
    assert PROPERTIES["twinny-lsp.chat.embeddings"]["scope"] == "machine", "it names a provider"
    assert {"twinny-lsp.completion.enabled", "twinny-lsp.context.tokens"} < open_ones
    # The extension narrows by these two kinds; see src/settings.ts.
    assert {PROPERTIES[name]["type"] for name in open_ones} == {"boolean", "integer"}
    limited = MADE["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert set(limited) == open_ones


def test_nothing_is_referred_to() -> None:
    """VS Code follows no references in a manifest."""
    assert "$ref" not in json.dumps(PROPERTIES)
    assert "baseUrl" in PROPERTIES["twinny-lsp.providers"]["additionalProperties"]["properties"]


def test_commands_and_server_do_not_clash() -> None:
    """The server's own `twinny-lsp.*` are registered in the same place."""
    assert all(name.startswith("twinny-lsp.client.") for name in EXTENSION_COMMANDS)
    menus = MADE["contributes"]["menus"]
    used = {entry["command"] for entries in menus.values() for entry in entries if "command" in entry}
    assert used <= EXTENSION_COMMANDS


def test_the_packed_file_is_what_an_installer_expects(tmp_path: Path) -> None:
    folder = tmp_path / "built"
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "extension.js").write_text("exports.activate = () => 1;\n")
    (folder / "src").mkdir()
    (folder / "src" / "extension.ts").write_text("not shipped")
    (folder / "package.json").write_text((FOLDER / "client" / "package.json").read_text())
    one, two = (vsix.pack(folder, tmp_path / name) for name in ("one.vsix", "two.vsix"))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as packed:
        assert set(packed.namelist()) == {
            *("extension.vsixmanifest", "[Content_Types].xml", "extension/LICENSE.txt"),
            *("extension/package.json", "extension/dist/extension.js"),
        }
        described = ElementTree.fromstring(packed.read("extension.vsixmanifest"))
        types = packed.read("[Content_Types].xml").decode()
    identity = described.find(".//{*}Identity")
    assert identity is not None
    assert (identity.get("Publisher"), identity.get("Id")) == ("local", "twinny-lsp-client")
    assert all(f'".{Path(name).suffix[1:]}"' in types for name in packed.namelist() if "extension/" in name)
