"""What the status reports of the services: are they as declared, and do they serve."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs

from saltext_mip import conditions
from saltext_mip.conditions import Condition
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher.answers import sanitize
from saltext_mip.pusher.context import Pusher
from saltext_mip.pusher.services import client, deploy_failures
from saltext_mip.pusher.services.availability import disabled_hosts
from saltext_mip.pusher.services.client import ServiceOverride, ServicesView
from saltext_mip.pusher.services.drain import why_drained
from saltext_mip.pusher.services.result import service_info
from saltext_mip.pusher.status.snapshot import Snapshot
from saltext_mip.results import ServiceInfo
from saltext_mip.swarm.desired import image_of, switched_off
from saltext_mip.swarm.engines.interface import Datasets, differences, expected
from saltext_mip.swarm.observed import NODE_DOWN
from saltext_mip.swarm.request import DRAINED
from saltext_mip.text import when

# the reason for what the master node's Docker reports of its Swarm
_SWARM_REASONS = {
    "inactive": ("NoSwarm", "the master node is in no Swarm"),
    "locked": ("SwarmLocked", "the Swarm is locked; whether its services run is unknown"),
    "not a manager": ("SwarmOfOthers", "the master node is in a Swarm that it does not manage"),
    "starting": ("SwarmStarting", "the master node's Docker has not loaded its Swarm"),
}


def swarm_reason(services: ServicesView) -> tuple[str, str]:
    other = ("SwarmFailed", f"the master node's Docker reports of its Swarm: {services.state}")
    reason, message = _SWARM_REASONS.get(services.state, other)
    return reason, message + (f" ({services.state_error})" if services.state_error else "")


def _without_swarm(type_: str, services: ServicesView) -> Condition:
    reason, message = swarm_reason(services)
    return Condition(type_, "Unknown" if reason == "SwarmStarting" else "False", reason, message)


def _without_services(type_: str, snapshot: Snapshot) -> Condition:
    return Condition(type_, "Unknown", snapshot.why_reason, f"the master: {snapshot.why}")


def deployed(pusher: Pusher, snapshot: Snapshot) -> Condition:
    services = snapshot.services
    if services is None:
        return _without_services("Deployed", snapshot)
    if not services.swarm:
        return _without_swarm("Deployed", services)
    if services.refused:
        return Condition("Deployed", "False", "DeployRefused", services.refused)
    if failed := deploy_failures.failures(pusher):
        message = "; ".join(f"{node}: {why}" if node else why for node, why in failed.items())
        return Condition("Deployed", "False", "DeployFailed", message)
    if services.plan:
        message = "; ".join(f"{item.thing}: {item.reason}" for item in services.plan[:5])
        return Condition("Deployed", "False", "ServicesDiffer", message)
    if services.overrides:
        message = "; ".join(
            f"{node}: {_override(override)}" for node, override in services.overrides.items()
        )
        return Condition("Deployed", "True", _off(services), message)
    return Condition("Deployed", "True", "AsDeclared", "all services are as declared")


def served(pusher: Pusher, snapshot: Snapshot) -> Condition:
    services = snapshot.services
    if services is None:
        return _without_services("Served", snapshot)
    if not services.swarm:
        return _without_swarm("Served", services)
    if down := not_serving(snapshot):
        message = "; ".join(f"{name}: {why}" for name, why in sorted(down.items()))
        return Condition("Served", "False", _reason_down(snapshot, services, down), message)
    stopped = _switched_off(services)
    if pusher.federation.master.id in services.overrides:  # nothing is there to be asked
        return Condition("Served", "True", _off(services), stopped)
    if services.served.unknown:
        return Condition("Served", "Unknown", "EngineUnknown", services.served.error)
    if services.stalled:
        return Condition("Served", "False", "NotServed", "; ".join(services.stalled))
    if silent := services.silent():
        message = "; ".join(f"{name}: {why}" for name, why in sorted(silent.items()))
        return Condition("Served", "Unknown", "PortSilent", message)
    if wrong := _not_served(pusher, snapshot, services):
        return Condition("Served", "False", "DatasetsDiffer", "; ".join(wrong[:5]))
    if services.overrides:
        return Condition("Served", "True", _off(services), f"{stopped}; all else is served")
    if snapshot.generation is None:
        return Condition("Served", "True", "Serving", "the engines are serving no data yet")
    return Condition("Served", "True", "Serving", f"generation {snapshot.generation.number}")


def _off(services: ServicesView) -> str:
    """The reason of a condition for what operators switched off."""
    drained = all(each.word == DRAINED for each in services.overrides.values())
    return conditions.DRAINED if drained else conditions.STOPPED


def _override(override: ServiceOverride) -> str:
    """What an operator did to the services of a node, since when, and until when."""
    if override.word == DRAINED:
        return f"{why_drained(override)} (since {when(override.when)})"
    return f"{override.word} by {sanitize(override.actor)} since {when(override.when)}"


def _switched_off(services: ServicesView) -> str:
    drained = [node for node, of in services.overrides.items() if of.word == DRAINED]
    others = [node for node in services.overrides if node not in drained]
    texts = [
        f"an operator {verb} {', '.join(nodes)}"
        for verb, nodes in (("stopped", others), ("drained", drained))
        if nodes
    ]
    return "; ".join(texts)


def _reason_down(snapshot: Snapshot, services: ServicesView, down: Mapping[str, str]) -> str:
    """Why services do not serve, as a condition's reason."""
    reasons = [client.condition_reason(why) for why in down.values()]
    if reason := next((one for one in reasons if one), None):
        return reason
    unreachable = any(services.services[name].node in snapshot.unreachable for name in down)
    if unreachable or NODE_DOWN in down.values():
        return "NodeDown"
    runs = all(services.services[name].up for name in down)
    if runs and all(services.services[name].port_error for name in down):
        return "PortRefused"
    return "NotServing" if runs else "ServiceDown"


