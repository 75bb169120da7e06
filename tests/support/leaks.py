"""Looks for the tests' API key where no key may ever be: command lines, what tests print and log.

One thread reads every process's command line now and then, as long as the tests run. A net for the whole run;
tests/server/test_keys.py asks on purpose. Linux only: elsewhere there is no /proc to read.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

KEY = "sk-very-secret-0123456789"
"""What tests put into settings; stand-in servers have other keys, which may stand on their command line."""

_EVERY_S = 0.2
_PROC = Path("/proc")


def command_lines_with(key: str) -> list[str]:
    """The names of programs that have the key among their arguments now."""
    found = []
    for name in os.listdir(_PROC):
        entry = _PROC / name
        try:
            if key.encode() in (entry / "cmdline").read_bytes():
                found.append((entry / "comm").read_text(encoding="utf-8").strip())
        except OSError:
            continue  # it has just ended
    return found


class Watch:
    """`found` is what was seen while it ran."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.looks = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leaks", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if _PROC.is_dir():
            self._thread.start()

    def stop(self) -> None:
        """Look once more, and end."""
        if self._thread.ident is not None:
            self._over.set()
            self._thread.join()

    def read(self, where: str, text: str) -> None:
        """Look through what a test wrote."""
        if KEY in text:
            self.found.append(where)

    def _run(self) -> None:
        over = False
        while not over:
            over = self._over.wait(_EVERY_S)
            self.looks += 1
            self.found += [f"the command line of {name}" for name in command_lines_with(KEY)]
