"""Code fences of Markdown, line by line. Pure; the rest of Markdown is nobody's business here.

A fence may be indented by any amount, as in lists: models write it so.
"""

from __future__ import annotations

import re

_FENCE = re.compile(r"[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>.*)", re.DOTALL)


class Fences:
    """Fed line by line. `opened`: the fence that is open now, with its indentation, "" for none."""

    def __init__(self) -> None:
        self.opened = ""

    def feed(self, line: str) -> bool:
        """Take one line; whether it is in a fence or is one of its two ends."""
        match = _FENCE.match(line)
        opened = self.opened.lstrip()
        if match is None:
            return bool(opened)
        fence, info = match["fence"], match["info"]
        if not opened:
            if fence[0] == "`" and "`" in info:
                return False  # code in a line
            self.opened = line[: match.end("fence")]
            return True
        if fence[0] == opened[0] and len(fence) >= len(opened) and not info.strip():
            self.opened = ""
        return True


def unclosed(text: str) -> str:
    """The fence, with its indentation, that a text leaves open; "" for none."""
    fences = Fences()
    for line in text.split("\n"):
        fences.feed(line)
    return fences.opened


def fence_for(*texts: str) -> str:
    """A fence that is longer than any in the texts."""
    fence = "```"
    while any(fence in text for text in texts):
        fence += "`"
    return fence


def fenced(text: str, language: str = "") -> str:
    """A text in a fence that is longer than any in it."""
    fence = fence_for(text)
    return f"{fence}{language}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"
