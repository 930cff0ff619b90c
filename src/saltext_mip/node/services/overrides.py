"""Operators' overrides of services: whose are stopped, removed or drained until they decide again.

They are in the master node's state, since its Docker has the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from saltext_mip.node.context import NodeContext
from saltext_mip.storage.state import SERVICE_OVERRIDES, read_state, write_state
from saltext_mip.swarm.request import DRAINED, ServiceRequest

#: By minion id: ``{"word": "stopped"|"removed"|"drained", "actor", "when"}``; of a drained node
#: also ``reason`` and ``until``.
Overrides = Mapping[str, Mapping[str, str]]

_KINDS = {"stop": "stopped", "remove": "removed", "drain": DRAINED}


def read_overrides(context: NodeContext) -> Overrides:
    """The overrides in force, by minion id."""
    found: Overrides = read_state(context.state / SERVICE_OVERRIDES) or {}
    return found


def updated_overrides(context: NodeContext, request: ServiceRequest) -> Overrides:
    """The overrides in force once ``request`` is done."""
    found = dict(read_overrides(context))
    kind = _KINDS.get(request.action)
    nodes = context.federation.ids if request.nodes is None else request.nodes
    for node_id in nodes:
        before = found.get(node_id, {}).get("word")
        if before == DRAINED and _remains_drained(context, request, node_id):
            continue
        if _ends(request, before):
            found.pop(node_id, None)
        elif kind is not None and (before != kind or kind == DRAINED):
            when = datetime.now(UTC).isoformat(timespec="seconds")
            facts = {"word": kind, "actor": request.actor, "when": when}
            if kind == DRAINED:
                facts |= {"reason": request.reason, "until": request.until}
            found[node_id] = facts
    return found


def _ends(request: ServiceRequest, before: str | None) -> bool:
    """Whether the request ends this override of a node."""
    if request.action == "undrain":
        return before == DRAINED
    return request.action == "start" or (request.restore_removed and before == "removed")


def _remains_drained(context: NodeContext, request: ServiceRequest, node_id: str) -> bool:
    """Whether a request for all nodes leaves this one drained. A worker has nothing but its engine
    to stop; the master's keystore runs while it is drained."""
    if not request.keep_drained:
        return False
    worker = context.federation.by_id(node_id).role == "worker"
    return request.action == "start" or (request.action == "stop" and worker)


def write_overrides(context: NodeContext, overrides: Overrides) -> None:
    """Replace the overrides in force."""
    write_state(context.state / SERVICE_OVERRIDES, overrides)


def kinds(overrides: Overrides) -> dict[str, str]:
    """``stopped``, ``removed`` or ``drained`` by minion id."""
    return {node_id: each["word"] for node_id, each in overrides.items()}
