"""The setting names of Twinny, the VS Code extension, and what they are called here.

One table, only for names found among our own settings; the extension's section `twinny` is not ours.
A value that does not fit is passed on as it is, so that it is reported like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Path = tuple[str, ...]
Convert = Callable[[Any], Any]
PROVIDERS = {"ollamawebui": "openwebui", "other": "openai-compatible", "twinny": "openai-compatible"}
TOKENS_PER_LINE = 10


@dataclass(frozen=True, slots=True)
class OldName:
    """Where an old setting's value goes; no path: it has no counterpart, and `note` says what instead."""

    paths: tuple[Path, ...] = ()
    note: str = ""
    convert: Convert = lambda value: value


def _negated(value: Any) -> Any:
    return not value if isinstance(value, bool) else value


def _multiline(value: Any) -> Any:
    return {True: "auto", False: "never"}.get(value, value) if isinstance(value, bool) else value


def _tokens(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool)
    return max(64, value * TOKENS_PER_LINE) if number else value


def _unlimited(value: Any) -> Any:
    return None if value == -1 else value


def _provider(value: Any) -> Any:
    return PROVIDERS.get(value.lower(), value.lower()) if isinstance(value, str) else value


def _protocol(value: Any) -> Any:
    return {True: "https", False: "http"}.get(value, value) if isinstance(value, bool) else value


def _keep_alive(value: Any) -> Any:
    return -1 if value == "-1" else value


def _to(path: str, convert: Convert | None = None, note: str = "") -> OldName:
    return OldName((tuple(path.split(".")),), note, convert or OldName().convert)


def _both(key: str, convert: Convert | None = None) -> OldName:
    return OldName((("completion", key), ("chat", key)), "", convert or OldName().convert)


def _gone(note: str) -> OldName:
    return OldName((), note)


_NOT_YET = "this version has nothing like it"

OLD_NAMES: Mapping[str, OldName] = MappingProxyType(
    {
        # The extension's settings today.
        "enabled": _to("completion.enabled"),
        "enabledLanguages": _to("completion.languages"),
        "autoSuggestEnabled": _to("completion.automatic"),
        "contextLength": _to("completion.context_tokens", _tokens, "a line is taken as 10 tokens"),
        "debounceWait": _to("completion.debounce"),
        "temperature": _to("completion.temperature"),
        "multilineCompletionsEnabled": _to("completion.multiline", _multiline),
        "completionCacheEnabled": _to("completion.cache"),
        "numPredictFim": _to(
            "completion.max_tokens", _unlimited, "-1 is not known here: there is always a limit"
        ),
        "numPredictChat": _to("chat.max_tokens", _unlimited, "-1 is not known here: there is always a limit"),
        "keepAlive": _to("providers.ollama.keep_alive", _keep_alive),
        "ollamaHostname": _to("providers.ollama.base_url"),
        "ollamaApiPort": _to("providers.ollama.base_url"),
        "ollamaUseTls": _to("providers.ollama.base_url"),
        "maxLines": _gone("`completion.maxTokens` and `completion.multiline` bound a suggestion here"),
        "fileContextEnabled": _to("context.open_files"),
        "enableSubsequentCompletions": _gone(_NOT_YET),
        "embeddingIgnoredGlobs": _gone("`privacy.deny` holds files back here, from all models"),
        "locale": _gone("messages are in English"),
        "enableLogging": _gone("`log.level` is the nearest thing here"),
        "symmetryServerKey": _to("providers.symmetry.server_key"),
        "githubToken": _gone(_NOT_YET),
        "providerStorageLocation": _gone("providers are settings here: `providers`"),
        # Settings of its earlier versions.
        "ollamaBaseUrl": _both("hostname"),
        "apiUrl": _both("hostname"),
        "apiHostname": _both("hostname"),
        "apiProtocol": _both("protocol"),
        "apiProvider": _both("provider", _provider),
        "apiBearerToken": _both("api_key"),
        "useTls": _both("protocol", _protocol),
        "chatApiPath": _to("chat.path"),
        "chatApiPort": _to("chat.port"),
        "chatModelName": _to("chat.model"),
        "fimApiPath": _to("completion.path"),
        "fimApiPort": _to("completion.port"),
        "fimModelName": _to("completion.model"),
        "fimTemplateFormat": _to("completion.fim_template"),
        "disableAutoSuggest": _to("completion.automatic", _negated),
        "useMultiLineCompletions": _to("completion.multiline", _multiline),
        "enableCompletionCache": _to("completion.cache"),
        "useFileContext": _to("context.open_files"),
        "disableServerChecks": _gone("no model is pulled here without being asked to"),
        "embeddingModel": _to("chat.embeddings.model"),
    }
)

OLLAMA_ADDRESS = ("ollamaHostname", "ollamaApiPort", "ollamaUseTls")


def ollama_address(old: Mapping[str, Any]) -> Any:
    """One base URL of the three settings that were Ollama's address; what does not fit is passed on."""
    host, port = old.get("ollamaHostname", "127.0.0.1"), old.get("ollamaApiPort", 11434)
    if not isinstance(host, str) or isinstance(port, bool) or not isinstance(port, int | str):
        return host if not isinstance(host, str) else port
    if "://" in host:
        return host
    host = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    return f"{'https' if old.get('ollamaUseTls') is True else 'http'}://{host}:{port}"
