"""What is made from the code: docs/configuration.md, and the settings of the VS Code extension.

`python -m tools.docs` writes them, `python -m tools.docs --check` fails when they are stale. What is told
of a single setting stands in its model (twinny_lsp/config/schema.py), not here.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools import vscode_settings
from twinny_lsp.config import oldnames, restrict, schema, sources, spelling
from twinny_lsp.providers.presets import PRESETS, Preset

ROOT = Path(__file__).parent.parent
INTRODUCTION = """\
# Configuration

<!-- Made by `python -m tools.docs` from twinny_lsp/config/schema.py; edit that, and run it again. -->

Everything works without a single setting when Ollama runs on this machine and has the model
`codellama:7b-code`. This page has every setting there is, with its default.

## Where settings come from

From weakest to strongest; a table is merged key by key, everything else is replaced:

1. the defaults below;
2. your own file, `config.toml` in the platform's folder for settings (`~/.config/twinny-lsp/` on Linux,
   `~/Library/Application Support/twinny-lsp/` on macOS, `%LOCALAPPDATA%\\twinny-lsp\\` on Windows;
   `twinny-lsp config path` prints it, the environment variable `{path_variable}` moves it);
3. what your editor sends as `initializationOptions`;
4. what your editor answers to `workspace/configuration`, for each workspace folder, or sends with
   `workspace/didChangeConfiguration`: under the section `twinny-lsp`, or flat;
