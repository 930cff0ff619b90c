"""Approve or reject held changes: exactly those that were shown, each by what it is."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, structs

from saltext_mip.errors import Misuse, Refused
from saltext_mip.federation import Node
from saltext_mip.plans import PlanItem
from saltext_mip.pusher import control
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.holds.guard import is_approved, things
from saltext_mip.pusher.refresh import RefreshRequest, refresh, request_refresh
from saltext_mip.results import DecisionResult, Held, HoldDecision, RefreshResult
from saltext_mip.text import shown


def approve(
    pusher: Pusher,
    *,
    dataset: str | None = None,
    node: str | None = None,
    reason: str | None = None,
    wait: bool = True,
    dry_run: bool = False,
    timeout: float = 300.0,
) -> DecisionResult:
    """Approve held changes, all or those of a dataset or node, and make them.

    What is held after that is another change: it waits for a decision of its own.
    """
    held = _chosen(pusher, dataset, node)
    if dry_run:
        return _planned(pusher, [PlanItem("approve", h.thing, h.change, h.node) for h in held])
    changed = _decide(pusher, held, "approved", reason)
    if not wait:
        result = request_refresh(pusher)
    else:
        pusher.progress(f"Approved; applying now: {things(held)}")
        result = refresh(pusher, RefreshRequest(timeout=timeout, guard=True))
    return _result(pusher, held, changed=changed, done=result)


def reject(
    pusher: Pusher,
    *,
    dataset: str | None = None,
    node: str | None = None,
    reason: str | None = None,
    dry_run: bool = False,
) -> DecisionResult:
    """Reject held changes: the data are kept until they are back, or an operator approves."""
    held = _chosen(pusher, dataset, node)
    if dry_run:
        return _planned(pusher, [PlanItem("keep", h.thing, _rejected(h), h.node) for h in held])
    changed = _decide(pusher, held, "rejected", reason)
    return _result(pusher, held, changed=changed)


def _rejected(held: Held) -> str:
    return "until the data are back" if held.dataset else "not used"


def _chosen(pusher: Pusher, dataset: str | None, node: str | None) -> list[Held]:
    """The held changes that the arguments name; of what is decided only where it is named.

    ``dataset`` is a dataset's code, a pathology, or both with a slash between; or a node.
    """
    held = pusher.store.holds.load().changes
    if not held:
        raise Refused("No change is held: there is nothing to decide.")
    where = None if node is None else pusher.federation.node(node).id
    found = [each for each in held if where in (None, each.node)]
    if dataset is not None:
        by_name = [each for each in found if dataset in _names(each)]
        of_node = [each for each in found if _is_node(pusher, dataset, each.node)]
        if by_name and of_node and by_name != of_node:
            full = f"{by_name[0].pathology}/{by_name[0].dataset}"
            raise Misuse(
                f"{shown(dataset)!r} is a dataset and a node: name {shown(full)}, or use node=."
            )
        found = by_name or of_node
    if not found:
        raise Refused(f"Not held. Held: {things(held)}.")
    if dataset is None and node is None:
        found = [each for each in found if not each.decided or is_approved(each)]
        if not found:
            raise Refused(
                f"All held changes were rejected: {things(held)}. Name a dataset or a node."
            )
    return found


def _names(held: Held) -> set[str]:
    return {
        held.dataset,
        held.pathology,
        f"{held.pathology}/{held.dataset}",
        *(() if held.dataset else (held.files[0], f"{held.pathology}/{held.files[0]}")),
    } - {""}


def _is_node(pusher: Pusher, name: str, node_id: str) -> bool:
    try:
        found: Node = pusher.federation.node(name)
    except Misuse:
        return False
    return found.id == node_id


def _decide(pusher: Pusher, held: Sequence[Held], what: str, reason: str | None) -> bool:
    when = pusher.now().isoformat(timespec="seconds")
    decision = HoldDecision(
        decision="approved" if what == "approved" else "rejected",
        actor=pusher.actor,
        when=when,
        reason=shown(reason or ""),
    )
    new = [each for each in held if pusher.store.holds.decide(each, decision)]
    for node in dict.fromkeys(each.node for each in new):
        text = things([each for each in new if each.node == node])
        why = f" ({decision.reason})" if decision.reason else ""
        pusher.record(decision.decision, about=node, message=f"{text}{why}")
    return bool(new)


def _planned(pusher: Pusher, plan: list[PlanItem]) -> DecisionResult:
    state = control.controller_state(pusher)
    return DecisionResult(
        federation=pusher.federation.name,
        changed=False,
        dry_run=True,
        plan=plan,
        decided=[],
        refresh=None,
        **structs.asdict(state),
    )


def _result(
    pusher: Pusher, held: Sequence[Held], *, changed: bool, done: RefreshResult | None = None
) -> DecisionResult:
    decisions = pusher.store.holds.decisions()
    decided = [
        each if each.id not in decisions else structs.replace(each, decided=decisions[each.id])
        for each in held
    ]
    failed = done is not None and done.retcode is not UNSET and done.retcode
    undone = done is not None and not done.requested and any(map(is_approved, _left(pusher, held)))
    return DecisionResult(
        federation=pusher.federation.name,
        changed=changed or bool(done and done.changed),
        decided=decided,
        refresh=done,
        retcode=1 if failed or undone else UNSET,
        **structs.asdict(control.controller_state(pusher)),
    )


def _left(pusher: Pusher, held: Sequence[Held]) -> list[Held]:
    ids = {each.id for each in held}
    return [each for each in pusher.store.holds.load().changes if each.id in ids]
