"""From what a server did to one error with one line for a person: who, where, why, and what to do next.

The tables follow what real servers send (tests/providers/test_captures.py). A message never holds a key,
and never a line of the prompt, even where the server repeats one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from twinny_lsp import errors
from twinny_lsp.exchange import ChatPrompt, FimPrompt, Finish, Generation
from twinny_lsp.providers.answer import Complaint
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.framing import Form
from twinny_lsp.providers.presets import PRESETS, Preset

_DETAIL_CHARS = 240
_KEY_LIKE = re.compile(r"\b(?:sk|pk|gsk|hf)[-_][\w.*-]{6,}|\beyJ[\w.*-]{8,}|\bBearer\s+\S+", re.IGNORECASE)
_LIMIT = re.compile(
    r"context (?:size|window|length)(?: \(n_ctx\))?(?: (?:of only|of|is))?[ (]+(\d+)|context length is (\d+)"
    r"|only (\d+) tokens",
    re.IGNORECASE,
)
_ASKED = re.compile(r"(?:request|requested|resulted in|has|contains)\s*\(?(\d+)\s*(?:input |prompt )?tokens")
_OVERFLOW = re.compile(
    r"exceed_context_size|contextwindowexceeded|context_length_exceeded|prompt is too long"
    r"|too large to process"  # llama.cpp: a text to embed has to fit into one physical batch (`-ub`)
    r"|(?:exceed|overflow|longer than|larger than|too long|maximum|beyond)[^.]*context"
    r"|context[^.]*(?:exceed|overflow|too small|longer than)"
)
_GO_CONTEXT = re.compile(r"context (?:deadline|cancel)\w*(?: exceeded)?")  # Go's word for a time limit
_NO_MODEL = re.compile(
    r"model.{0,120}?(?:not found|does not exist|not exist|not available)|invalid model name|no models? loaded"
    r"|unknown model|model_not_found|model name is missing|not a valid model|invalid[ _]model"
    r"|could not find (?:real modelid|suitable)"
)
_LOADING = re.compile(r"loading model|model is (?:currently |being |still )*load(?:ing|ed)|still loading")
_BUSY = re.compile(r"server busy|maximum pending requests|overloaded|rate.?limit|too many requests|no slot")
_UNSUPPORTED = re.compile(
    r"does not support|not_supported|not supported|not implemented|passthrough is disabled"
)
_FIM = re.compile(r"\bfim\b|fill.in.the.middle")
_NOT_BEHIND = re.compile(r"connection error|cannot connect to host|could not connect|connect call failed")
_WRONG_PLACE = re.compile(
    r"unexpected endpoint|page not found|file not found|method not allowed|invalid host"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What there is to judge by. `status` is 200 when the failure came inside an answer.

    `model` is what a question was about that is no generation.
    """

    status: int
    complaint: Complaint
    form: Form = Form.JSON
    what: str = ""
    path: str = ""
    generation: Generation | None = None
    model: str = ""
    there: tuple[str, ...] = ()
    key: str = ""


def where(endpoint: Endpoint) -> str:
    """`name at http://host:port`, without a password that may stand in the address."""
    if endpoint.link.socket:
        return f"{endpoint.name} at {endpoint.address}"
    parts = urlsplit(endpoint.base_url)
    host = parts.netloc.rpartition("@")[2]
    address = f"{parts.scheme}://{host}{parts.path}" if host else "no address"
    return f"{endpoint.name} at {address}"


def preset_of(endpoint: Endpoint) -> Preset:
    """The preset an endpoint is built on; of a brand nobody knows, the plain OpenAI one."""
    return PRESETS.get(endpoint.preset) or PRESETS["openai-compatible"]


def from_answer(endpoint: Endpoint, evidence: Evidence) -> errors.ProviderError:
    """The error for a response that is no answer."""
    detail = scrub(evidence.complaint.message, evidence.key, evidence.generation)
    words = " ".join((evidence.complaint.message, evidence.complaint.type, evidence.complaint.code)).lower()
    case = _Case(endpoint, evidence, words, detail)
    for judge in (_auth, _overflow, _loading, _gateway, _busy, _missing, _unsupported, _address):
        error = judge(case)
        if error is not None:
            return error
    return _other(case)


@dataclass(frozen=True, slots=True)
class _Case:
    endpoint: Endpoint
    evidence: Evidence
    words: str
    detail: str

    @property
    def status(self) -> int:
        return self.evidence.status

    @property
    def model(self) -> str:
        return self.evidence.generation.model if self.evidence.generation else self.evidence.model

    def say(self, cause: str, advice: str, *, quote: bool = True) -> str:
        """One line: who, where, why, the server's own words, what to do."""
        said = f' It says: "{self.detail.rstrip(". ")}".' if quote and self.detail else ""
        return f"{where(self.endpoint)} {cause}.{said} {advice}".strip()

    def make(self, kind: type[errors.ProviderError], cause: str, advice: str) -> errors.ProviderError:
        return kind(self.say(cause, advice), provider=self.endpoint.name, detail=self.detail)


