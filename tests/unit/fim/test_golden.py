"""The exact prompt of every family, with and without other files, as data in tests/golden/fim/prompts.toml.

UPDATE_GOLDEN=1 rewrites the file; the difference is then to be read against the model cards.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twinny_lsp.exchange import ChatPrompt, ContextFile, RawPrompt
from twinny_lsp.fim.families import choose, table
from twinny_lsp.fim.prompt import BuiltPrompt, FimInput, build

GOLDEN = Path(__file__).parents[2] / "golden" / "fim" / "prompts.toml"
INPUT = FimInput(
    prefix="from shop.price import RATE\n\ndef total(prices):\n    ",
    suffix="\n    return result\n",
    language="python",
    path="shop/cart.py",
    repo="shop",
    files=(ContextFile("shop/price.py", "RATE = 1.2\n"), ContextFile("web/app.js", "let x = 1;")),
    model="m",
    indent="    ",
)
NAMES = [*(family.name for family in table().families), "chat"]


async def row(name: str) -> dict[str, Any]:
    """What one family sends, as it stands in the golden file."""
    choice = choose("m", name)
    alone = await build(choice, replace(INPUT, files=()))
    made = {
        "file": shown(alone),
        "repository": shown(await build(choice, INPUT)),
        "stop": list(alone.stop),
    }
    if choice.family is not None and choice.family.spm:
        first = replace(choice, suffix_first=True)
        made["suffix_first"] = shown(await build(first, replace(INPUT, files=())))
        made["suffix_first_repository"] = shown(await build(first, INPUT))
    return made


def shown(built: BuiltPrompt) -> str:
    if isinstance(built.prompt, ChatPrompt):
        return "".join(f"[{message.role}]\n{message.content}\n" for message in built.prompt.messages)
    assert isinstance(built.prompt, RawPrompt)
    return built.prompt.text


def written(rows: dict[str, dict[str, Any]]) -> str:
    """TOML; a JSON string is a TOML string as long as no control character but \\n and \\t is in it."""
    text = "# Written by UPDATE_GOLDEN=1 pytest tests/unit/fim/test_golden.py\n"
    for name, values in rows.items():
        text += f"\n[{name}]\n" + "".join(
            f"{k} = {json.dumps(v, ensure_ascii=False)}\n" for k, v in values.items()
        )
    return text


async def test_update() -> None:
    """Rewrites when asked to; otherwise checks that the file has these rows, no more and no less."""
    rows = {name: await row(name) for name in NAMES}
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(written(rows), encoding="utf-8")
    assert tomllib.loads(GOLDEN.read_text(encoding="utf-8")).keys() == rows.keys()
    assert tomllib.loads(written(rows)) == rows


@pytest.mark.parametrize("name", NAMES)
async def test_prompt(name: str) -> None:
    check(name, await row(name), tomllib.loads(GOLDEN.read_text(encoding="utf-8")))


def check(name: str, got: dict[str, Any], golden: dict[str, Any]) -> None:
    assert got.keys() == golden[name].keys(), name
    for key in got:
        assert got[key] == golden[name][key], f"{name}.{key}"


async def test_the_check_sees_a_difference() -> None:
    golden = tomllib.loads(GOLDEN.read_text(encoding="utf-8"))
    for key in ("file", "repository"):
        with pytest.raises(AssertionError, match=f"qwen.{key}"):
            check("qwen", {**await row("qwen"), key: "x"}, golden)
