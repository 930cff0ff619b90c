"""The files below ``watch`` that the page is made from: written by the observer, read by the feed.

The server itself reads none of them: it has no right to.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins

from saltext_mip import results
from saltext_mip.results import GenerationSummary, StatusResult
from saltext_mip.storage import atomic
from saltext_mip.storage.paths import private_folder
from saltext_mip.storage.state import (
    OBSERVED,
    PAGE_GENERATIONS,
    PAGE_KEY,
    PAGE_METRICS,
    StateBroken,
    decode_state,
    encoded,
    read_state,
    write_state,
)
from saltext_mip.watch.page.access import KEY, key_of

FILES = (OBSERVED, PAGE_GENERATIONS, PAGE_METRICS, PAGE_KEY)
GENERATIONS = 20  # that the page shows

Signature = tuple[tuple[int, int, int] | None, ...]


class Update(Struct, frozen=True):
    """What the server is sent about one federation; an empty text: there is none."""

    federation: str
    status: str = ""
    generations: str = ""
    metrics: str = ""
    key: str = ""


def signature(state: Path) -> Signature:
    """Differs when a file was replaced since."""
    found: list[tuple[int, int, int] | None] = []
    for name in FILES:
        try:
            stat = (state / name).stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(found)


def read(federation: str, state: Path) -> Update:
    """The files as they are now. ``OSError`` where one cannot be read."""
    return Update(federation, *(_text(state / name) for name in FILES))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def generations_of(state: Path) -> list[GenerationSummary]:
    """Those that were written last, the newest first."""
    try:
        return decode_generations(read_state(state / PAGE_GENERATIONS))
    except (StateBroken, ValueError):
        return []


def decode_generations(value: Any) -> list[GenerationSummary]:
    """``ValueError`` where it is not that."""
    return [] if value is None else decode_state(list[GenerationSummary], value)


def write(
    state: Path,
    status: StatusResult,
    recent: Callable[[int], Sequence[GenerationSummary]],
    metrics: bytes,
) -> None:
    """Write what the page needs beside the observation; ``recent`` reads the last generations.

    ``OSError`` where it cannot be written.
    """
    known = generations_of(state)
    newest = known[0].generation if known else None
    if newest != status.generation:
        write_state(state / PAGE_GENERATIONS, to_builtins(list(recent(GENERATIONS))))
    private_folder((state / PAGE_METRICS).parent)
    atomic.replace(state / PAGE_METRICS, metrics, mode=0o600)


def link_key(state: Path) -> bytes:
    """The key that signs links; made where there is none. Removing its file ends all links.

    :class:`StateBroken` where the file has something else.
    """
    path = state / PAGE_KEY
    if not (text := _text(path).strip()):
        text = secrets.token_hex(KEY)
        private_folder(path.parent)
        atomic.replace(path, text.encode() + b"\n", mode=0o600)
    if (key := key_of(text)) is None:
        raise StateBroken("it is no key", path=path)
    return key


def public_status(status: StatusResult) -> bytes:
    """The status as a program gets it, without logs: a service may write values into them."""
    services = {name: _without_log(each) for name, each in status.services.items()}
    plain = results.to_json("status", status)
    return encoded({**plain, "services": services})


def _without_log(service: Any) -> dict[str, Any]:
    return {key: value for key, value in to_builtins(service).items() if key != "log"}
