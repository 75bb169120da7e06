"""From what somebody wrote to what holds of it: keys in one spelling, bad ones reported and dropped.

Each source is cleaned by itself, so that every problem names its source; merging comes after. Nothing
in here raises for bad input, and no message holds a value.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from twinny_lsp.config.oldnames import OLD_NAMES, OLLAMA_ADDRESS, ollama_address
from twinny_lsp.config.problems import Problem, did_you_mean, listed, nearest
from twinny_lsp.config.schema import SCHEMA_VERSION, LanguageSettings, Settings
from twinny_lsp.config.spelling import camel, dotted, snake

SECTION = "twinny-lsp"
ELSEWHERE = frozenset({"client_features"})
"""Keys of initializationOptions that are not settings; the server reads them where it greets the client."""
_TABLE = "a table of keys and values"
_KINDS = {
    "string_type": "text",
    "string_unicode": "valid text",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "an ordinary number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": _TABLE,
    "model_type": _TABLE,
    "model_attributes_type": _TABLE,
}
Path = tuple[str, ...]
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """What one source says: validated values by snake_case key, only those it set, secrets wrapped."""

    source: str
    values: Values = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Pass:
    """One cleaning under way: its source, its problems, and how each path was spelled."""

    source: str
    problems: list[Problem] = field(default_factory=list)
    spelled: dict[Path, str] = field(default_factory=dict)

    def report(self, path: str, message: str, *, hint: bool = False) -> None:
        self.problems.append(Problem(self.source, path, message, hint))


def clean(raw: object, source: str) -> Layer:
    """Everything usable of `raw` (parsed JSON or TOML), and the problems with the rest. Null is unset."""
    work = _Pass(source)
    if raw is None:
        return Layer(source)
    if raw == []:
        raw = {}  # Lua knows no difference, and Neovim sends its empty tables like that
    if not isinstance(raw, Mapping):
        work.report("", f"the settings should be {_TABLE}")
        return Layer(source, {}, tuple(work.problems))
    values = _table(work, _undotted(raw), Settings, (), "")
    values = _validated(work, values)
    if values.get("schema_version", SCHEMA_VERSION) > SCHEMA_VERSION:
        work.report("schemaVersion", "written for a newer version of twinny-lsp; what is known of it holds")
    return Layer(source, values, tuple(work.problems))


def is_ours(raw: Mapping[Any, Any]) -> bool:
    """Whether any key looks like one of ours: some clients send all of their settings to every server."""
    keys = [snake(key.split(".")[0]) for key in raw if isinstance(key, str)]
    known = {*Settings.model_fields, *ELSEWHERE}
    return any(key in known or nearest(key, known) for key in keys) or any(key in OLD_NAMES for key in raw)


def _undotted(raw: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """`{"completion.model": x}`, as VS Code's files have it, is `{"completion": {"model": x}}`."""
    if not any(isinstance(key, str) and "." in key for key in raw):
        return raw
    result: Values = {}
    for key, value in sorted(raw.items(), key=lambda item: str(item[0]).count(".")):
        head, dot, rest = str(key).partition(".")
        if not dot or head not in Settings.model_fields:
            result[key] = value
            continue
        name, last_dot, last = rest.rpartition(".")
        inner = {name: {last: value}} if last_dot else {rest: value}
        result[head] = _joined(result.get(head), inner)
    return result


def _joined(weak: object, strong: Values) -> Values:
    joined = dict(weak) if isinstance(weak, Mapping) else {}
    for key, value in strong.items():
        deeper = isinstance(value, dict) and isinstance(joined.get(key), Mapping)
        joined[key] = _joined(joined[key], value) if deeper else value
    return joined


def _table(work: _Pass, raw: Mapping[Any, Any], model: type[BaseModel], path: Path, spelled: str) -> Values:
    """The known keys of one table in snake_case, nested tables too; unknown ones reported."""
    values: Values = {}
    old: Values = {}
    for key, value in raw.items():
        if not isinstance(key, str):
            work.report(spelled, "every key should be text")
            continue
        name, written = snake(key), f"{spelled}.{key}" if spelled else key
        if value is None:
            continue
        if name not in model.model_fields:
            if not path and key in OLD_NAMES:
                old[key] = value
            elif path or name not in ELSEWHERE:
                work.report(written, _unknown(key, model))
        elif isinstance(value, str) and "\x00" in value:
            work.report(written, "should have no NUL character in it")
        elif name in values:
            work.report(written, "said twice here, in two spellings; the first holds")
        else:
            work.spelled[(*path, name)] = written
            values[name] = _value(work, value, model.model_fields[name].annotation, (*path, name), written)
    return _with_old(work, values, old) if old else values


def _value(work: _Pass, value: object, annotation: Any, path: Path, spelled: str) -> Any:
    """One value with the keys inside it in snake_case; whether it fits is pydantic's to say."""
    if isinstance(value, float) and value.is_integer():
        return int(value)  # some editors know only one kind of number
    table, keyed = _shape(annotation)
    if value == [] and (keyed or annotation is table):
        return {}
    if isinstance(value, list | tuple):
        return [_element(work, item, annotation, path, spelled) for item in value]
    if not isinstance(value, Mapping):
        return value
    if keyed:
        return _map(work, value, table, path, spelled)
    return _table(work, value, table, path, spelled) if table is not None else dict(value)


