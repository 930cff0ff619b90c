"""Restore an old generation's CDEs and ``pathologies.json`` as a new generation.

Numbers only grow and records never change: the old content is committed by the same transaction,
with a note. Hospitals' files are not ours to restore; the old manifest is recorded as it was, so
that the next plan reports correctly what was added since.

Restored is also the CDE of a pathology that had no datasets then and has been listed since: as it
was recorded, or, where it was not, without datasets. A CDE that no generation has listed since is
the data managers', and is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from saltext_mip.data.cde import model as cde_
from saltext_mip.data.cde.model import CdeInvalid
from saltext_mip.data.consolidation.planner import Write
from saltext_mip.errors import Refused
from saltext_mip.federation import Federation
from saltext_mip.generations.generation import Generation, wrote
from saltext_mip.generations.store import BlobDamaged, Store

#: The note of a generation that restores another, and the reason of the suspension after it.
NOTE = "rollback to {number}"
REASON = "RolledBack: to generation {number}"
_RESTORED = re.compile(
    r"(?:rollback to|RolledBack: to generation) ([0-9]{1,18})(?:: .*)?", re.DOTALL
)


@dataclass(frozen=True)
class Rollback:
    """What to write, with what contents; the generation that it makes, None where all is so."""

    writes: tuple[Write, ...]
    blobs: Mapping[str, bytes]
    generation: Generation | None


def restored(text: str | None) -> int | None:
    """The number of the generation that a :data:`NOTE` or :data:`REASON` names; else ``None``.

    After it may be ``: `` and the operator's own reason.
    """
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
    closed, emptied = _without_datasets(store, old)
    writes = (
        *_writes(federation, old, cdes, ui_sha256),
        *_writes_closed(federation, old, cdes, closed, frozenset(emptied)),
    )
    wanted = {*old.cdes.values(), old.pathologies_json, *(closed.values() - emptied.keys())}
    blobs = {**{sha256: store.blob(sha256) for sha256 in sorted(wanted)}, **emptied}
    last = store.last()
    if not writes and last is not None and _same(last, old):
        return Rollback((), {}, None)
    left = last.other_cdes if last else {}
    generation = replace(
        old,
        number=store.next_number(),
        when=when,
        actor=actor,
        wrote=wrote(writes),
        pending=(),
        problems=(),
        note=NOTE.format(number=old.number),
        other_cdes={
            **{name: sha256 for name, sha256 in left.items() if name not in old.cdes},
            **closed,
        },
    )
    return Rollback(writes, blobs, generation)


def _same(last: Generation, old: Generation) -> bool:
    return (last.cdes, last.pathologies_json) == (old.cdes, old.pathologies_json)


def _without_datasets(store: Store, old: Generation) -> tuple[dict[str, str], dict[str, bytes]]:
    """The CDEs of pathologies that a later generation lists and ``old`` does not; and those that
    ``old`` has no record of, emptied of datasets, by SHA-256."""
    later: dict[str, str] = {}
    for number in store.numbers():
        if number > old.number:
            later.update(store.summary(number).cdes)
    closed: dict[str, str] = {}
    emptied: dict[str, bytes] = {}
    for name, sha256 in sorted(later.items()):
        if name in old.cdes:
            continue
        recorded = old.other_cdes.get(name)
        try:
            cde = cde_.parse(store.blob(recorded or sha256), pathology=name)
        except (BlobDamaged, CdeInvalid):  # no node could use it: what is there is left
            continue
        if recorded is None:
            cde = cde_.edit(cde, ())
            emptied[cde.sha256] = cde.content
        closed[name] = cde.sha256
    return closed, emptied


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


def _writes_closed(
    federation: Federation,
    old: Generation,
    cdes: Mapping[str, Mapping[str, str | None]],
    closed: Mapping[str, str],
    emptied: frozenset[str],
) -> Iterator[Write]:
    """CDEs of pathologies without datasets. One that ``old`` had no record of is not created."""
    for node in (federation.master, *federation.workers):
        have = cdes.get(node.id, {})
        for name, sha256 in closed.items():
            there = have.get(name)
            creates = sha256 not in emptied and (node.role == "master" or name in have)
            if node.id in cdes and there != sha256 and (there is not None or creates):
                own = there if node.role == "master" else None
                reason = f"generation {old.number} has no datasets of it"
                yield Write(node.id, "cde", name, sha256, reason, own)
