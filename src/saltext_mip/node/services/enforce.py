"""Make the federation's services what is desired, on its master node, whose Docker has them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from msgspec import to_builtins

from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.node.services.engines import (
    observe_engines,
    only_due,
    record_restarts,
    running_engines,
)
from saltext_mip.node.services.keystore import delete_worker_keys, unregister
from saltext_mip.node.services.overrides import (
    kinds,
    read_overrides,
    updated_overrides,
    write_overrides,
)
from saltext_mip.node.services.passwords import DatabasePasswords
from saltext_mip.storage.lock import lock
from saltext_mip.storage.state import SERVICES_LOCK
from saltext_mip.swarm import local_node, membership
from saltext_mip.swarm import plan as plans
from saltext_mip.swarm.apply import apply
from saltext_mip.swarm.components import MASTER, WORKER
from saltext_mip.swarm.desired import Secrets, desired_services, secret_names
from saltext_mip.swarm.errors import NetworkInUse, NotInSwarm, NotServing
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import Observed, observe
from saltext_mip.swarm.request import ALL_SERVICES, BACK, ServiceRequest
from saltext_mip.swarm.rollout import Restart

LOCK_WAIT = 300.0  # seconds for another request on this node
POLL = 0.5  # seconds between two observations of a service that was restarted
LOOKS = 3  # at engines whose tasks change each time, as those do that end at once
ENGINES = frozenset({MASTER, WORKER})


def enforce(context: NodeContext, secrets: Secrets, request: ServiceRequest) -> dict[str, Any]:
    """Do what is requested; ``{"changed", "plan": [{"action", "thing", "node", "reason"}],
    "already": [service]}``, the last with the services that restarted before for the same cause.

    :class:`~saltext_mip.swarm.errors.NotInSwarm` where this node manages no Swarm; ``Refused``
    where something that is not ours, or the network in use, does not allow it.

    Under the lock only Docker is asked. Which engines are registered is asked before it is taken,
    and counts while their tasks are those of then; otherwise it is asked again.
    """
    registered, looks = _Registered(), 0
    while True:
        with _lock(context), docker.connected() as client:
            done = _enforce(context, client, secrets, request, registered, last=looks == LOOKS)
        if done is not None:
            return done
        registered, looks = _registered(context), looks + 1


@dataclass(frozen=True)
class _Registered:
    """The tasks of the engines, by service, and the hostnames of the engines that are registered
    (``None``: it is not known)."""

    tasks: Mapping[str, str] | None = None
    active: frozenset[str] | None = None


def _registered(context: NodeContext) -> _Registered:
    with docker.connected() as client:
        observed = observe(client, context.federation.name, now=datetime.now(UTC))
        active = observe_engines(context, client, observed).served.active
        return _Registered(_engine_tasks(observed), None if active is None else frozenset(active))


def _engine_tasks(observed: Observed) -> dict[str, str]:
    engines = running_engines(observed)
    found = (engines.keystore, engines.master, *engines.workers)
    return {each.service: each.task for each in found if each is not None}


def _enforce(
    context: NodeContext,
    client: Any,
    secrets: Secrets,
    request: ServiceRequest,
    registered: _Registered,
    *,
    last: bool,
) -> dict[str, Any] | None:
    """Do it under the lock; ``None``, with nothing done, where an engine is to be replaced and its
    task is not one of ``registered``. The ``last`` time, those count as they are."""
    desired = desired_services(context.federation, secrets)
    local_node.observe_loaded(client)
    observed = observe(
        client, context.federation.name, secret_names(desired), now=datetime.now(UTC)
    )
    if not observed.manager:
        raise NotInSwarm(observed.state, error=observed.error)
    overrides = updated_overrides(context, request)
    restarts, already = _restarts(context, request, desired, observed)
    left, network, services = make_plan(
        context, desired, observed, request, kinds(overrides), restarts
    )
    plan = to_builtins(plans.plan_items(left, network, services))
    if request.dry_run:
        return {"changed": False, "plan": plan, "already": list(already)}
    known = last or registered.tasks == _engine_tasks(observed)
    if not known and any(map(_replaces_engine, services)):
        return None
    if overrides != read_overrides(context):
        write_overrides(context, overrides)
    membership.keep(client, context.federation.name, left)
    ids = {name: each.id for name, each in observed.networks.items()}
    ids[network.network.name] = membership.keep_network(client, network)
    wait = _wait_until_back(context, client, registered.active)
    record_restarts(context, restarts, observed)
    unregister(context, client, (i.service for i in services if i.service and i.replaces_task))
    delete_worker_keys(context, client, apply(client, services, ids, wait))
    DatabasePasswords(context).record(services)
    return {"changed": bool(plan), "plan": plan, "already": list(already)}


def _replaces_engine(item: plans.ServiceItem) -> bool:
    return item.replaces_task and item.service is not None and item.service.short in ENGINES


def make_plan(
    context: NodeContext,
    desired: Sequence[Service],
    observed: Observed,
    request: ServiceRequest,
    overrides: Mapping[str, str],
    restarts: Sequence[Restart] = (),
) -> tuple[tuple[membership.EntryItem, ...], plans.NetworkItem, tuple[plans.ServiceItem, ...]]:
    """What is done to the Swarm's nodes, to its network and to services, in this order."""
    nodes = _scope(context, request)
    left = membership.membership(
        context.federation, observed, request.swarm_ids, whole=nodes is None
    )
    changed = DatabasePasswords(context).changed
    services = plans.plan(desired, observed, overrides=overrides, nodes=nodes, changed=changed)
    if request.restores_only:
        members = membership.entries(context.federation, observed, request.swarm_ids)
        services = plans.only_restoring(services, members)
    network = _network(context, observed, request)
    reasons = {each.service: each.reason for each in restarts}
    follow = not request.restores_only
    return left, network, plans.with_restarts(services, reasons, follow=follow)


