"""From a preset, a provider's settings and the short form to an Endpoint: the one place that knows all three.

Nothing behind this knows the short form (protocol, hostname, port, path) or where a default came from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from twinny_lsp.config.address import (
    Address,
    Routes,
    join_paths,
    lay_over,
    parse_address,
    routes_at,
    tidy_path,
    wire_of,
)
from twinny_lsp.config.owner import checked
from twinny_lsp.config.schema import Addressed, ProviderSettings
from twinny_lsp.errors import SettingsError
from twinny_lsp.providers.endpoint import Endpoint, KeySource, Link, Route, Timeouts, Wire
from twinny_lsp.providers.presets import Preset

Report = Callable[[str, str], None]
"""Called with a key (camelCase, relative) and what is wrong with it."""

_OLLAMA = frozenset({Wire.OLLAMA_GENERATE, Wire.OLLAMA_CHAT})
_LLAMACPP = frozenset({Wire.LLAMACPP_COMPLETION, Wire.LLAMACPP_INFILL})
_EMBEDDED = frozenset({Wire.EMBEDDED})
_SYMMETRY = frozenset({Wire.SYMMETRY})
_PROXY = re.compile(r"https?://(?:[^\s/@]+@)?[^\s/@]+/?")
_OPTIONS = {
    "num_ctx": ("numCtx", _OLLAMA, "Ollama knows"),
    "keep_alive": ("keepAlive", _OLLAMA, "Ollama knows"),
    "batch_tokens": ("batchTokens", _LLAMACPP | _EMBEDDED, "llama.cpp and the embedded provider know"),
    "model_path": ("modelPath", _EMBEDDED, "the embedded provider knows"),
    "model_directory": ("modelDirectory", _EMBEDDED, "the embedded provider knows"),
    "context_tokens": ("contextTokens", _EMBEDDED, "the embedded provider knows"),
    "threads": ("threads", _EMBEDDED, "the embedded provider knows"),
    "idle_minutes": ("idleMinutes", _EMBEDDED, "the embedded provider knows"),
    "share": ("share", _EMBEDDED, "the embedded provider knows"),
    "opt_in": ("optIn", _SYMMETRY, "Symmetry knows"),
    "server_key": ("serverKey", _SYMMETRY, "Symmetry knows"),
    "allowed_providers": ("allowedProviders", _SYMMETRY, "Symmetry knows"),
    "bootstrap": ("bootstrap", _SYMMETRY, "Symmetry knows"),
    "node_path": ("nodePath", _SYMMETRY, "Symmetry knows"),
}
"""The keys that only some kinds of server know: their name outside, the wire shapes, and who in words."""


def has_short_form(section: Addressed) -> bool:
    """Whether any part of the short form is set."""
    return bool(
        section.protocol
        or section.hostname
        or section.port
        or section.path
        or section.api_key.get_secret_value()
    )


def asks_native(section: Addressed) -> bool:
    """Whether the short form's path is llama.cpp's own fill-in-the-middle."""
    path = section.path.strip().rstrip("/") or section.hostname.strip().rstrip("/")
    return wire_of(path) is Wire.LLAMACPP_INFILL


def named_endpoint(name: str, preset: Preset, provider: ProviderSettings, report: Report) -> Endpoint:
    """The endpoint of a provider in the settings. Raises SettingsError where there is no address."""
    address = _provider_address(preset, provider, report)
    return _build(name, preset, provider, address, report)


def unnamed_endpoint(
    preset: Preset, provider: ProviderSettings, section: Addressed, role: str, report: Report
) -> Endpoint:
    """The short form of `section` laid over the provider it names; `role` is completion or chat.

    Parts that make no sense are reported. Raises SettingsError where there is no usable address.
    """
    base = _provider_address(preset, provider, lambda key, message: None)
    if not preset.has_address:
        report("hostname", f"{preset.title} has no address; the short form is left out")
        return _build(section.provider, preset, provider, base, lambda key, message: None)
    over = _short_address(section, report)
    address = lay_over(base, over, url=False)

    def of_path(key: str, message: str) -> None:
        if key == "path":  # what is wrong with the named provider is said where that is built
            report(key, message)

    name = f"{section.provider} ({role})"
    endpoint = _build(name, preset, provider, address, of_path, role=role if over.path else "")
    if key := section.api_key.get_secret_value():
        return replace(endpoint, key=KeySource(value=key))
    return endpoint


def _provider_address(preset: Preset, provider: ProviderSettings, report: Report) -> Address:
    base = parse_address(preset.base_url) if preset.base_url else Address()
    if not preset.has_address and provider.base_url:
        report("baseUrl", f"{preset.title} has no address; this is left out")
        return base
    if not provider.base_url.strip():
        return base
    try:
        return lay_over(base, parse_address(provider.base_url), url=True)
    except SettingsError as error:
        # Not the preset's address instead: code goes where the settings say, or nowhere.
        report("baseUrl", str(error))
        raise SettingsError(f"the address of {preset.title} cannot be used: it {error}") from error


def _short_address(section: Addressed, report: Report) -> Address:
    """One address of the four keys; what is written in `hostname` holds where two of them disagree."""
    try:
        written = parse_address(section.hostname)
    except SettingsError as error:
        report("hostname", str(error))
        raise SettingsError(f"`hostname` cannot be used: it {error}") from error
    if section.protocol and written.scheme not in ("", section.protocol):
        report("protocol", "`hostname` says another protocol, which holds")
    if section.port and written.port not in (None, section.port):
        report("port", "`hostname` says another port, which holds")
    path = ""
    try:
        path = tidy_path(section.path)
    except SettingsError as error:
        report("path", str(error))
    return Address(
        written.scheme or section.protocol,
        written.host,
        written.port if written.port is not None else section.port,
        join_paths(written.path, path),
    )


def _build(
    name: str, preset: Preset, provider: ProviderSettings, address: Address, report: Report, *, role: str = ""
) -> Endpoint:
    if preset.has_address and not address.origin:
        raise SettingsError(f"it has no address yet: set `providers.{name}.baseUrl`")
    try:
        routes = routes_at(preset, address.path, role)
    except SettingsError as error:
        report("path" if role else "baseUrl", f"{error}; the usual path is used")
        routes = routes_at(preset, "")
    wires = {route.wire for route in (routes.completion, routes.chat, routes.infill) if route}
    options, link = _options(provider, wires, report), _link(provider, report)
    if wires & _SYMMETRY and (link.proxy or link.socket):
        # Without it, the user's address would be seen where it was meant to be hidden.
        raise SettingsError(f"{preset.title} goes over UDP: take `proxy` and `socket` out of its settings")
    return Endpoint(
        name=name,
        preset=preset.name,
        base_url=address.origin if preset.has_address else "",
        completion=routes.completion,
        chat=_chat_with(options, routes),
        infill=routes.infill,
        key=_key(preset, provider, address),
        headers=MappingProxyType({key: value.get_secret_value() for key, value in provider.headers.items()}),
        timeouts=_timeouts(preset, provider),
        options=MappingProxyType(checked(name, options) if wires & _SYMMETRY else options),
        link=link,
        embeddings=routes.embeddings,
    )


def _timeouts(preset: Preset, provider: ProviderSettings) -> Timeouts:
    """The preset's, with what the settings say laid over them."""
    said = provider.timeouts
    return replace(preset.timeouts, **{name: getattr(said, name) for name in said.model_fields_set})


