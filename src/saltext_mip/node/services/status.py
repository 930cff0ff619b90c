"""The federation's services as its master node observes them, for the pusher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import to_builtins

from saltext_mip.errors import Refused
from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.node.services.engines import EnginesView, observe_engines
from saltext_mip.node.services.overrides import kinds, read_overrides
from saltext_mip.node.services.passwords import DatabasePasswords
from saltext_mip.node.services.ports import PortsView, observe_ports
from saltext_mip.swarm import local_node, membership
from saltext_mip.swarm import plan as plans
from saltext_mip.swarm.components import ENGINES, MASTER
from saltext_mip.swarm.desired import Secrets, desired_services, secret_names
from saltext_mip.swarm.engines.interface import Served
from saltext_mip.swarm.errors import DockerFailed, DockerUnavailable
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import ALIVE, Observed, Running, observe
from saltext_mip.text import shown

LOG_LINES = 5
LOG_TIMEOUT = 5  # seconds for the last lines of a log


def has_swarm() -> bool:
    """Whether this node's Docker manages a Swarm; False where it is in none.

    :class:`~saltext_mip.swarm.errors.NotInSwarm` where there is one that cannot be read.
    """
    with docker.connected() as client:
        now = local_node.observe_loaded(client)
    if now.state == "inactive":
        return False
    local_node.require_manager(now)
    return True


def status(
    context: NodeContext, secrets: Secrets, swarm_ids: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Everything that the pusher needs to know of the services. JSON; no secrets.

    ``{"swarm": state, "swarm_error", "cluster", "nodes": {minion id: {"id", "state",
    "availability", "address"}}, "services": {name: …}, "ending": [minion id], "served", "due",
    "stalled", "words", "plan", "refused"}``; ``due`` are engines that must restart, ``stalled``
    those that did for the same cause, ``words`` the overrides by minion id, ``refused`` why there
    is no plan.
    """
    with docker.connected() as client:
        desired = desired_services(context.federation, secrets)
        observed = observe(
            client, context.federation.name, secret_names(desired), now=datetime.now(UTC)
        )
        return view(context, client, desired, observed, swarm_ids)


def view(
    context: NodeContext,
    client: Any,
    desired: Sequence[Service],
    observed: Observed,
    swarm_ids: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What :func:`status` returns, of what was observed."""
    overrides = read_overrides(context)
    value: dict[str, Any] = {
        "swarm": observed.state,
        "swarm_error": shown(observed.error, 300),
        "cluster": observed.cluster,
        "nodes": {},
        "services": {},
        "ending": list(observed.ending),
        "served": Served(error=f"this node manages no Swarm: {observed.state}").wire(),
        "due": [],
        "stalled": [],
        "words": overrides,
        "plan": [],
        "refused": None,
    }
    if not observed.manager:
        return value
    for node_id, entry in membership.entries(context.federation, observed, swarm_ids).items():
        value["nodes"][node_id] = {
            "id": entry.id,
            "state": entry.state,
            "availability": entry.availability,
            "address": entry.address,
        }
    try:
        network = plans.network_plan(
            plans.desired_network(context.federation.settings["swarm"]), observed
        )
        changed = DatabasePasswords(context).changed
        services = plans.plan(desired, observed, overrides=kinds(overrides), changed=changed)
        left = membership.membership(context.federation, observed, swarm_ids)
        value["plan"] = to_builtins(plans.plan_items(left, network, services))
    except Refused as exc:
        value["refused"] = str(exc)
    engines = observe_engines(context, client, observed, overrides)
    value["served"] = engines.served.wire()
    value["due"] = [
        {
            "thing": observed.services[each.service].service.short,
            "node": each.node,
            "reason": each.reason,
            "cause": each.cause,
        }
        for each in engines.due
    ]
    value["stalled"] = list(engines.stalled)
    names = [
        service.name
        for service in desired
        if overrides.get(service.node, {}).get("word") != "removed"
    ]
    ports = observe_ports(context.federation, client, observed)
    ours = [name for name, running in observed.services.items() if running.ours]
    by_name = {service.name: service for service in desired}
    for name in dict.fromkeys([*names, *ours]):
        value["services"][name] = _service_view(
            by_name.get(name), observed.services.get(name), engines, ports.get(name)
        )
    return value


def _service_view(
    desired: Service | None,
    running: Running | None,
    engines: EnginesView,
    ports: PortsView | None,
) -> dict[str, Any]:
    service = running.service if running is not None else desired
    if service is None:
        raise ValueError("neither desired nor observed")
    up = running is not None and running.up
    task = running.tasks[0] if running is not None and running.tasks else None
    replicas = service.replicas if running is not None else 1
    out: dict[str, Any] = {
        "node": service.node,
        "short": service.short,
        "image": service.image,
        "replicas": f"{int(up and replicas != 0)}/{replicas}",
        "up": up if replicas else None,
        "serving": _serves(service, engines.served, ports, up=up) if replicas else None,
        "declared": desired is not None,
        "since": task.created if task is not None and up else None,
        "task": task.id if task is not None else None,
        "once": service.once,
        "task_running": running is not None
        and any(each.state in ALIVE for each in running.tasks if each.ready),
    }
    if ports is not None and up and replicas and ports.error:
        out["port_error"] = shown(ports.error, 500)
    if replicas and not up and running is not None:
        if running.error:
            out["error"] = shown(running.error)
        out["state"] = task.state if task is not None else "no task"
        if lines := _log(running):
            out["log"] = lines
    return out


def _serves(service: Service, served: Served, ports: PortsView | None, *, up: bool) -> bool | None:
    """``None``: it runs, and whether it serves is not known."""
    if not up:
        return False
    if service.short not in ENGINES:
        return True if ports is None else ports.serving
    if served.active is None:
        return None if served.unknown else False
    return service.short == MASTER or service.hostname in served.active


def _log(running: Running) -> list[str]:
    """The last lines that its last containers wrote, where their node can be asked."""
    if not any(task.container and task.ready for task in running.tasks[:2]):
        return []
    try:
        with docker.connected(timeout=LOG_TIMEOUT) as client:
            found = b"".join(
                client.api.service_logs(running.id, stdout=True, stderr=True, tail=LOG_LINES)
            )
    except (DockerFailed, DockerUnavailable) as exc:
        return [f"(the log is not available: {exc})"]
    lines = found.decode("utf-8", "replace").splitlines()
    return [shown(line, 300) for line in lines if line.strip()][-LOG_LINES:]
