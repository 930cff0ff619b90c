"""Pillar as plain values: Salt's own mappings mask what they print, and are slow to copy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import salt.pillar
import salt.utils.event

from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation, federations


def plain(value: Any) -> Any:
    """The same with nothing but dicts and lists in it."""
    if isinstance(value, Mapping):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(below) for below in value]
    return value


def declared(opts: Mapping[str, Any]) -> dict[str, Federation]:
    """All federations of the pillar of the pusher itself."""
    compiled = salt.pillar.Pillar(
        {**opts, "pillar_safe_render_error": False}, {}, opts["id"], "base"
    ).compile_pillar()
    if errors := compiled.get("_errors"):
        raise DeclarationError(
            "(rendering)", "; ".join(_without_source(str(error)) for error in errors)
        )
    return federations(plain(compiled))


def _without_source(error: str) -> str:
    """An error of rendering, without the lines of the file that Salt shows: these hold secrets."""
    said, *rest = re.split(r"^(?:Traceback |---)", error, maxsplit=1, flags=re.MULTILINE)
    line = re.search(r"; line \d+$", "".join(rest), re.MULTILINE)
    words = " ".join(said.split()).removesuffix(";")
    return words + (line.group() if line and line.group() not in words else "")
