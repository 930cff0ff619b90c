"""An operator's words to services: start, stop, restart, remove. Each waits until it is so."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import client as services
from saltext_mip.pusher.services.client import Look
from saltext_mip.swarm.request import ServiceRequest


def start(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Start what an operator stopped or removed; their word is forgotten."""
    return _move(pusher, "start", "started", **how)


def stop(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Stop services and keep their definition; they stay stopped until :func:`start`."""
    return _move(pusher, "stop", "stopped", **how)


def remove(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Take services away; they stay away until :func:`start` or :func:`deploy`."""
    return _move(pusher, "remove", "removed", **how)


def restart(pusher: Pusher, **how: Any) -> dict[str, Any]:
    """Replace tasks, workers one at a time; the declared state is 'running' throughout."""
    return _move(pusher, "restart", "", **how)


def _move(
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
        done = services.enforce(pusher, wish)
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
        now, waiting = services.wait_up(
            pusher,
            only=list(only) if command in ("start", "restart") else [],
            timeout=max(deadline - time.monotonic(), 1.0),
            done=lambda look: command not in ("stop", "remove") or _ended(look, ids),
        )
        if done["changed"]:
            pusher.tell(word or "restarted", about=ids[0] if node else "")
    return services.result(pusher, now, waiting, changed=done["changed"])


def _ended(now: Look, ids: Sequence[str]) -> bool:
    """Whether nothing of these nodes runs any more."""
    if any(node in ids for node in now.ending):
        return False
    return not any(of["node"] in ids and of["task_running"] for of in now.services.values())
