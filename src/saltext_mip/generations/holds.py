"""Held changes on the pusher, and operators' decisions about them.

A refresh writes what is held; a decision is a file of its own, named by the change that it is
about, so that it can be made while a refresh runs, and means no other change.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from msgspec import UNSET, Struct, structs, to_builtins

from saltext_mip.data.consolidation.manifest import FileNames
from saltext_mip.results import Held, HoldDecision
from saltext_mip.storage import atomic
from saltext_mip.storage.state import (
    DECISIONS,
    HOLDS,
    StateBroken,
    decode_state,
    read_state,
    remove_state,
    write_state,
)

_ID = re.compile("[0-9a-f]{16}")


class Holds(Struct, frozen=True, kw_only=True):
    """``changes`` are held; ``files`` remain as they were; ``nodes`` have the list of theirs."""

    changes: tuple[Held, ...] = ()
    files: dict[str, dict[str, tuple[str, ...]]] = {}
    nodes: tuple[str, ...] = ()


class HoldStore:
    """Held changes and decisions in the folder ``state``."""

    def __init__(self, state: Path) -> None:
        self._holds = state / HOLDS
        self._decisions = state / DECISIONS

    def load(self) -> Holds:
        """What the last refresh held, with the decisions of now. ``StateBroken``."""
        value = read_state(self._holds)
        if value is None:
            return Holds()
        try:
            found = decode_state(Holds, value)
        except ValueError as error:
            raise StateBroken(str(error), path=self._holds) from None
        decisions = self.decisions()
        changes = tuple(_decided(change, decisions) for change in found.changes)
        return Holds(changes=changes, files=found.files, nodes=found.nodes)

    def save(self, changes: Collection[Held], files: FileNames, nodes: Collection[str]) -> bool:
        """Write what is held now, and forget decisions about anything else; whether it differs."""
        value = Holds(
            changes=tuple(changes),
            files={
                node: {p: tuple(names) for p, names in of.items()} for node, of in files.items()
            },
            nodes=tuple(sorted(nodes)),
        )
        changed = True
        if changes or files or nodes:
            changed = write_state(self._holds, to_builtins(value))
        elif changed := self._holds.exists():
            remove_state(self._holds)
        ids = {change.id for change in changes}
        for known in self.decisions():
            if known not in ids:
                remove_state(self._decisions / known)
        return changed

    def decide(self, change: Held, decision: HoldDecision) -> bool:
        """Decide about a change; whether that was not decided already."""
        before = self.decisions().get(change.id)
        if before is not None and before.decision == decision.decision:
            return False
        return write_state(self._decisions / change.id, to_builtins(decision))

    def decisions(self) -> dict[str, HoldDecision]:
        """The decisions by the id of their change. One that cannot be read decides nothing."""
        if not self._decisions.is_dir():
            return {}
        found = {}
        for path in sorted(self._decisions.iterdir()):
            if atomic.is_ours(path.name) or not _ID.fullmatch(path.name):
                continue
            value = read_state(path)
            if value is None:  # removed meanwhile
                continue
            try:
                found[path.name] = decode_state(HoldDecision, value)
            except ValueError as error:
                raise StateBroken(str(error), path=path) from None
        return found


def _decided(change: Held, decisions: Mapping[str, HoldDecision]) -> Held:
    return structs.replace(change, decided=decisions.get(change.id, UNSET))
