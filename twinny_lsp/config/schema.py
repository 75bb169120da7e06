"""The settings as people write them: every key, its type, its range, and what it means.

The one description of the settings: validation, the JSON schema for editors and the documentation all
come from these models. The form the program reads is resolved.py, made by resolve.py.
Importing this costs an import of pydantic, so it comes after `initialized`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, SecretStr

from twinny_lsp.config.fields import (
    HeaderName,
    HeaderValue,
    MaxTokens,
    OwnersText,
    OwnersTexts,
    Seconds,
    Section,
    Temperature,
)
from twinny_lsp.providers.presets import DEFAULT, PRESETS, SPECIAL_TEMPLATES

SCHEMA_VERSION = 1
MultilineChoice = Literal["auto", "always", "never"]
_TEMPLATES: dict[str, JsonValue] = {"examples": [*sorted(SPECIAL_TEMPLATES), "codellama", "qwen"]}


class TimeoutSettings(Section):
    """How long to wait for a server."""

    connect: Seconds = Field(
        default=5.0,
        description="Seconds until the connection stands. Symmetry: 15, for each of its four steps.",
    )
    first_byte: Seconds = Field(
        default=120.0,
        description="Seconds until the first byte of the answer. Long, since queueing, loading the model and "
        "reading the prompt count; the editor's cancel is what really ends a request. Symmetry: 60.",
    )
    idle: Seconds = Field(default=60.0, description="Seconds between two pieces of one answer.")
    total: Seconds = Field(
        default=600.0,
        description="Symmetry: seconds for a whole answer, since a provider need never stop by itself.",
    )


class ProviderSettings(Section):
    """One model server. Under a preset's name it is laid over that preset."""

    type: str = Field(
        default="",
        description="The kind of server: a preset's name. Left out, it is the preset of the same name as "
        "the provider, else `openai-compatible`.",
        json_schema_extra={"enum": ["", *PRESETS]},
    )
    base_url: str = Field(
        default="",
        description="Where it is: `http://127.0.0.1:11434`, with or without scheme, port, `/v1`, `/api` or a "
        "full path such as `/v1/completions`. Left out, the preset's address.",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""), description="The key itself; better to use one of the next three."
    )
    api_key_env: str = Field(default="", description="Name of the environment variable that holds the key.")
    api_key_command: list[str] = Field(
        default=[],
        repr=False,
        description='Command that prints the key, as a list: `["pass", "show", "openai"]`. No shell.',
    )
    api_key_file: str = Field(default="", description="File that holds the key; `~` is your home folder.")
    headers: dict[HeaderName, HeaderValue] = Field(
        default={}, repr=False, description="Headers sent with every request to this server."
    )
    ca_file: str = Field(
        default="",
        description="For https: file with the certificate (PEM) of an authority to trust besides the "
        "system's, such as your own; `~` is your home folder.",
    )
    client_certificate: str = Field(
        default="", description="For https: file with the certificate (PEM) that is shown to the server."
    )
    client_key: str = Field(
        default="",
        description="File with that certificate's private key, without a password; left out, it is in the "
        "same file.",
    )
    socket: str = Field(
        default="", description="A Unix socket to connect to, in place of the address' host and port."
    )
    proxy: SecretStr = Field(
        default=SecretStr(""),
        description="A proxy for this server: `http://host:port`. The environment's proxies are never used.",
    )
    timeouts: TimeoutSettings = Field(
        default_factory=TimeoutSettings, description="How long to wait for the server."
    )
    num_ctx: Annotated[int, Field(ge=256, le=4_194_304)] | None = Field(
        default=None,
        description="Ollama: tokens of context to load the model with. One value for all requests, "
        "since another one makes Ollama load the model again. Left out, the server's own.",
    )
    keep_alive: str | int | None = Field(
        default=None,
        description="Ollama: how long the model stays loaded after a request: `5m`, or seconds; "
        "-1 for ever, 0 not at all. Left out, the server's own.",
    )
    model_path: str = Field(
        default="",
        description="embedded: the GGUF file to run, whatever model is named. Left out, the model's name "
        "finds a file that `twinny-lsp pull` brought; without a name it is the tiny model of the package.",
    )
    model_directory: str = Field(
        default="",
        description="embedded: the folder for what `twinny-lsp pull` brings; `~` is your home folder. Left "
        "out, it is `twinny-lsp/models` in the platform's folder for data.",
    )
    context_tokens: Annotated[int, Field(ge=256, le=1_048_576)] | None = Field(
        default=None,
        description="embedded: tokens of context to load the model with. Left out, it is chosen by the "
        "model and the machine's memory.",
    )
    batch_tokens: Annotated[int, Field(ge=32, le=1_048_576)] | None = Field(
        default=None,
        description="llamacpp: the batch size its server was started with (`-b`), which it does not tell; "
        "embedded: tokens of prompt to read at once.",
    )
    threads: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None,
        description="embedded: threads to compute with. Left out, all fast cores but one, 8 at most.",
    )
    idle_minutes: Annotated[float, Field(ge=0, le=10_080, allow_inf_nan=False)] | None = Field(
        default=None, description="embedded: minutes without a request until the model is unloaded; 0: never."
    )
    share: bool = Field(default=True, description="embedded: one process for all of your editors.")
    opt_in: bool = Field(
        default=False,
        description="symmetry: `true` allows chats to go to strangers' computers, whose operators read them. "
        "Holds in your own file only, as the next four do: an editor's settings can come from a project.",
    )
    server_key: OwnersText = Field(
        default="",
        description="symmetry: public key of the server that chooses a provider, 64 hexadecimal digits; "
        "nobody else is taken for it. Left out, that of the public network.",
    )
    allowed_providers: OwnersTexts = Field(
        default=[],
        description="symmetry: ids of the providers that may be asked; left out, any the server chooses.",
    )
    bootstrap: OwnersTexts = Field(
        default=[],
        description="symmetry: nodes of a private network to begin at, `HOST:PORT`; left out, the public.",
    )
    node_path: str = Field(
        default="", description="symmetry: the Node.js to run, 18 or newer; left out, the one on PATH."
    )


