"""What is imported where: nothing heavy may be left for the loop's thread, where the first request is."""

from __future__ import annotations

import subprocess
import sys

IMPORTS = """
import sys
from twinny_lsp.lsp import server
early = [name for name in ("aiohttp", "pydantic") if name in sys.modules]
from twinny_lsp.lsp import backend
late = [name for name in ("aiohttp", "pydantic", "twinny_lsp.providers.http") if name not in sys.modules]
print(early, late)
"""

COLLECTIONS = """
import asyncio, gc, sys
from twinny_lsp.fim.guard import parse
from twinny_lsp.fim.render import prepare
template = parse("{{#if suffix}}{{{prefix}}}{{/if}}")
before, full = gc.get_threshold(), []
gc.callbacks.append(lambda phase, info: full.append(phase) if info["generation"] == 2 else None)
asyncio.run(prepare(template))
assert "pybars" in sys.modules
print(full.count("start") <= 1, gc.get_threshold() == before)
"""


def test_what_the_first_request_needs_is_there_before_it() -> None:
    assert run(IMPORTS) == "[] []"


def test_importing_pybars_sets_off_no_full_collections() -> None:
    """Each would hold up the loop as long as the thread."""
    assert run(COLLECTIONS) == "True True"


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.strip()
