"""What a command that changes services returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import UNSET

from saltext_mip.problems import Problem
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services.availability import disabled_hosts
from saltext_mip.pusher.services.client import ServiceState, ServicesView
from saltext_mip.results import Absent, DeployedNode, ServiceInfo, ServicesResult
from saltext_mip.swarm.engines.interface import differences, expected


def services_result(
    pusher: Pusher,
    now: ServicesView,
    waiting: Mapping[str, str],
    *,
    changed: bool,
    nodes: Mapping[str, DeployedNode] | None = None,
    problems: Iterable[Problem] = (),
    failed: bool = False,
) -> ServicesResult:
    """The result of a command that changes services, with empty ``nodes``.

    ``waiting``: why a service does not serve, by name.
    """
    generation = pusher.store.last()
    notes: Absent[list[str]] = UNSET
    if now.swarm and now.served.datasets is not None and generation is not None:
        wanted = expected(pusher.federation, generation)
        wrong = differences(wanted, now.served, apart_from=disabled_hosts(pusher))
        if wrong and not waiting and not now.overrides:
            notes = [f"{text}: salt-run mip.refresh" for text in wrong[:5]]
    not_serving = [
        Problem("ServiceNotServing", node=now.services[name].node or None, about=f"{name}: {why}")
        for name, why in sorted(waiting.items())
    ]
    return ServicesResult(
        federation=pusher.federation.name,
        changed=changed,
        nodes=dict(nodes or {}),
        services={name: service_info(of) for name, of in now.services.items()},
        problems=pusher.report([*not_serving, *problems]),
        notes=notes,
        retcode=1 if waiting or failed else UNSET,
    )


def service_info(of: ServiceState) -> ServiceInfo:
    """One service as commands return it."""
    return ServiceInfo(
        node=of.node,
        image=of.image,
        replicas=of.replicas,
        serving=of.serving,
        since=of.since,
        error=next((each for each in (of.error, of.port_error) if each is not None), UNSET),
        state=UNSET if of.state is None else of.state,
        log=UNSET if of.log is None else list(of.log),
        stopped=True if of.up is None else UNSET,
        completed=True if of.once and of.up and not of.task_running else UNSET,
        undeclared=UNSET if of.declared else True,
    )
