"""Values that have no screen of their own, such as what an execution function returned.

These are of no type of ours: JSON's own types, or the parts of a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from saltext_mip.console.screens.text import Screen


def key_values(screen: Screen, value: Any, *, indent: int = 0) -> None:
    """Keys and values, nested by indentation."""
    value = msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
    if isinstance(value, Mapping):
        for key, below in value.items():
            if isinstance(below, Mapping | list | tuple) and below:
                screen.text(f"{key}:", indent=indent, style="title")
                key_values(screen, below, indent=indent + 2)
            else:
                screen.text(f"{key}: {_leaf(below)}", indent=indent, hang=2)
    elif isinstance(value, list | tuple):
        for below in value:
            if isinstance(below, Mapping | list | tuple) and below:
                screen.text("-", indent=indent)
                key_values(screen, below, indent=indent + 2)
            else:
                screen.text(_leaf(below), indent=indent, hang=2, first="- ")
    else:
        screen.text(_leaf(value), indent=indent)


def _leaf(value: Any) -> str:
    if value is None or value in ({}, [], ()):
        return "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
