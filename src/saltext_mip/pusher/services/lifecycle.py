"""Operator actions on services: start, stop, restart, remove. Each waits for its effect."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from saltext_mip.pusher.answers import require
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import client
from saltext_mip.pusher.services.client import ServicesView, enforce, observe_services
from saltext_mip.pusher.services.result import services_result
from saltext_mip.pusher.services.wait import wait_up
from saltext_mip.results import ServicesResult
from saltext_mip.swarm.engine import Item
from saltext_mip.swarm.request import BACK, ServiceRequest, Target

_EVENTS = {"start": "started", "stop": "stopped", "remove": "removed", "restart": "restarted"}


def start(pusher: Pusher, **how: Any) -> ServicesResult:
    """Start services that an operator stopped or removed; the override is deleted."""
    return _change(pusher, "start", **how)


def stop(pusher: Pusher, **how: Any) -> ServicesResult:
    """Stop services and keep their definition; they stay stopped until :func:`start`."""
    return _change(pusher, "stop", **how)


def remove(pusher: Pusher, **how: Any) -> ServicesResult:
    """Remove services until :func:`start` or ``deploy``."""
    return _change(pusher, "remove", **how)


def restart(pusher: Pusher, **how: Any) -> ServicesResult:
    """Replace tasks, workers one at a time; the declared state is 'running' throughout."""
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
    request = ServiceRequest.on_nodes(
        action,
        ids,
        reason=f"requested by {pusher.actor}",
        actor=pusher.actor,
        dry_run=dry_run,
    )
    with pusher.locked(action, timeout):
        deadline = time.monotonic() + timeout
        done = client.enforce(pusher, request)
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
        )
        if done.changed:
            pusher.record(_EVENTS[action], about=ids[0] if node else "")
    return services_result(pusher, now, waiting, changed=done.changed)


def _ended(now: ServicesView, ids: Sequence[str]) -> bool:
    """Whether no task of these nodes runs any more."""
    if any(node in ids for node in now.ending):
        return False
    return not any(of.node in ids and of.task_running for of in now.services.values())


def restart_components(
    pusher: Pusher, items: Sequence[Item], within: float = BACK
) -> tuple[Item, ...]:
    """Apply the items of :func:`~saltext_mip.swarm.engine.restarts`; returns them.

    Keys are deleted first. Workers are replaced one at a time; stopped services stay stopped. Waits
    up to ``within`` seconds for the new tasks: until then the old ones answer and prove nothing.
    """
    master = pusher.federation.master.id
    keys = [item.thing for item in items if item.action == "forget"]
    if keys:
        pusher.progress(f"deleting {', '.join(keys)} from the keystore")
        require(pusher.ask("forget", [master], keys=keys), [master])
    restarts = [item for item in items if item.action == "restart"]
    if restarts:
        pusher.progress(f"restarting {', '.join(f'{i.thing} on {i.node}' for i in restarts)}")
        asked = {(item.thing, item.node) for item in restarts}
        before = {
            name: of.task
            for name, of in observe_services(pusher).services.items()
            if of.up and (of.short, of.node) in asked
        }
        enforce(
            pusher,
            ServiceRequest(
                "restart", tuple(Target(item.node, item.thing, item.reason) for item in restarts)
            ),
        )
        wait_up(pusher, only=[], timeout=within, done=lambda now: _all_replaced(now, before))
    return tuple(items)


def _all_replaced(now: ServicesView, before: Mapping[str, str | None]) -> bool:
    """Whether new tasks replaced those of ``before``, of all services that should still run."""
    remaining = {name: now.services[name] for name in before if name in now.services}
    return all(
        of.up is None or (of.up and of.task != before[name]) for name, of in remaining.items()
    )