class ModelChoice(Section):
    """A model on a server, for `fallback`."""

    provider: str = Field(default="", description="Name of a provider.")
    model: str = Field(default="", description="Name of a model; left out, the preset's.")
    fim_template: str = Field(
        default="", description="As `completion.fimTemplate`.", json_schema_extra=_TEMPLATES
    )


class LanguageSettings(Section):
    """What is different in one language. Left out, what `completion` says holds."""

    enabled: bool = Field(default=True, description="Completion in this language.")
    provider: str = Field(default="", description="Name of the provider for this language.")
    model: str = Field(default="", description="Model for this language.")
    fim_template: str = Field(
        default="", description="FIM template for this language.", json_schema_extra=_TEMPLATES
    )
    multiline: MultilineChoice | None = Field(default=None, description="As `completion.multiline`.")
    temperature: Temperature | None = Field(default=None, description="As `completion.temperature`.")
    max_tokens: MaxTokens | None = Field(default=None, description="As `completion.maxTokens`, in tokens.")


class Addressed(Section):
    """A model, and the short form of an address: an unnamed provider, laid over the named one."""

    provider: str = Field(
        default=DEFAULT, description="Name of the provider: a preset, or one of `providers`."
    )
    model: str = Field(default="", description="Name of the model. Left out, the preset's.")
    protocol: Literal["", "http", "https"] = Field(default="", description="Short form: `http` or `https`.")
    hostname: str = Field(
        default="", description="Short form: host name or address; may carry a scheme, a port and a path."
    )
    port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        default=None, description="Short form: the port."
    )
    path: str = Field(
        default="",
        description="Short form: a full path (`/api/generate`, `/v1/chat/completions`), which also tells how "
        "the server is spoken to, or an API base (`/v1`, `/ollama`).",
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="Short form: the key.")