def _element(work: _Pass, item: object, annotation: Any, path: Path, spelled: str) -> Any:
    table, _ = _shape(annotation)
    if isinstance(item, Mapping) and table is not None:
        return _table(work, item, table, path, spelled)
    return item


def _map(
    work: _Pass, raw: Mapping[Any, Any], table: type[BaseModel] | None, path: Path, spelled: str
) -> Values:
    """A table whose keys are names: providers, headers, languages. They are never converted."""
    values: Values = {}
    for key, value in raw.items():
        written = f"{spelled}.{key}"
        if value is None:
            continue
        work.spelled[(*path, str(key))] = written
        if table is LanguageSettings and isinstance(value, bool):
            values[str(key)] = {"enabled": value}
        elif table is not None and (isinstance(value, Mapping) or value == []):
            values[str(key)] = _table(work, value or {}, table, (*path, str(key)), written)
        else:
            values[str(key)] = value
    return values


def _shape(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The model inside an annotation, and whether it is the values of a map."""
    origin = get_origin(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if origin is dict:
        return _shape(get_args(annotation)[1])[0], True
    if origin in (list, Union, types.UnionType, Annotated):
        return next((shape for part in get_args(annotation) if (shape := _shape(part))[0]), (None, False))
    return None, False


def _unknown(key: str, model: type[BaseModel]) -> str:
    """What to say of a key that nobody knows, with the likeliest meant."""
    if key in OLD_NAMES and OLD_NAMES[key].paths:
        return f"unknown; this is called {listed(dotted(p) for p in OLD_NAMES[key].paths)} here"
    known = [camel(name) for name in model.model_fields]
    elsewhere = [
        f"`{section}.{camel(snake(key))}`"
        for section, part in Settings.model_fields.items()
        if (shape := _shape(part.annotation))[0] and not shape[1] and snake(key) in shape[0].model_fields
    ]
    if elsewhere:
        return f"unknown; did you mean {' or '.join(elsewhere)}?"
    meant = did_you_mean(key, known)
    return f"unknown{meant}" if meant else f"unknown; known here: {listed(known)}"


def _with_old(work: _Pass, values: Values, old: Values) -> Values:
    """Lay the new names over the translation of the old ones."""
    translated: Values = {}
    for key, value in old.items():
        meaning = OLD_NAMES[key]
        if not meaning.paths:
            work.report(key, f"a setting of Twinny for VS Code, left out: {meaning.note}", hint=True)
            continue
        names = " and ".join(f"`{dotted(path)}`" for path in meaning.paths)
        note = f" ({meaning.note})" if meaning.note else ""
        work.report(key, f"`{key}` is called {names} here{note}", hint=True)
        fitting = ollama_address(old) if key in OLLAMA_ADDRESS else meaning.convert(value)
        for path in meaning.paths:
            work.spelled.setdefault(path, key)
            raw: Any = fitting
            for name in reversed(path):
                raw = {name: raw}
            translated = _joined(translated, raw)
    table = _table(_Pass(work.source), translated, Settings, (), "")
    return _joined(table, values)


def _validated(work: _Pass, values: Values) -> Values:
    """Drop what pydantic refuses, report it, and try again until the rest holds."""
    while True:
        try:
            return Settings.model_validate(values).model_dump(exclude_unset=True)
        except ValidationError as error:
            reasons: dict[Path, list[str]] = {}
            for one in error.errors(include_url=False, include_input=False):
                reasons.setdefault(_existing(values, one["loc"]), []).append(_plain(one))
            for path, messages in reasons.items():
                _drop(values, path)
                said = work.spelled.get(path) or dotted(path)
                work.report(said, f"should be {' or '.join(dict.fromkeys(messages))}")


def _existing(values: Values, loc: tuple[int | str, ...]) -> Path:
    """The longest part of pydantic's location that is a path of keys in the values."""
    path: list[str] = []
    here: Any = values
    for step in loc:
        if not isinstance(here, dict) or step not in here:
            break
        path.append(str(step))
        here = here[step]
    return tuple(path)


def _drop(values: Values, path: Path) -> None:
    if not path:
        values.clear()
        return
    here: Any = values
    for step in path[:-1]:
        here = here.get(step, {})
    here.pop(path[-1], None)


def _plain(error: Any) -> str:
    """Pydantic's error as the end of "should be …"."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal" | "greater_than":
            return f"at least {limits['ge']}" if "ge" in limits else f"more than {limits['gt']}"
        case "less_than_equal":
            return f"at most {limits['le']}"
        case "value_error":
            return str(error["msg"]).removeprefix("Value error, should be ")
        case kind if kind in _KINDS:
            return _KINDS[kind]
    return str(error["msg"]).removeprefix("Input should be ")