def _link(provider: ProviderSettings, report: Report) -> Link:
    """How the server is reached. A proxy that is none is reported; the server is not asked directly then."""
    proxy = provider.proxy.get_secret_value().strip()
    if proxy and not _PROXY.fullmatch(proxy):
        report("proxy", "should be `http://host:port`")
        raise SettingsError("its proxy cannot be used: it should be `http://host:port`")
    return Link(
        ca_file=os.path.expanduser(provider.ca_file),
        client_certificate=os.path.expanduser(provider.client_certificate),
        client_key=os.path.expanduser(provider.client_key),
        socket=os.path.expanduser(provider.socket),
        proxy=proxy,
    )


def _chat_with(options: Mapping[str, object], routes: Routes) -> Route | None:
    """Ollama's own chat route where its own options are set: `/v1` cannot take them.

    A model that chat asks for with another `num_ctx` than completion is loaded anew at each change between
    them, and without `keep_alive` a chat sets the time back to the server's own.
    """
    chat, completion = routes.chat, routes.completion
    if not options.keys() & {"num_ctx", "keep_alive"} or chat is None or completion is None:
        return chat
    root, own, _ = completion.path.partition("/api/generate")
    if own and chat == Route(Wire.OPENAI_CHAT, f"{root}/v1/chat/completions"):
        return Route(Wire.OLLAMA_CHAT, f"{root}/api/chat")
    return chat


def _key(preset: Preset, provider: ProviderSettings, address: Address) -> KeySource:
    key = KeySource(
        value=provider.api_key.get_secret_value(),
        env=provider.api_key_env,
        file=os.path.expanduser(provider.api_key_file),
        command=tuple(provider.api_key_command),
    )
    if key or not preset.key_env:
        return key
    # The variable of a vendor is for the vendor's own address, and for no other.
    own = parse_address(preset.base_url).origin == address.origin
    return KeySource(env=preset.key_env) if own and "api_key" not in provider.model_fields_set else key


def _options(provider: ProviderSettings, wires: set[Wire], report: Report) -> dict[str, object]:
    """What only this kind of server knows; a key of another kind is reported, since it does nothing."""
    options: dict[str, object] = {}
    for name, (key, known, who) in _OPTIONS.items():
        value = getattr(provider, name)
        if name not in provider.model_fields_set or value in (None, "", []):
            continue
        if wires & known:
            options[name] = value
        else:
            report(key, f"only {who} this; it does nothing here")
    if "model_path" in options:
        options["model_path"] = os.path.expanduser(str(options["model_path"]))
    if "idle_minutes" in options:
        options["idle_seconds"] = float(str(options.pop("idle_minutes"))) * 60
    if "node_path" in options:
        options["node_path"] = os.path.expanduser(str(options["node_path"]))
    return options