def _auth(case: _Case) -> errors.ProviderError | None:
    preset = case.endpoint.preset
    by_status = case.status in (401, 403) and "passthrough" not in case.words
    silent = preset == "litellm" and case.status == 500 and not case.endpoint.key
    litellm = "no_db_connection" in case.words or (silent and case.evidence.form is Form.TEXT)
    if case.status == 403 and preset == "ollama" and not case.words.strip():
        advice = "It refuses host names that are not its own: use 127.0.0.1, or set OLLAMA_HOST for it."
        return case.make(errors.WrongAddress, "refuses this host name (403)", advice)
    said = re.search(r"authentication_error|invalid_api_key|invalid api key|^unauthorized", case.words)
    if not (by_status or litellm or said):
        return None
    name = case.endpoint.name
    has_key = any(header.lower() == "authorization" for header in case.endpoint.headers)
    if case.endpoint.key or has_key:
        cause, advice = (
            "refuses the API key",
            f"Check the key of providers.{name} in the settings (apiKeyEnv, apiKeyFile).",
        )
    else:
        cause = "wants an API key, and none is set"
        advice = f"Set apiKeyEnv, apiKeyFile or apiKeyCommand under providers.{name} in the settings."
    if case.endpoint.preset == "ollama" and case.status == 401:
        advice = f"For a cloud model run `ollama signin` on its machine. {advice}"
    # Not quoted: servers like to repeat a part of the key here.
    return errors.Unauthorized(case.say(cause, advice, quote=False), provider=name, detail="")


def _overflow(case: _Case) -> errors.ProviderError | None:
    if not _OVERFLOW.search(_GO_CONTEXT.sub("", case.words)):
        return None
    said = case.evidence.complaint
    limit, asked = said.context or _limit_in(case.words), said.asked or _asked_in(case.words)
    return overflow(case.endpoint, case.detail, limit, asked)


def overflow(
    endpoint: Endpoint, detail: str = "", limit: int | None = None, asked: int | None = None
) -> errors.ContextOverflow:
    """The prompt of `asked` tokens is longer than the model's context of `limit` tokens."""
    size = f" of {limit} tokens" if limit else ""
    message = (
        f"{where(endpoint)}: the prompt is longer than the model's context{size}. Lower "
        "completion.contextTokens (or shorten the chat), or start the server with a larger context."
    )
    return errors.ContextOverflow(message, provider=endpoint.name, detail=detail, limit=limit, asked=asked)


def silent_overflow(endpoint: Endpoint, finish: Finish | None) -> errors.ContextOverflow | None:
    """Two servers answer a prompt that is too long with 200 and no text: the error that they do not tell."""
    ooba = endpoint.preset == "oobabooga" and finish is Finish.LENGTH
    studio = endpoint.preset == "lmstudio" and finish is None
    return overflow(endpoint) if ooba or studio else None


def _limit_in(words: str) -> int | None:
    found = _LIMIT.search(words)
    return int(next(group for group in found.groups() if group)) if found else None


def _asked_in(words: str) -> int | None:
    found = _ASKED.search(words)
    return int(found[1]) if found else None


def _loading(case: _Case) -> errors.ProviderError | None:
    if case.status in (200, 503) and _LOADING.search(case.words):
        return case.make(errors.Loading, "is still loading the model", "Ask again in a moment.")
    return None


def _gateway(case: _Case) -> errors.ProviderError | None:
    """A proxy answers, but the server behind it does not."""
    html = case.status in (502, 503, 504) and case.evidence.form is Form.HTML
    if not (html or (case.status >= 500 and _NOT_BEHIND.search(case.words))):
        return None
    advice = "Start that server, or check the address that is set for it there."
    return case.make(errors.ServerFailure, "answers, but the model server behind it does not", advice)


def _busy(case: _Case) -> errors.ProviderError | None:
    if case.status in (429, 503) or (case.status in (200, 500, 529) and _BUSY.search(case.words)):
        advice = "Wait a little, or let it serve more requests at once."
        return case.make(errors.Busy, "is busy (queue full or rate limit)", advice)
    return None


