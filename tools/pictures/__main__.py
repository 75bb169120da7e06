"""Take one editor's pictures, or all: see the package."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import tools.pictures

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
NAMES = sorted(
    module.name for module in pkgutil.iter_modules(tools.pictures.__path__) if module.name != "__main__"
)


def main(argv: list[str]) -> int:
    """Take them; they replace those that are there."""
    if unknown := [name for name in argv if name not in NAMES]:
        print(f"{unknown[0]} has no pictures; these have: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in argv or NAMES:
        importlib.import_module(f"tools.pictures.{name}").take(FOLDER)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
