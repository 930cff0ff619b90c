"""The Swarm as its manager has it: which entry is which node, and the network.

All goes by node ids: two entries may have one hostname, of a node that was reinstalled and of
its old installation. :func:`membership` is pure; the rest does what it returns. A node's own view
is :mod:`saltext_mip.swarm.local_node`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from saltext_mip.federation import Federation, Node
from saltext_mip.plans import PlanItem
from saltext_mip.swarm.components import FEDERATION_LABEL, SERVICE_LABEL, SWARM_SERVICE_LABEL
from saltext_mip.swarm.errors import NetworkHeld
from saltext_mip.swarm.model import PLACE_LABEL
from saltext_mip.swarm.observed import ENDED, MTU, MTU_OPTION, Observed, SwarmNode
from saltext_mip.swarm.plan import NetworkItem

NETWORK_WAIT = 60.0  # seconds for tasks to end; Docker kills a container after 10
POLL_INTERVAL = 0.5


class EntryItem(PlanItem, frozen=True, kw_only=True):
    """What is done with one entry of the Swarm's list of nodes; ``place`` is its host name."""

    id: str
    place: str

    @classmethod
    def of(
        cls, action: Literal["label", "unlabel", "forget"], id_: str, place: str, reason: str
    ) -> EntryItem:
        return cls(action, f"Swarm node {place}", reason, id=id_, place=place)


def entries(
    federation: Federation, observed: Observed, swarm_ids: Mapping[str, str] | None = None
) -> dict[str, SwarmNode]:
    """Which entry is which declared node, by minion id.

    ``swarm_ids`` are the node ids that nodes report of themselves, by minion id: they take
    precedence over names and addresses, unless they are another node's (:func:`own_ids`).
    """
    swarm_ids = own_ids(federation, observed, swarm_ids or {})
    by_id = {entry.id: entry for entry in observed.nodes}
    taken = {swarm_ids[node.id] for node in federation.nodes if swarm_ids.get(node.id) in by_id}
    if observed.node in by_id:
        taken.add(observed.node)
    found = {}
    for node in federation.nodes:
        own = observed.node if node.role == "master" else swarm_ids.get(node.id, "")
        if own in by_id:
            found[node.id] = by_id[own]
            continue
        fits = [entry for entry in candidates(federation, node, observed) if entry.id not in taken]
        if fits:
            found[node.id] = max(fits, key=lambda entry: (entry.ready, entry.created))
            taken.add(found[node.id].id)
    return found


def own_ids(
    federation: Federation, observed: Observed, swarm_ids: Mapping[str, str]
) -> dict[str, str]:
    """The ids that nodes report of themselves, without those that they cannot have.

    A node is trusted only about itself: not with an id that two report, with the manager's, or with
    one whose host name, address or label is another declared node's.
    """
    reported = Counter(swarm_ids.values())
    by_id = {entry.id: entry for entry in observed.nodes}
    own = {}
    for node in federation.nodes:
        entry = by_id.get(swarm_ids.get(node.id, ""))
        if entry is None or reported[entry.id] > 1 or (entry.manager and node.role != "master"):
            continue
        others = (other for other in federation.nodes if other != node)
        if not any(entry in candidates(federation, other, observed) for other in others):
            own[node.id] = entry.id
    return own


def candidates(federation: Federation, node: Node, observed: Observed) -> list[SwarmNode]:
    """The entries that are, or were, this node."""
    shared = sum(other.address == node.address for other in federation.nodes) > 1
    return [
        entry
        for entry in observed.nodes
        if entry.hostname in (node.hostname, node.id)
        or entry.place == node.hostname
        or (not shared and entry.address == node.address)
    ]


