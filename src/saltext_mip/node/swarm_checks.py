"""What stands in the way of the Swarm on this node: its Docker, its address, its routes.

Part of the preflight: an issue is ``(fatal, text)``. What would do harm is fatal before the node
joins; in a Swarm that is in use it is a warning.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from pathlib import Path
from typing import Any

from saltext_mip.node.context import NodeContext
from saltext_mip.swarm import local_node
from saltext_mip.swarm.local_node import LocalNode

ROUTES = Path("/proc/self/net/route")
# interfaces that Docker makes: their routes are its own networks
_DOCKERS = re.compile(r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}|veth\w+")
_UP = 0x1
# Docker gives it the first subnet of its pool; it carries nothing of a federation
_INGRESS = "ingress"

Issue = tuple[bool, str]


@dataclass(frozen=True)
class Route:
    """A route of this host that is not the default one."""

    interface: str
    network: IPv4Network


def check(context: NodeContext, client: Any) -> Iterator[Issue]:
    """The issues of this node."""
    info = client.info()
    now = local_node.from_info(info)
    outside = now.state == "inactive"
    if outside and (why := local_node.unfit(info)):
        yield True, why
    if context.node.role == "master":
        yield from _manager(context, now)
    found = tuple(routes())
    yield from _own_network(context, found, outside=outside)
    yield from _dockers_networks(client.api.networks(), found)


def _manager(context: NodeContext, now: LocalNode) -> Iterator[Issue]:
    declared, node = context.node.address, context.node.id
    if address := local_node.differing_address(now, declared):
        yield (
            False,
            f"the Swarm's manager advertises {address}, but the pillar declares {declared}: nodes "
            "join through the declared address, and then connect to the advertised one. "
            + (
                f"In the pillar: nodes: {{{node}: {{address: {address}}}}}"
                if _is_local(address)
                else f"This host no longer has {address}: give it that address again"
            ),
        )
    port = context.federation.settings["swarm"]["data_path_port"]
    if now.data_path_port and now.data_path_port != port:
        yield (
            False,
            f"the Swarm carries its networks over UDP port {now.data_path_port}, and the pillar "
            f"declares {port}, which is used only when a Swarm is created. In the pillar: "
            f"swarm: {{data_path_port: {now.data_path_port}}}",
        )


def _is_local(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def routes() -> Iterator[Route]:
    """This host's IPv4 routes, without the default one and those of Docker's own networks."""
    if not ROUTES.exists():
        return
    for line in ROUTES.read_text("ascii").splitlines()[1:]:
        interface, destination, _, flags, _, _, _, mask, *_ = line.split()
        bits = int(mask, 16).bit_count()
        if not bits or not int(flags, 16) & _UP or _DOCKERS.fullmatch(interface):
            continue
        start = IPv4Address(int(destination, 16).to_bytes(4, "little"))
        yield Route(interface, IPv4Network((start, bits), strict=False))


def _own_network(
    context: NodeContext, found: tuple[Route, ...], *, outside: bool
) -> Iterator[Issue]:
    """What the declared network takes from this host."""
    declared = context.federation.settings["swarm"]["network"]
    subnet = _subnet(declared["subnet"])
    if subnet is None:
        return
    fix = "In the pillar: swarm: {network: {subnet: …, gateway: …}}, of addresses that no node uses"
    own = local_node.resolve(context.node.address)
    if inside := sorted(each for each in own if _within(each, subnet)):
        yield (
            outside,
            f"this node's address {inside[0]} is in the subnet {subnet} of the network "
            f"{declared['name']}: containers would not reach it. {fix}",
        )
        return
    for route in found:
        if route.network.overlaps(subnet):
            certain = route.network.prefixlen >= subnet.prefixlen
            yield (
                outside and certain,
                f"the network {declared['name']} ({subnet}) overlaps this host's route "
                f"{route.network} ({route.interface}): containers do not reach hosts there. {fix}",
            )
            return


def _dockers_networks(
    networks: list[Mapping[str, Any]], found: tuple[Route, ...]
) -> Iterator[Issue]:
    for each in networks:
        if each["Driver"] != "bridge" and each["Name"] != _INGRESS:
            continue
        pools = (each.get("IPAM") or {}).get("Config") or ()
        for subnet in filter(None, (_subnet(pool.get("Subnet", "")) for pool in pools)):
            for route in found:
                narrow = route.network.prefixlen >= subnet.prefixlen
                if route.network.overlaps(subnet) and (narrow or each["Name"] != _INGRESS):
                    yield (
                        False,
                        f"Docker's network {each['Name']} ({subnet}) overlaps this host's route "
                        f"{route.network} ({route.interface}): containers do not reach hosts "
                        'there. In /etc/docker/daemon.json: "default-address-pools", and "bip" '
                        "for the network bridge; in force for networks that are made after it",
                    )
                    break


def _subnet(text: str) -> IPv4Network | None:
    try:
        found = ip_network(text, strict=False)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Network) else None


def _within(address: str, subnet: IPv4Network) -> bool:
    found = ip_address(address)
    return isinstance(found, IPv4Address) and found in subnet
