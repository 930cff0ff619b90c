"""Operator actions on services: start, stop, restart, remove. Each waits for its effect."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saltext_mip.pusher.answers import require
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import client, drain
from saltext_mip.pusher.services.client import ServicesView, observe_services
from saltext_mip.pusher.services.result import services_result
from saltext_mip.pusher.services.wait import JobProgress, wait_replaced, wait_up
from saltext_mip.results import EventKind, ServicesResult
from saltext_mip.swarm.components import KEYSTORE, MASTER, WORKER
from saltext_mip.swarm.request import BACK, ServiceRequest, Target
from saltext_mip.swarm.rollout import RestartItem

_EVENTS: Mapping[str, EventKind] = {
    "start": "started",
    "stop": "stopped",
    "remove": "removed",
    "restart": "restarted",
}


def start(pusher: Pusher, **how: Any) -> ServicesResult:
    """Start services that an operator stopped or removed; the override is deleted.

    Drained nodes remain drained, but the one that is named.
    """
    return _change(pusher, "start", **how)


def stop(pusher: Pusher, **how: Any) -> ServicesResult:
    """Stop services and keep their definition; they stay stopped until :func:`start`."""
    return _change(pusher, "stop", **how)


def remove(pusher: Pusher, **how: Any) -> ServicesResult:
    """Remove services until :func:`start` or ``deploy``."""
    return _change(pusher, "remove", **how)


def restart(pusher: Pusher, **how: Any) -> ServicesResult:
    """Replace tasks; the declared state is 'running' throughout.

    With the master's node the keystore restarts first, then the master until it is registered, then
    all workers, one at a time: each must be registered before the next one goes.
    """
    return _change(pusher, "restart", **how)


def _change(
    pusher: Pusher,
    action: Literal["start", "stop", "remove", "restart"],
    *,
    node: str | None = None,
    dry_run: bool = False,
    timeout: float = 300.0,
) -> ServicesResult:
    ids = [pusher.federation.node(node).id] if node else list(pusher.federation.ids)
    reason = f"requested by {pusher.actor}"
    restarts = _all_components(pusher, ids, reason) if action == "restart" else ()
    request = (
        ServiceRequest("restart", _targets(restarts), actor=pusher.actor, dry_run=dry_run)
        if action == "restart"
        else ServiceRequest.on_nodes(
            action,
            ids,
            reason=reason,
            actor=pusher.actor,
            dry_run=dry_run,
            keep_drained=node is None,
        )
    )
    with pusher.locked(action, timeout):
        deadline = time.monotonic() + timeout
        if action == "restart" and not dry_run:
            rollout = restart_components(pusher, restarts, timeout)
            done = client.Enforced((), changed=bool(rollout.done))
        else:
            done = client.enforce(pusher, request, progress=JobProgress(pusher))
        if dry_run:
            return ServicesResult(
                federation=pusher.federation.name,
                changed=False,
                dry_run=True,
                nodes={},
                services={},
                plan=list(done.plan),
                problems=[],
            )
        up: Sequence[str] = () if request.ends_services else ids
        if action == "restart" and pusher.federation.master.id in ids:
            up = pusher.federation.ids  # engines restart after their keystore
        now, waiting = wait_up(
            pusher,
            only=list(up),
            timeout=max(deadline - time.monotonic(), 1.0),
            done=lambda view: not request.ends_services or _ended(view, ids),
            first=None if done.changed else observe_services(pusher),
        )
        drain.remember(pusher, now)
        if done.changed:
            pusher.record(_EVENTS[action], about=ids[0] if node else "")
    return services_result(pusher, now, waiting, changed=done.changed)


def _ended(now: ServicesView, ids: Sequence[str]) -> bool:
    """Whether no task of these nodes runs any more."""
    if any(node in ids for node in now.ending):
        return False
    return not any(of.node in ids and of.task_running for of in now.services.values())


def _all_components(pusher: Pusher, ids: Sequence[str], why: str) -> tuple[RestartItem, ...]:
    """All components of these nodes in the order in which they restart; the workers follow their
    master."""
    federation = pusher.federation
    items = []
    if federation.master.id in ids:
        items += [
            RestartItem("restart", short, why, federation.master.id) for short in (KEYSTORE, MASTER)
        ]
    for node in federation.workers:
        if node.id in ids:
            items.append(RestartItem("restart", WORKER, why, node.id))
        elif federation.master.id in ids:
            reason = "it must register with the restarted master"
            items.append(RestartItem("restart", WORKER, reason, node.id))
    named = {item.thing for item in items}
    others = (
        (of.short, of.node)
        for of in observe_services(pusher).services.values()
        if of.declared and not of.once and of.short not in named and of.node in ids
    )
    items += [RestartItem("restart", short, why, node) for short, node in others]
    return tuple(items)


def _targets(items: Sequence[RestartItem]) -> tuple[Target, ...]:
    return tuple(Target(item.node, item.thing, item.reason, item.cause) for item in items)


@dataclass(frozen=True)
class Rollout:
    """``done`` restarted now, ``already`` before for the same cause; ``failed`` tells what does not
    serve after its restart, and why."""

    done: tuple[RestartItem, ...] = ()
    already: tuple[RestartItem, ...] = ()
    failed: tuple[str, ...] = ()


def restart_components(
    pusher: Pusher, items: Sequence[RestartItem], within: float = BACK
) -> Rollout:
    """Restart components in this order, each until it serves, for up to ``within`` seconds each.

    Keys go first. What an operator stopped stays stopped. Where a keystore or master does not
    serve, the engines after it are left as they are: they would register with what is not there.
    """
    master = pusher.federation.master.id
    keys = [item.thing for item in items if item.action == "forget"]
    if keys:
        pusher.progress(f"deleting {', '.join(keys)} from the keystore")
        require(pusher.ask("forget", [master], keys=keys), [master])
    done = [item for item in items if item.action == "forget"]
    already: list[RestartItem] = []
    failed: list[str] = []
    for item in items:
        if item.action != "restart":
            continue
        services = observe_services(pusher).services
        found = (
            name
            for name, of in services.items()
            if (of.short, of.node) == (item.thing, item.node) and of.up is not None
        )
        name = next(found, None)
        if name is None:
            continue
        pusher.progress(f"restarting {item.thing} on {item.node}: {item.reason}")
        request = ServiceRequest("restart", _targets([item]), actor=pusher.actor)
        before = name in client.enforce(pusher, request).already
        (already if before else done).append(item)
        if before and item.thing == WORKER:
            continue
        why = wait_replaced(pusher, name, None if before else services[name].task, within)
        if why:
            failed.append(f"{name} restarted ({item.reason}) and does not serve: {why}")
            if item.thing in (KEYSTORE, MASTER):
                break
    return Rollout(tuple(done), tuple(already), tuple(failed))