def _scope(context: NodeContext, request: ServiceRequest) -> tuple[str, ...] | None:
    """The nodes whose services may change; ``None``: all, and nodes that are not declared."""
    targets = request.targets or ()
    master = context.federation.master.id
    if request.action == "restart" and any(
        target.node == master and target.service == ALL_SERVICES for target in targets
    ):
        return context.federation.ids  # engines restart after their keystore
    return request.nodes


def _network(
    context: NodeContext, observed: Observed, request: ServiceRequest
) -> plans.NetworkItem:
    """Where only missing services are restored, an existing network is kept as it is. One that
    differs and is in use stops what makes services, not what ends them."""
    desired = plans.desired_network(context.federation.settings["swarm"])
    if request.restores_only:
        desired = observed.networks.get(desired.name, desired)
    try:
        return plans.network_plan(desired, observed)
    except NetworkInUse:
        if not request.ends_services:
            raise
        return plans.NetworkItem.of("nothing", observed.networks[desired.name], "in use")


def _restarts(
    context: NodeContext,
    request: ServiceRequest,
    desired: Sequence[Service],
    observed: Observed,
) -> tuple[tuple[Restart, ...], tuple[str, ...]]:
    """The restarts that are requested and due, and the services that restarted before for the
    cause of theirs."""
    requested = [
        Restart(service.name, service.node, target.reason or request.reason, target.cause)
        for target in (request.targets or () if request.action == "restart" else ())
        for service in desired
        if service.node == target.node
        and not service.once
        and target.service in (service.short, ALL_SERVICES)
    ]
    return only_due(context, requested, observed)


def _wait_until_back(
    context: NodeContext, client: Any, active: Collection[str] | None
) -> Callable[[plans.ServiceItem], None]:
    """Waits until what was replaced is back, and an engine that was registered is so again."""

    def wait(item: plans.ServiceItem) -> None:
        service = item.service
        if service is None or service.replicas == 0:
            return
        must_serve = active is not None and (
            service.short == MASTER or (service.short == WORKER and service.hostname in active)
        )
        old = {task.id for task in item.running.tasks} if item.running else set()
        deadline = time.monotonic() + BACK
        running = None
        while time.monotonic() < deadline:
            observed = observe(client, context.federation.name, now=datetime.now(UTC))
            running = observed.services.get(item.thing)
            if running is None:
                return  # removed meanwhile
            if not any(node.ready and node.place == service.hostname for node in observed.nodes):
                return  # its node is away: waiting does not bring it back
            fresh = replace(running, tasks=tuple(t for t in running.tasks if t.id not in old))
            if fresh.up and not (must_serve and not _serves(context, client, service, observed)):
                return
            time.sleep(POLL)
        why = running.error if running else ""
        raise NotServing(
            f"{item.thing} did not come back within {BACK:.0f} s, so the remaining services were "
            f"not changed{': ' + why if why else ''}"
        )

    return wait


def _serves(context: NodeContext, client: Any, service: Service, observed: Observed) -> bool:
    active = observe_engines(context, client, observed).served.active
    return active is not None and (service.short == MASTER or service.hostname in active)


def _lock(context: NodeContext) -> AbstractContextManager[None]:
    """One at a time: a state that is applied by hand waits for a deployment."""
    return lock(
        context.state / SERVICES_LOCK,
        federation=context.federation.name,
        holder="another run that enforces the services on this node",
        wait=LOCK_WAIT,
    )
