"""What the pusher sends a node to stage: files as they shall be, packed for one job.

A content goes once, however many nodes get it, and is checked by its SHA-256 where it arrives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saltext_mip import wire
from saltext_mip.errors import BadAnswer
from saltext_mip.storage.beneath import Where

Kind = Literal["cde", "pathologies"]
#: Makes the rowless ``datasets.db`` of (pathology, its CDE) at a path.
Database = Callable[[str, bytes, Where], None]


@dataclass(frozen=True)
class Place:
    """A node as a transaction sees it. Only a ui has a ``pathologies_path``, and no data path."""

    federation: str
    node: str
    state: Path
    data_path: Path | None = None
    pathologies_path: Path | None = None


@dataclass(frozen=True)
class Entry:
    """One file as it shall be: a pathology's CDE, or the ui's ``pathologies.json``.

    ``replaces``: the SHA-256 of the only content that it may replace, None for any.
    """

    kind: Kind
    pathology: str | None
    content: bytes
    replaces: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Payload:
    """What a node gets for one step of a transaction; ``entries`` only to stage."""

    transaction: str
    entries: tuple[Entry, ...] = ()


def pack(payloads: Mapping[str, Payload]) -> list[str]:
    """The entries of all nodes, by minion id, as one argument of a job."""
    contents: dict[str, str] = {}
    nodes: dict[str, list[Any]] = {}
    for node, payload in payloads.items():
        nodes[node] = []
        for entry in payload.entries:
            contents[entry.sha256] = entry.content.decode("latin-1")  # any bytes pass
            nodes[node].append([entry.kind, entry.pathology, entry.sha256, entry.replaces])
    return wire.pack({"contents": contents, "nodes": nodes})


def unpack(parts: Sequence[str], node: str) -> list[Entry]:
    """The entries for ``node`` of what :func:`pack` made; :class:`BadAnswer` if damaged."""
    sent = wire.unpack(parts)
    entries = []
    for kind, pathology, sha256, replaces in sent["nodes"][node]:
        entry = Entry(kind, pathology, sent["contents"][sha256].encode("latin-1"), replaces)
        if entry.sha256 != sha256:
            raise BadAnswer("a file arrived incomplete", node="the pusher")
        entries.append(entry)
    return entries
