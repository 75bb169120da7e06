"""`twinny-lsp symmetry install|status`: what chat over Symmetry needs here, and whether it is allowed.

`status` only looks; `install` gets the modules from npm's registry. Neither touches the Symmetry network.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import TYPE_CHECKING

from twinny_lsp.cli.console import complain, out, read_settings

if TYPE_CHECKING:
    from twinny_lsp.config.resolve import Settings
    from twinny_lsp.providers.endpoint import Endpoint
    from twinny_lsp.providers.symmetry.setup import Setup

NAME = "symmetry"
WIDTH = 80
_GLUE = "\N{NO-BREAK SPACE}"


def run(options: argparse.Namespace) -> int:
    """`status`: 0 when a chat could be sent, else 1. `install`: 0 when the modules are there, else 1."""
    return {"status": status, "install": install}[options.what]()


def status() -> int:
    """What is there, what is allowed, and what that means."""
    from twinny_lsp.providers.symmetry.setup import look

    settings = read_settings().global_settings()
    endpoint = settings.endpoint(NAME)
    setup = look(node_path(settings))
    rows = {**_machine(setup), **_network(settings, endpoint)}
    for name, value in rows.items():
        out(filled(value, f"{name:<10} "))
    if endpoint is not None:  # the reason why not says it otherwise
        from twinny_lsp.providers.presets import SYMMETRY_NOTICE

        out(f"\n{filled(SYMMETRY_NOTICE)}")
    return 0 if endpoint is not None and not setup.problem else 1


def install() -> int:
    """Get the modules, or say why that is not possible."""
    from twinny_lsp.providers.symmetry.setup import InstallFailed, find_node, modules_folder
    from twinny_lsp.providers.symmetry.setup import install as install_modules

    settings = read_settings().global_settings()
    node, problem = find_node(node_path(settings))
    if node is None:
        complain(f"{problem}.")
        return 1
    out(f"Node.js {node.version} ({node.path}): npm gets hyperdht and what it needs, 34 MB, into")
    out(f"{modules_folder()}. Each module is checked against the hash in the lock file.")
    try:
        install_modules(node)
    except InstallFailed as error:
        complain(f"{error}.")
        if error.detail:
            complain(error.detail)
        return 1
    out("Installed.")
    if why := settings.why_no_endpoint(NAME):
        out(filled(f"Symmetry is {why}."))
    return 0


def node_path(settings: Settings) -> str:
    """The Node.js that the user's file names, whether chats are allowed yet or not."""
    provider = settings.merged.providers.get(NAME) if settings.merged else None
    return provider.node_path if provider else ""


def _machine(setup: Setup) -> dict[str, str]:
    node = f"{setup.node.version}, {setup.node.path} (by {setup.node.origin})" if setup.node else "none"
    modules = f"hyperdht {setup.hyperdht}, {setup.folder}" if setup.hyperdht else "not installed"
    rows = {"Node.js": node, "modules": modules}
    return rows | ({"missing": setup.problem} if setup.problem else {})


def _network(settings: Settings, endpoint: Endpoint | None) -> dict[str, str]:
    if endpoint is None:
        return {"allowed": f"no: {settings.why_no_endpoint(NAME)}"}
    chat = settings.chat().target
    used = "not for chat (`chat.provider`)"
    if chat is not None and chat.endpoint.name == NAME:
        used = f"for chat, with the model {chat.model}"
    options = endpoint.options
    allowed = options.get("allowed_providers")
    bootstrap = options.get("bootstrap")
    return {
        "allowed": "yes, by `opt_in` in your own file",
        "used": used,
        "server": str(options.get("server_key") or "of the public network"),
        "providers": ", ".join(allowed) if isinstance(allowed, tuple) else "any the server chooses",
        "network": ", ".join(bootstrap) if isinstance(bootstrap, tuple) else "the public one",
    }


def filled(text: str, name: str = "") -> str:
    """Lines of at most 80 columns; what is in back-ticks is to be copied, so it stays on one."""
    text = re.sub(r"`[^`]{1,50}`", lambda found: found[0].replace(" ", _GLUE), text)
    lines = textwrap.fill(
        text,
        WIDTH,
        initial_indent=name,
        subsequent_indent=" " * len(name),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace(_GLUE, " ")
