"""Which machine the server runs on: over SSH, in WSL or in a container it is not the one with the model.

The server runs where the editor's files are; `127.0.0.1` is then that machine, not the user's laptop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """Where we are."""

    LOCAL = "local"
    SSH = "ssh"
    WSL = "wsl"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`advice` says how to reach a model server on the user's own machine; "" when we are on it."""

    kind: Kind
    description: str
    advice: str = ""


def read_text(path: str) -> str:
    """A small file's text, "" when it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def whereabouts(
    environment: Mapping[str, str],
    read: Callable[[str], str] = read_text,
    exists: Callable[[str], bool] = lambda path: Path(path).exists(),
) -> Whereabouts:
    """Judge by the environment and a few files; WSL before containers, containers before SSH."""
    if "microsoft" in read("/proc/version").lower() or "WSL_DISTRO_NAME" in environment:
        return Whereabouts(
            Kind.WSL,
            "in WSL (Windows Subsystem for Linux)",
            "If your model server runs on Windows, it is not at 127.0.0.1 from here, unless .wslconfig sets "
            "networkingMode=mirrored. Else use the Windows host's address (`ip route show default`) and let "
            "the server listen on it (Ollama: OLLAMA_HOST=0.0.0.0).",
        )
    in_container = exists("/.dockerenv") or exists("/run/.containerenv")
    if in_container or any(name in environment for name in ("REMOTE_CONTAINERS", "CODESPACES")):
        return Whereabouts(
            Kind.CONTAINER,
            "in a container",
            "127.0.0.1 is the container itself. Use host.docker.internal (Docker Desktop; on Linux start "
            "with --add-host=host.docker.internal:host-gateway) and let the model server listen on more than "
            "127.0.0.1.",
        )
    if "SSH_CONNECTION" in environment or "SSH_CLIENT" in environment:
        return Whereabouts(
            Kind.SSH,
            "on another machine, over SSH",
            "If your model server runs on the machine you sit at, forward its port here when you connect: "
            "`ssh -R 11434:127.0.0.1:11434 HOST` (11434 is Ollama's port).",
        )
    return Whereabouts(Kind.LOCAL, "on this machine")
