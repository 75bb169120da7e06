"""From what was found to what to do next: ordered sentences, each with a cause and a step. Pure.

Where the model server's own failure already says both (providers/failures.py), that sentence is taken;
here is added what only a look at the whole machine can tell: what else answers, which model is there.
"""

from __future__ import annotations

from collections.abc import Callable

from twinny_lsp.doctor.findings import Findings, Model, Server, Trial, Use
from twinny_lsp.doctor.survey import fits, is_loopback
from twinny_lsp.doctor.whereabouts import Kind
from twinny_lsp.errors import FailureKind
from twinny_lsp.providers.base import State
from twinny_lsp.providers.brand import match_name
from twinny_lsp.providers.presets import PRESETS, Preset
from twinny_lsp.providers.transport import NOT_THERE

ANY_NAME = frozenset({"llamacpp", "oobabooga", "tabbyapi", "lmstudio", "koboldcpp", "tgi"})
"""They serve the loaded model, whatever name is asked for."""
SLOW_MS = 3000.0
_CHATTY = ("instruct", "chat", "-it")
_NOT_THERE = (FailureKind.UNREACHABLE, FailureKind.TIMED_OUT)
_ANOTHER = (
    FailureKind.WRONG_ADDRESS,
    FailureKind.BAD_ANSWER,
    FailureKind.INTERRUPTED,
    FailureKind.UNSUPPORTED,
    FailureKind.SERVER_FAILURE,
    FailureKind.TIMED_OUT,
)


def advise(findings: Findings) -> tuple[str, ...]:
    """The next steps, the most useful first; one line that says so when there are none."""
    steps: list[str] = []
    if findings.settings.problems:
        steps.append("Correct the settings: what is wrong with them is listed under Settings.")
    steps += _completion(findings)
    steps += _chat(findings)
    if not steps:
        steps = ["Nothing: completion works. Let your editor start `twinny-lsp`; the README says how."]
    return tuple(dict.fromkeys(steps))


# -- completion -------------------------------------------------------------------------------


def _completion(findings: Findings) -> list[str]:
    use, trial = findings.completion, findings.trial
    if use.off:
        return [_sentence(f"Completion is off: {use.off}"), *_others(findings)[:1]]
    if trial is None:
        return []
    server = _at(findings, use.address)
    if trial.text:
        return [*_other_model(use, server), *_slow(trial)]
    if server is not None and _is_other_kind(use, server):
        return _other_kind(findings, use, server)
    if use.preset == "embedded":  # it has no address to look at, and its own words say what to do
        return [_sentence(trial.error)]
    for fitting in (_missing, _no_template, _not_there, _unknown, _loading):
        steps = fitting(findings, trial, server)
        if steps:
            return steps
    return [trial.error]


Rule = Callable[[Findings, Trial, Server | None], list[str]]


def _missing(findings: Findings, trial: Trial, server: Server | None) -> list[str]:
    use, preset = findings.completion, _preset(findings.completion)
    empty = server is not None and server.state is State.READY and not server.models
    if trial.kind is not FailureKind.MODEL_MISSING and not (empty and trial.kind in _ANOTHER):
        return []
    told = server.title if server is not None and server.brand == preset.name else ""
    title = told or preset.title
    title = _article(title) if title.startswith("a ") else title
    lack = "has no model" if empty else f"does not have {use.model}"
    if empty and preset.name in ANY_NAME:
        lack = "no model is loaded"
        return [f"{title} runs at {use.address}, but {lack}. {preset.how_to_get(use.model)}".strip()]
    how = preset.how_to_get(use.model)
    step = f"{title} runs at {use.address} but {lack}. {how}".strip()
    found = _best(server)
    if found is not None:
        step += f" {'Or set' if how else 'Set'} completion.model to `{found.name}`, which it has."
    return [step]


def _no_template(findings: Findings, trial: Trial, server: Server | None) -> list[str]:
    use = findings.completion
    if use.template:
        return []
    step = _sentence(use.reason or trial.error)
    found = _best(server)
    if found is not None:
        step += f" Or set completion.model to `{found.name}`, which is there and can."
    return [step]


