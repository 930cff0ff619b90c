"""What the link to the other nodes carries."""

from __future__ import annotations

from pathlib import Path

from saltext_mip.federation import Federation
from saltext_mip.node.preflight import narrowest_mtu

LARGEST = 65535  # of a packet
LOOPBACK = min(int(Path("/sys/class/net/lo/mtu").read_text()), LARGEST)


def federation(**addresses: str) -> Federation:
    nodes = {
        node: {"role": "master" if node == "ms" else "worker", "address": address}
        for node, address in addresses.items()
    }
    return Federation.from_pillar("fed1", {"nodes": nodes})


def test_it_is_the_least_of_the_ways_to_the_others() -> None:
    fed = federation(ms="127.0.0.1", a="127.0.0.2", b="no-such-host.invalid")
    assert narrowest_mtu(fed, fed.master) == LOOPBACK
    assert narrowest_mtu(fed, fed.node("a")) == LOOPBACK


def test_a_node_alone_and_names_that_do_not_resolve_say_nothing() -> None:
    alone = federation(ms="127.0.0.1", a="127.0.0.1")
    assert narrowest_mtu(alone, alone.master) is None
    unknown = federation(ms="no-such-host.invalid", a="127.0.0.1")
    assert narrowest_mtu(unknown, unknown.node("a")) is None
