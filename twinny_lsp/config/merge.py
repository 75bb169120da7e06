"""Laying the sources over one another, weakest first.

Tables are merged key by key, everything else is replaced, and three groups of keys hold together: the
ways to give a key; a provider and what belongs to it (model, template, address); see below.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from twinny_lsp.config.cleaning import Layer, Path, Values
from twinny_lsp.providers.presets import DEFAULT, SPECIAL_TEMPLATES

KEY_FIELDS = ("api_key", "api_key_env", "api_key_command", "api_key_file")
ADDRESS_FIELDS = ("protocol", "hostname", "port", "path", "api_key")


@dataclass(slots=True)
class Merged:
    """The merged values, and which source said each of them."""

    values: Values = field(default_factory=dict, repr=False)
    origins: dict[Path, str] = field(default_factory=dict)

    def origin(self, *path: str) -> str:
        """The source that set this key, or "settings"."""
        return self.origins.get(path, "settings")


def merge(layers: Iterable[Layer]) -> Merged:
    """Merge cleaned sources, weakest first. Their values are not changed."""
    merged = Merged()
    for layer in layers:
        _make_room(merged.values, layer.values)
        _lay(merged, merged.values, layer.values, layer.source, ())
    return merged


def _lay(merged: Merged, weak: Values, strong: Values, source: str, path: Path) -> None:
    for key, value in strong.items():
        here = (*path, key)
        if isinstance(value, dict):
            inner = weak.get(key)
            weak[key] = inner if isinstance(inner, dict) else {}
            _lay(merged, weak[key], value, source, here)
        else:
            weak[key] = value
            merged.origins[here] = source


def _make_room(weak: Values, strong: Values) -> None:
    """Drop from the weaker what must not be mixed with the stronger."""
    for name, provider in strong.get("providers", {}).items():
        if any(key in provider for key in KEY_FIELDS):
            # A key given in one way is not shadowed by one given in another way elsewhere.
            _forget(weak.get("providers", {}).get(name, {}), KEY_FIELDS)
    for name in ("completion", "chat"):
        section, said = weak.get(name, {}), strong.get(name, {})
        _new_provider(section, said, DEFAULT)
        _new_provider(section.get("embeddings", {}), said.get("embeddings", {}), DEFAULT)
        for language, choice in said.get("languages", {}).items():
            _new_provider(section.get("languages", {}).get(language, {}), choice, "")


def _new_provider(weak: Values, strong: Values, default: str) -> None:
    """Another provider makes the weaker source's model and address void: they are of the one before."""
    if strong.get("provider", "") in ("", weak.get("provider", "") or default):
        return
    _forget(weak, (*ADDRESS_FIELDS, "model"))
    if weak.get("fim_template", "") not in SPECIAL_TEMPLATES:
        _forget(weak, ("fim_template",))


def _forget(values: Values, keys: Iterable[str]) -> None:
    for key in keys:
        values.pop(key, None)
