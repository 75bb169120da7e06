"""A desk with an engine on it; afterwards nothing may be left at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.completion.fakes import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    await made.engine.close()
    for provider in made.registry.providers.values():
        for stream in provider.streams:
            assert stream.closed.is_set() or not stream.opened.is_set(), "a stream was left open"
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [task for task in others if "twinny_lsp" in repr(task)], "a task was left at work"
