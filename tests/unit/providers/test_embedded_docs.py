"""docs/embedded.md says what the code does, and its settings work. UPDATE_GOLDEN=1 rewrites its tables."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from twinny_lsp.config.cleaning import clean
from twinny_lsp.config.resolve import load
from twinny_lsp.providers.embedded.catalogue import CONTEXT_TOKENS, KNOWN
from twinny_lsp.providers.embedded.failures import Ending, NoRoom, could_not, ended_early
from twinny_lsp.providers.embedded.options import CONTEXTS, IDLE_SECONDS, MAX_THREADS, Lack, amount
from twinny_lsp.providers.embedded.store import Store
from twinny_lsp.providers.presets import INSTALL_HINT
from twinny_lsp.pull import fetch, transfer

DOCS = Path(__file__).parents[3] / "docs" / "embedded.md"
TEXT = DOCS.read_text(encoding="utf-8")
MARKS = "<!-- {}: written by UPDATE_GOLDEN=1 pytest tests/unit/providers/test_embedded_docs.py -->\n"
PATH, PREFIX = "/models/m.gguf", "0.00.006.901 E llama_model_load: error loading model: "


def models() -> str:
    rows = (f"| `{m.name}` | {amount(m.file_bytes)} | {amount(m.memory)} | {m.note} |\n" for m in KNOWN)
    return "| model | size | memory | remarks |\n| --- | --- | --- | --- |\n" + "".join(rows)


def load_failure(line: str) -> str:
    return str(could_not(("load-failed", ""), PATH, PREFIX + line, "embedded"))


def told() -> Iterator[tuple[str, str]]:
    """What goes wrong, and the message."""
    yield (
        "There is not that much memory",
        str(NoRoom("qwen2.5-coder-7b", Lack(8_500_000_000, 8_000_000_000, for_now=False), "embedded")),
    )
    yield (
        "Other programs have the memory",
        str(NoRoom("qwen2.5-coder-3b", Lack(3_700_000_000, 2_100_000_000, for_now=True), "embedded")),
    )
    starved = Ending(-9, starved=True)
    yield "The kernel ends the process for want of memory", str(ended_early(starved, "embedded"))
    yield "The kernel does not say why", str(ended_early(Ending(-9), "embedded"))
    yield "Memory runs out while the model is loaded", load_failure("mmap failed: Cannot allocate memory")
    yield "An old processor", str(ended_early(Ending(-4), "embedded"))
    yield "llama.cpp crashes", str(ended_early(Ending(-11), "embedded"))
    yield (
        "The file is damaged",
        load_failure("tensor 't' data is not within the file bounds, model is corrupted or incomplete"),
    )
    yield "The model is newer than llama.cpp", load_failure("unknown model architecture: 'new'")
    with pytest.raises(Exception) as caught:  # noqa: PT011 (its words are what is wanted)
        Store(Path("/models")).path("qwen2.5-coder-3b")
    yield "The model was not pulled", str(caught.value)
    yield "The extra is not installed", str(could_not(("no-extra", ""), PATH, "", "embedded"))


def messages() -> str:
    rows = "".join(f"| {what} | {message} |\n" for what, message in told())
    return "| what is wrong | what you are told |\n| --- | --- |\n" + rows


@pytest.mark.parametrize(("name", "made"), [("models", models), ("messages", messages)])
def test_the_tables_are_those_of_the_code(name: str, made: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert callable(made)
    text = DOCS.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS.format(name))
    end = f"<!-- end of {name} -->\n"
    written, _, after = rest.partition(end)
    table = made()
    if os.environ.get("UPDATE_GOLDEN") == "1":
        DOCS.write_text(before + MARKS.format(name) + table + end + after, encoding="utf-8")
    else:
        assert written == table


def test_the_settings_in_it_work() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        layer = clean(tomllib.loads(block), "docs")
        settings = load([layer])
        assert not layer.problems
        assert not settings.problems
        assert settings.endpoint("embedded") is not None
    endpoint = load([clean(tomllib.loads(blocks[2]), "docs")]).endpoint("embedded")
    assert endpoint is not None
    assert Store.of(endpoint).folder == Path("/data/models")


def test_the_figures_in_it_are_those_of_the_code() -> None:
    assert f"a context of {CONTEXT_TOKENS} tokens" in TEXT
    assert f"at most {MAX_THREADS}\n" in TEXT
    assert f"# {CONTEXTS[0]} or less" in TEXT
    assert IDLE_SECONDS == 600
    assert "after ten minutes" in TEXT
    assert fetch.MAX_REDIRECTS == 8
    assert "at most eight redirects" in TEXT
    assert transfer.MAX_TRIES == 5
    assert "five times in a row" in TEXT
    assert f"leaves {amount(transfer.RESERVE_BYTES)} free" in TEXT
    assert INSTALL_HINT.replace(", with", ",\nwith") in TEXT or INSTALL_HINT in TEXT.replace("\n", " ")
