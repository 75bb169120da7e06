"""Whatever is wrong with a model server: one clear message, with its kind, the address and the next step.

The same table stands in docs/troubleshooting.md, with the messages as they really come out;
`UPDATE_GOLDEN=1` writes it anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.cases import CASES, KEY, Case
from tests.support.fake_server import HANG, FakeServer, Reply, bounded
from twinny_lsp import errors
from twinny_lsp.exchange import Generation
from twinny_lsp.providers.endpoint import Endpoint, KeySource, Timeouts
from twinny_lsp.providers.http import HttpProvider, Pace
from twinny_lsp.providers.presets import PRESETS

DOCUMENT = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
BEGIN, END = "<!-- messages: begin (written by a test) -->", "<!-- messages: end -->"
PACE = Pace(grace=0.5, loading=0.05, poll=0.01, ask=1.0)


def endpoint(case: Case, url: str) -> Endpoint:
    preset = PRESETS[case.preset]
    hangs = isinstance(case.reply, Reply) and HANG in (case.reply.head, *case.reply.steps)
    seconds = 0.1 if hangs else 8.0
    return Endpoint(
        preset.name, preset.name, url, preset.completion, preset.chat, preset.infill,
        KeySource(value=case.key), timeouts=Timeouts(connect=2.0, first_byte=seconds, idle=seconds),
    )  # fmt: skip


async def failure(case: Case) -> tuple[errors.ProviderError, str]:
    """What the user is told, and the address that was asked."""
    async with FakeServer() as server:
        url = server.url
        for route, reply in case.others.items():
            method, path = route.split(" ")
            server.on(method, path, reply)
        made = endpoint(case, url)
        for route_ in (made.completion, made.chat, made.infill):
            if route_ is not None and case.reply is not None:
                server.on("POST", route_.path, case.reply)
        if case.reply is None:
            await server.stop_listening()
        provider = HttpProvider(made, PACE)
        with pytest.raises(errors.ProviderError) as caught:
            async for _ in provider.stream(Generation("nope", case.prompt, 16, 0.2)):
                pass
        await provider.close()
    return caught.value, url


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.preset}: {case.situation}")
async def test_one_clear_message(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    error, url = await bounded(failure(case))
    message = str(error)
    assert type(error) is case.kind, message
    assert message.startswith(f"{case.preset} at {url}")
    assert case.advice in message
    assert all(part in message for part in case.says), message
    assert "\n" not in message
    assert len(message) < 700
    assert error.provider == case.preset
    shown = message + error.detail + repr(error) + caplog.text
    assert KEY not in shown
    assert "4711" not in shown


def row(case: Case, message: str) -> str:
    cell = message.replace("|", "\\|")
    return f"| {case.situation} | {case.kind.kind.value} | {cell} |"


async def test_the_document_shows_the_messages_as_they_are() -> None:
    lines = ["| What is wrong | Kind | What you are told |", "| --- | --- | --- |"]
    for case in CASES:
        error, url = await bounded(failure(case))
        usual = PRESETS[case.preset].base_url or "http://127.0.0.1:8000"
        lines.append(row(case, str(error).replace(url, usual).replace("for 0.1 s", "for 120 s")))
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    whole = f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        DOCUMENT.write_text(whole, encoding="utf-8")
    assert DOCUMENT.read_text(encoding="utf-8") == whole
