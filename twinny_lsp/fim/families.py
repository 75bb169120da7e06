"""Choosing how a model is asked: by the settings, by what its server says, by its name; never by a guess.

Sending one family's tokens to a model that does not know them is the most common cause of rubbish, so a
model that nobody knows gets no prompt at all, but a reason that names the setting.
Not for making the prompt (prompt.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twinny_lsp.exchange import ModelFacts
from twinny_lsp.fim.catalogue import Family, Membership, Use, membership, table
from twinny_lsp.fim.names import model_name

__all__ = ["Choice", "Family", "Kind", "Membership", "Use", "choose", "membership", "names", "table"]

AUTOMATIC, NATIVE, CUSTOM, CHAT = "automatic", "native", "custom-template", "chat"
_ALIASES = {"llama": "codellama", "": AUTOMATIC, "auto": AUTOMATIC, "custom": CUSTOM}
# What stands in a prompt template that has turns of a conversation.
_CHAT_SIGNS = (
    *(".Messages", ".System", "<|im_start|>", "[INST]", "<|start_header_id|>", "<start_of_turn>"),
    *("### Instruction", "<|user|>", "messages"),
)


class Kind(StrEnum):
    """The form of the prompt. NONE: no completion can be asked for; the reason says what to set."""

    RAW = "raw"
    NATIVE = "native"
    CHAT = "chat"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """How a model is asked, and why, in plain words.

    `family` is also set beside `custom` and NATIVE when the name says it: its stop words hold then.
    `repository`: the family's form for several files may be used; not where only shared tokens showed it.
    `suffix_first`: with the suffix first, where the family was trained for that as well (`Family.spm`).
    """

    kind: Kind
    family: Family | None
    reason: str
    custom: bool = False
    repository: bool = True
    suffix_first: bool = False


def names() -> tuple[str, ...]:
    """Everything the setting may be."""
    return (AUTOMATIC, NATIVE, CUSTOM, CHAT, *(family.name for family in table().families))


def choose(model: str, setting: str, facts: ModelFacts | None = None, native_route: bool = False) -> Choice:
    """How to ask `model`.

    `setting` is `completion.fimTemplate`, `facts` what the server said of the model, `native_route`: the
    server has a route of its own for fill-in-the-middle (llama.cpp's /infill).
    """
    wanted = _ALIASES.get(setting.strip().lower(), setting.strip().lower())
    if wanted == AUTOMATIC:
        return _automatic(model, facts, native_route)
    by_name = membership(model)
    if wanted == NATIVE:
        return Choice(Kind.NATIVE, by_name.family, "the settings leave it to the server")
    if wanted == CUSTOM:
        return Choice(Kind.RAW, by_name.family, "the settings say custom-template", custom=True)
    if wanted == CHAT:
        return Choice(Kind.CHAT, None, "the settings say chat")
    family = table().named(wanted)
    if family is None:
        return Choice(
            Kind.NONE, None, f"there is no FIM template '{setting}'; there is: {', '.join(names())}"
        )
    reason = f"the settings say {family.name}"
    if by_name.family is not None and by_name.family is not family:
        reason += f"; by its name this model belongs to {by_name.family.name}"
    return Choice(Kind.RAW, family, reason)


def _automatic(model: str, facts: ModelFacts | None, native_route: bool) -> Choice:
    tuned = facts is not None and not facts.insert and _chat_template(facts)
    by_name = membership(model, tuned=tuned)
    if by_name.use is None and facts is not None:  # llama.cpp takes any name and tells the file's
        by_name = membership(facts.name, tuned=tuned)
    by_server = _from_server(by_name, facts)
    if by_server is not None:
        return by_server
    if by_name.use is not None:
        return _from_name(model, by_name)
    if native_route and (facts is None or facts.insert is not False):
        return Choice(Kind.NATIVE, None, "the model is unknown, and the server can fill in the middle itself")
    if tuned or model_name(model).instruct:
        return Choice(
            Kind.CHAT, None, "no FIM tokens are known for this model, and it seems to follow instructions"
        )
    return Choice(Kind.NONE, None, _advice(f"no FIM template is known for the model '{model}'"))


def _from_server(by_name: Membership, facts: ModelFacts | None) -> Choice | None:
    """What the server's own words settle: the tokens in its template, its capability to insert."""
    if facts is None:
        return None
    template = facts.template or ""
    found = [family for family in table().families if all(token in template for token in family.fim)]
    if found:
        if by_name.family in found:
            return Choice(Kind.RAW, by_name.family, "the server's template has this family's FIM tokens")
        reason = "the server's template has these FIM tokens, which the name says nothing about"
        return Choice(Kind.RAW, _plainest(found), reason, repository=len(found) == 1)
    if facts.insert and (by_name.family is None or by_name.family.native):
        return Choice(Kind.NATIVE, by_name.family, "the server says that it can insert with this model")
    return None


def _plainest(found: list[Family]) -> Family:
    """Of families with equal tokens the one that is most common: prefix first, the earliest in the table."""
    return min(found, key=lambda family: family.suffix_first)


def _from_name(model: str, by_name: Membership) -> Choice:
    if by_name.use is Use.RAW:
        return Choice(Kind.RAW, by_name.family, by_name.reason)
    if by_name.use is Use.CHAT:
        return Choice(Kind.CHAT, None, by_name.reason)
    return Choice(Kind.NONE, None, _advice(f"'{model}' cannot complete: {by_name.reason}"))


def _advice(problem: str) -> str:
    families = ", ".join(family.name for family in table().families)
    return (
        f"{problem}. Set completion.fimTemplate to the model's family ({families}), to `chat` if it follows "
        "instructions, to `native` if the server fills in the middle itself, or choose another model."
    )


def _chat_template(facts: ModelFacts) -> bool:
    """The server's template has turns of a conversation, or its capabilities only make sense in one."""
    told = facts.template or ""
    talks = {"tools", "thinking", "vision"} & set(facts.capabilities)
    return bool(talks) or any(sign in told for sign in _CHAT_SIGNS)
