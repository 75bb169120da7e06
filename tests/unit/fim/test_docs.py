"""docs/templates.md says what families.toml says, and its examples work. UPDATE_GOLDEN=1 rewrites it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from twinny_lsp.fim import guard
from twinny_lsp.fim.catalogue import built_in
from twinny_lsp.fim.families import CHAT, CUSTOM, NATIVE, Family, table
from twinny_lsp.fim.nodes import Each, Node, Text, Variable

DOCS = Path(__file__).parents[3] / "docs" / "templates.md"
EXAMPLES = re.findall(r"```handlebars\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
BEGIN = "<!-- families: written by UPDATE_GOLDEN=1 pytest tests/unit/fim/test_docs.py -->\n"
END = "<!-- end of families -->\n"


def prompt(nodes: tuple[Node, ...]) -> str:
    """A template as a table shows it."""
    shown = {"prefix": "P", "suffix": "S", "relativePath": "path", "language": "language"}
    text = ""
    for node in nodes:
        if isinstance(node, Text):
            text += node.value.replace("\n", "\\n")
        elif isinstance(node, Variable):
            text += shown[node.name]
        else:
            assert not isinstance(node, Each)
    return text


def files(family: Family) -> str:
    if not family.repository:
        return "comments"
    return "own form" if family.repository_confirmed else "own form, *unconfirmed*"


def row(family: Family) -> str:
    cells = (
        f"`{family.name}`",
        family.title,
        f"`{prompt(built_in(family.template).nodes)}`",
        files(family),
        ("" if family.confirmed else "*unconfirmed.* ") + family.note,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def rows() -> str:
    head = "| family | models | prompt | files | notes |\n| --- | --- | --- | --- | --- |\n"
    return head + "".join(row(family) for family in table().families)


def test_the_table_is_that_of_the_families() -> None:
    text = DOCS.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    found, _, after = rest.partition(END)
    assert after
    if os.environ.get("UPDATE_GOLDEN") == "1":
        DOCS.write_text(before + BEGIN + rows() + END + after, encoding="utf-8")
        found = rows()
    assert found == rows()


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_pass_the_guard(example: str) -> None:
    assert guard.parse(example).nodes


def test_all_variables_and_settings_are_named() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in (*guard.USER.strings, *guard.USER.lists, CHAT, CUSTOM, NATIVE):
        assert f"`{name}`" in text, name
