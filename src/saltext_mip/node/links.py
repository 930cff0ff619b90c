"""How large a packet the link to the other nodes carries: the Swarm's network must fit it.

Small questions pass a network that is made for a wider link, and large answers get lost in it,
without an error anywhere. So it is looked at before.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

from saltext_mip.federation import Federation, Node

# of Linux' headers; Python does not name them
_IP_MTU, _IPV6_MTU = 14, 24


def narrowest(federation: Federation, node: Node) -> int | None:
    """The least that the kernel of ``node``, this one, knows of its ways to the others.

    ``None`` where no way is known, as to names that do not resolve.
    """
    master = federation.master
    others = federation.nodes if node == master else (master,)
    found = [
        mtu for other in others if other.address != node.address for mtu in _ways(other.address)
    ]
    return min(found, default=None)


def _ways(address: str) -> Iterator[int]:
    try:
        places = socket.getaddrinfo(address, 2377, type=socket.SOCK_DGRAM)
    except OSError:  # that its name does not resolve, others say
        return
    for family, kind, protocol, _, place in places:
        level, option = (
            (socket.IPPROTO_IPV6, _IPV6_MTU)
            if family == socket.AF_INET6
            else (socket.IPPROTO_IP, _IP_MTU)
        )
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.connect(place)  # sends nothing
            except OSError:  # there is no way
                continue
            yield probe.getsockopt(level, option)
