"""What a node sent, validated into a type at the speed of C; and if it does not fit, where and why.

``msgspec`` says what is wrong, but not at which item of a list, and it may repeat the value. So a
value that was refused is walked down once more, item by item, to the place that does not fit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, overload

import msgspec

from saltext_mip.errors import BadAnswer

T = TypeVar("T")

_JSON = {"int": "integer", "str": "string", "bool": "boolean", "float": "number"}


@overload
def decode(kind: type[T], value: Any, *, node: str) -> T: ...
@overload
def decode(kind: Any, value: Any, *, node: str) -> Any: ...
def decode(kind: Any, value: Any, *, node: str) -> Any:
    """What ``node`` sent, as a value of the type ``kind``.

    :class:`BadAnswer` where it does not fit: it names the node and the key, never the value.
    """
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):  # half of a character
        pass
    try:
        value = _with_integers(value)
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, UnicodeEncodeError):
        key, message = _first_error((), kind, value)
    except RecursionError:
        key, message = (), "is nested too deeply"
    raise BadAnswer(f"{'.'.join(map(str, key)) or 'all of it'} {message}", node=node)


def _with_integers(value: Any) -> Any:
    """The same with 3.0 as 3: to JSON that is an integer."""
    if isinstance(value, dict):
        return {key: _with_integers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_integers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _first_error(path: tuple[Any, ...], kind: Any, value: Any) -> tuple[tuple[Any, ...], str]:
    """The innermost place where ``value`` is not of ``kind``, and what is wrong there."""
    for key, inner, each in _parts(kind, value):
        try:
            msgspec.convert(each, inner)
        except (msgspec.ValidationError, UnicodeEncodeError):
            return _first_error((*path, key), inner, each)
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        return path, _message(kind, str(exc).partition(" - at ")[0])
    except UnicodeEncodeError:
        pass
    return path, "has half of a character"


def _parts(kind: Any, value: Any) -> Iterator[tuple[Any, Any, Any]]:
    """The parts of a value that have types of their own: key, type, value."""
    kind = _without_constraints(kind, value)
    origin, args = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if isinstance(value, Mapping):
            for field in msgspec.structs.fields(kind):
                if field.encode_name in value:
                    yield field.encode_name, field.type, value[field.encode_name]
    elif origin in (dict, Mapping) and isinstance(value, Mapping):
        for key, each in value.items():
            yield key, args[1], each
    elif origin is list and isinstance(value, list):
        for nth, each in enumerate(value):
            yield nth, args[0], each
    elif origin is tuple and isinstance(value, list):
        kinds = [args[0]] * len(value) if args[-1] is ... else args
        for nth, (inner, each) in enumerate(zip(kinds, value, strict=False)):
            yield nth, inner, each


def _without_constraints(kind: Any, value: Any) -> Any:
    while True:
        origin = get_origin(kind)
        if origin is Annotated:
            kind = get_args(kind)[0]
        elif origin in (Union, UnionType):
            of_value = [each for each in get_args(kind) if _could_be(each, value)]
            if len(of_value) != 1:
                return kind
            kind = of_value[0]
        else:
            return kind


def _could_be(kind: Any, value: Any) -> bool:
    """Whether ``value`` is of the JSON type of ``kind``, whatever is in it."""
    kind = _without_constraints(kind, value)
    if kind in (None, type(None)):
        return value is None
    if kind in (str, int, float, bool):
        return type(value) is kind
    if isinstance(value, list):
        return get_origin(kind) in (list, tuple)
    is_struct = isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    return isinstance(value, Mapping) and (is_struct or get_origin(kind) in (dict, Mapping))


def _message(kind: Any, reason: str) -> str:
    """msgspec's reason in the terms of JSON, without the value."""
    if match := re.match(r"Object missing required field `(.+)`", reason):
        return f"lacks '{match[1]}'"
    if match := re.match(r"Object contains unknown field `(.+)`", reason):
        return f"unknown key {match[1]!r}"
    if reason.startswith("Invalid enum value"):
        return f"must be one of {', '.join(map(str, _choices(kind)))}"
    if match := re.match(r"Expected `str` matching regex '?(.+?)'?$", reason):
        return f"must match {match[1]}"
    if match := re.match(r"Expected `(?:str|array|object)` of length <= (\d+)", reason):
        return f"is longer than {match[1]}"
    if match := re.match(r"Expected `(?:str|array|object)` of (?:at least )?length >= \d+", reason):
        return "must not be empty"
    if match := re.match(r"Expected `(?:int|float)` >= (\S+)", reason):
        return f"must not be below {match[1]}"
    if match := re.match(r"Expected `(?:int|float)` <= (\S+)", reason):
        return f"must not be above {match[1]}"
    if match := re.match(r"Expected `(.+)`, got", reason):
        names = [_JSON.get(name.strip(), name.strip()) for name in match[1].split("|")]
        return f"must be of type {' or '.join(names)}"
    return f"has an unexpected format ({reason})" if "`" not in reason else reason


def _choices(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(choice for each in get_args(kind) for choice in _choices(each))
