"""Run the tests against real programs that are too large for every run: `python -m tools.live litellm`.

Each program gets a folder of its own under `.cache/`, filled once: a virtual environment, or unpacked
packages of a newer Debian. Names: see `PROGRAMS` and `DEBIAN`. More arguments go to pytest. Not part of
`make test`: `make live` runs those that are quickly there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tools import packages

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS: dict[str, tuple[str, ...]] = {
    "litellm": ("litellm[proxy]==1.106.2", "prisma"),
    "openwebui": ("open-webui==0.12.4",),
}
"""What pip installs. LiteLLM: 0.7 GB, about a minute; Open WebUI: over 7 GB, about four minutes."""

DEBIAN = {"llamacpp": ("llama.cpp-tools",)}
"""What apt fetches, without touching this machine's packages: llama.cpp's own server, 75 MB, some 10 s."""


def unpacked(name: str) -> Path:
    """A folder with a Debian program and its libraries. Raises Unavailable where there is no apt."""
    folder = ROOT / ".cache" / name
    done = folder / "installed"
    if not done.is_file():
        packages.from_debian(DEBIAN[name], folder, folder / "usr" / "bin" / "llama-server")
        done.write_text("\n".join(DEBIAN[name]) + "\n", encoding="utf-8")
    return folder / "usr"


def environment_of(name: str) -> Path:
    """The program's virtual environment, made where it is not there."""
    folder = ROOT / ".cache" / name
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PROGRAMS[name]], check=True)
        done.write_text("\n".join(PROGRAMS[name]) + "\n", encoding="utf-8")
    return folder


def main(argv: list[str]) -> int:
    """Install if need be, then test."""
    if not argv or argv[0] not in (*PROGRAMS, *DEBIAN):
        names = ",".join((*PROGRAMS, *DEBIAN))
        print(f"usage: python -m tools.live {{{names}}} [pytest arguments]", file=sys.stderr)
        return 2
    name, *more = argv
    start = time.monotonic()
    folder = unpacked(name) if name in DEBIAN else environment_of(name)
    print(f"{name} is in {folder.relative_to(ROOT)} ({time.monotonic() - start:.0f} s)", flush=True)
    variables = os.environ | {"LIVE_PROGRAMS": str(folder / "bin")}
    command = [sys.executable, "-m", "pytest", f"tests/live/test_{name}.py", "-v", *more]
    return subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
