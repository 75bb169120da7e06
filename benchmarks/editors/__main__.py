"""Run one editor's measurements, or all: see the package."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import benchmarks.editors
from benchmarks.editors.figures import Figure

NAMES = sorted(
    module.name
    for module in pkgutil.iter_modules(benchmarks.editors.__path__)
    if module.name not in ("__main__", "figures")
)


def main(argv: list[str]) -> int:
    """Print a line a figure."""
    if unknown := [name for name in argv if name not in NAMES]:
        print(f"{unknown[0]} is not measured; these are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for name in argv or NAMES:
        figures: list[Figure] = importlib.import_module(f"benchmarks.editors.{name}").measure()
        for figure in figures:
            print(f"{name}: {figure}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
