"""Drain a node for maintenance: its engine stops, and its datasets remain listed.

The master node's state has what is drained, as it has what is stopped; the copy in the pusher's
state is for the list of nodes and for the controller, which starts an engine when its time ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, structs

from saltext_mip import arguments
from saltext_mip.errors import Misuse, Refused
from saltext_mip.federation import Federation, Node
from saltext_mip.generations.store import Store
from saltext_mip.plans import NOTHING, PlanItem
from saltext_mip.pusher import nodes as members
from saltext_mip.pusher.answers import sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.generations import listed
from saltext_mip.results import MembershipResult, Override
from saltext_mip.swarm.components import ENGINES
from saltext_mip.swarm.request import DRAINED, ServiceRequest
from saltext_mip.text import when

if TYPE_CHECKING:
    from saltext_mip.pusher.services.client import ServiceOverride, ServicesView

REASON = 500  # characters of a reason


def drain(
    pusher: Pusher,
    name: str | None,
    *,
    until: Any = None,
    reason: str | None = None,
    dry_run: bool = False,
    timeout: float = 300.0,
) -> MembershipResult:
    """Stop a node's engine until a moment, or until :func:`undrain`; its datasets remain listed."""
    from saltext_mip.pusher.services import client
    from saltext_mip.pusher.services.wait import JobProgress, wait_up

    node = _engine_node(pusher.federation, name, "drain")
    end = arguments.future(until, pusher.now())
    reason = (reason or "")[:REASON]
    request = ServiceRequest.on_nodes(
        "drain",
        [node.id],
        reason=reason,
        actor=pusher.actor,
        until=end or "",
        dry_run=dry_run,
    )
    with pusher.locked("drain", timeout):
        deadline = time.monotonic() + timeout
        before = client.observe_services(pusher).overrides.get(node.id)
        if before is not None and before.word != DRAINED:
            raise Refused(
                f"{node.id}: its services are {before.word} by {sanitize(before.actor)}. Run"
                f" mip.start node={node.short} first, or leave it as it is."
            )
        done = client.enforce(pusher, request, progress=JobProgress(pusher))
        item = PlanItem("drain", node.id, _how_long(end, reason))
        if dry_run:
            return _result(pusher, node, [item, *done.plan], _notes(pusher, node, end), dry=True)
        pusher.progress(f"waiting for the engine of {node.id} to stop")
        now, _ = wait_up(
            pusher,
            only=[],
            timeout=max(deadline - time.monotonic(), 1.0),
            done=lambda view: not _runs(view, node.id),
        )
        remember(pusher, now)
        pusher.record("drained", about=node.id, message=_how_long(end, reason))
        notes = _notes(pusher, node, end)
        if runs := _runs(now, node.id):
            notes = [f"{node.id}: its engine still runs.", *notes]
        result = _result(pusher, node, [item], notes)
    return structs.replace(result, retcode=1) if runs else result


def undrain(
    pusher: Pusher, name: str | None, *, dry_run: bool = False, timeout: float = 300.0
) -> MembershipResult:
    """Start the engine of a drained node, and wait until it serves."""
    from saltext_mip.pusher.services import client
    from saltext_mip.pusher.services.wait import wait_up

    node = _engine_node(pusher.federation, name, "undrain")
    with pusher.locked("undrain", timeout):
        deadline = time.monotonic() + timeout
        before = client.observe_services(pusher).overrides.get(node.id)
        if before is None or before.word != DRAINED:
            why = "not drained"
            if before is not None:
                why = f"not drained: its services are {before.word}; mip.start starts them"
            return _result(pusher, node, [PlanItem(NOTHING, node.id, why)], [], dry=dry_run)
        by = f"drained by {sanitize(before.actor)} since {when(before.when)}"
        item = PlanItem("undrain", node.id, by)
        back = list(_available(pusher, node, "are available when it serves"))
        if dry_run:
            return _result(pusher, node, [item], back, dry=True)
        _start(pusher, node.id)
        now, waiting = wait_up(
            pusher, only=[node.id], timeout=max(deadline - time.monotonic(), 1.0)
        )
        remember(pusher, now)
        pusher.record("undrained", about=node.id)
        notes = [f"{name}: {why}" for name, why in sorted(waiting.items())]
        notes += back if waiting else _available(pusher, node, "are available again")
        result = _result(pusher, node, [item], notes)
    return structs.replace(result, retcode=1) if waiting else result