def _missing(case: _Case) -> errors.ProviderError | None:
    if case.status >= 500 and case.status != 501:
        return None
    if not _NO_MODEL.search(case.words) or (case.status == 404 and _WRONG_PLACE.search(case.words)):
        return None
    preset = preset_of(case.endpoint)
    there = case.evidence.there
    advice = preset.how_to_get(case.model)
    if there:
        names = ", ".join(there[:3]) + (", …" if len(there) > 3 else "")
        if advice:  # an order ("Get the model …") goes on with the sentence, a fact ("It serves …") does not
            joined = f". {advice}" if advice.startswith("It ") else f", or {advice[:1].lower()}{advice[1:]}"
            advice = f" Choose one of these{joined}"
        advice = f"It has: {names}.{advice}"
    elif case.endpoint.preset == "openwebui":
        advice = f"Check that the Ollama behind it is running. {advice}"
    elif not advice:
        advice = "Set another model (`twinny-lsp models` lists what is there)."
    cause = f"does not have the model {case.model or 'asked for'}"
    message = case.say(cause, advice, quote="loaded" in case.words)
    return errors.ModelMissing(message, provider=case.endpoint.name, detail=case.detail)


def _unsupported(case: _Case) -> errors.ProviderError | None:
    native = case.evidence.generation is not None and isinstance(case.evidence.generation.prompt, FimPrompt)
    no_route = native and (case.status in (404, 405) or (case.status < 500 and _FIM.search(case.words)))
    if case.status == 501 or no_route or (case.status != 500 and _UNSUPPORTED.search(case.words)):
        if native:
            advice = 'Set completion.fimTemplate to "automatic" or a model family instead of "native".'
            return case.make(
                errors.Unsupported, f"cannot fill in the middle by itself with {case.model}", advice
            )
        return case.make(errors.Unsupported, "cannot do what was asked", "Choose another route or provider.")
    return None


def _address(case: _Case) -> errors.ProviderError | None:
    status, form = case.status, case.evidence.form
    preset = preset_of(case.endpoint)
    route = case.evidence.path or "the request"
    usual = (
        f"{preset.title} usually is at {preset.base_url}. "
        if preset.base_url not in ("", case.endpoint.base_url)
        else ""
    )
    advice = f"Check the address and the path in the settings. {usual}".strip()
    if 300 <= status < 400:
        cause = f"redirects {route} to another address"
        return case.make(errors.WrongAddress, cause, "Set that address in the settings; code is not sent on.")
    if form is Form.HTML:
        return case.make(
            errors.WrongAddress, f"answers {route} with an HTML page instead of JSON (wrong address?)", advice
        )
    if status == 400 and "invalid host header" in case.words:
        return case.make(
            errors.WrongAddress, "refuses this host name", "Use 127.0.0.1, or start it with --listen."
        )
    if status in (404, 405) or (status in (200, 400) and _WRONG_PLACE.search(case.words)):
        cause = f"has no {route}: another kind of server, or a wrong path"
        return case.make(errors.WrongAddress, cause, advice)
    if form is Form.TEXT and status == 200:
        return case.make(
            errors.WrongAddress, f"answers {route} with plain text: another kind of server", advice
        )
    return None


def _other(case: _Case) -> errors.ProviderError:
    status, advice = case.status, "See the server's own log."
    if case.endpoint.preset == "oobabooga" and status == 500:
        advice = "Most often no model is loaded: load one in its Model tab. Else see its log."
    if status in (408, 504):
        return case.make(errors.TimedOut, f"gave up waiting (status {status})", advice)
    if status == 499:
        return case.make(errors.Interrupted, "broke the request off", advice)
    if status == 200 and case.evidence.what:
        return case.make(errors.BadAnswer, f"gave no usable answer: {case.evidence.what}", advice)
    if status == 200:
        return case.make(errors.ServerFailure, "reports an error in its answer", advice)
    if status < 500:
        return case.make(errors.ServerFailure, f"refuses the request (status {status})", advice)
    return case.make(errors.ServerFailure, f"failed (status {status})", advice)


def scrub(text: str, key: str, generation: Generation | None) -> str:
    """A server's words made safe for a message: one short line without the key and without the prompt."""
    line = " ".join(text.split())
    if key:
        line = line.replace(key, "***")
    line = _KEY_LIKE.sub("***", line)
    if generation is not None and _repeats(line, generation):
        return ""
    return line if len(line) <= _DETAIL_CHARS else line[: _DETAIL_CHARS - 1] + "…"


def _repeats(line: str, generation: Generation) -> bool:
    """True when a line of the prompt stands in a server's words (llama.cpp quotes what it cannot parse)."""
    prompt = generation.prompt
    if isinstance(prompt, ChatPrompt):
        texts = [message.content for message in prompt.messages]
    elif isinstance(prompt, FimPrompt):
        texts = [prompt.prefix, prompt.suffix, *(file.text for file in prompt.extra)]
    else:
        texts = [prompt.text]
    lines = {" ".join(part.split()) for text in texts for part in text.split("\n")}
    return any(len(part) >= 6 and part in line for part in lines)
