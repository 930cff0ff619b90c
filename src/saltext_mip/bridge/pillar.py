"""Pillar: compiled when it is needed, as plain values, without a secret in an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import salt.pillar
import salt.utils.event

from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation, federations


def plain(value: Any) -> Any:
    """The same value of dicts and lists: Salt's own mappings mask values and are slow to copy."""
    if isinstance(value, Mapping):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(below) for below in value]
    return value


def declared(opts: Mapping[str, Any]) -> dict[str, Federation]:
    """All federations that the pusher's own pillar declares."""
    compiled = salt.pillar.Pillar(
        {**opts, "pillar_safe_render_error": False}, {}, opts["id"], "base"
    ).compile_pillar()
    if errors := compiled.get("_errors"):
        raise DeclarationError(
            "(rendering)", "; ".join(_without_source(str(error)) for error in errors)
        )
    return federations(plain(compiled))


def _without_source(error: str) -> str:
    """A rendering error without the lines of the file that Salt shows: they may hold secrets."""
    first, *rest = re.split(r"^(?:Traceback |---)", error, maxsplit=1, flags=re.MULTILINE)
    line = re.search(r"; line \d+$", "".join(rest), re.MULTILINE)
    text = " ".join(first.split()).removesuffix(";")
    return text + (line.group() if line and line.group() not in text else "")
