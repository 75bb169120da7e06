"""What only the user's own file may say: whether Symmetry is used at all, and whom of it to trust.

An editor's settings are no proof that the user wants something: several editors take them from files of the
project, too. Sending a chat to strangers, the key of the server that chooses them, and the program that is
started for it are therefore read from the user's file alone. Not for what a project's own file may do
(restrict.py).
"""

from __future__ import annotations

import re
from dataclasses import replace

from twinny_lsp.config.cleaning import Layer
from twinny_lsp.config.problems import Problem
from twinny_lsp.config.spelling import dotted
from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.presets import SYMMETRY_NOTICE
from twinny_lsp.providers.symmetry.protocol import is_key

OWNER_KEYS = frozenset({"opt_in", "server_key", "allowed_providers", "bootstrap", "node_path"})
"""Keys of `providers.NAME`."""

NOT_HERE = (
    "left out: only your own file may say this (`twinny-lsp config path` prints where it is), since an "
    "editor's settings can come from a project"
)
OPT_IN = (
    f"not switched on. {SYMMETRY_NOTICE} If you want that, write `opt_in = true` under "
    "`[providers.{name}]` into your own file (`twinny-lsp config path` prints where it is); nowhere else "
    "does it hold"
)
_NODE = re.compile(r"(?:[\w-]+\.)*[\w-]+:\d{1,5}")


def without_owner_keys(layer: Layer) -> Layer:
    """A source other than the user's file, without what it may not say; each such key is told."""
    providers = layer.values.get("providers", {})
    said = [(name, key) for name, keys in providers.items() for key in keys if key in OWNER_KEYS]
    if not said:
        return layer
    kept = {
        name: {key: value for key, value in keys.items() if key not in OWNER_KEYS}
        for name, keys in providers.items()
    }
    problems = [Problem(layer.source, dotted(("providers", name, key)), NOT_HERE) for name, key in said]
    return replace(layer, values={**layer.values, "providers": kept}, problems=(*layer.problems, *problems))


def checked(name: str, options: dict[str, object]) -> dict[str, object]:
    """Symmetry's options, ready for an Endpoint. Raises SettingsError.

    What makes no sense is never just left out here: without it, a chat would go to other people than meant.
    """
    if options.pop("opt_in", False) is not True:
        raise SettingsError(OPT_IN.format(name=name))
    if "server_key" in options:
        options["server_key"] = str(options["server_key"]).lower()
        if not is_key(str(options["server_key"])):
            raise SettingsError(_wrong(name, "serverKey", "64 hexadecimal digits"))
    if not all(map(is_key, _texts(options, "allowed_providers"))):
        raise SettingsError(_wrong(name, "allowedProviders", "a list of ids, 64 hexadecimal digits each"))
    if not all(map(_NODE.fullmatch, _texts(options, "bootstrap"))):
        raise SettingsError(_wrong(name, "bootstrap", "a list of `HOST:PORT`"))
    return options


def _texts(options: dict[str, object], key: str) -> tuple[str, ...]:
    """A list among the options, which stays there as a tuple: an Endpoint does not change."""
    value = options.get(key)
    texts = tuple(str(item).lower() for item in value) if isinstance(value, list) else ()
    if texts:
        options[key] = texts
    return texts


def _wrong(name: str, key: str, should: str) -> str:
    return f"`providers.{name}.{key}` should be {should}; nothing is sent until it is"
