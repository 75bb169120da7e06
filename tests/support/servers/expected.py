"""What the tiny FIM model answers at temperature 0, the same in every build of llama.cpp that was tried.

Data for tests that go the whole way to a real model. It is strong where the cursor is at a line's
start; `BAD` is a bad answer on purpose, and only of `/infill`, which adds a file name to the prompt.
"""

from __future__ import annotations

from dataclasses import dataclass

from twinny_lsp.exchange import FimPrompt, RawPrompt


@dataclass(frozen=True)
class Expected:
    """`text` is the whole answer to the place between `prefix` and `suffix`; it ends by itself."""

    name: str
    prefix: str
    suffix: str
    text: str

    @property
    def fim(self) -> FimPrompt:
        """For a server that knows how to fill in the middle."""
        return FimPrompt(self.prefix, self.suffix)

    @property
    def raw(self) -> RawPrompt:
        """In the template of the qwen family, whose tokens the tiny model has."""
        return RawPrompt(f"<|fim_prefix|>{self.prefix}<|fim_suffix|>{self.suffix}<|fim_middle|>")


ANSWERS = (
    Expected("add", "def add(a, b):\n    ", "\n", "return a + b"),
    Expected("multiply", "def multiply(x, y):\n    ", "\n\n\nprint(multiply(2, 3))\n", "return x * y"),
    Expected("is_even", "def is_even(n):\n    ", "\n", "return n % 2 == 0"),
    Expected(
        "fibonacci",
        "def fibonacci(n):\n    if n < 2:\n        return n\n    ",
        "\n",
        "return fibonacci(n - 1) + fibonacci(n - 2)",
    ),
)
ADD = ANSWERS[0]
BAD = Expected(
    "bad", "try:\n    import json\nexcept ", ":\n    json = None\n", "ef __init__(self, name, value):"
)
HELLO = "Hello! How can I help you with your code?"
"""The chat answer to "Hello"."""
