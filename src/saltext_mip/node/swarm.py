"""This node's place in the Swarm: the manager initialises it, the others join it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from saltext_mip import sealing
from saltext_mip.errors import Refused
from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.secret import Secret
from saltext_mip.swarm import membership

# fetches the join token for this node; None where the pusher has none yet
Token = Callable[[], Secret | None]


def observe_membership(context: NodeContext, public_key: bytes | None = None) -> dict[str, Any]:
    """``{"state", "id", "cluster", "error"}``; the manager with ``sealed``: the join token.

    ``public_key`` is the pusher's, for which the token is sealed.
    """
    with docker.connected(timeout=10) as client:
        now = membership.state(client)
        value = {
            "state": now["LocalNodeState"],
            "id": now["NodeID"],
            "cluster": (now.get("Cluster") or {}).get("ID", "") if now["ControlAvailable"] else "",
            "error": now["Error"],
        }
        if context.node.role == "master" and value["cluster"] and public_key is not None:
            value["sealed"] = _sealed_token(context, client, public_key)
        return value


def rotate_token(context: NodeContext, public_key: bytes) -> dict[str, Any]:
    """Replace the join token, on the manager; its membership, with the new token sealed."""
    if context.node.role != "master":
        raise Refused("the Swarm's join token is the master's")
    with docker.connected() as client:
        if membership.state(client)["ControlAvailable"]:
            membership.rotate_token(client)
    return observe_membership(context, public_key)


def _sealed_token(context: NodeContext, client: Any, public_key: bytes) -> str:
    """The Swarm's join token, for the pusher alone."""
    binding = sealing.Binding(context.federation.name, context.node.id, sealing.JOIN_PURPOSE)
    return sealing.sealed(membership.token(client), public_key, binding)


def initialise(context: NodeContext, *, test: bool) -> str | None:
    """Initialise the Swarm; the reason, or ``None`` where this node manages one."""
    with docker.connected() as client:
        now = membership.state(client)
        if now["LocalNodeState"] == "active" and now["ControlAvailable"]:
            return None
        if not test:
            membership.initialise(client, context.node.address)
        return "it is in no Swarm"


def join(context: NodeContext, token: Token, *, test: bool, again: bool = False) -> str | None:
    """Join the master's Swarm; the reason, or ``None`` where this node is in it.

    ``again``: the manager does not know this node, whatever its Docker reports.
    """
    manager = context.federation.master.address
    with docker.connected() as client:
        now: Mapping[str, Any] = membership.state(client)
        reason = membership.joined(now, manager)  # refuses to leave what is not ours
        if again:
            reason = "the Swarm does not know this node"
        if reason is None or test:
            return reason
        secret = token()
        if secret is None:
            raise Refused(
                f"{reason}, and the pusher has no join token. On the pusher: "
                f"salt-run mip.deploy federation={context.federation.name}"
            )
        membership.join(client, manager, context.node.address, secret)
        return reason
