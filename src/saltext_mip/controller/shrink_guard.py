"""The shrink guard: what an automatic refresh may not remove without approval.

Absence is suspicious: a disk that is not mounted, a folder that was moved and a mistake in the
pillar all look like removed data. Datasets of a node that an operator disabled are not guarded: the
operator decided that already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

#: {pathology: {dataset: (minion id, ...)}}
Offered = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Shrink:
    """``goes``: datasets that would be removed (``"dementia: edsd"``); ``why`` it is too much."""

    goes: tuple[str, ...]
    why: tuple[str, ...]


def shrink(
    before: Offered,
    after: Offered,
    *,
    disabled: Collection[str],
    max_removed: int,
    repeated: Collection[str] = (),
) -> Shrink | None:
    """The removals, if they are more than may happen automatically; else ``None``.

    ``repeated``: files that came since the last generation and repeat rows of another one. Nothing
    may count patients twice automatically, either.
    """
    before = _without(before, disabled)
    removed = [
        (pathology, code)
        for pathology, codes in before.items()
        for code in codes
        if code not in after.get(pathology, {})
    ]
    why = [f"the whole pathology '{name}'" for name in before if not after.get(name)]
    left = _owners(after)
    why += [f"the last dataset of {node}" for node in sorted(_owners(before) - left)]
    if len(removed) > max_removed:
        why.append(f"{len(removed)} datasets, where {max_removed} may go (reactor: max_removed)")
    why += [f"patients counted twice: {file}" for file in repeated]
    if not why:
        return None
    return Shrink(tuple(f"{pathology}: {code}" for pathology, code in removed), tuple(why))


def _without(offered: Offered, nodes: Collection[str]) -> Offered:
    out: dict[str, dict[str, tuple[str, ...]]] = {}
    for pathology, codes in offered.items():
        for code, owners in codes.items():
            if rest := tuple(node for node in owners if node not in nodes):
                out.setdefault(pathology, {})[code] = rest
    return out


def _owners(offered: Offered) -> set[str]:
    return {node for codes in offered.values() for owners in codes.values() for node in owners}