def membership(
    federation: Federation,
    observed: Observed,
    swarm_ids: Mapping[str, str] | None = None,
    *,
    whole: bool = True,
) -> tuple[EntryItem, ...]:
    """What is to be done so that each node's entry, and no other, has its label.

    An entry of a node that is no longer declared is removed from the Swarm, with all that it may
    reach there; where something that is not ours runs on it, it only loses its labels. Without
    ``whole``, for a command about some nodes only, it is kept.
    """
    found = entries(federation, observed, swarm_ids)
    chosen = {entry.id for entry in found.values()}
    out = []
    for node in federation.nodes:
        entry = found.get(node.id)
        if entry is None:
            continue
        if entry.place != node.hostname or entry.labels.get(FEDERATION_LABEL) != federation.name:
            reason = f"label {PLACE_LABEL} differs: {entry.place or 'none'} -> {node.hostname}"
            out.append(EntryItem.of("label", entry.id, node.hostname, reason))
        for old in candidates(federation, node, observed):
            if old.id in chosen or old.manager:
                continue
            if old.state == "down":
                reason = "the node was reinstalled, and this is its old entry"
                out.append(EntryItem.of("forget", old.id, old.hostname, reason))
            elif old.place == node.hostname:
                out.append(
                    EntryItem.of("unlabel", old.id, old.hostname, "the node has a newer entry")
                )
    for entry in observed.nodes:
        mine = entry.labels.get(FEDERATION_LABEL) == federation.name
        if entry.id in chosen or not mine or entry.id in {one.id for one in out}:
            continue
        if entry.manager or not whole:
            continue
        reason = "the node is no longer declared"
        if foreign := _foreign(observed, entry):
            names = ", ".join(foreign)
            reason += f"; other services ({names}) may run there, so it is kept in the Swarm"
            out.append(EntryItem.of("unlabel", entry.id, entry.hostname, reason))
        else:
            out.append(EntryItem.of("forget", entry.id, entry.hostname, reason))
    return tuple({one.id: one for one in out}.values())


def _foreign(observed: Observed, entry: SwarmNode) -> list[str]:
    """Services that are not ours and have a task on that node."""
    return sorted(
        name
        for name, running in observed.services.items()
        if not running.ours
        and any(task.node == entry.id and task.desired == "running" for task in running.tasks)
    )


def keep(client: Any, federation: str, items: Iterable[EntryItem]) -> None:
    """Do what :func:`membership` returned."""
    for item in items:
        if item.action == "forget":
            client.api.remove_node(item.id, force=True)
            continue
        found = client.api.inspect_node(item.id)
        labels = dict(found["Spec"].get("Labels") or {})
        for key in (PLACE_LABEL, FEDERATION_LABEL):
            labels.pop(key, None)
        if item.action == "label":
            labels |= {PLACE_LABEL: item.place, FEDERATION_LABEL: federation}
        spec = {**found["Spec"], "Labels": labels}
        client.api.update_node(item.id, found["Version"]["Index"], spec)


def keep_network(
    client: Any, item: NetworkItem, *, sleep: Callable[[float], None] = time.sleep
) -> str:
    """Create the network where the plan does; its id.

    Tasks of services that were removed may still use the old one: they are waited for.
    :class:`~saltext_mip.swarm.errors.NetworkHeld` names those that do not end.
    """
    network = item.network
    if item.action == "nothing":
        return network.id
    if item.old is not None:
        _remove_network(client, network.name, item.old, sleep)
    options = {"encrypted": ""} if network.encrypted else {}
    if network.mtu != MTU:
        options[MTU_OPTION] = str(network.mtu)
    pool = IPAMPool(subnet=network.subnet, gateway=network.gateway)
    made = client.api.create_network(
        network.name,
        driver="overlay",
        ipam=IPAMConfig(pool_configs=[pool]),
        options=options or None,
        labels={FEDERATION_LABEL: "shared"},
    )
    return str(made["Id"])


def _remove_network(client: Any, name: str, id_: str, sleep: Callable[[float], None]) -> None:
    deadline = time.monotonic() + NETWORK_WAIT
    while True:
        try:
            client.api.remove_network(id_)
        except APIError as exc:
            if "in use" not in str(exc.explanation or exc):
                raise
        else:
            return
        users, down = _network_users(client, id_)
        if time.monotonic() >= deadline or (users and users == down):
            raise NetworkHeld(
                network=name,
                users=", ".join(users) or "tasks whose names Docker does not report",
                fix="Start the nodes that are down; then: salt-run mip.deploy"
                if down
                else "On those nodes, docker ps shows them; then: salt-run mip.deploy",
            )
        sleep(POLL_INTERVAL)


def _network_users(client: Any, network: str) -> tuple[list[str], list[str]]:
    """The tasks that use the network and have not ended, and those of them on nodes that are down,
    in words."""
    nodes = {each["ID"]: each for each in client.api.nodes()}
    users, down = [], []
    for task in client.api.tasks():
        attached = (each["Network"]["ID"] for each in task.get("NetworksAttachments") or ())
        if network not in attached or task["Status"]["State"] in ENDED:
            continue
        labels = task["Spec"].get("ContainerSpec", {}).get("Labels") or {}
        what = labels.get(SERVICE_LABEL) or labels.get(SWARM_SERVICE_LABEL) or task["ID"]
        node = nodes.get(task.get("NodeID", ""))
        host = node["Description"].get("Hostname", "") if node else "a removed node"
        is_down = node is None or node["Status"]["State"] != "ready"
        users.append(f"{what} on {host}{', which is down' if is_down else ''}")
        if is_down:
            down.append(users[-1])
    return users, down
