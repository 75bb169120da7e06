"""The documentation of the settings: up to date, complete, and its examples work."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import docs
from twinny_lsp.config.cleaning import clean
from twinny_lsp.config.resolve import load
from twinny_lsp.config.restrict import restrictions
from twinny_lsp.config.schema import Settings, json_schema
from twinny_lsp.providers.endpoint import Timeouts
from twinny_lsp.providers.presets import PRESETS

ROOT = Path(docs.ROOT)
TEXT = docs.configuration()


@pytest.mark.parametrize("name", docs.DOCUMENTS)
def test_not_stale(name: str) -> None:
    written = (ROOT / name).read_text(encoding="utf-8")
    assert written == docs.DOCUMENTS[name](), "run `python -m tools.docs`"


def test_check_tells_what_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    assert docs.main(["--check"]) == 1
    assert not (tmp_path / "docs").exists()
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0


def properties(part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for model in (part, *part["$defs"].values()):
        yield from model["properties"].items()


def test_every_setting_is_described() -> None:
    for key, part in properties(json_schema()):
        assert part.get("description") or "$ref" in part, key
        assert "_" not in key
        assert f"`{key}`" in TEXT
    for name in PRESETS:
        assert f"| `{name}` |" in TEXT


def test_the_schema_knows_the_short_form_of_languages() -> None:
    languages = json_schema()["$defs"]["CompletionSection"]["properties"]["languages"]
    assert {"type": "boolean"} in languages["additionalProperties"]["anyOf"]
    assert json.loads(json.dumps(json_schema())) == json_schema()


def test_the_examples_work() -> None:
    blocks = re.findall(r"```(json|toml)\n(.*?)```", TEXT, flags=re.DOTALL)
    assert [kind for kind, _ in blocks] == ["json", "toml", "json", "toml"]
    as_json, as_toml, short, project = (
        json.loads(text) if kind == "json" else tomllib.loads(text) for kind, text in blocks
    )
    for raw in (as_json, as_toml, short):
        layer = clean(raw, "docs")
        assert not load([layer]).problems
    assert clean(as_json, "docs") == clean(as_toml, "docs")
    narrowed = restrictions(project, "docs")
    assert not narrowed.problems
    assert narrowed.off
    assert narrowed.sizes
    assert narrowed.languages
    assert narrowed.deny


def test_what_is_shown_can_be_read_again() -> None:
    shown = load([]).as_json()
    assert set(shown) == {*json_schema()["properties"]}
    layer = clean(shown, "shown")
    assert not layer.problems
    assert Settings.model_validate(layer.values) == Settings()


def test_the_settings_of_symmetry_work() -> None:
    text = (ROOT / "docs" / "symmetry.md").read_text(encoding="utf-8")
    blocks = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)]
    assert len(blocks) == 3
    for block in blocks:
        settings = load([clean(block, "docs")])
        assert not settings.problems
        target = settings.chat().target
        assert target is not None
        assert target.endpoint.name == block["chat"]["provider"]
        assert target.model == "llama3.2:latest"
    timeouts = blocks[1]["providers"]["symmetry"]["timeouts"]
    assert PRESETS["symmetry"].timeouts == Timeouts(**timeouts)
