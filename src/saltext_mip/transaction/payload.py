"""What is to be put where: a file as it shall be, and a node as the commit sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saltext_mip.errors import BadAnswer

Kind = Literal["cde", "pathologies"]
#: Makes the rowless ``datasets.db`` of (pathology, its CDE) at a path.
Database = Callable[[str, bytes, Path], None]


@dataclass(frozen=True)
class Place:
    """A node as staging sees it. A ui has no ``data_path``, any other no ``pathologies_path``."""

    federation: str
    node: str
    state: Path
    data_path: Path | None = None
    pathologies_path: Path | None = None


@dataclass(frozen=True)
class Entry:
    """One file as it shall be: a pathology's CDE, or the ui's ``pathologies.json``.

    ``replaces``: the SHA-256 of the only content in whose place it may be put, None for any.
    """

    kind: Kind
    pathology: str | None
    content: bytes
    replaces: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def wire(self) -> dict[str, Any]:
        """As JSON; any bytes pass."""
        return {
            "kind": self.kind,
            "pathology": self.pathology,
            "sha256": self.sha256,
            "replaces": self.replaces,
            "content": self.content.decode("latin-1"),
        }

    @classmethod
    def from_wire(cls, value: Mapping[str, Any]) -> Entry:
        """What :meth:`wire` gave; :class:`BadAnswer` if it did not arrive whole."""
        content = value["content"].encode("latin-1")
        entry = cls(value["kind"], value["pathology"], content, value["replaces"])
        if entry.sha256 != value["sha256"]:
            raise BadAnswer("a file did not arrive whole", node="the pusher")
        return entry
