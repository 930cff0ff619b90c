"""Which datasets of a node leave the listing when it is disabled, or return to it, and when."""

from __future__ import annotations

from saltext_mip.federation import Node
from saltext_mip.pusher.context import Pusher


def leaving(pusher: Pusher, node: Node) -> list[str]:
    """Which datasets leave the listing when the node is disabled, and when."""
    only, shared = of_node(pusher, node)
    notes = []
    if only:
        notes.append(
            f"{_when_next(pusher)} removes from the listing: {', '.join(only)}. Until then they"
            " are listed."
        )
    if shared:
        notes.append(f"These remain listed, of other nodes: {', '.join(shared)}.")
    return notes or [f"No dataset of {node.id} is listed."]


def of_node(pusher: Pusher, node: Node) -> tuple[list[str], list[str]]:
    """The datasets that only this node has, and those that others have, too, as last listed."""
    last = pusher.store.last()
    only: list[str] = []
    shared: list[str] = []
    for name, codes in (last.pathologies if last else {}).items():
        for code, owners in codes.items():
            if node.id in owners:
                (only if owners == (node.id,) else shared).append(f"{name}: {code}")
    return only, shared


def returning(pusher: Pusher, node: Node) -> list[str]:
    """Which datasets the node had when it was last listed, and when they are listed again."""
    for number in reversed(pusher.store.numbers()):
        codes = [
            f"{name}: {code}"
            for name, of in pusher.store.load(number).pathologies.items()
            for code, owners in of.items()
            if node.id in owners
        ]
        if codes:
            names = ", ".join(codes)
            return [
                f"{_when_next(pusher)} lists what {node.id} has; generation {number} had: {names}."
            ]
    return [f"{_when_next(pusher)} lists what {node.id} has."]


def _when_next(pusher: Pusher) -> str:
    """What consolidates next."""
    if not pusher.has_controller or pusher.store.suspended() is not None:
        why = "automatic refreshes are suspended" if pusher.has_controller else "no controller runs"
        return f"The next mip.consolidate ({why})"
    minutes = max(1, round(float(pusher.federation.settings["reactor"]["resync"]) / 60))
    return f"mip.refresh, or the next automatic refresh (within {minutes} minutes),"
