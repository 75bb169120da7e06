"""From a choice, the text around the cursor and other files to the prompt a model is asked with.

Code goes in byte for byte, but for special tokens in it (tokens.py). Paths in prompts are relative, with
forward slashes. Not for choosing (families.py), not for the budget: what is given here is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from twinny_lsp.errors import SettingsError
from twinny_lsp.exchange import ChatPrompt, ContextFile, FimPrompt, Message, Prompt, RawPrompt
from twinny_lsp.fim.catalogue import Family, built_in, table
from twinny_lsp.fim.custom import CustomTemplates
from twinny_lsp.fim.families import Choice, Kind
from twinny_lsp.fim.nodes import Template
from twinny_lsp.fim.render import Value, prepare, render
from twinny_lsp.fim.tokens import Breaker, breaker, special_looking
from twinny_lsp.languages import comment, language_from_path

_UNTITLED = "untitled"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_ROOTED = re.compile(r"(?:[A-Za-z]:)?[/\\]|[A-Za-z][A-Za-z0-9+.-]+:|~[/\\]|(?:[^/\\]*[/\\])*\.\.(?:[/\\]|$)")


@dataclass(frozen=True, slots=True)
class FimInput:
    """What one completion is asked with.

    `path` and the files' paths are relative to their root (others are cut to their last part), `repo` is the
    root's name; both may be "". `indent` is one step of the document's indentation.
    """

    prefix: str
    suffix: str
    language: str
    path: str = ""
    repo: str = ""
    files: tuple[ContextFile, ...] = ()
    model: str = ""
    indent: str = ""


@dataclass(frozen=True, slots=True)
class BuiltPrompt:
    """A prompt, and how to read the answer to it.

    `stop` go to the server, most important first; servers may lose them, so `clean` cuts at `ends`, which are
    these and more. `opens` may be repeated at the begin of an answer and mean nothing there. `family` is
    the family's name, `chat`, `native` or `custom-template`.
    """

    prompt: Prompt
    stop: tuple[str, ...]
    family: str
    reason: str
    breaker: Breaker
    ends: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()

    def end_of(self, text: str) -> int | None:
        """Where the answer ends because a stop word or a special token begins; None if it does not."""
        places = [place for end in self.ends if (place := text.find(end)) >= 0]
        return min(places, default=None)

    def clean(self, text: str) -> str:
        """The answer as it may go on to the filters: `text` is all of the stream so far.

        It ends before the first stop word or special token, and the tokens of the user's own code are whole
        again, so it must not be cut at stop words afterwards.
        """
        for opening in self.opens:
            text = text.removeprefix(opening)
        return self.breaker.restore(text[: self.end_of(text)])


async def warm(choice: Choice, custom: CustomTemplates | None = None) -> None:
    """Import and compile what `build` will need, ahead of the first key. Raises TemplateError."""
    if choice.custom and custom is not None:
        await prepare((await custom.current()).template)


async def build(
    choice: Choice,
    given: FimInput,
    custom: CustomTemplates | None = None,
    stop: tuple[str, ...] = (),
    *,
    native_route: bool = True,
) -> BuiltPrompt:
    """Make the prompt. `custom` is needed for `custom-template`; `stop` are the user's own stop words.

    `native_route`: a native prompt goes to a route that takes prefix, suffix and other files apart
    (llama.cpp's /infill). Without one (Ollama's `suffix`) the server puts them into its own template.

    Raises SettingsError with the choice's reason when there is nothing to ask with, TemplateError when
    the user's template cannot be used.
    """
    given = _relative(given)
    if choice.kind is Kind.NONE:
        raise SettingsError(choice.reason)
    if choice.kind is Kind.NATIVE:
        return _native(choice, given, stop) if native_route else _suffixed(choice, given, stop)
    if choice.kind is Kind.CHAT:
        return _chat(choice, given, stop)
    if choice.custom:
        return await _custom(choice, given, custom or CustomTemplates(), stop)
    return _raw(choice, given, stop)


def _native(choice: Choice, given: FimInput, stop: tuple[str, ...]) -> BuiltPrompt:
    prompt = FimPrompt(given.prefix, given.suffix, given.files)
    words = _stops(stop, choice.family.stop if choice.family else (), _texts(given))
    return BuiltPrompt(prompt, words, "native", choice.reason, Breaker(()), words)


def _suffixed(choice: Choice, given: FimInput, stop: tuple[str, ...]) -> BuiltPrompt:
    """For a server whose template has a place for the suffix: it parses special tokens like a raw prompt."""
    tokens = choice.family.special if choice.family else ()
    hidden, guard = _hidden(given, (*tokens, *table().common))
    if hidden.files:
        hidden = _commented(hidden)
    words = _stops(stop, choice.family.stop if choice.family else (), _texts(hidden))
    return BuiltPrompt(FimPrompt(hidden.prefix, hidden.suffix), words, "native", choice.reason, guard, words)


def _chat(choice: Choice, given: FimInput, stop: tuple[str, ...]) -> BuiltPrompt:
    known = table()
    hidden, guard = _hidden(given, (*known.chat.tokens, *known.common))
    system = render(built_in("chat-fim-system.hbs"), {})
    user = render(built_in(known.chat.template), _values(hidden))
    words = _stops(stop, known.chat.stop, _texts(hidden))
    prompt = ChatPrompt((Message("system", system), Message("user", user)))
    return BuiltPrompt(prompt, words, "chat", choice.reason, guard, (*words, *known.chat.tokens))


def _raw(choice: Choice, given: FimInput, stop: tuple[str, ...]) -> BuiltPrompt:
    family = choice.family
    if family is None:
        raise SettingsError(choice.reason)
    hidden, guard = _hidden(given, (*family.special, *table().common))
    file, repository = family.template, family.repository
    if choice.suffix_first and family.spm:
        file, repository = family.spm, family.spm_repository
    if hidden.files and repository and choice.repository:
        file = repository
    elif hidden.files:
        hidden = _commented(hidden)
    text = render(built_in(file), _values(hidden))
    words = _stops(stop, family.stop, _texts(hidden))
    ends = _ends(words, family.fim)
    return BuiltPrompt(RawPrompt(text), words, family.name, choice.reason, guard, ends, family.fim[-1:])


async def _custom(
    choice: Choice, given: FimInput, templates: CustomTemplates, stop: tuple[str, ...]
) -> BuiltPrompt:
    own = await templates.current()
    await prepare(own.template)
    families, found = _told(own.template, choice.family)
    tokens = tuple(token for family in families or table().families for token in family.special)
    hidden, guard = _hidden(given, (*tokens, *found, *table().common))
    values = {**_values(hidden), "systemMessage": own.system}
    values |= {"relativePath": hidden.path, "fileName": hidden.path, "repo": hidden.repo}
    text = render(own.template, values)
    guessed = () if stop else (*(word for family in families for word in family.stop), *found)
    words = _stops(stop, guessed, _texts(hidden))
    reason = f"{choice.reason} (there is no fim.hbs: the default text)" if own.built_in else choice.reason
    ends = _ends(words, found)
    return BuiltPrompt(RawPrompt(text), words, "custom-template", reason, guard, ends, found[-1:])


def _told(template: Template, by_name: Family | None) -> tuple[tuple[Family, ...], tuple[str, ...]]:
    """The families a template speaks to, by the model's name and its tokens; and its own special tokens."""
    known = table()
    text = template.literal()
    found = special_looking(text, tuple(token for family in known.families for token in family.fim))
    spoken = [family for family in known.families if all(token in found for token in family.fim)]
    families = (by_name,) if by_name is not None and (by_name in spoken or not spoken) else tuple(spoken[:1])
    return families, found


