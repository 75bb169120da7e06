"""What is imported where: nothing heavy may be left for the loop's thread, where the first request is."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from twinny_lsp.lsp import server
early = [name for name in ("aiohttp", "pydantic") if name in sys.modules]
from twinny_lsp.lsp import backend
backend._read_settings(())
late = [name for name in ("aiohttp", "pydantic", "twinny_lsp.providers.http") if name not in sys.modules]
print(early, late)
"""


def test_what_the_first_request_needs_is_there_before_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[] []", "")