class CompletionSection(Addressed):
    """Completion while you type."""

    enabled: bool = Field(default=True, description="Completion at all.")
    automatic: bool = Field(
        default=True, description="Suggest while you type; `false`: only when you ask for it."
    )
    fim_template: str = Field(
        default="",
        description="How the model is asked to fill in the middle: `automatic` (by what the server "
        "tells and the model's name), the name of a model family, `native` (the server knows), `chat` (in "
        "words, for a model without FIM tokens), or `custom-template` (your `fim.hbs`). Left out, the "
        "preset's.",
        json_schema_extra=_TEMPLATES,
    )
    surface: Literal["auto", "inline", "menu", "both"] = Field(
        default="auto",
        description="Where suggestions show: as ghost text, in the completion menu, or both; `auto` leaves "
        "the menu out once this editor has asked for ghost text.",
    )
    menu_position: Literal["first", "last"] = Field(
        default="first", description="Where ours stands in the completion menu; it is never preselected."
    )
    multiline: MultilineChoice = Field(
        default="auto",
        description="Suggestions of several lines; `auto` decides from the text around the cursor.",
    )
    debounce: Literal["auto"] | Annotated[int, Field(ge=0, le=10_000)] = Field(
        default="auto",
        description="Milliseconds without a key before the model is asked; `auto` goes by your typing, by "
        "the place, and by how often and how quickly the model was right. What is known comes at once.",
    )
    temperature: Temperature = Field(default=0.2, description="0 is always the likeliest text.")
    max_tokens: MaxTokens = Field(default=256, description="Tokens a suggestion may have.")
    context_tokens: Annotated[int, Field(ge=64, le=1_048_576)] = Field(
        default=2048,
        description="Tokens of prompt in all: context, and the text before and after the cursor. The first "
        "prompt in a place where nothing is known is shorter, so that its answer is not late.",
    )
    suffix_tokens: Annotated[int, Field(ge=0, le=1_048_576)] = Field(
        default=256, description="Of these, at most so many tokens of the text after the cursor."
    )
    candidates: Annotated[int, Field(ge=1, le=10)] = Field(
        default=3,
        description="How many suggestions an explicit request may bring, where the model is quick enough "
        "and `temperature` is not 0.",
    )
    cache: bool = Field(default=True, description="Keep answers, and give them again at the same place.")
    speculate: bool = Field(
        default=True,
        description="Ask ahead, while a suggestion is shown, for what follows when it is accepted: within a "
        "budget, and never of models that are paid by the token or slow.",
    )
    suffix_first: bool = Field(
        default=False,
        description="Ask Code Llama, StarCoder and StarCoder2 with the text after the cursor first, as they "
        "were trained for, too: a typed letter then costs the server one token and not that text again. "
        "Models that only know this form (Codestral, Seed-Coder, Mellum) are always asked so.",
    )
    max_file_bytes: Annotated[int, Field(ge=1)] = Field(
        default=2_000_000, description="No completion in documents larger than this, in bytes."
    )
    fallback: list[str | ModelChoice] = Field(
        default=[],
        description="What to ask while the first server does not answer, in order: names of providers, or "
        '`{"provider": …, "model": …}`. The first one answers again as soon as it is back.',
    )
    languages: dict[str, LanguageSettings] = Field(
        default={},
        description="By language id: `true`, `false`, or what is different there. `*`: all others.",
    )


class EmbeddingSettings(Section):
    """The model that helps `@workspace` to find places in the project by their meaning; docs/chat.md."""

    provider: str = Field(default=DEFAULT, description="Name of the provider.")
    model: str = Field(
        default="",
        description="Name of an embedding model, such as `nomic-embed-text`. Left out, places are found by "
        "their words alone, and nothing is sent to find them.",
    )


