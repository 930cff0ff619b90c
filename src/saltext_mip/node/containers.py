"""This node's containers of a federation, as its own Docker has them."""

from __future__ import annotations

from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.swarm.model import FEDERATION_LABEL

SERVICE = "com.docker.swarm.service.name"


def federation_containers(here: NodeContext) -> dict[str, dict[str, str]]:
    """``{service: {"image", "state", "status", "container"}}``: the newest container of each."""
    found: dict[str, dict[str, str]] = {}
    with docker.connected() as client:
        label = f"{FEDERATION_LABEL}={here.federation.name}"
        for each in client.api.containers(all=True, filters={"label": label}):
            name = (each.get("Labels") or {}).get(SERVICE, each["Id"][:12])
            # the newest comes first
            found.setdefault(
                name,
                {
                    "image": each["Image"],
                    "state": each["State"],
                    "status": each["Status"],
                    "container": each["Id"][:12],
                },
            )
    return found
