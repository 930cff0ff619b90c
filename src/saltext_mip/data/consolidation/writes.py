"""What differs, and must be written where: CDEs to the master and the workers, the list to the ui.

A write names a node, a thing and the reason; what it would not change is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from saltext_mip.data.cde.model import Cde, CdeFound
from saltext_mip.data.consolidation import manifest
from saltext_mip.data.consolidation.participants import Presence
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.federation import CDE_FILE
from saltext_mip.plans import PlanItem


@dataclass(frozen=True)
class Write:
    """One file that differs: ``sha256`` is the key of its content in the plan's blobs.

    ``replaces`` is the SHA-256 of what it stands on: where there is another now, somebody's edit
    would be lost.
    """

    node: str
    kind: Literal["cde", "pathologies"]
    pathology: str | None
    sha256: str
    reason: str
    replaces: str | None = None

    @property
    def plan_item(self) -> PlanItem:
        """The write in a plan, as people see it."""
        file = "pathologies.json" if self.kind == "pathologies" else f"{self.pathology}/{CDE_FILE}"
        return PlanItem("write", file, self.reason, self.node)


def have(inventory: Inventory, pathology: str) -> str | None:
    """The SHA-256 of the CDE that a node has; None where it has none."""
    record = manifest.record_of(inventory, pathology)
    return record.cde if record else None


def holders(presence: Presence, pathology: str) -> list[str]:
    """Who is to have its CDE: the master, and each worker there that has the pathology's folder."""
    workers = [inv.node for inv in presence.there if _is_there(inv, pathology)]
    return [presence.federation.master.id, *workers]


def _is_there(inventory: Inventory, pathology: str) -> bool:
    """Whether it has the folder, and its disk lets it be written."""
    record = manifest.record_of(inventory, pathology)
    return record is not None and record.unknown is None


def of_cdes(
    presence: Presence,
    parsed: Mapping[str, Cde],
    final: Mapping[str, Cde],
    others: Mapping[str, Cde],
    cdes: Mapping[str, CdeFound],
) -> Iterator[Write]:
    """The CDEs to write: master first, then the workers in the pillar's order.

    ``parsed`` are the CDEs as they were found, ``final`` as they shall be; ``others`` are left on
    the master as they are, and go to the workers that have the pathology's folder.
    """
    master = presence.federation.master.id
    final = {**final, **others}
    wanted = {name: set(holders(presence, name)) for name in sorted(final)}
    for name in others:
        wanted[name].discard(master)
    for node in (master, *(inventory.node for inventory in presence.there)):
        for name, nodes in wanted.items():
            if node not in nodes:
                continue
            old = parsed[name] if node == master and cdes[name].source == "master" else None
            there = have(presence.inventories[node], name)
            if there != final[name].sha256:
                reason = _reason(there, final[name], old)
                # a worker's is a copy, whatever is in it; the master's is where people edit
                own = there if node == master else None
                yield Write(node, "cde", name, final[name].sha256, reason, own)


def of_pathologies(
    presence: Presence, wanted: str, have: str | None, relabelled: Iterable[str] = ()
) -> Iterator[Write]:
    """``pathologies.json`` for the ui, if there is one and what it has differs."""
    if presence.ui and have != wanted:
        labels = ", ".join(relabelled)
        reason = f"relabels {labels}" if labels and have else _differs(have, wanted)
        yield Write(presence.ui, "pathologies", None, wanted, reason)


def _reason(have: str | None, new: Cde, old: Cde | None) -> str:
    if have is None or old is None or have != old.sha256:
        return _differs(have, new.sha256)
    was, is_ = dict(old.datasets), dict(new.datasets)
    changes = {
        "adds": [code for code in is_ if code not in was],
        "removes": [code for code in was if code not in is_],
        "relabels": [
            f"{code} ('{was[code]}' -> '{label}')"
            for code, label in is_.items()
            if was.get(code, label) != label
        ],
    }
    words = [f"{word} {', '.join(codes)}" for word, codes in changes.items() if codes]
    return f"dataset enumeration {'; '.join(words)}" if words else _differs(have, new.sha256)


def _differs(have: str | None, wanted: str) -> str:
    return f"differs: {have[:8]} -> {wanted[:8]}" if have else "it does not exist"
