"""The JSON Schemas of what comes in, and one way to check a value against a schema.

Those of what commands return are made from their types: :func:`saltext_mip.results.schema`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any


def source(name: str) -> bytes:
    """The file of the schema of that name."""
    from importlib.resources import files  # what needs no schema pays no import

    return files(__name__).joinpath(f"{name}.json").read_bytes()


@cache
def load(name: str) -> dict[str, Any]:
    """The schema of that name, e.g. ``load("pillar")``."""
    schema: dict[str, Any] = json.loads(source(name))
    return schema


@cache
def _validator(name: str) -> Any:
    return _made(load(name))


def _made(schema: dict[str, Any]) -> Any:
    import jsonschema  # a node whose declaration was checked pays no import

    return jsonschema.validators.validator_for(schema)(schema)


def first_error(schema: str | dict[str, Any], value: Any) -> tuple[str, str] | None:
    """Where ``value`` is not of the schema, as ``(key, message)``; ``None`` if it is.

    ``schema`` is one, or the name of one that :func:`load` gives. The key is a path such as
    ``nodes.fed1-ms.role``. The message never repeats the value itself: it may be a secret, or long.
    """
    from jsonschema.exceptions import best_match

    validator = _validator(schema) if isinstance(schema, str) else _made(schema)
    error = best_match(validator.iter_errors(value))
    if error is None:
        return None
    return ".".join(str(part) for part in error.absolute_path), _words(error)


def _words(error: Any) -> str:
    asked = error.validator_value
    match error.validator:
        case "type":
            names = asked if isinstance(asked, str) else " or ".join(asked)
            return f"must be of type {names}" + _why(error)
        case "required":
            have = error.instance
            missing = [key for key in asked if key not in have]
            return f"lacks {', '.join(map(repr, missing))}"
        case "additionalProperties":
            known = set(error.schema.get("properties", {}))
            patterns = error.schema.get("patternProperties", {})
            unknown = sorted(str(key) for key in error.instance if key not in known)
            if patterns:
                return f"has a key that is not allowed: {', '.join(map(repr, unknown))}"
            return f"unknown key {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}"
        case "enum":
            return f"must be one of {', '.join(map(str, asked))}"
        case "const":
            return f"must be {asked}"
        case "pattern":
            return f"must match {asked}" + _why(error)
        case "minimum" | "exclusiveMinimum":
            return f"must not be below {asked}"
        case "maximum":
            return f"must not be above {asked}"
        case "minLength" | "minProperties" | "minItems":
            return "must not be empty"
        case "maxLength" | "maxItems" | "maxProperties":
            return f"is longer than {asked}"
        case _:
            return f"does not fit the schema ({error.validator})" + _why(error)


def _why(error: Any) -> str:
    why = error.schema.get("$comment") if isinstance(error.schema, dict) else None
    return f" ({why})" if why else ""
