"""What `doctor` says first, for every kind of server and what goes wrong at setting it up.

The same table stands in docs/troubleshooting.md, as it really comes out; `UPDATE_GOLDEN=1` writes it anew.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.fake_server import FakeServer, Reply
from tests.unit.doctor.brands import BRANDS, HERE, HOSTED, MISSING, PAGE, THERE, pointing
from twinny_lsp.doctor.examine import examine
from twinny_lsp.providers.presets import PRESETS

DOCUMENT = Path(__file__).parents[3] / "docs" / "troubleshooting.md"
BEGIN, END = "<!-- doctor: begin (written by a test) -->", "<!-- doctor: end -->"
SHOWN = "http://127.0.0.1:9000"
NO_PORT = {"symmetry", "symmetry-relay", "embedded"}
"""They listen on no port that could be wrong, or complete nothing."""

TITLES = {
    "nothing": "nothing listens there",
    "other": "another model server is there",
    "page": "a web server is there",
    "model": "the model is not there",
}
ANY_NAME = ("koboldcpp", "tgi")
"""They answer with what they have, whatever name is asked for."""

EMPTY = ("oobabooga", "tabbyapi")
"""They say so when nothing is loaded."""

CAUSES = {
    "nothing": ("No model server answers on this machine; the settings expect", "cannot be reached: nothing"),
    "other": ("server answers at", "server of the OpenAI API answers at", "has no /"),
    "page": ("is another kind of server (nginx/1.22), not",),
    "model": ("does not have", "no model is loaded", "whatever name is asked for"),
}
STEPS = (
    *("Start it", "start it", "Set ", "set ", "Get the model", "Load a model", "Name the model", "name it"),
    *("It serves", "Put the"),
)
ROWS = [
    (preset, wrong)
    for preset in PRESETS
    if preset not in NO_PORT
    for wrong in TITLES
    if (preset, wrong) != ("openai-compatible", "other")  # all model servers speak that API
]


@asynccontextmanager
async def wrong_server(preset: str, wrong: str) -> AsyncIterator[FakeServer]:
    """The server as it is found."""
    async with FakeServer() as server:
        if wrong == "nothing":
            await server.stop_listening()
        elif wrong == "other":
            BRANDS["llamacpp" if preset == "ollama" else "ollama"](server)
        elif wrong == "page":
            page = Reply([PAGE], 200, "text/html", (("Server", "nginx/1.22"),), "length")
            route = PRESETS[preset].completion
            assert route is not None
            for path in {"/", route.path}:
                server.on("GET", path, page)
                server.on("POST", path, page)
        else:
            several = [THERE, "other-model"] if preset in ("llamacpp", "lmstudio") else [THERE]
            known: Callable[..., None] = (BRANDS | HOSTED)[preset]
            known(server, [] if preset in EMPTY else several)
        yield server


async def first_step(tmp_path: Path, preset: str, wrong: str) -> str:
    """What is to be done first; at another port than the usual one."""
    model = "starcoder2:3b" if preset in ANY_NAME else MISSING
    async with wrong_server(preset, wrong) as server:
        given = pointing(tmp_path, preset, server.url, model=model, apiKey="sk-test-key-0123456789")
        findings = await examine(given, HERE)
        assert findings.works is (preset in ANY_NAME and wrong == "model")
        return findings.advice[0].replace(server.url, SHOWN)


@pytest.mark.parametrize(("preset", "wrong"), ROWS, ids=str)
async def test_the_first_step_names_the_cause_and_what_to_do(tmp_path: Path, preset: str, wrong: str) -> None:
    step = await first_step(tmp_path, preset, wrong)
    assert any(cause in step for cause in CAUSES[wrong]), step
    title = PRESETS[preset].title.partition(" (")[0]
    assert title in step or title.removeprefix("a ") in step or preset in step, step
    assert any(word in step for word in STEPS), step
    assert "sk-test-key" not in step


async def test_the_document_shows_them_as_they_are(tmp_path: Path) -> None:
    lines = ["| Provider | What is wrong | What `doctor` says first |", "| --- | --- | --- |"]
    for preset, wrong in ROWS:
        step = (await first_step(tmp_path, preset, wrong)).replace("|", "\\|")
        lines.append(f"| `{preset}` | {TITLES[wrong]} | {step} |")
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    whole = f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        DOCUMENT.write_text(whole, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == whole
