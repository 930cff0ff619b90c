"""The observed Swarm: nodes, networks, services and tasks, as this manager's Docker has them.

:func:`observe` reads all of it once; everything after goes by the value. A task counts as *up* by
:attr:`Task.up` alone: the Swarm's own counts are 1/1 for a node that is powered off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from saltext_mip.swarm import docker_api as specs
from saltext_mip.swarm import local_node
from saltext_mip.swarm.components import FEDERATION_LABEL, NODE_LABEL
from saltext_mip.swarm.model import PLACE_LABEL, Service

MTU_OPTION = "com.docker.network.driver.mtu"  # of the link; Docker takes off what it adds
MTU = 1500  # what Docker goes by without it
NODE_DOWN = "its node is down"
ALIVE = ("starting", "running")  # states of a task that has a container
# of a task that has none any more, and gets none
ENDED = ("complete", "failed", "shutdown", "rejected", "orphaned", "remove")
START_PERIOD = 4.0  # seconds that a task must have run; longer than docker_api.RESTART_DELAY


@dataclass(frozen=True)
class SwarmNode:
    """A node of the Swarm. ``created`` orders entries of one host."""

    id: str
    hostname: str
    address: str
    state: str
    availability: str
    labels: Mapping[str, str]
    created: str
    version: int
    manager: bool = False

    @property
    def ready(self) -> bool:
        return self.state == "ready" and self.availability != "drain"

    @property
    def place(self) -> str | None:
        """The hostname by which services are pinned to it."""
        return self.labels.get(PLACE_LABEL)


@dataclass(frozen=True)
class Task:
    """One task of a service. ``age`` is in seconds since it last changed, by this node's clock;
    ``current``: it was made from what the service's specification is now."""

    id: str
    node: str
    state: str
    desired: str
    age: float
    created: str
    error: str = ""
    ready: bool = False
    image: str = ""
    container: str = ""
    addresses: tuple[str, ...] = ()
    current: bool = True

    @property
    def up(self) -> bool:
        """Meant to run, running, on a ready node, and for its start period."""
        return (
            self.desired == "running"
            and self.state == "running"
            and self.ready
            and self.age >= START_PERIOD
        )

    @property
    def complete(self) -> bool:
        return self.state == "complete"

    @property
    def failed(self) -> bool:
        """It ended with an error, or Docker tells why it cannot start."""
        return bool(self.error) or self.state in ("failed", "rejected")


@dataclass(frozen=True)
class Running:
    """A service as it is. ``ours``: it carries this federation's label."""

    service: Service
    id: str
    version: int
    force: int
    ours: bool
    tasks: tuple[Task, ...] = ()

    @property
    def up(self) -> bool:
        if self.service.once and any(task.complete for task in self.tasks[:1]):
            return True
        return any(task.up for task in self.tasks)

    @property
    def error(self) -> str:
        """Why it is not up: the last task's error."""
        for task in self.tasks:
            if task.error:
                return task.error
            if task.desired == "running" and not task.ready and task.node:
                return NODE_DOWN
        return ""


@dataclass(frozen=True)
class Network:
    """An overlay network. ``mtu`` is that of the links below it, not of the containers'."""

    id: str
    name: str
    driver: str
    subnet: str
    gateway: str
    encrypted: bool
    mtu: int = MTU
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Observed:
    """Everything that was read. ``services`` has all of the Swarm, also those that are not ours.

    ``state`` is :attr:`~saltext_mip.swarm.local_node.LocalNode.summary` of this node, ``error``
    what Docker reports beside it.

    ``ending`` are the minion ids of nodes on which a container of ours runs, the service of which
    is gone: Docker gives it time to end.
    """

    state: str
    cluster: str
    node: str
    nodes: tuple[SwarmNode, ...] = ()
    networks: Mapping[str, Network] = field(default_factory=dict)
    services: Mapping[str, Running] = field(default_factory=dict)
    ending: tuple[str, ...] = ()
    error: str = ""

    @property
    def manager(self) -> bool:
        return self.state == "active"


