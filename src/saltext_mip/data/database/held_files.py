"""Files whose change waits for a decision on the pusher: databases keep them as they were.

The pusher sends the list before it has databases compiled, and an empty one when nothing waits any
more. It is remembered here, so that a compilation that anyone starts on this node keeps them, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltext_mip.storage.state import HELD_FILES, read_state, remove_state, write_state


@dataclass(frozen=True)
class HeldFiles:
    """Files of one pathology whose change waits for a decision of an operator of the federation.

    ``kept`` remain in the database as they were compiled, whatever is in the folder now;
    ``left_out`` are not taken into it yet.
    """

    kept: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()


NOT_HELD = HeldFiles()


def save(state: Path, files: Mapping[str, Mapping[str, Any]]) -> bool:
    """Replace the list: ``{pathology: {"kept": [file], "left_out": [file]}}``; whether it changed.

    ``LookupError`` or ``TypeError`` if it is not such a list.
    """
    value = {
        str(name): {key: sorted(map(str, of[key])) for key in ("kept", "left_out")}
        for name, of in files.items()
    }
    path = state / HELD_FILES
    if value:
        return write_state(path, value)
    changed = path.exists()
    remove_state(path)
    return changed


def load(state: Path) -> dict[str, HeldFiles]:
    """The held files of each pathology that has some."""
    found = read_state(state / HELD_FILES) or {}
    return {
        name: HeldFiles(frozenset(of["kept"]), frozenset(of["left_out"]))
        for name, of in found.items()
    }
