"""docs/providers.md: one section a provider, and every settings block in it can be used as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.config.cleaning import clean
from twinny_lsp.config.resolve import Settings, load
from twinny_lsp.fim.families import names
from twinny_lsp.providers.presets import PRESETS

PAGE = (Path(__file__).parents[3] / "docs" / "providers.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")[1:]}
BLOCKS = [
    (title, block)
    for title, text in SECTIONS.items()
    for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL)
]


def loaded(block: str) -> Settings:
    return load([clean(json.loads(block), "the page")], templates=frozenset(names()))


@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=str)
def test_a_block_loads_without_a_word(title: str, block: str) -> None:
    settings = loaded(block)
    told = [str(problem) for problem in settings.problems if "symmetry" not in str(problem).lower()]
    assert told == []
    given: dict[str, Any] = json.loads(block)
    for name in given.get("providers", {}):
        assert settings.endpoint(name) is not None, settings.why_no_endpoint(name)
    if "completion" in given:
        target = settings.completion_for("python").target
        assert target is not None
        assert target.endpoint.name.partition(" ")[0] == given["completion"]["provider"]
        assert target.model == given["completion"].get("model", target.model)
    if given.get("chat", {}).get("provider", "symmetry") != "symmetry":
        talk = settings.chat().target
        assert talk is not None
        assert talk.endpoint.name == given["chat"]["provider"]


def used(block: str) -> set[str]:
    """The presets that a block uses."""
    given = json.loads(block)
    named = {given[role]["provider"] for role in ("completion", "chat") if role in given}
    types = {name: provider.get("type", name) for name, provider in given.get("providers", {}).items()}
    return {types.get(name, name) for name in named} | set(types.values())


def test_every_provider_has_its_settings_and_its_row() -> None:
    assert set().union(*(used(block) for _, block in BLOCKS)) == set(PRESETS)
    table = PAGE.partition("| --- |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z-]+)`", table)) >= set(PRESETS)


ALL, NETWORK = "What holds for all of them", "Symmetry"


@pytest.mark.parametrize("title", sorted(set(SECTIONS) - {ALL, NETWORK}))
def test_a_section_has_all_its_parts(title: str) -> None:
    text = SECTIONS[title]
    assert "```json" in text
    assert "What to expect" in text
    assert "What can go wrong" in text


def test_the_links_lead_somewhere() -> None:
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in SECTIONS}
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= anchors
    files = {name.partition("#")[0] for name in re.findall(r"\]\(([a-z-]+\.md[^)]*)\)", PAGE)}
    assert all((Path(__file__).parents[3] / "docs" / name).is_file() for name in files)


STARTS = [preset.start for preset in PRESETS.values() if "`" in preset.start and preset.has_address]


@pytest.mark.parametrize("command", STARTS)
def test_the_start_commands_are_those_of_the_messages(command: str) -> None:
    program = re.findall(r"`([^`]*)`", command)[0].split()[0]
    assert re.search(rf"```\n(?:[A-Z_]+=\S+ )?{re.escape(program)} ", PAGE), program