def _hidden(given: FimInput, tokens: tuple[str, ...]) -> tuple[FimInput, Breaker]:
    """The input with special tokens broken up, in the code, the paths and the names."""
    guard = breaker(_texts(given), tokens)
    if not guard.broken:
        return given, guard
    files = tuple(ContextFile(guard.hide(file.path), guard.hide(file.text)) for file in given.files)
    names = {
        "path": guard.hide(given.path),
        "repo": guard.hide(given.repo),
        "indent": guard.hide(given.indent),
    }
    prefix, suffix = guard.hide(given.prefix), guard.hide(given.suffix)
    return replace(given, prefix=prefix, suffix=suffix, files=files, **names), guard


def _texts(given: FimInput) -> list[str]:
    """All that comes from the user."""
    files = [text for file in given.files for text in (file.path, file.text)]
    return [given.prefix, given.suffix, given.path, given.repo, given.indent, *files]


def _values(given: FimInput) -> dict[str, Value]:
    """The variables of a template."""
    path = given.path or _UNTITLED
    files: Sequence[Mapping[str, str]] = [
        {"path": file.path, "text": file.text, "heading": _heading(file.path)} for file in given.files
    ]
    return {
        "prefix": given.prefix,
        "suffix": given.suffix,
        "language": given.language or "text",
        "fileName": path,
        "relativePath": path,
        "repo": given.repo or _UNTITLED,
        "model": given.model,
        "indent": given.indent,
        "files": files,
        "context": "".join(f"{_heading(file.path)}\n{file.text}\n" for file in given.files),
        "heading": _heading(path, given.language),
    }


def _heading(path: str, language: str = "") -> str:
    """The path as a comment of the file's own language, without a line end."""
    written = comment([path], language or language_from_path(path))
    return written.removesuffix("\n") or f"# {path}"


def _commented(given: FimInput) -> FimInput:
    """The other files as comments before the prefix, for models without a form for several files.

    A language without comments gets none of them: as code they would be completed as code.
    """
    lines = [line for file in given.files for line in (f"{file.path}:", file.text)]
    path = given.path or _UNTITLED
    return replace(given, prefix=comment([*lines, f"{path}:"], given.language) + given.prefix, files=())


def _stops(own: tuple[str, ...], known: tuple[str, ...], texts: Sequence[str]) -> tuple[str, ...]:
    """The user's own words, and those known of the family that do not occur in the user's code."""
    free = (word for word in known if not any(word in text for text in texts))
    return tuple(dict.fromkeys((*own, *free)))


def _ends(stop: tuple[str, ...], tokens: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*stop, *tokens, *table().common)))


def _relative(given: FimInput) -> FimInput:
    files = tuple(ContextFile(_safe_path(file.path), file.text) for file in given.files)
    repo = _safe_path(given.repo).rpartition("/")[2]
    return replace(given, path=_safe_path(given.path), repo=repo, files=files)


def _safe_path(path: str) -> str:
    """A path that says nothing of where the project lies: relative, forward slashes, on one line."""
    plain = _CONTROL.sub(" ", path).strip()
    if _ROOTED.match(plain):
        plain = re.split(r"[/\\]", plain.rstrip("/\\"))[-1]
    return plain.replace("\\", "/").removeprefix("./")