def _not_there(findings: Findings, trial: Trial, server: Server | None) -> list[str]:
    use = findings.completion
    listens = server is not None and server.state is not State.DOWN
    if trial.kind not in _NOT_THERE or listens:
        return []
    elsewhere = [
        f"{found.title} answers at {found.address}: set {_address_key(use)} to `{found.address}`."
        for found in findings.servers
        if found.brand == use.preset and found.address != use.address
    ]
    nothing = not any(found.brand for found in findings.servers)
    first = trial.error
    if nothing and is_loopback(use.address) and NOT_THERE in trial.error:
        preset = _preset(use)
        first = (
            f"No model server answers on this machine; the settings expect {preset.title} at {use.address}."
        )
        first += f" {preset.start or 'Start it there, or correct the address.'}"
        first += " To see a tiny model at work before that: `twinny-lsp try`."
    steps = [*elsewhere, first] if elsewhere else [first, *_others(findings)]
    if findings.environment.where.kind is not Kind.LOCAL and is_loopback(use.address):
        steps.append(findings.environment.where.advice)
    return steps


def _unknown(findings: Findings, trial: Trial, server: Server | None) -> list[str]:
    """Something answers, but nothing that we know."""
    use, preset = findings.completion, _preset(findings.completion)
    if server is None or server.brand or trial.kind not in _ANOTHER or server.state is State.DOWN:
        return []
    step = f"At {use.address} is {server.title}, not {preset.title}."
    if preset.base_url not in ("", use.address):
        step += f" {preset.title} usually is at {preset.base_url}: set {_address_key(use)} to that."
    if preset.start:
        step += f" Or let it listen on a free port and name that in {_address_key(use)}. {preset.start}"
    elif not preset.base_url:
        step += f" Set {_address_key(use)} to where it is."
    return [step.strip(), *_others(findings)]


def _loading(findings: Findings, trial: Trial, _: Server | None) -> list[str]:
    if trial.kind not in (FailureKind.LOADING, FailureKind.BUSY, FailureKind.TIMED_OUT):
        return []
    return [f"{trial.error} Then run `twinny-lsp doctor` again."]


def _is_other_kind(use: Use, server: Server) -> bool:
    """Only of a server on this machine is it known for sure what it is; others were not asked."""
    return bool(server.brand) and is_loopback(server.address) and not fits(use.preset, server.brand)


def _other_kind(findings: Findings, use: Use, server: Server) -> list[str]:
    preset, there = _preset(use), PRESETS[server.brand]
    step = (
        f"{_article(there.title)} answers at {use.address}, but the settings say {use.preset}: "
        f"set {use.role}.provider to `{there.name}`"
    )
    if there.base_url != use.address:
        step += f", providers.{there.name}.baseUrl to `{use.address}`"
    found = _best(server)
    if found is not None:
        step += f", {use.role}.model to `{found.name}`"
    if _is_short(use):
        step += f"; take hostname, port and path out of {use.role}"
    elsewhere = [other for other in findings.servers if other.brand == use.preset and other != server]
    if elsewhere:
        second = (
            f"Or keep {preset.title}: it answers at {elsewhere[0].address}; set {_address_key(use)} to that."
        )
    else:
        second = (
            f"Or start {preset.title} on a free port and name that in {_address_key(use)}. {preset.start}"
        )
    return [f"{step}.", second.strip()]


def _others(findings: Findings) -> list[str]:
    """What else could complete here."""
    use, steps = findings.completion, []
    for server in findings.servers:
        found = _best(server)
        if server.address == use.address or server.state is not State.READY or found is None:
            continue
        step = f"{server.title} answers at {server.address} and has {found.name}: to use it, set "
        step += f"completion.provider to `{server.brand}` and completion.model to `{found.name}`"
        if PRESETS[server.brand].base_url != server.address and server.brand not in server.providers:
            step += f", and providers.{server.brand}.baseUrl to `{server.address}`"
        steps.append(f"{step}.")
    return steps[:2]


def _other_model(use: Use, server: Server | None) -> list[str]:
    """A server that takes any name: the template must be that of the model it really has."""
    if server is None or server.brand not in ANY_NAME or len(server.models) != 1 or use.there is not False:
        return []
    model = server.models[0]
    if not model.template or model.template == use.template or use.template in ("native", "custom-template"):
        return []
    return [
        f"{server.title} at {use.address} has {model.name} loaded, whatever name is asked for, but the "
        f"settings name {use.model}: set completion.model to `{model.name}`, to get its template for sure."
    ]


