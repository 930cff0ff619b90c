"""Operators' overrides of services: whose services are stopped or removed until they decide again.

They are in the master node's state, since its Docker has the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from saltext_mip.node.context import NodeContext
from saltext_mip.storage.state import SERVICE_OVERRIDES, read_state, write_state
from saltext_mip.swarm.request import ServiceRequest

#: By minion id: ``{"word": "stopped"|"removed", "actor", "when"}``.
Overrides = Mapping[str, Mapping[str, str]]

_KINDS = {"stop": "stopped", "remove": "removed"}


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
        if request.action == "start" or (request.restore_removed and before == "removed"):
            found.pop(node_id, None)
        elif kind is not None and before != kind:
            when = datetime.now(UTC).isoformat(timespec="seconds")
            found[node_id] = {"word": kind, "actor": request.actor, "when": when}
    return found


def write_overrides(context: NodeContext, overrides: Overrides) -> None:
    """Replace the overrides in force."""
    write_state(context.state / SERVICE_OVERRIDES, overrides)


def kinds(overrides: Overrides) -> dict[str, str]:
    """``stopped`` or ``removed`` by minion id."""
    return {node_id: each["word"] for node_id, each in overrides.items()}
