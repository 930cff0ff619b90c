"""The services as a master node observes them, made for tests."""

from __future__ import annotations

from typing import Any

from saltext_mip.pusher.services.client import ServiceState, SwarmNode

STATE = {
    "node": "wk",
    "short": "exareme",
    "image": "exareme:1",
    "replicas": "1/1",
    "up": True,
    "serving": True,
    "declared": True,
    "since": None,
    "task": "t",
    "once": False,
    "task_running": True,
}


def service(**facts: Any) -> ServiceState:
    """A service that serves, but for ``facts``."""
    return ServiceState(**{**STATE, **facts})


def swarm_node(state: str) -> SwarmNode:
    return SwarmNode("id", "active", state, "10.0.0.1")