5. the nearest `{project_file}` above a document, inside its workspace folder. It may only narrow, see
   [below](#a-projects-own-file).

Keys are `camelCase` in JSON and `snake_case` in TOML; both are understood in both. The names you choose
yourself (of providers, headers and languages) are never converted. `null` means "not set here". A change
in any of these places holds at once, without a restart.

A key that is unknown or has a wrong value is reported once, with its path, and left out; the rest holds. A
file that does not parse is reported with line and column; when that happens while the server runs, what was
read before holds. `twinny-lsp config check` tells what is wrong, `twinny-lsp config show` what holds in the
end (keys are never shown), and `twinny-lsp config schema` prints a JSON schema for your editor.

Three things hold together when sources are merged. A source that names another `provider` makes void what a
weaker one says of its `model`, of its family's `fimTemplate` and of its address. One way to give a key
replaces every other way. `true` and `false` for a language are short for `{{"enabled": …}}`.

## Examples

As `initializationOptions`, or in the answer to `workspace/configuration`:

```json
{json_example}
```

The same in `config.toml`:

```toml
{toml_example}```
"""
JSON_EXAMPLE: dict[str, Any] = {
    "providers": {"workstation": {"type": "llamacpp", "baseUrl": "http://192.168.1.20:8080"}},
    "completion": {
        "provider": "workstation",
        "model": "qwen2.5-coder-7b",
        "maxTokens": 128,
        "languages": {"markdown": False, "go": {"multiline": "never"}},
    },
    "chat": {
        "provider": "ollama",
        "model": "qwen2.5-coder:14b",
        "embeddings": {"provider": "ollama", "model": "nomic-embed-text"},
    },
}
TOML_EXAMPLE = """\
[providers.workstation]
type = "llamacpp"
base_url = "http://192.168.1.20:8080"

[completion]
provider = "workstation"
model = "qwen2.5-coder-7b"
max_tokens = 128

[completion.languages]
markdown = false
go = { multiline = "never" }

[chat]
provider = "ollama"
model = "qwen2.5-coder:14b"

[chat.embeddings]
provider = "ollama"
model = "nomic-embed-text"
"""
SHORT_FORM = """\
## The short form

As in Twinny, an address can stand directly under `completion` or `chat`: `protocol`, `hostname`, `port`,
`path` and `apiKey`. They lie over the provider that is named there; what they do not say is that
provider's.

```json
{"completion": {"provider": "ollama", "hostname": "192.168.1.20", "port": 11434, "path": "/api/generate"}}
```

`hostname` may carry a scheme, a port and a path: `https://models.example.com:8443/ollama`. Where it
disagrees with `protocol` or `port`, it holds, and you are told. A new host keeps the provider's port,
unless the scheme changes too.

`path` is either an API base (`/v1`, `/api`, `/ollama`, `/ollama/v1`), below which the provider's usual
paths are taken, or a full path, which also tells how the server is spoken to:

| path ends with | spoken as |
| --- | --- |
| `/api/generate`, `/api/chat` | Ollama |
| `/v1/completions` | OpenAI completions |
| `/chat/completions` | OpenAI chat |
| `/completion` | llama.cpp, with a FIM template |
| `/infill` | llama.cpp's own fill-in-the-middle |

`providers.NAME.baseUrl` is read with the same tolerance. An address that makes no sense switches that
provider off and says so; code is never sent to another address instead.
"""
PROJECT_FILE = """\
## A project's own file

{paragraph}

```toml
[completion]
max_tokens = 64
context_tokens = 1024
cache = false

[completion.languages]
"*" = false
python = true

[context]
recent_edits = false
tokens = 256

[privacy]
deny = ["fixtures/", "*.sql"]
```
"""
PROJECT_PARAGRAPH = """\
A `{project_file}` comes with a repository, perhaps a stranger's, so it can only switch off and narrow.
Understood are {allowed}; sizes hold where they are smaller than yours. Everything else in it is reported and
ignored: no address, key, header, command or template can come from there, and nothing that you switched off
comes on.
"""


def configuration() -> str:
    """The text of docs/configuration.md."""
    introduction = INTRODUCTION.format(
        path_variable=sources.PATH_VARIABLE,
        project_file=restrict.FILE_NAME,
        json_example=json.dumps(JSON_EXAMPLE, indent=2),
        toml_example=TOML_EXAMPLE,
    )
    parts = [introduction, "## Settings\n", *_sections(schema.json_schema()), SHORT_FORM]
    off = [f"`{part}.{key} = false`" for part, keys in restrict.SWITCHES.items() for key in keys]
    sizes = [f"`{part}.{key}`" for part, keys in restrict.SIZES.items() for key in keys]
    more = ["`completion.languages.NAME = false`", "`privacy.mask_secrets = true`"]
    allowed = f"{', '.join((*off, *more, *sizes))} and more patterns in `privacy.deny`"
    paragraph = PROJECT_PARAGRAPH.format(project_file=restrict.FILE_NAME, allowed=allowed)
    parts.append(PROJECT_FILE.format(paragraph=textwrap.fill(paragraph, 108)))
    return "\n".join([*parts, _presets(), _old_names()])


DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/configuration.md": configuration,
    vscode_settings.MANIFEST: vscode_settings.manifest,
}


def _sections(root: dict[str, Any]) -> Iterator[str]:
    """A table for each section, then for what is inside of maps."""
    models = root["$defs"]
    single = [key for key, part in root["properties"].items() if "type" in part and part["type"] != "object"]
    yield "### Top level\n"
    yield _table({key: root["properties"][key] for key in single})
    yield "### `providers.NAME`\n"
    yield models["ProviderSettings"]["description"] + "\n"
    yield _table(models["ProviderSettings"]["properties"])
    yield "### `providers.NAME.timeouts`\n"
    yield _table(models["TimeoutSettings"]["properties"])
    for key, part in root["properties"].items():
        name = part.get("$ref", "").rpartition("/")[2]
        if name:
            yield f"### `{key}`\n"
            yield _table(models[name]["properties"])
        if key == "chat":
            yield "### `chat.embeddings`\n"
            yield models["EmbeddingSettings"]["description"] + "\n"
            yield _table(models["EmbeddingSettings"]["properties"])
        if key == "completion":
            yield "### `completion.languages.NAME`\n"
            yield models["LanguageSettings"]["description"] + "\n"
            yield _table(models["LanguageSettings"]["properties"])


def _table(properties: dict[str, dict[str, Any]]) -> str:
    rows = [
        f"| `{key}` | {_type(part)} | {_default(part)} | {part.get('description', '')} |"
        for key, part in properties.items()
    ]
    return "\n".join(["| key | type | default | what |", "| --- | --- | --- | --- |", *rows, ""])


def _type(part: dict[str, Any]) -> str:
    """A type in words, with its range."""
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(_type(one) for one in part["anyOf"] if one.get("type") != "null"))
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"] if value)
    if "const" in part:
        return f"`{part['const']}`"
    kind = part.get("type", "object")
    if kind == "array":
        return f"list of {_type(part['items'])}"
    if kind == "object":
        values = part.get("additionalProperties")
        return "table by name" if isinstance(values, dict) else "table"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    return words[kind] + _range(part)


def _range(part: dict[str, Any]) -> str:
    low, high = part.get("minimum"), part.get("maximum")
    if "exclusiveMinimum" in part:
        return f" over {part['exclusiveMinimum']}, to {high}"
    if low is None:
        return ""
    return f", {low} to {high}" if high is not None else f" from {low}"


def _default(part: dict[str, Any]) -> str:
    value = part.get("default")
    return "" if value in (None, "", [], {}) else f"`{json.dumps(value)}`"


def _presets() -> str:
    rows = []
    for preset in PRESETS.values():
        routes = f"{_route(preset, 'completion')} | {_route(preset, 'chat')}"
        rows.append(f"| `{preset.name}` | {_address(preset)} | {routes} |")
    head = [
        "## Presets\n",
        "These providers are there without being named; `providers.NAME` of the same name lies over one.",
        "A new provider takes one as its `type`.\n",
        "| preset | address | completion: path, model, FIM template | chat: path, model |",
        "| --- | --- | --- | --- |",
    ]
    notices = [f"\n`{preset.name}`: {preset.notice}" for preset in PRESETS.values() if preset.notice]
    return "\n".join([*head, *rows, *notices, ""])


def _address(preset: Preset) -> str:
    if preset.base_url:
        return f"`{preset.base_url}`" + (f", key in `{preset.key_env}`" if preset.key_env else "")
    return "yours to set" if preset.has_address else "none"


def _route(preset: Preset, role: str) -> str:
    route = preset.completion if role == "completion" else preset.chat
    if route is None:
        return preset.no_completion if role == "completion" else "none"
    model = preset.completion_model if role == "completion" else preset.chat_model
    template = f", `{preset.fim_template}`" if role == "completion" else ""
    return f"`{route.path}`, {f'`{model}`' if model else 'model yours to set'}{template}"


def _old_names() -> str:
    rows = []
    for name, meaning in oldnames.OLD_NAMES.items():
        here = " and ".join(f"`{spelling.dotted(path)}`" for path in meaning.paths)
        note = f" ({meaning.note})" if here and meaning.note else meaning.note
        rows.append(f"| `{name}` | {here}{note} |")
    head = [
        "## Names from Twinny\n",
        "Settings of Twinny for VS Code are understood among ours (at the top level of the section), with a",
        "hint at the name they have here. The section `twinny` itself is that extension's; it is not read.\n",
        "| Twinny | here |",
        "| --- | --- |",
    ]
    return "\n".join([*head, *rows, ""])


def main(argv: list[str]) -> int:
    """Write the documents, or with `--check` tell which are stale."""
    stale = []
    for name, made in DOCUMENTS.items():
        path, text = ROOT / name, made()
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"wrote {name}")
    if stale and "--check" in argv:
        print(f"stale: {', '.join(stale)}; run `python -m tools.docs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