def end_expired(pusher: Pusher) -> list[str]:
    """Start the engines of drained nodes whose time has ended; a text for each.

    The lock is held. A disabled node remains as it is.
    """
    from saltext_mip.pusher.services import client

    ended = []
    for node, override in expired(pusher.store, pusher.now()).items():
        if node not in pusher.federation.ids:
            continue
        pusher.progress(f"starting the engine of {node}: {_ended(override)}")
        _start(pusher, node)
        remember(pusher, client.observe_services(pusher))
        pusher.record("undrained", about=node, message=_ended(override))
        ended.append(f"{node}: its engine was started: {_ended(override)}.")
    return ended


def planned(pusher: Pusher) -> list[PlanItem]:
    """What :func:`end_expired` would do."""
    found = expired(pusher.store, pusher.now())
    return [PlanItem("undrain", node, _ended(override)) for node, override in found.items()]


def expired(store: Store, now: datetime) -> dict[str, Override]:
    """The drained nodes whose time has ended, apart from disabled ones."""
    drained = store.drained()
    disabled = store.disabled() if drained else {}
    return {
        node: each
        for node, each in drained.items()
        if each.until and datetime.fromisoformat(each.until) <= now and node not in disabled
    }


def remember(pusher: Pusher, view: ServicesView) -> None:
    """Record which nodes are drained, as the master node reports it."""
    if not view.swarm:
        return
    found = {}
    for node, each in view.overrides.items():
        if each.word == DRAINED and node in pusher.federation.ids:
            until = _moment(each.until)
            found[node] = Override(sanitize(each.actor), each.when, sanitize(each.reason), until)
    pusher.store.remember_drained(found)


def why_drained(override: Override | ServiceOverride) -> str:
    """Why a drained node serves nothing: by whom, until when, for what reason."""
    until = f" until {when(override.until)}" if override.until else ""
    why = f": {sanitize(override.reason)}" if override.reason else ""
    return f"drained by {sanitize(override.actor)}{until}{why}"


def _start(pusher: Pusher, node: str) -> None:
    from saltext_mip.pusher.services import client
    from saltext_mip.pusher.services.wait import JobProgress

    request = ServiceRequest.on_nodes("undrain", [node], actor=pusher.actor)
    client.enforce(pusher, request, progress=JobProgress(pusher))


def _moment(text: str) -> str | None:
    """A moment that a node sent, if it is one with a time zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return text if found.tzinfo else None


def _ended(override: Override) -> str:
    return f"{override.actor} drained it until {when(override.until or '')}"


def _how_long(end: str | None, reason: str) -> str:
    lasts = f"until {when(end)}" if end else "until mip.undrain"
    return f"{lasts}: {reason}" if reason else lasts


def _runs(view: ServicesView, node: str) -> bool:
    return any(
        of.node == node and of.short in ENGINES and of.task_running for of in view.services.values()
    )


def _engine_node(federation: Federation, name: str | None, action: str) -> Node:
    if name is None:
        raise Misuse(f"mip.{action} needs a node: node=<minion id or short name>.")
    node = federation.node(name)
    if node.role == "ui":
        raise Misuse(f"{node.id} has no engine. mip.stop node={node.short} stops its services.")
    return node


def _notes(pusher: Pusher, node: Node, end: str | None) -> list[str]:
    """What is not available meanwhile, and what ends it."""
    notes = list(_available(pusher, node, "remain listed, and are not available until then"))
    if end is None:
        return [*notes, f"mip.undrain node={node.short} ends it."]
    if not pusher.has_controller:
        why = "No controller runs: run"
    elif pusher.store.suspended() is not None:
        why = "Automatic refreshes are suspended: run mip.resume, or"
    else:
        return [*notes, f"Its engine is started at {when(end)} by the controller."]
    return [*notes, f"{why} mip.undrain node={node.short} at {when(end)}."]


def _available(pusher: Pusher, node: Node, what: str) -> Iterator[str]:
    only, shared = listed.of_node(pusher, node)
    if node.role == "master":
        yield f"All datasets {what}."
        return
    if only:
        yield f"These datasets of {node.id} {what}: {', '.join(only)}."
    if shared:
        yield f"Other nodes have rows of these, too: {', '.join(shared)}."
    if not only and not shared:
        yield f"No dataset of {node.id} is listed."


def _result(
    pusher: Pusher, node: Node, plan: list[PlanItem], notes: list[str], *, dry: bool = False
) -> MembershipResult:
    result = members.membership_result(pusher, node, plan, dry_run=dry)
    return structs.replace(result, notes=notes or UNSET)
