"""docs/lsp-extensions.md is what plug-in authors go by: it names every command, with every key it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twinny_lsp.lsp import chat, chat_documents, code_tasks
from twinny_lsp.lsp.features import create_server

PAGE = (Path(__file__).parents[3] / "docs" / "lsp-extensions.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (`twinny-lsp\.[^|]*) \| (.*?) \| (.*) \|$", re.MULTILINE)
ROWS = {
    name.removeprefix("twinny-lsp."): argument
    for names, argument, _ in ROW.findall(PAGE)
    for name in re.findall(r"`([\w.-]+)`", names)
}


def test_every_command_is_told() -> None:
    commands = create_server().protocol.fm.commands
    assert {name.removeprefix("twinny-lsp.") for name in commands} == set(ROWS)


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("chat", chat.KEYS),
        ("openChat", chat_documents.OPEN_KEYS),
        ("sendChat", chat_documents.SEND_KEYS),
        ("explain", [key for key in code_tasks.KEYS if key != "instruction"]),
    ],
)
def test_every_key_is_told(command: str, keys: tuple[str, ...]) -> None:
    told = re.findall(r"[{,]\s*(\w+)\??(?=[,:}])", re.sub(r"\[\{.*?\}\]", "", ROWS[command]))
    assert sorted(told) == sorted(keys)
