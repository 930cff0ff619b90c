"""The components of a federation's services, and the labels by which containers name them.

This module imports nothing: the console starts many processes that need only these names.
"""

from __future__ import annotations

from collections.abc import Mapping

KEYSTORE = "exareme-keystore"
MASTER = "exareme-master"
WORKER = "exareme"
ENGINES = (MASTER, WORKER)

#: The component of a node's role whose log is shown unless another is named.
COMPONENTS: Mapping[str, str] = {"master": MASTER, "ui": "portalbackend", "worker": WORKER}

# Docker's own labels
SWARM_SERVICE_LABEL = "com.docker.swarm.service.name"
COMPOSE_SERVICE_LABEL = "com.docker.compose.service"  # of an installation without a Swarm
COMPOSE_PROJECT_LABEL = "com.docker.compose.project"
STACK_LABEL = "com.docker.stack.namespace"

FEDERATION_LABEL = "mip.federation"  # ours: what does not carry it is never touched
SERVICE_LABEL = "mip.service"  # the short name
NODE_LABEL = "mip.node"  # the minion's id


def belongs(labels: Mapping[str, str], component: str) -> bool:
    """Whether a container with these labels is of that component; names are compared whole."""
    service = labels.get(SWARM_SERVICE_LABEL, "")
    # a node's services are <hostname>_<component>, the ui's have no hostname before them
    return component in (service, labels.get(COMPOSE_SERVICE_LABEL)) or service.endswith(
        f"_{component}"
    )
