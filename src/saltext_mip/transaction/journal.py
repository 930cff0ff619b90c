"""The journal: a transaction that is not finished, so that the next command finishes or undoes it.

A transaction is ``staging`` until every node has everything, then ``committing`` until the
generation is recorded. The phase alone decides: nothing was renamed before ``committing``, and
everything can be renamed after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from saltext_mip.generations.generation import Generation
from saltext_mip.storage import state as state_files

Phase = Literal["staging", "committing"]


@dataclass(frozen=True)
class Pending:
    """An unfinished transaction: its nodes, and the generation that it makes, if any."""

    txn: str
    phase: Phase
    actor: str
    when: str
    nodes: tuple[str, ...]
    generation: Generation | None

    @property
    def todo(self) -> Literal["undo", "finish"]:
        return "undo" if self.phase == "staging" else "finish"

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "txn": self.txn,
            "phase": self.phase,
            "actor": self.actor,
            "when": self.when,
            "nodes": list(self.nodes),
            "generation": self.generation.value() if self.generation else None,
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Any]) -> Pending:
        """What :meth:`value` returned; ``ValueError`` if it is not that."""
        return state_files.decode_state(cls, value)


class Journal:
    """The journal in the folder ``state``: of one transaction, or none."""

    def __init__(self, state: Path) -> None:
        self._path = state / state_files.JOURNAL

    def pending(self) -> Pending | None:
        """The unfinished transaction, None if all are finished."""
        value = state_files.read_state(self._path)
        return None if value is None else Pending.from_value(value)

    def begin(self, pending: Pending) -> None:
        state_files.write_state(self._path, pending.value())

    def advance(self, pending: Pending) -> Pending:
        """Every node has everything: from now on it is finished, not undone."""
        committing = replace(pending, phase="committing")
        state_files.write_state(self._path, committing.value())
        return committing

    def clear(self) -> None:
        state_files.remove_state(self._path)
