"""Restore an old generation's CDEs and ``pathologies.json`` as a new generation.

Numbers only grow and records never change: the old content is committed by the same transaction,
with a note. Hospitals' files are not ours to restore; the old manifest is recorded as it was, so
that the next plan reports correctly what was added since.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from saltext_mip.data.consolidation.planner import Write
from saltext_mip.errors import Refused
from saltext_mip.federation import Federation
from saltext_mip.generations.generation import Generation, wrote
from saltext_mip.generations.store import Store

#: The note of a generation that restores another, and the reason of the suspension after it.
NOTE = "rollback to {number}"
REASON = "RolledBack: to generation {number}"
_RESTORED = re.compile(r"(?:rollback to|RolledBack: to generation) ([0-9]{1,18})")


@dataclass(frozen=True)
class Rollback:
    """What to write, with what contents; the generation that it makes, None where all is so."""

    writes: tuple[Write, ...]
    blobs: Mapping[str, bytes]
    generation: Generation | None


def restored(text: str | None) -> int | None:
    """The number of the generation that a :data:`NOTE` or :data:`REASON` names; else ``None``."""
    found = _RESTORED.fullmatch(text or "")
    return int(found[1]) if found else None


def target(store: Store, number: int | None = None) -> Generation:
    """The generation to restore: that number, or the one before the last."""
    if number is not None:
        return store.load(number)
    numbers = store.numbers()
    if len(numbers) < 2:
        raise Refused("No generation found before the last one.")
    return store.load(numbers[-2])


def plan(
    federation: Federation,
    store: Store,
    old: Generation,
    *,
    cdes: Mapping[str, Mapping[str, str | None]],
    ui_sha256: str | None,
    actor: str,
    when: str,
) -> Rollback:
    """What differs from ``old``, given what nodes have now.

    ``cdes``: for each node that takes part, each pathology whose folder it has, and the SHA-256 of
    the CDE there. The master gets the CDE of each pathology, also of one whose folder it lacks; a
    worker that does not take part (absent, disabled) gets nothing.
    """
    writes = tuple(_writes(federation, old, cdes, ui_sha256))
    blobs = {sha256: store.blob(sha256) for sha256 in sorted(old.blobs)}
    last = store.last()
    if not writes and last is not None and last.blobs == old.blobs:
        return Rollback((), {}, None)
    generation = replace(
        old,
        number=store.next_number(),
        when=when,
        actor=actor,
        wrote=wrote(writes),
        pending=(),
        problems=(),
        note=NOTE.format(number=old.number),
    )
    return Rollback(writes, blobs, generation)


def _writes(
    federation: Federation,
    old: Generation,
    cdes: Mapping[str, Mapping[str, str | None]],
    ui_sha256: str | None,
) -> Iterator[Write]:
    reason = f"generation {old.number} is restored"
    for node in (federation.master, *federation.workers):
        if node.id not in cdes:
            continue
        have = cdes[node.id]
        for name, sha256 in old.cdes.items():
            wanted = node.role == "master" or name in have
            if wanted and have.get(name) != sha256:
                own = have.get(name) if node.role == "master" else None
                yield Write(node.id, "cde", name, sha256, reason, own)
    if federation.ui is not None and ui_sha256 != old.pathologies_json:
        yield Write(
            node=federation.ui.id,
            kind="pathologies",
            pathology=None,
            sha256=old.pathologies_json,
            reason=reason,
        )