def observe(
    client: Any,
    federation: str,
    secrets: Mapping[str, Collection[str]] | None = None,
    *,
    now: datetime,
) -> Observed:
    """Ask ``client`` (of the docker SDK). Of a node that is no manager only its own state.

    ``secrets`` are names of variables whose values are never shown, by service.
    """
    own = local_node.from_info(client.info())
    if own.summary != "active":
        return Observed(own.summary, "", own.id, error=own.error)
    api = client.api
    nodes = tuple(_node(each) for each in api.nodes())
    ready = {node.id for node in nodes if node.state == "ready"}
    found = api.services()
    overlays = [each for each in api.networks() if each["Driver"] == "overlay"]
    names = {each["Id"]: each["Name"] for each in overlays}
    secrets = secrets or {}
    every = api.tasks()
    templates = {each["ID"]: each["Spec"]["TaskTemplate"] for each in found}
    tasks = _tasks(every, templates, ready, now)
    services = {}
    for each in found:
        service = specs.parse(each["Spec"], names, secrets.get(each["Spec"]["Name"], ()))
        template = each["Spec"]["TaskTemplate"]
        labels = {**dict(service.container_labels), **dict(service.labels)}
        services[service.name] = Running(
            service,
            each["ID"],
            each["Version"]["Index"],
            template.get("ForceUpdate", 0),
            labels.get(FEDERATION_LABEL) == federation,
            tuple(tasks.get(each["ID"], ())),
        )
    networks = {
        each["Name"]: _network(each, [r.service for r in services.values()]) for each in overlays
    }
    ending = _ending(every, {each["ID"] for each in found}, ready, federation)
    return Observed(own.summary, own.cluster, own.id, nodes, networks, services, ending)


def _node(each: Mapping[str, Any]) -> SwarmNode:
    spec, status = each["Spec"], each["Status"]
    return SwarmNode(
        id=each["ID"],
        hostname=each["Description"].get("Hostname", ""),
        address=status.get("Addr", ""),
        state=status["State"],
        availability=spec["Availability"],
        labels=spec.get("Labels") or {},
        created=each["CreatedAt"],
        version=each["Version"]["Index"],
        manager=spec["Role"] == "manager",
    )


def _network(each: Mapping[str, Any], services: Iterable[Service]) -> Network:
    pools = (each.get("IPAM") or {}).get("Config") or [{}]
    options = each.get("Options") or {}
    used = [service.name for service in services if each["Name"] in service.network.split(", ")]
    return Network(
        id=each["Id"],
        name=each["Name"],
        driver=each["Driver"],
        subnet=pools[0].get("Subnet", ""),
        gateway=pools[0].get("Gateway", ""),
        encrypted="encrypted" in options,
        mtu=int(options.get(MTU_OPTION, MTU)),
        used_by=tuple(sorted(used)),
    )


def _ending(
    tasks: Iterable[Any], services: set[str], ready: set[str], federation: str
) -> tuple[str, ...]:
    out = set()
    for each in tasks:
        labels = each["Spec"].get("ContainerSpec", {}).get("Labels") or {}
        mine = labels.get(FEDERATION_LABEL) == federation and each["ServiceID"] not in services
        if mine and each["Status"]["State"] in ALIVE and each.get("NodeID") in ready:
            out.add(labels.get(NODE_LABEL, ""))
    return tuple(sorted(out))


def _tasks(
    found: Iterable[Any], templates: Mapping[str, Any], ready: set[str], now: datetime
) -> dict[str, list[Task]]:
    """Of each service, the newest first."""
    out: dict[str, list[Task]] = {}
    for each in sorted(found, key=lambda task: task["CreatedAt"], reverse=True):
        status = each["Status"]
        out.setdefault(each["ServiceID"], []).append(
            Task(
                id=each["ID"],
                node=each.get("NodeID", ""),
                state=status["State"],
                desired=each["DesiredState"],
                # UpdatedAt is of this manager's clock; the status' own of the node's
                age=(now - moment(each["UpdatedAt"])).total_seconds(),
                created=each["CreatedAt"],
                error=status.get("Err", ""),
                ready=each.get("NodeID") in ready,
                image=each["Spec"].get("ContainerSpec", {}).get("Image", ""),
                container=(status.get("ContainerStatus") or {}).get("ContainerID", ""),
                addresses=tuple(
                    address.partition("/")[0]
                    for network in each.get("NetworksAttachments") or ()
                    for address in network.get("Addresses") or ()
                ),
                current=_same_template(each["Spec"], templates.get(each["ServiceID"], {})),
            )
        )
    return out


def _same_template(made_from: Mapping[str, Any], template: Mapping[str, Any]) -> bool:
    names = ("ContainerSpec", "Placement", "Resources", "ForceUpdate")
    return all((made_from.get(name) or None) == (template.get(name) or None) for name in names)


def moment(text: str) -> datetime:
    """Docker's time stamps, which have nanoseconds."""
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}").replace(tzinfo=UTC)
