"""Names for the completion of a line: read from the pusher's state, without Salt and any node.

A shell calls it at each Tab: it imports little, and prints nothing where it cannot read something.
Its arguments are kinds (``nodes``, ``pathologies``, ``datasets``, ``generations``,
``federations``), then ``--``, the federation if one is typed, and Salt's configuration folder.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from saltext_mip.console.cli.state_folder import config_dir, state_folders

WORD = "__names"  # the first word of a line that asks for them

_GENERATION = re.compile(r"([0-9]{6,})\.json")


def write(arguments: Sequence[str]) -> int:
    """Write the names, one a line."""
    given = list(arguments)
    at = given.index("--") if "--" in given else len(given)
    kinds, rest = given[:at], given[at + 1 :]
    federation, config = (*rest, "", "")[:2]
    with suppress(OSError):
        sys.stdout.writelines(f"{name}\n" for name in names(kinds, federation, config))
        sys.stdout.flush()
    return 0


def names(kinds: Iterable[str], federation: str = "", config: str = "") -> list[str]:
    """All names of these kinds, of one federation or of all that there are."""
    found: dict[str, None] = {}
    for state in state_folders(config_dir(config)):
        if federation in ("", state.name):
            for kind in kinds:
                for name in KINDS[kind](state) if kind in KINDS else ():
                    found[name] = None
    return [name for name in found if name.isprintable() and name]


def _federations(state: Path) -> Iterator[str]:
    yield state.name


def _nodes(state: Path) -> Iterator[str]:
    declared = _read(state / "declared.json")
    for key in ("names", "ids"):
        listed = declared.get(key)
        yield from map(str, listed if isinstance(listed, list) else ())
    yield from _read(state / "seen.json")


def _pathologies(state: Path) -> Iterator[str]:
    yield from _last(state)


def _datasets(state: Path) -> Iterator[str]:
    for datasets in _last(state).values():
        yield from datasets


def _generations(state: Path) -> list[str]:
    return [str(number) for number in sorted(_numbers(state), reverse=True)]


KINDS: Mapping[str, Callable[[Path], Iterable[str]]] = {
    "federations": _federations,
    "nodes": _nodes,
    "pathologies": _pathologies,
    "datasets": _datasets,
    "generations": _generations,
}


def _last(state: Path) -> dict[str, Any]:
    """The pathologies of the last generation, with their datasets."""
    numbers = _numbers(state)
    if not numbers:
        return {}
    found = _read(state / "generations" / f"{max(numbers):06d}.json").get("pathologies")
    return found if isinstance(found, dict) else {}


def _numbers(state: Path) -> list[int]:
    try:
        listed = [_GENERATION.fullmatch(path.name) for path in (state / "generations").iterdir()]
    except OSError:
        return []
    return [int(found[1]) for found in listed if found]


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
