"""The brands of model server this program knows, as data: address, routes, models, and what to tell people.

A preset is a set of defaults over the wire shapes of endpoint.py; it holds no code that talks to a
server (that is one adapter a wire shape) and nothing the user has set (that is `config`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from twinny_lsp.providers.endpoint import Route, Timeouts, Wire

INSTALL_HINT = "`pip install xllamacpp`, with pipx `pipx inject twinny-lsp xllamacpp`"
"""How llama.cpp comes into the environment this program runs in, wherever that program came from."""

AUTOMATIC = "automatic"
NATIVE = "native"
CUSTOM = "custom-template"
CHAT = "chat"
SPECIAL_TEMPLATES = frozenset({AUTOMATIC, NATIVE, CUSTOM, CHAT})
"""Values of `fimTemplate` that are no family's name; they do not depend on the model."""


USUAL_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class Preset:
    """One brand. `base_url` is scheme, host and port, or "" where only the user can know it.

    `completion`, `chat`, `infill` and `embeddings` are None where there is no such route; `no_completion`
    then says why, as a sentence. `start` and `get_model` are sentences that tell how to start the server and
    how to get a model (`{model}` in it is replaced); "" where there is nothing to do. `keep_both` ends one
    that says what to do about two models without room for both: "..., or ".
    `key_env` is the variable that holds the key by custom; it is only read for the preset's own address.
    `notice` is what everybody must know who sends something there. `has_address`: False where nothing is
    reached by a URL.
    """

    name: str
    title: str
    base_url: str
    completion: Route | None
    chat: Route | None
    infill: Route | None = None
    embeddings: Route | None = None
    completion_model: str = ""
    chat_model: str = ""
    fim_template: str = AUTOMATIC
    needs_key: bool = False
    key_env: str = ""
    start: str = ""
    get_model: str = ""
    keep_both: str = ""
    no_completion: str = ""
    notice: str = ""
    has_address: bool = True
    timeouts: Timeouts = USUAL_TIMEOUTS

    def template_for(self, model: str) -> str:
        """The template when the settings name none: a family's name only holds for its own model."""
        if self.fim_template in SPECIAL_TEMPLATES or model == self.completion_model:
            return self.fim_template
        return AUTOMATIC

    def usual_model(self, role: str) -> str:
        """The model when the settings name none; `role` is completion, chat or embeddings."""
        return {"completion": self.completion_model, "chat": self.chat_model}.get(role, "")

    def why_never(self, role: str) -> str:
        """Why servers of this kind have no route for it, as a sentence; "" where they may have one."""
        if role == "embeddings" and self.embeddings is None:
            return f"{self.title} computes no embeddings; choose another provider for them"
        return self.no_completion if role == "completion" else ""

    def how_to_get(self, model: str) -> str:
        """How to get `model` for this server, as a sentence, or ""."""
        return self.get_model.replace("{model}", model or "MODEL")


def _openai(path: str) -> Route:
    return Route(Wire.OPENAI_COMPLETIONS, path)


def _chat(path: str = "/v1/chat/completions") -> Route:
    return Route(Wire.OPENAI_CHAT, path)


def _embeddings(path: str = "/v1/embeddings") -> Route:
    return Route(Wire.OPENAI_EMBEDDINGS, path)


_CHAT_ONLY = (
    "Symmetry carries chat only: it has no fill-in-the-middle; choose another provider for completion"
)
SYMMETRY_NOTICE = (
    "Symmetry sends your chat to the computer of somebody you do not know. The connection is encrypted, but "
    "whoever runs that computer reads all that you send and all that comes back, can keep it, and may pass "
    "it on to any other model service. The matchmaking server, that computer and nodes of the network see "
    "your IP address."
)
_RELAY_NOTICE = (
    "The Symmetry relay is not peer to peer: it is an ordinary server on the Internet. Whoever runs "
    "twinny.dev reads all that you send and all that comes back, and so does the provider it is handed to."
)

