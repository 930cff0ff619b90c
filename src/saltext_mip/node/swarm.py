"""This node's place in the Swarm: the manager initialises it, the others join it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saltext_mip import sealing
from saltext_mip.errors import Refused
from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.secret import Secret
from saltext_mip.swarm import local_node

# fetches the join token for this node; None where the pusher has none yet
Token = Callable[[], Secret | None]


def observe_membership(context: NodeContext, public_key: bytes | None = None) -> dict[str, Any]:
    """``{"state", "id", "cluster", "error", "docker"}``, the last one being Docker's version; the
    manager with ``sealed``: the join token.

    ``public_key`` is the pusher's, for which the token is sealed.
    """
    with docker.connected() as client:
        info = client.info()
        now = local_node.from_info(info)
        value = {
            "state": now.summary,
            "id": now.id,
            "cluster": now.cluster,
            "error": now.error,
            "docker": info.get("ServerVersion"),
        }
        if context.node.role == "master" and value["cluster"] and public_key is not None:
            value["sealed"] = _sealed_token(context, client, public_key)
        return value


def rotate_token(context: NodeContext, public_key: bytes) -> dict[str, Any]:
    """Replace the join token, on the manager; its membership, with the new token sealed."""
    if context.node.role != "master":
        raise Refused("the Swarm's join token is the master's")
    with docker.connected() as client:
        if local_node.from_info(client.info()).control:
            local_node.rotate_token(client)
    return observe_membership(context, public_key)


def _sealed_token(context: NodeContext, client: Any, public_key: bytes) -> str:
    """The Swarm's join token, for the pusher alone."""
    binding = sealing.Binding(context.federation.name, context.node.id, sealing.JOIN_PURPOSE)
    return sealing.sealed(local_node.token(client), public_key, binding)


def initialise(context: NodeContext, *, test: bool) -> str | None:
    """Initialise the Swarm; the reason, or ``None`` where this node manages one.

    :class:`~saltext_mip.swarm.errors.NotInSwarm` where there is one that does not work here.
    """
    with docker.connected() as client:
        now = local_node.observe_loaded(client)
        if now.state != "inactive":
            local_node.require_manager(now)
            return None
        _require_fit(client)
        address = local_node.own_address(context.node.address)
        if not test:
            port = context.federation.settings["swarm"]["data_path_port"]
            local_node.initialise(client, address, port)
        return "the node is not in a Swarm"


def join(
    context: NodeContext, token: Token, *, test: bool, again: bool = False, cluster: str = ""
) -> str | None:
    """Join the master's Swarm; the reason, or ``None`` where this node is in it.

    ``again``: the manager does not know this node, whatever its Docker reports. ``cluster``: the
    id of the federation's Swarm, where it is known.
    """
    manager = context.federation.master.address
    with docker.connected() as client:
        now = local_node.observe_loaded(client)
        # refuses to leave what is not ours
        reason = local_node.joined(now, manager, cluster, unknown_to_manager=again)
        if reason is None:
            return None
        _require_fit(client)
        if test:
            return reason
        secret = token()
        if secret is None:
            raise Refused(
                f"{reason}, and the pusher has no join token. On the pusher: "
                f"salt-run mip.deploy federation={context.federation.name}"
            )
        local_node.join(client, manager, context.node.address, secret)
        return reason


def _require_fit(client: Any) -> None:
    if why := local_node.unfit(client.info()):
        raise Refused(why)