def _slow(trial: Trial) -> list[str]:
    if trial.first_ms is None or trial.first_ms < SLOW_MS:
        return []
    return [
        f"The first word took {trial.first_ms / 1000:.1f} s. If it was the model being loaded, the next one "
        "is quicker: run `twinny-lsp doctor` again. If not, a smaller model (1 to 3 billion parameters) "
        "suits completion better."
    ]


# -- chat -------------------------------------------------------------------------------------


def _chat(findings: Findings) -> list[str]:
    use, completion, trial = findings.chat, findings.completion, findings.trial
    if use.off:
        return [_sentence(f"Chat is off: {use.off}")]
    if use.preset == "symmetry" and (lack := findings.environment.symmetry.problem):
        return [_sentence(f"Chat: {lack}")]
    server = _at(findings, use.address)
    same = use.address == completion.address and use.preset == completion.preset
    if server is None or (same and trial is not None and trial.kind in (*_NOT_THERE, *_ANOTHER)):
        return []
    if _is_other_kind(use, server):
        return [] if same else [_other_kind(findings, use, server)[0]]
    if server.state is not State.READY:
        if same and findings.works:
            return []  # it was slow to say how it is, and answers all the same
        told = same and trial is not None and trial.error
        return [] if told else [f"Chat: {_silent(use, server)}{_chat_elsewhere(findings, use)}"]
    if use.there is not False or (server.brand in ANY_NAME and len(server.models) == 1):
        return []
    preset = _preset(use)
    step = f"Chat: {server.title} at {use.address} does not have {use.model}. {preset.how_to_get(use.model)}"
    talks = next((m.name for m in server.models if any(word in m.name.lower() for word in _CHATTY)), "")
    talks = talks or next((m.name for m in server.models if m.template == "chat"), "")
    if talks:
        step = f"{step.rstrip()} Or set chat.model to `{talks}`, which it has."
    return [step.rstrip()]


def _silent(use: Use, server: Server) -> str:
    if server.detail and server.state is not State.DOWN:
        return server.detail
    preset = _preset(use)
    return (
        f"nothing answers at {use.address}, where the settings expect {preset.title}. {preset.start}".strip()
    )


def _chat_elsewhere(findings: Findings, use: Use) -> str:
    """The server that completes can mostly chat as well."""
    server = _at(findings, findings.completion.address)
    if not findings.works or server is None or server.address == use.address or not server.models:
        return ""
    name = findings.completion.model if findings.completion.there else server.models[0].name
    return f" Or set chat.provider to `{findings.completion.provider}` and chat.model to `{name}`."


# -- small things -----------------------------------------------------------------------------


def _at(findings: Findings, address: str) -> Server | None:
    return next((server for server in findings.servers if server.address == address), None)


def _preset(use: Use) -> Preset:
    return PRESETS.get(use.preset) or PRESETS["openai-compatible"]


def _best(server: Server | None) -> Model | None:
    """The model that suits completion best: one with FIM tokens, loaded, a base model."""
    able = [model for model in (server.models if server else ()) if model.template not in ("", "chat")]
    return min(able, key=_rank, default=None)


def _rank(model: Model) -> tuple[bool, bool, bool]:
    name = model.name.lower()
    return (
        not model.loaded,
        any(word in name for word in _CHATTY),
        not any(word in name for word in ("base", "code")),
    )


def _is_short(use: Use) -> bool:
    return use.provider == f"{use.provider.partition(' (')[0]} ({use.role})"


def _address_key(use: Use) -> str:
    return f"{use.role}.hostname and port" if _is_short(use) else f"providers.{use.provider}.baseUrl"


def _article(title: str) -> str:
    if title.startswith(("a ", "the ")):
        return title[0].upper() + title[1:]
    return f"{'An' if title[0] in 'AEIOU' else 'A'} {title} server"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def listed(model: str, server: Server | None) -> bool | None:
    """Whether the server has the model; None where it listed none."""
    if server is None or not server.models:
        return None
    return match_name(model, [found.name for found in server.models]) is not None
