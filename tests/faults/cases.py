"""Ways in which a model server is wrong, and what the user must be told of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.fake_server import CUT, HANG, Recorded, Reply, json_reply, ndjson, sse, text_reply
from twinny_lsp import errors
from twinny_lsp.exchange import ChatPrompt, FimPrompt, Message, Prompt, RawPrompt

KEY = "sk-very-secret-0123456789"
SECRET = "launch_code = 4711  # never in a message"
RAW = RawPrompt(f"{SECRET}\nx = ")
CHAT = ChatPrompt((Message("user", SECRET),))
FIM = FimPrompt(f"{SECRET}\nx = ", "\n")
HTML = "<!doctype html><html><head><title>Open WebUI</title></head><body>hello</body></html>"


@dataclass(frozen=True)
class Case:
    """`situation` in words; `advice` is a part of what the message must say to do."""

    situation: str
    preset: str
    reply: Reply | Callable[[Recorded], Reply] | None
    kind: type[errors.ProviderError]
    advice: str
    prompt: Prompt = RAW
    key: str = ""
    says: tuple[str, ...] = ()
    others: dict[str, Reply] = field(default_factory=dict)
    """More routes, as `METHOD path`."""


def openai_error(message: str, status: int, kind: str = "", code: object = None) -> Reply:
    return json_reply({"error": {"message": message, "type": kind, "code": code}}, status)


TAGS = json_reply({"models": [{"name": f"{name}:latest"} for name in ("a", "b", "c", "d")]})
CASES = [
    Case("Nothing listens on that port", "ollama", None, errors.Unreachable, "`ollama serve`"),
    Case("Nothing listens on that port", "llamacpp", None, errors.Unreachable, "`llama-server -m"),
    Case(
        "The path is wrong",
        "ollama",
        text_reply("404 page not found", 404),
        errors.WrongAddress,
        "Check the address and the path",
        says=("/api/generate",),
    ),
    Case(
        "Another server has that port",
        "litellm",
        json_reply({"detail": "Not Found"}, 404),
        errors.WrongAddress,
        "LiteLLM usually is at http://127.0.0.1:4000",
    ),
    Case(
        "An HTML page comes instead of JSON",
        "openwebui",
        text_reply(HTML, 200, "text/html"),
        errors.WrongAddress,
        "Check the address",
        says=("HTML page",),
        key=KEY,
    ),
    Case(
        "LM Studio answers 200 to a path it does not have",
        "lmstudio",
        json_reply({"error": "Unexpected endpoint or method. (POST /completions)"}),
        errors.WrongAddress,
        "Check the address and the path",
    ),
    Case(
        "The address redirects",
        "openai-compatible",
        Reply(status=301, headers=(("Location", "https://elsewhere.example/"),), framing="length"),
        errors.WrongAddress,
        "Set that address",
    ),
    Case(
        "No key is set",
        "openwebui",
        json_reply({"detail": "Not authenticated"}, 401),
        errors.Unauthorized,
        "Set apiKeyEnv",
        says=("none is set",),
    ),
    Case(
        "The key is wrong",
        "llamacpp",
        openai_error("Invalid API Key", 401, "authentication_error", 401),
        errors.Unauthorized,
        "Check the key of providers.llamacpp",
        key=KEY,
    ),
    Case(
        "The key is wrong, and the server repeats it",
        "openai",
        openai_error(f"Incorrect API key provided: {KEY}.", 401, "invalid_request_error", "invalid_api_key"),
        errors.Unauthorized,
        "Check the key of providers.openai",
        prompt=CHAT,
        key=KEY,
    ),
    Case(
        "The key is wrong (LiteLLM without a database)",
        "litellm",
        openai_error("No connected db.", 400, "no_db_connection", "400"),
        errors.Unauthorized,
        "Check the key of providers.litellm",
        key=KEY,
    ),
    Case(
        "No key is set (a plain LiteLLM)",
        "litellm",
        text_reply("Internal Server Error", 500),
        errors.Unauthorized,
        "Set apiKeyEnv",
    ),
    Case(
        "The model is not there",
        "ollama",
        json_reply({"error": "model 'nope' not found"}, 404),
        errors.ModelMissing,
        "`ollama pull nope`",
        says=("nope", "a:latest, b:latest, c:latest, …"),
        others={"GET /api/tags": TAGS},
    ),
    Case(
        "The model is not there, nor any other",
        "ollama",
        json_reply({"error": "model 'nope' not found"}, 404),
        errors.ModelMissing,
        "`ollama pull nope`",
    ),
    Case(
        "The model is not there",
        "openwebui",
        json_reply({"detail": "Model 'nope' was not found"}, 400),
        errors.ModelMissing,
        "Check that the Ollama behind it is running",
        key=KEY,
    ),
    Case(
        "The model is not there",
        "litellm",
        openai_error("/completions: Invalid model name passed in model=nope. Call `/v1/models`", 400),
        errors.ModelMissing,
        "`model_list`",
        key=KEY,
    ),
    Case(
        "No model is loaded",
        "lmstudio",
        openai_error(
            "No models loaded. Please load a model in the developer page or use the `lms load` command.",
            404,
            "invalid_request_error",
            "model_not_found",
        ),
        errors.ModelMissing,
        "`lms get nope`",
        says=("`lms load`",),
    ),
    Case(
        "The model is still loading",
        "llamacpp",
        openai_error("Loading model", 503, "unavailable_error", 503),
        errors.Loading,
        "Ask again in a moment",
        others={"GET /health": openai_error("Loading model", 503, "unavailable_error", 503)},
    ),
    Case(
        "The queue is full",
        "ollama",
        json_reply({"error": "server busy, please try again.  maximum pending requests exceeded"}, 503),
        errors.Busy,
        "Wait a little",
    ),
    Case(
        "A rate limit is reached",
        "openrouter",
        openai_error("Rate limit exceeded", 429),
        errors.Busy,
        "Wait a little",
        prompt=CHAT,
        key=KEY,
    ),
    Case(
        "The prompt is too long",
        "llamacpp",
        json_reply(
            {
                "error": {
                    "code": 400,
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 10801,
                    "n_ctx": 1024,
                    "message": "request (10801 tokens) exceeds the available context size (1024 tokens)",
                }
            },
            400,
        ),
        errors.ContextOverflow,
        "Lower completion.contextTokens",
        says=("1024 tokens",),
    ),
    Case(
        "The prompt is too long",
        "lmstudio",
        json_reply(
            {
                "error": (
                    "Trying to keep the first 6547 tokens when context the overflows. However, the model is "
                    "loaded with context length of only 4096 tokens, which is not enough."
                )
            },
            400,
        ),
        errors.ContextOverflow,
        "Lower completion.contextTokens",
        says=("4096 tokens",),
    ),
    Case(
        "The prompt is too long, and the server answers with nothing",
        "oobabooga",
        sse({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]}),
        errors.ContextOverflow,
        "Lower completion.contextTokens",
    ),
    Case(
        "The model has no native fill-in-the-middle",
        "llamacpp",
        openai_error(
            "Infill is not supported by this model: prefix token is missing.", 501, "not_supported_error"
        ),
        errors.Unsupported,
        "completion.fimTemplate",
        prompt=FIM,
    ),
    Case(
        "The model has no native fill-in-the-middle",
        "ollama",
        json_reply({"error": "library/nope:latest does not support insert"}, 400),
        errors.Unsupported,
        "completion.fimTemplate",
        prompt=FIM,
    ),
    Case(
        "The model has no native fill-in-the-middle",
        "mistral",
        json_reply({"object": "error", "message": "Model nope does not support FIM", "type": "invalid"}, 400),
        errors.Unsupported,
        "completion.fimTemplate",
        prompt=FIM,
        key=KEY,
    ),
    Case(
        "The model is not there",
        "llama-swap",
        json_reply({"error": "could not find suitable inference handler for nope"}, 404),
        errors.ModelMissing,
        "under `models` in its config.yaml",
    ),
    Case(
        "The model is not there",
        "openrouter",
        openai_error("nope is not a valid model ID", 400, code=400),
        errors.ModelMissing,
        "`twinny-lsp models` lists what is there",
        prompt=CHAT,
        key=KEY,
    ),
    Case(
        "200, but the body is an error",
        "openai-compatible",
        json_reply({"error": {"message": "the runner has stopped", "type": "api_error"}}),
        errors.ServerFailure,
        "See the server's own log",
        says=("the runner has stopped",),
    ),
    Case(
        "The model crashes in mid-answer",
        "ollama",
        ndjson({"response": "x", "done": False}, {"error": "model runner has unexpectedly stopped"}),
        errors.ServerFailure,
        "See the server's own log",
        says=("unexpectedly stopped",),
    ),
    Case(
        "An error event comes in mid-answer",
        "lmstudio",
        sse(
            {"choices": [{"text": "x"}]},
            'event: error\ndata: {"error":{"message":"out of memory"}}\n\n',
            done=False,
        ),
        errors.ServerFailure,
        "See the server's own log",
        says=("out of memory",),
    ),
    Case(
        "The server fails",
        "oobabooga",
        text_reply("Internal Server Error", 500),
        errors.ServerFailure,
        "no model is loaded",
    ),
    Case(
        "A proxy's own server is down",
        "litellm",
        openai_error("litellm.InternalServerError: OpenAIException - Connection error.", 500, "", "500"),
        errors.ServerFailure,
        "Start that server",
        key=KEY,
    ),
    Case(
        "A gateway answers for a server that is down",
        "vllm",
        text_reply("<html><h1>502 Bad Gateway</h1></html>", 502, "text/html"),
        errors.ServerFailure,
        "Start that server",
    ),
    Case("The answer is empty", "ollama", text_reply("", 200), errors.BadAnswer, "See the server's own log"),
    Case(
        "The answer is JSON of another kind",
        "ollama",
        json_reply({"status": True}),
        errors.BadAnswer,
        "See the server's own log",
        says=("none of the fields",),
    ),
    Case(
        "The stream holds rubbish",
        "openai-compatible",
        sse("data: {not json\n\n"),
        errors.BadAnswer,
        "See the server's own log",
        says=("not JSON",),
    ),
    Case(
        "The connection breaks in mid-answer",
        "vllm",
        sse({"choices": [{"text": "x"}]}, CUT, done=False),
        errors.Interrupted,
        "See the server's own log",
    ),
    Case(
        "The server closes the connection without an answer",
        "ollama",
        Reply(head=CUT),
        errors.Interrupted,
        "it may have crashed",
    ),
    Case(
        "The server takes the request and sends nothing",
        "ollama",
        Reply(head=HANG),
        errors.TimedOut,
        "raise providers.ollama.timeouts",
    ),
    Case(
        "The server stops in mid-answer",
        "ollama",
        ndjson({"response": "x", "done": False}, HANG),
        errors.TimedOut,
        "raise providers.ollama.timeouts",
    ),
    Case(
        "The server refuses the request",
        "openai-compatible",
        json_reply({"detail": [{"loc": ["body", "stop"], "msg": "too many", "input": SECRET}]}, 422),
        errors.ServerFailure,
        "See the server's own log",
        says=("body.stop: too many",),
    ),
    Case(
        "The server repeats a part of the prompt",
        "openai-compatible",
        json_reply({"error": f"cannot parse '{SECRET}'"}, 400),
        errors.ServerFailure,
        "See the server's own log",
    ),
]
