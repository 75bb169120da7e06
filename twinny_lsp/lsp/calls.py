"""How a request or notification becomes a call of a handler: params to types, arguments to parameters.

Knows nothing of ids, answers or the stream (see protocol.py). Its errors hold no text of the client's.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

if typing.TYPE_CHECKING:
    from cattrs import Converter

Handler = Callable[..., Any]

_NO_PARAMS_NEEDED = frozenset({types.INITIALIZED})


def structure_params(converter: Converter, method: str, params: Any) -> Any:
    """`params` as LSP's type for `method`; plain JSON for a method LSP does not know.

    Raises JsonRpcInvalidParams, whose message names the type but nothing of the content.
    """
    known = types.METHOD_TO_TYPES.get(method)
    if known is None:
        return params
    params_type: Any = known[2]
    if params_type is None:
        return None
    if params is None and method in _NO_PARAMS_NEEDED:
        params = {}
    try:
        return converter.structure(params, params_type)
    except Exception as error:
        if method == types.INITIALIZE and isinstance(params, dict):
            # Laid under what is left, since `capabilities: null` is pruned, too, and has to be there.
            left = {"capabilities": {}} | _prune(converter, params, params_type)
            return converter.structure(left, params_type)
        raise JsonRpcInvalidParams(f"the params do not fit {_name(params_type)}") from error


def structure_result(converter: Converter, method: str, result: Any) -> Any:
    """A client's answer as LSP's type for `method`; plain JSON for a method LSP does not know."""
    known = types.METHOD_TO_TYPES.get(method)
    if known is None or known[1] is None:
        return result
    message = {"jsonrpc": "2.0", "id": 0, "result": result}
    try:
        return converter.structure(message, known[1]).result
    except Exception as error:
        raise JsonRpcInvalidParams(f"the client's answer does not fit {method}") from error


def _prune(converter: Converter, data: Mapping[str, Any], cls: Any) -> dict[str, Any]:
    """`data` without what does not fit `cls`: a client with one odd capability still gets a server."""
    kept = dict(data)
    for field in attrs.fields(cls):
        key = _wire_name(field.name)
        if key not in kept or _fits(converter, kept[key], field.type):
            continue
        inner = next(
            (part for part in (typing.get_args(field.type) or (field.type,)) if attrs.has(part)), None
        )
        if inner is not None and isinstance(kept[key], dict):
            kept[key] = _prune(converter, kept[key], inner)
        if not _fits(converter, kept[key], field.type):
            del kept[key]
    return kept


def _fits(converter: Converter, value: Any, annotation: Any) -> bool:
    try:
        converter.structure(value, annotation)
    except Exception:
        return False
    return True


def _wire_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def bind_arguments(
    converter: Converter, handler: Handler, arguments: Sequence[Any] | None, server_type: type
) -> tuple[Any, ...]:
    """The arguments of `workspace/executeCommand` for a handler, structured by its annotations.

    Trailing parameters with a default may be left out; one without an annotation takes plain JSON.
    Raises JsonRpcInvalidParams when number or types do not fit.
    """
    given = list(arguments or ())
    parameters = _command_parameters(getattr(handler, "func", handler), server_type)
    bound: list[Any] = []
    for name, annotation, is_rest, optional in parameters:
        if is_rest:
            bound.extend(given[len(bound) :])
            return tuple(bound)
        if len(bound) >= len(given):
            if optional:
                break
            raise JsonRpcInvalidParams(f"too few arguments: {name!r} is missing")
        value = given[len(bound)]
        try:
            bound.append(value if annotation is Any else converter.structure(value, annotation))
        except Exception as error:
            raise JsonRpcInvalidParams(f"argument {name!r} does not fit {_name(annotation)}") from error
    if len(bound) < len(given):
        raise JsonRpcInvalidParams(f"too many arguments: {len(bound)} expected, {len(given)} given")
    return tuple(bound)


@functools.lru_cache(maxsize=256)
def _command_parameters(function: Handler, server_type: type) -> tuple[tuple[str, Any, bool, bool], ...]:
    """(name, annotation, takes the rest, has a default) of each parameter the client fills."""
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # a type that exists for the type checker only
        hints = {}
    found = []
    for index, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        hint = hints.get(name, Any)
        if index == 0 and (name == "ls" or (isinstance(hint, type) and issubclass(server_type, hint))):
            continue
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            continue
        is_rest = parameter.kind is parameter.VAR_POSITIONAL
        found.append((name, hint, is_rest, parameter.default is not parameter.empty))
    return tuple(found)


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation).replace("lsprotocol.types.", "")