_ALL = (
    Preset(
        "ollama",
        "Ollama",
        "http://127.0.0.1:11434",
        Route(Wire.OLLAMA_GENERATE, "/api/generate"),
        _chat(),
        embeddings=Route(Wire.OLLAMA_EMBED, "/api/embed"),
        completion_model="codellama:7b-code",
        chat_model="codellama:7b-instruct",
        fim_template="codellama",
        start="Start it with `ollama serve`.",
        get_model="Get the model with `ollama pull {model}`.",
        keep_both="let it keep more loaded (OLLAMA_MAX_LOADED_MODELS)",
    ),
    Preset(
        "openwebui",
        "Open WebUI",
        "http://127.0.0.1:8080",
        Route(Wire.OLLAMA_GENERATE, "/ollama/api/generate"),
        _chat("/ollama/v1/chat/completions"),
        embeddings=Route(Wire.OLLAMA_EMBED, "/ollama/api/embed"),
        completion_model="codellama:7b-code",
        chat_model="codellama:7b-instruct",
        needs_key=True,
        start="Start it with `open-webui serve` (port 8080; 3000 in its Docker example), "
        "with ENABLE_API_KEYS=True, and make an API key in its settings.",
        get_model="Get the model in the Ollama behind it: `ollama pull {model}`. "
        "Open WebUI wants the full name, tag included.",
        keep_both="let the Ollama behind it keep more loaded (OLLAMA_MAX_LOADED_MODELS)",
    ),
    Preset(
        "lmstudio",
        "LM Studio",
        "http://127.0.0.1:1234",
        _openai("/v1/completions"),
        _chat(),
        embeddings=_embeddings(),
        completion_model="codellama-7b.Q5_K_M.gguf",
        chat_model="codellama:7b-instruct",
        start="Start its server with `lms server start`, or in its Developer page.",
        get_model="Get the model with `lms get {model}`, or in its Discover page, and load it.",
        keep_both="load both by hand: those it loads by itself push each other out",
    ),
    Preset(
        "litellm",
        "LiteLLM",
        "http://127.0.0.1:4000",
        _openai("/v1/completions"),
        _chat(),
        embeddings=_embeddings(),
        completion_model="gpt-4-turbo",
        chat_model="gpt-4-turbo",
        fim_template=CUSTOM,
        start="Start it with `litellm --model gpt-4-turbo`, or with `litellm --config config.yaml`.",
        get_model="Name the model `{model}` under `model_list` in LiteLLM's configuration; "
        "only the names given there are known to it.",
    ),
    Preset(
        "llamacpp",
        "llama.cpp",
        "http://127.0.0.1:8080",
        Route(Wire.LLAMACPP_COMPLETION, "/completion"),
        _chat(),
        Route(Wire.LLAMACPP_INFILL, "/infill"),
        embeddings=_embeddings(),
        completion_model="CodeLlama-7B-GGUF",
        chat_model="CodeLlama-7B-GGUF",
        start="Start it with `llama-server -m MODEL.gguf --port 8080`.",
        get_model="It serves the GGUF file it was started with: `llama-server -m MODEL.gguf --port 8080`.",
        keep_both="let its router keep more loaded (`--models-max`)",
    ),
    Preset(
        "oobabooga",
        "text-generation-webui (Oobabooga)",
        "http://127.0.0.1:5000",
        _openai("/v1/completions"),
        _chat(),
        embeddings=_embeddings(),
        completion_model="CodeLlama-7B-GGUF",
        chat_model="CodeLlama-7B-GGUF",
        start="Start it with `python server.py --api --listen`.",
        get_model="Load a model in its Model tab, or start it with `--model NAME`.",
    ),
    Preset(
        "symmetry",
        "Symmetry",
        "",
        None,
        Route(Wire.SYMMETRY, "peer to peer"),
        no_completion=_CHAT_ONLY,
        notice=SYMMETRY_NOTICE,
        has_address=False,
        timeouts=Timeouts(connect=15.0, first_byte=60.0),
        start="It needs Node.js and its modules: `twinny-lsp symmetry install`.",
        get_model="Name a model that somebody offers there, tag included.",
    ),
    Preset(
        "symmetry-relay",
        "the Symmetry relay at twinny.dev",
        "https://twinny.dev",
        None,
        _chat(),
        chat_model="llama3.2:latest",
        needs_key=True,
        no_completion=_CHAT_ONLY,
        notice=_RELAY_NOTICE,
    ),
    Preset(
        "openai-compatible",
        "a server of the OpenAI API",
        "",
        _openai("/v1/completions"),
        _chat(),
        embeddings=_embeddings(),
    ),
    Preset(
        "openai",
        "OpenAI",
        "https://api.openai.com",
        _chat(),
        _chat(),
        embeddings=_embeddings(),
        needs_key=True,
        key_env="OPENAI_API_KEY",
    ),
    Preset(
        "mistral",
        "Mistral",
        "https://api.mistral.ai",
        Route(Wire.OPENAI_FIM, "/v1/fim/completions"),
        _chat(),
        embeddings=_embeddings(),
        completion_model="codestral-latest",
        chat_model="codestral-latest",
        fim_template=NATIVE,
        needs_key=True,
        key_env="MISTRAL_API_KEY",
    ),
    Preset(
        "codestral",
        "Codestral",
        "https://codestral.mistral.ai",
        Route(Wire.OPENAI_FIM, "/v1/fim/completions"),
        _chat(),
        completion_model="codestral-latest",
        chat_model="codestral-latest",
        fim_template=NATIVE,
        needs_key=True,
        key_env="CODESTRAL_API_KEY",
    ),
    Preset(
        "deepseek",
        "DeepSeek",
        "https://api.deepseek.com",
        Route(Wire.OPENAI_FIM, "/beta/completions"),
        _chat(),
        completion_model="deepseek-chat",
        chat_model="deepseek-chat",
        fim_template=NATIVE,
        needs_key=True,
        key_env="DEEPSEEK_API_KEY",
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai",
        _chat("/api/v1/chat/completions"),
        _chat("/api/v1/chat/completions"),
        embeddings=_embeddings("/api/v1/embeddings"),
        needs_key=True,
        key_env="OPENROUTER_API_KEY",
    ),
    Preset(
        "vllm",
        "vLLM",
        "http://127.0.0.1:8000",
        _openai("/v1/completions"),
        _chat(),
        embeddings=_embeddings(),
        start="Start it with `vllm serve MODEL`.",
        get_model="It serves the model it was started with: `vllm serve {model}`.",
    ),
    Preset(
        "tabbyapi",
        "TabbyAPI",
        "http://127.0.0.1:5000",
        _openai("/v1/completions"),
        _chat(),
        embeddings=_embeddings(),
        needs_key=True,
        start="Start it with `python main.py`; its keys are in `api_tokens.yml`.",
        get_model="Put the model into its `models` folder and name it in `config.yml`.",
    ),
    Preset(
        "llama-swap",
        "llama-swap",
        "http://127.0.0.1:8080",
        Route(Wire.LLAMACPP_COMPLETION, "/completion"),
        _chat(),
        Route(Wire.LLAMACPP_INFILL, "/infill"),
        embeddings=_embeddings(),
        start="Start it with `llama-swap --config config.yaml`.",
        get_model="Name the model `{model}` under `models` in its config.yaml.",
        keep_both="put both into one of its `groups` with `swap: false`",
    ),
    Preset(
        "koboldcpp",
        "KoboldCpp",
        "http://127.0.0.1:5001",
        _openai("/v1/completions"),
        _chat(),
        embeddings=_embeddings(),
        start="Start it with `koboldcpp --model MODEL.gguf`.",
        get_model="It serves the GGUF file it was started with: `koboldcpp --model MODEL.gguf`.",
    ),
    Preset(
        "tgi",
        "text-generation-inference",
        "http://127.0.0.1:3000",
        _openai("/v1/completions"),
        _chat(),
        start="Start it with `text-generation-launcher --model-id MODEL`.",
        get_model="It serves the model it was started with: `text-generation-launcher --model-id {model}`.",
    ),
    Preset(
        "embedded",
        "the embedded llama.cpp",
        "",
        Route(Wire.EMBEDDED, "/completion"),
        Route(Wire.EMBEDDED, "/v1/chat/completions"),
        Route(Wire.EMBEDDED, "/infill"),
        completion_model="tiny-fim",
        chat_model="tiny-fim",
        start=f"It needs llama.cpp: {INSTALL_HINT}.",
        get_model="Get the model with `twinny-lsp pull {model}`.",
        has_address=False,
    ),
)

PRESETS: Mapping[str, Preset] = MappingProxyType({preset.name: preset for preset in _ALL})
"""All presets by name, the default first."""

DEFAULT = "ollama"

METERED = frozenset({"openai", "mistral", "codestral", "deepseek", "openrouter", "symmetry-relay"})
"""Presets that are paid by the token: nothing is asked of them that nobody asked for."""
