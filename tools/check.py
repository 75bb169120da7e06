"""Everything a change must pass, in one command: format, lint, types, tests.

`python -m tools.check` runs all of it but `editors`, which fetches real editors and drives them;
`python -m tools.check lint types` runs those steps only; `python -m tools.check fix` formats and
repairs what ruff can repair.
"""

from __future__ import annotations

import subprocess
import sys
import time

MODULE = (sys.executable, "-m")
WITHOUT = ("--ignore=tests/editors",)
STEPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "format": ((*MODULE, "ruff", "format", "--check", "."),),
    "lint": ((*MODULE, "ruff", "check", "."),),
    "types": ((*MODULE, "mypy"),),
    "tests": (
        (*MODULE, "coverage", "erase"),
        (*MODULE, "coverage", "run", "-m", "pytest", *WITHOUT),
        (*MODULE, "coverage", "combine", "--quiet"),
        (*MODULE, "coverage", "report", "--format=total", "--fail-under=92"),
    ),
    "editors": ((*MODULE, "tools.fetch_editors"), (*MODULE, "pytest", "tests/editors")),
}
FAILED = ("--last-failed", "--last-failed-no-failures=none")
AGAIN = {"editors": ((*MODULE, "pytest", "tests/editors", *FAILED),)}
"""What failed is run once more, by itself: editors are programs of others, on a machine that may be busy, and
what fails twice is ours. Both runs are printed."""
BY_NAME_ONLY = ("editors",)
"""They take as long as all others together."""
FIX = ((*MODULE, "ruff", "check", "--fix", "."), (*MODULE, "ruff", "format", "."))


def run(commands: tuple[tuple[str, ...], ...]) -> bool:
    """Run the commands in order; False at the first that fails."""
    return all(subprocess.run(command, check=False).returncode == 0 for command in commands)


def main(argv: list[str]) -> int:
    """Run the named steps, or all but those by name only; every step runs even when an earlier one failed."""
    if argv == ["fix"]:
        return 0 if run(FIX) else 1
    unknown = [name for name in argv if name not in STEPS]
    if unknown:
        print(f"unknown step {unknown[0]}; known: {', '.join(STEPS)}, fix", file=sys.stderr)
        return 2
    failed = []
    for name in argv or [name for name in STEPS if name not in BY_NAME_ONLY]:
        print(f"== {name}", flush=True)
        start = time.monotonic()
        passed = run(STEPS[name])
        if not passed and name in AGAIN:
            print(f"== {name}: what failed, once more", flush=True)
            passed = run(AGAIN[name])
        if not passed:
            failed.append(name)
        print(f"== {name}: {time.monotonic() - start:.0f} s", flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
