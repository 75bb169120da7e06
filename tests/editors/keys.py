"""Typing fast, and what our server does meanwhile: 200 keys, 20 a second.

For tests (no key is lost or doubled) and for `benchmarks.editors` (what it cost). Not for the typing of ghost
text itself, which each editor's tests do key by key.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

KEYS_A_SECOND = 20
LINES = (
    "total = sum(price for price in prices)",
    "names = sorted(names, key=len)",
    "print(total, names, 'é😀')",
    "count = len(names) + total",
    "result = [count, total, names]",
    "return_value = result or None",
)
"""10 s of typing, Enter after each; in a Python file without indentation, so that no editor adds any."""
TEXT = "".join(line + "\n" for line in LINES)


def type_fast(press: Callable[[str], None]) -> float:
    """Press the keys of TEXT one by one, "\\n" for Enter; the seconds it took.

    A key that comes late is not waited for twice: the next ones follow at their times.
    """
    start = time.monotonic()
    for number, key in enumerate(TEXT):
        time.sleep(max(0.0, start + number / KEYS_A_SECOND - time.monotonic()))
        press(key)
    return time.monotonic() - start


def processor_s(pid: int) -> float:
    """The processor time a process has used so far, in seconds, with that of the children it waited for."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
