"""How much of the past is kept: which generations and contents are removed, and why.

:func:`plan` only reads; :meth:`~saltext_mip.generations.store.Store.remove` carries it out, under
the federation's lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from saltext_mip.errors import MipError
from saltext_mip.generations import rollback
from saltext_mip.generations.store import Store
from saltext_mip.plans import PlanItem
from saltext_mip.text import size as size_text

FEWEST = 2  # the last one, and what a rollback restores unless another is named


class QuotaFull(MipError):
    """Generations of '{federation}' use {used} of {quota}; this run needs {more} more. {message}"""

    permanent = False  # once there is room, the next attempt succeeds


def full(federation: str, used: int, quota: int, more: int) -> QuotaFull:
    """The error, with what to do about it."""
    return QuotaFull(
        f"Nothing was changed. Free space with salt-run mip.clean federation={federation}"
        " keep=<number> (dry_run=True shows what it removes), or raise generations.quota_mb in the"
        " pillar.",
        federation=federation,
        used=size_text(used),
        quota=size_text(quota),
        more=size_text(more),
    )


@dataclass(frozen=True)
class Retention:
    """The newest ``keep`` generations are kept, as far as they fit into ``size`` bytes."""

    keep: int
    size: int


@dataclass(frozen=True)
class Cleanup:
    """What is removed: generations with reasons, contents that no kept one refers to, leftovers.

    ``needed`` are those that are kept whatever the limits are, and why.
    """

    kept: tuple[int, ...]
    removed: Mapping[int, str]
    needed: Mapping[int, str]
    blobs: Mapping[str, int]
    leftovers: int
    freed: int

    @property
    def items(self) -> list[PlanItem]:
        """The plan: generations one by one, contents as one item."""
        items = [
            PlanItem("remove", f"generation {number}", reason)
            for number, reason in sorted(self.removed.items())
        ]
        if self.blobs:
            thing = f"{len(self.blobs)} contents ({size_text(sum(self.blobs.values()))})"
            items.append(PlanItem("remove", thing, "no kept generation refers to them"))
        if self.leftovers:
            thing = f"{self.leftovers} temporary files"
            items.append(PlanItem("remove", thing, "the process that wrote them ended"))
        return items


def needed(store: Store) -> dict[int, str]:
    """Generations that a rollback restored, while that is in force or the last generation."""
    found: dict[int, str] = {}
    numbers = store.numbers()
    note = store.summary(numbers[-1]).note if numbers else None
    if (number := rollback.restored(note)) is not None:
        found[number] = f"generation {numbers[-1]} restores it"
    override = store.suspended()
    if override is not None and (number := rollback.restored(override.reason)) is not None:
        found[number] = "the federation is suspended after a rollback to it"
    return found


def plan(
    store: Store,
    retention: Retention,
    *,
    needed: Mapping[int, str],
    blobs: Collection[str] = (),
) -> Cleanup:
    """What to remove, so that the limits are kept and nothing that is needed goes.

    The last two generations are kept always, whatever their size; and the contents ``blobs``.
    The generations that are kept are read: if one is corrupt, nothing is removed.
    """
    records, contents = store.record_sizes(), store.blob_sizes()
    numbers = sorted(records, reverse=True)
    replaced = store.replaced()
    used: frozenset[str] = frozenset()

    def added(number: int) -> int:
        """Bytes that this generation adds to those before it."""
        nonlocal used
        own = {sha256 for sha256, by in replaced.items() if by == number}
        new = (own | store.summary(number).blobs) - used
        used |= new
        return records[number] + sum(contents.get(sha256, 0) for sha256 in new)

    always = {*numbers[:FEWEST], *(number for number in needed if number in records)}
    total = sum(added(number) for number in sorted(always, reverse=True))
    removed: dict[int, str] = {}
    full = False
    for nth, number in enumerate(numbers):
        if number in always:
            continue
        if nth >= retention.keep:
            removed[number] = f"it is not among the newest {retention.keep}"
            continue
        before = used
        total += 0 if full else added(number)
        full = full or total > retention.size
        if full:
            used = before
            removed[number] = f"with newer ones it exceeds {size_text(retention.size)}"
    # contents of a run that is not finished have the number of the generation to come
    used |= {sha256 for sha256, by in replaced.items() if by > max(numbers, default=0)}
    gone = {sha256: each for sha256, each in contents.items() if sha256 not in {*used, *blobs}}
    leftovers = store.leftovers()
    sizes = (gone.values(), leftovers.values(), (records[number] for number in removed))
    return Cleanup(
        kept=tuple(sorted(records.keys() - removed.keys())),
        removed=removed,
        needed={number: why for number, why in sorted(needed.items()) if number in records},
        blobs=gone,
        leftovers=len(leftovers),
        freed=sum(each for of in sizes for each in of),
    )
