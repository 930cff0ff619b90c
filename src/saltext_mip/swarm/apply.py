"""Apply a plan: service by service, workers one at a time.

A keystore, a master or a worker that is replaced must serve before the engines after it go:
``settled`` waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from docker.types import ServiceMode

from saltext_mip.swarm import docker_api as specs
from saltext_mip.swarm.components import KEYSTORE, MASTER, WORKER
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.plan import ServiceItem

# waits until the item's service is back; raises where it is not
Settled = Callable[[ServiceItem], None]


def apply(
    client: Any, items: Sequence[ServiceItem], networks: Mapping[str, str], settled: Settled
) -> tuple[ServiceItem, ...]:
    """Apply ``items`` in their order; returns those applied. ``networks`` has ids by name."""
    done = []
    rolling = [i for i in items if i.replaces_task and i.service and i.service.short == WORKER]
    for item in items:
        match item.action:
            case "nothing":
                continue
            case "create":
                _create(client, item, networks)
            case "update" | "restart":
                _update(client, item, networks)
            case "remove":
                client.api.remove_service(item.running.id if item.running else item.thing)
        done.append(item)
        if item in rolling[:-1] or (_leads(item) and item is not items[-1]):
            settled(item)
    return tuple(done)


def _leads(item: ServiceItem) -> bool:
    """Whether engines register with it, and it is replaced."""
    service = item.service
    return service is not None and service.short in (KEYSTORE, MASTER) and item.replaces_task


def _create(client: Any, item: ServiceItem, networks: Mapping[str, str]) -> None:
    spec = specs.build(_desired(item), networks)
    client.api.create_service(
        spec["TaskTemplate"],
        name=spec["Name"],
        labels=spec["Labels"],
        mode=_mode(spec),
        endpoint_spec=spec["EndpointSpec"],
    )


def _update(client: Any, item: ServiceItem, networks: Mapping[str, str]) -> None:
    running = item.running
    if running is None:
        raise ValueError(f"{item.thing} does not exist")
    force = running.force + (item.action == "restart")
    spec = specs.build(_desired(item), networks, force=force)
    # Docker itself may have changed the version meanwhile
    version = client.api.inspect_service(running.id)["Version"]["Index"]
    client.api.update_service(
        running.id,
        version,
        task_template=spec["TaskTemplate"],
        name=spec["Name"],
        labels=spec["Labels"],
        mode=_mode(spec),
        endpoint_spec=spec["EndpointSpec"],
    )


def _desired(item: ServiceItem) -> Service:
    if item.service is None:
        raise ValueError(f"{item.thing} has no desired service")
    was = item.running.service if item.running else None
    if was is not None and was.replicas and not item.replaces_task:
        # another log driver would replace the task: it waits until one is replaced anyway
        return replace(item.service, log=was.log)
    return item.service


def _mode(spec: Mapping[str, Any]) -> ServiceMode:
    return ServiceMode("replicated", replicas=spec["Mode"]["Replicated"]["Replicas"])
