"""The findings for people (80 columns, plain text) and for programs (JSON). No judging here."""

from __future__ import annotations

import re
import textwrap
from dataclasses import asdict
from typing import Any

from twinny_lsp.doctor.findings import Findings, Model, Server, Symmetry, Trial, Use
from twinny_lsp.doctor.whereabouts import Kind
from twinny_lsp.providers.base import State
from twinny_lsp.providers.presets import INSTALL_HINT, PRESETS

WIDTH = 80
OK, WARN, BAD = "ok", "!", "x"
_MARKS = {State.READY: OK, State.LOADING: WARN, State.REFUSING: WARN, State.DOWN: BAD}
MODELS_SHOWN = 6
_GLUE = "\N{NO-BREAK SPACE}"


def as_text(findings: Findings) -> str:
    """The report, ending in a line end."""
    there = findings.environment
    lines = [f"twinny-lsp {there.version}, Python {there.python}, {there.system}"]
    if there.where.kind is not Kind.LOCAL:
        lines += _row(WARN, f"The language server runs {there.where.description}.")
    lines += ["", "Settings", *_settings(findings), "", "Model servers", *_servers(findings)]
    lines += ["", "Completion", *_completion(findings), "", "Chat", *_chat(findings)]
    lines += ["", "Extras", *_embedded(there.embedded), *_symmetry(there.symmetry)]
    lines += ["", "What to do next"]
    for number, step in enumerate(findings.advice, 1):
        lines += _wrapped(step, f" {number}. ", "    ")
    return "\n".join(lines) + "\n"


def as_json(findings: Findings) -> dict[str, Any]:
    """The same, as plain JSON with snake_case keys turned to camelCase."""
    made = _camel(asdict(findings))
    assert isinstance(made, dict)  # noqa: S101 - a dataclass dumps as a dict
    return made | {"works": findings.works}


def _settings(findings: Findings) -> list[str]:
    found = findings.settings
    state = "" if found.there else " (not there: the defaults and your editor's settings hold)"
    lines = _row(BAD if found.problems else OK, f"{found.path}{state}")
    for problem in found.problems:
        lines += _row(BAD, problem)
    for hint in found.hints:
        lines += _row(WARN, hint)
    return lines


def _servers(findings: Findings) -> list[str]:
    lines: list[str] = []
    for server in findings.servers:
        names = f" ({', '.join(server.providers)})" if server.providers else ""
        lines += _row(_MARKS[server.state], f"{server.title} at {server.address}{names}")
        if server.detail and server.state is not State.DOWN:
            lines += _wrapped(server.detail, "      ", "      ")
        elif server.state is State.DOWN:
            lines += _wrapped(server.detail or "Nothing listens there.", "      ", "      ")
        lines += _models(server)
    return lines or _row(BAD, "None answers on this machine.")


def _models(server: Server) -> list[str]:
    shown = server.models[:MODELS_SHOWN]
    width = min(40, max((len(model.name) for model in shown), default=0))
    lines = [f"      {model.name:{width}}  {_model(model)}" for model in shown]
    if (more := server.more + len(server.models) - len(shown)) > 0:
        lines.append(f"      and {more} more")
    return lines


def _model(model: Model) -> str:
    template = {"": "no completion", "native": "native FIM"}.get(model.template, model.template)
    return f"{template}{', loaded' if model.loaded else ''}"


def _target(use: Use) -> str:
    where = f" at {use.address}" if use.address else ""
    return f"{use.model} from {use.provider}{where}"


def _completion(findings: Findings) -> list[str]:
    use, trial = findings.completion, findings.trial
    if use.off:
        return _row(BAD, f"off: {use.off}")
    lines = _row(
        OK if use.there else BAD if use.there is False and not findings.works else WARN, _target(use)
    )
    if use.there is not False and findings.works:
        lines = _row(OK, _target(use))
    how = f"{use.template}: {use.reason}"
    if trial is not None and trial.how:  # after a server's refusal another one than was chosen
        how = trial.how
    elif not use.template:
        how = "no FIM template" if _is_told(findings, use.reason) else f"no FIM template: {use.reason}"
    lines += _wrapped(how, "      ", "      ")
    if trial is None:
        return lines
    if trial.text:
        lines += _row(OK, _timing(trial))
        first, _, rest = trial.text.strip().partition("\n")
        lines.append("      " + first[: WIDTH - 12] + (" …" if rest or len(first) > WIDTH - 12 else ""))
        return lines
    told = _is_told(findings, trial.error)
    return lines + _row(BAD, "no completion; see below" if told else f"no completion: {trial.error}")


def _is_told(findings: Findings, text: str) -> bool:
    """Whether the advice says it; a sentence there may begin with a capital."""
    return any(text[1:] in step for step in findings.advice)


def _timing(trial: Trial) -> str:
    text = f"a completion in {trial.total_ms:.0f} ms"
    if trial.first_ms is not None:
        text += f", its first piece after {trial.first_ms:.0f} ms"
    tokens = []
    if trial.prompt_tokens is not None:
        tokens.append(f"{trial.prompt_tokens} tokens in")
    if trial.generated_tokens is not None:
        tokens.append(f"{trial.generated_tokens} tokens out")
    return f"{text} ({', '.join(tokens)}):" if tokens else f"{text}:"


def _chat(findings: Findings) -> list[str]:
    use = findings.chat
    if use.off:
        return _row(WARN, f"off: {use.off}")
    notice = PRESETS[use.preset].notice
    warning = _wrapped(notice, "      ", "      ") if notice else []
    server = next((found for found in findings.servers if found.address == use.address), None)
    if server is not None and server.state is State.DOWN:
        return _row(BAD, _target(use)) + warning
    there = " (not there)" if use.there is False else ""
    return _row(OK if use.there else WARN, _target(use) + there) + warning


def _embedded(installed: bool) -> list[str]:
    if installed:
        return _row(OK, "embedded: installed")
    return _row("-", f"embedded (GGUF models without a server): not installed: {INSTALL_HINT}")


def _symmetry(found: Symmetry) -> list[str]:
    if not found.allowed:
        return _row("-", "symmetry (chat over other people's computers): not switched on")
    if found.problem:
        return _row(BAD, f"symmetry: {found.problem}")
    return _row(OK, f"symmetry: {found.found}")


def _row(mark: str, text: str) -> list[str]:
    return _wrapped(text, f"  {mark:<3} ", "      ")


def _wrapped(text: str, first: str, then: str) -> list[str]:
    """Lines of at most 80 columns; what stands in back-ticks is to be copied, so it stays on one line."""
    text = re.sub(r"`[^`]{1,50}`", lambda found: found[0].replace(" ", _GLUE), text)
    lines = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines] or [first.rstrip()]


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _camel(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_camel(inner) for inner in value]
    return value


def _key(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(map(str.capitalize, rest))
