"""An operator's words to services: start, stop, restart, remove. Each waits until it is so."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from saltext_mip.pusher.answers import require
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import client
from saltext_mip.pusher.services.client import ServicesView, enforce, observe_services
from saltext_mip.pusher.services.result import services_result
from saltext_mip.pusher.services.wait import wait_up
from saltext_mip.swarm.engine import Item
from saltext_mip.swarm.request import BACK, ServiceRequest


def start(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Start what an operator stopped or removed; their word is forgotten."""
    return _change(pusher, "start", "started", **how)


def stop(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Stop services and keep their definition; they stay stopped until :func:`start`."""
    return _change(pusher, "stop", "stopped", **how)


def remove(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Take services away; they stay away until :func:`start` or :func:`deploy`."""
    return _change(pusher, "remove", "removed", **how)


def restart(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Replace tasks, workers one at a time; the declared state is 'running' throughout."""
    return _change(pusher, "restart", "", **how)


def _change(
    pusher: Pusher,
    command: str,
    word: str,
    *,
    node: str | None = None,
    dry_run: bool = False,
    timeout: float = 300.0,
) -> dict[str, Any]:
    ids = [pusher.federation.node(node).id] if node else list(pusher.federation.ids)
    why = f"asked for by {pusher.actor}"
    again = tuple(("*", each, why) for each in ids) if command == "restart" else ()
    only = tuple(ids)
    if command == "restart" and pusher.federation.master.id in ids:
        only = pusher.federation.ids  # engines start again after their keystore
    wish = ServiceRequest(only=only, word=word, actor=pusher.actor, restart=again, dry=dry_run)
    with pusher.held(command, timeout):
        deadline = time.monotonic() + timeout
        done = client.enforce(pusher, wish)
        if dry_run:
            return {
                "federation": pusher.federation.name,
                "changed": False,
                "dry_run": True,
                "nodes": {},
                "services": {},
                "plan": done["plan"],
                "problems": [],
            }
        now, waiting = wait_up(
            pusher,
            only=list(only) if command in ("start", "restart") else [],
            timeout=max(deadline - time.monotonic(), 1.0),
            done=lambda look: command not in ("stop", "remove") or _ended(look, ids),
        )
        if done["changed"]:
            pusher.tell(word or "restarted", about=ids[0] if node else "")
    return services_result(pusher, now, waiting, changed=done["changed"])


def _ended(now: ServicesView, ids: Sequence[str]) -> bool:
    """Whether nothing of these nodes runs any more."""
    if any(node in ids for node in now.ending):
        return False
    return not any(of["node"] in ids and of["task_running"] for of in now.services.values())


def restart_components(
    pusher: Pusher, items: Sequence[Item], within: float = BACK
) -> tuple[Item, ...]:
    """Do what :func:`~saltext_mip.swarm.engine.restarts` says; what was done.

    Keys go first. Workers are replaced one at a time; what an operator stopped stays stopped. For
    ``within`` seconds it waits until the new tasks run: until then the old ones answer, and prove
    nothing.
    """
    master = pusher.federation.master.id
    keys = [item.thing for item in items if item.action == "forget"]
    if keys:
        pusher.progress(f"deleting {', '.join(keys)} from the keystore")
        require(pusher.ask("forget", [master], keys=keys), [master])
    again = [item for item in items if item.action == "restart"]
    if again:
        nodes = dict.fromkeys(item.node for item in again)
        pusher.progress(f"restarting {', '.join(f'{i.thing} on {i.node}' for i in again)}")
        asked = {(item.thing, item.node) for item in again}
        before = {
            name: of["task"]
            for name, of in observe_services(pusher).services.items()
            if of["up"] and (of["short"], of["node"]) in asked
        }
        enforce(
            pusher,
            ServiceRequest(
                only=tuple(nodes),
                mend=True,
                restart=tuple((item.thing, item.node, item.reason) for item in again),
            ),
        )
        wait_up(pusher, only=[], timeout=within, done=lambda now: _all_replaced(now, before))
    return tuple(items)


def _all_replaced(now: ServicesView, before: Mapping[str, str]) -> bool:
    """Whether other tasks than those of ``before`` run, of all services that are still meant to."""
    meant = {name: now.services[name] for name in before if name in now.services}
    return all(
        of["up"] is None or (of["up"] and of["task"] != before[name]) for name, of in meant.items()
    )
