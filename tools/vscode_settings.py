"""The settings in the VS Code extension's manifest, from the server's schema; `tools.docs` writes them.

What a project may say in its own `.twinny.toml` (config/restrict.py), it may say in its
`.vscode/settings.json` too, and the extension takes it only where it is less. All else is the user's alone:
its scope is `machine`, and VS Code does not read it from a folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twinny_lsp.config.restrict import SIZES, SWITCHES
from twinny_lsp.config.schema import json_schema
from twinny_lsp.config.spelling import camel

SECTION = "twinny-lsp"
ROOT = Path(__file__).resolve().parent.parent
MANIFEST = "editor-configs/vscode/extension/package.json"
COMMAND = {
    "type": "string",
    "default": "twinny-lsp",
    "scope": "machine",
    "markdownDescription": "The server's program: a name, or a full path. It is looked for on the `PATH` and "
    "in `~/.local/bin`.",
}
OF_A_FOLDER = frozenset(
    f"{SECTION}.{section}.{camel(key)}"
    for table in (SIZES, SWITCHES)
    for section, keys in table.items()
    for key in keys
)
"""What a folder's settings may say."""
_LEFT_OUT = ("title", "format", "writeOnly", "description")


def manifest() -> str:
    """The manifest as it must be: the one that is there, with the settings of now."""
    found = json.loads((ROOT / MANIFEST).read_text(encoding="utf-8"))
    sections = configuration()
    found["contributes"]["configuration"] = sections
    parts = {name: part for section in sections for name, part in section["properties"].items()}
    limited = [name for name, part in parts.items() if part["scope"] != "machine"]
    found["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"] = limited
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def configuration() -> list[dict[str, Any]]:
    """`contributes.configuration`: a list of titled groups of properties."""
    schema = json_schema()
    groups: list[dict[str, Any]] = [
        {"title": "Server", "properties": {f"{SECTION}.client.command": COMMAND}},
    ]
    for name, part in schema["properties"].items():
        if name == "schemaVersion":
            continue
        section = _resolved(part, schema["$defs"])
        named = section.get("properties", {"": section})
        properties = dict(_properties(name, named))
        groups.append({"title": name.capitalize(), "properties": properties})
    return groups


def _properties(section: str, parts: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, part in parts.items():
        name = ".".join(filter(None, (SECTION, section, key)))
        # Tables are the user's: one may name a provider.
        narrows = name in OF_A_FOLDER and part.get("type") in ("boolean", "integer")
        scope = "resource" if narrows else "machine"
        yield name, {**_shown(part), "scope": scope, "markdownDescription": part["description"]}


def _resolved(part: Any, defs: Mapping[str, Any]) -> Any:
    """The schema with what it refers to put in: VS Code follows no references here."""
    if isinstance(part, list):
        return [_resolved(each, defs) for each in part]
    if not isinstance(part, dict):
        return part
    meant = defs[part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
    merged = {key: value for key, value in {**meant, **part}.items() if key != "$ref"}
    return {key: _resolved(value, defs) for key, value in merged.items() if key not in _LEFT_OUT[:3]}


def _shown(part: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in part.items() if key not in _LEFT_OUT}
    choices = kept.get("anyOf", ())
    if {"type": "null"} in choices and len(choices) == 2:
        # So that the settings' page has a field for it.
        [real] = [each for each in choices if each != {"type": "null"}]
        del kept["anyOf"]
        kept |= {**real, "type": [real["type"], "null"]}
    return kept