def _not_served(pusher: Pusher, snapshot: Snapshot, services: ServicesView) -> tuple[str, ...]:
    """What is not served as consolidated, apart from nodes that an operator stopped or disabled."""
    if snapshot.generation is None:
        return ()
    off = {node.hostname for node in pusher.federation.nodes if node.id in services.overrides}
    off |= disabled_hosts(pusher)
    wanted = expected(pusher.federation, snapshot.generation)
    unlisted = _unlisted(snapshot, snapshot.generation, services.served.datasets or {})
    return differences(wanted, services.served, apart_from=off, unlisted=unlisted)


def _unlisted(snapshot: Snapshot, generation: Generation, served: Datasets) -> Datasets:
    """What may come of files that the generation does not have: no restart would change that."""
    more = {
        (name, node.hostname)
        for node, status in snapshot.answered()
        if status.data is not None
        for name, pathology in status.data.pathologies.items()
        if not pathology.files.keys()
        <= {file.name for file in generation.files.get(node.id, {}).get(name, ())}
    }
    return {
        name: {code: tuple(h for h in hosts if (name, h) in more) for code, hosts in codes.items()}
        for name, codes in served.items()
    }


def not_serving(snapshot: Snapshot) -> dict[str, str]:
    """Services that do not serve, and why; not those of which that is unknown."""
    if snapshot.services is None:
        return {}
    unknown = snapshot.services.unknown()
    waiting = {
        name: why for name, why in snapshot.services.waiting().items() if name not in unknown
    }
    return {**waiting, **unsure(snapshot)}


def unsure(snapshot: Snapshot) -> dict[str, str]:
    """Services on nodes that do not respond and that no engine reports as active.

    For up to 15 seconds the Swarm reports 1/1 for a node that is powered off.
    """
    if snapshot.services is None:
        return {}
    active = snapshot.services.served.active or ()
    hosts = {node.id: node.hostname for node in snapshot.asked}
    return {
        name: "its node does not respond; the Swarm may not have noticed yet"
        for name, of in snapshot.services.services.items()
        if of.node in snapshot.unreachable and of.up and hosts.get(of.node) not in active
    }


def service_infos(pusher: Pusher, snapshot: Snapshot) -> dict[str, ServiceInfo]:
    """The services as they are, and those that the pillar switches off."""
    found: dict[str, ServiceInfo] = {}
    if snapshot.services is not None:
        found = _observed_services(snapshot)
    for name, (node, short) in switched_off(pusher.federation).items():
        if name not in found:
            found[name] = ServiceInfo(
                node=node.id,
                image=image_of(pusher.federation, short),
                replicas="0/0",
                serving=None,
                switched_off=True,
            )
    return found


def _observed_services(snapshot: Snapshot) -> dict[str, ServiceInfo]:
    if snapshot.services is None:
        return {}
    doubtful = unsure(snapshot)
    found = {}
    for name, of in snapshot.services.services.items():
        found[name] = service_info(of)
        if name in doubtful:
            desired = of.replicas.partition("/")[2]
            found[name] = structs.replace(
                found[name],
                replicas=f"0/{desired}",
                serving=False,
                since=None,
                error=doubtful[name],
            )
    return found