class ChatSection(Addressed):
    """Chat."""

    system_message: str = Field(default="", description="The system message; left out, none is sent.")
    temperature: Temperature = Field(default=0.2, description="0 is always the likeliest text.")
    max_tokens: MaxTokens = Field(default=2048, description="Tokens an answer may have.")
    commit_style: Literal["auto", "conventional", "plain"] = Field(
        default="auto",
        description="How commit messages begin: `conventional` (`feat(scope): …`), `plain`, or `auto`: as "
        "most of the project's last commits do.",
    )
    commit_tokens: Annotated[int, Field(ge=256, le=1_048_576)] = Field(
        default=2048,
        description="Of the staged changes, at most so many tokens are shown for a commit message.",
    )
    embeddings: EmbeddingSettings = Field(
        default_factory=EmbeddingSettings,
        description="The model that helps `@workspace` to find places by their meaning.",
    )


class ContextSection(Section):
    """What the model sees besides the document: parts of other files of the same workspace folder."""

    enabled: bool = Field(default=True, description="Give the model parts of other files at all.")
    recent_edits: bool = Field(default=True, description="Places you edited a while ago, as they read now.")
    open_files: bool = Field(
        default=True,
        description="Parts of open and just visited files, and of this one outside the text that is sent "
        "anyway, that have to do with the place at the cursor.",
    )
    imports: bool = Field(
        default=True, description="Signatures of what this file imports from other files of the project."
    )
    related: bool = Field(
        default=True, description="The file's test, the file it tests, the header of a C or C++ file."
    )
    notebook_cells: bool = Field(default=True, description="The notebook's other cells.")
    tokens: Annotated[int, Field(ge=0, le=1_048_576)] = Field(
        default=512,
        description="Of `completion.contextTokens`, at most so many for all of this together; 0: none.",
    )
    max_file_bytes: Annotated[int, Field(ge=1)] = Field(
        default=200_000, description="Files larger than this, in bytes, are not read."
    )


class PrivacySection(Section):
    """What is never sent; docs/context.md has all of it."""

    deny: list[str] = Field(
        default=[],
        description="Files that no model may see, as patterns in the syntax of `.gitignore`, relative to the "
        "workspace folder: neither as context, nor by completion in them.",
    )
    allow: list[str] = Field(
        default=[],
        description="Files that the built-in list holds back and you want all the same, as such patterns.",
    )
    ignore_files: list[str] = Field(
        default=[".twinnyignore"],
        description="Names of files, in any folder, that hold patterns like those of `deny`.",
    )
    mask_secrets: bool = Field(
        default=True, description="Passwords, tokens and private keys in the code are sent as `xxxx`."
    )


class TemplateSection(Section):
    """Your own templates."""

    directory: str = Field(default="~/.twinny/templates", description="Folder of your Handlebars templates.")


class LogSection(Section):
    """The log, on standard error or in the file of `--log-file`."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="warning", description="How much is logged. Your code and your keys are not, at this level."
    )


class Settings(Section):
    """Settings of twinny-lsp."""

    schema_version: int = Field(default=SCHEMA_VERSION, description="Version of these settings' form.")
    providers: dict[str, ProviderSettings] = Field(
        default={}, description="Model servers by name. The presets are there already, under their names."
    )
    completion: CompletionSection = Field(
        default_factory=CompletionSection, description="Completion while you type."
    )
    chat: ChatSection = Field(default_factory=ChatSection, description="Chat.")
    context: ContextSection = Field(
        default_factory=ContextSection, description="What the model sees besides the document."
    )
    privacy: PrivacySection = Field(default_factory=PrivacySection, description="What is never sent.")
    templates: TemplateSection = Field(default_factory=TemplateSection, description="Your own templates.")
    log: LogSection = Field(default_factory=LogSection, description="The log.")


def json_schema() -> dict[str, Any]:
    """The JSON schema of the settings, in camelCase, for editors and their completion."""
    schema = Settings.model_json_schema(by_alias=True)
    languages = schema["$defs"]["CompletionSection"]["properties"]["languages"]
    languages["additionalProperties"] = {
        "anyOf": [{"type": "boolean"}, languages["additionalProperties"]],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "twinny-lsp"}
