"""What is said of models and servers, and to whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from twinny_lsp.config.resolved import Target
from twinny_lsp.lsp.troubles import Troubles
from twinny_lsp.providers.endpoint import Endpoint


def told(*presets: str) -> list[str]:
    """What is shown when two models push each other out, on a server of each of these."""
    shown: list[str] = []
    server: Any = SimpleNamespace(tell=lambda message, level: shown.append(message))
    troubles = Troubles(server, first_run=None)  # type: ignore[arg-type]
    for preset in presets:
        target = Target(Endpoint("mine", preset, "http://127.0.0.1:1", None, None), "coder")
        troubles.pushed_out(target, "talker")
    return shown


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("ollama", "or let it keep more loaded (OLLAMA_MAX_LOADED_MODELS)."),
        ("lmstudio", "or load both by hand"),
        ("llamacpp", "(`--models-max`)."),
        ("llama-swap", "`swap: false`."),
        ("openai-compatible", "or a smaller one."),
    ],
)
def test_two_models_without_room_for_both(preset: str, words: str) -> None:
    [message] = told(preset)
    assert "coder and talker in turn" in message
    assert words in message


def test_it_is_said_once_a_server() -> None:
    assert len(told("ollama", "ollama")) == 1
