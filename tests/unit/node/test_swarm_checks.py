"""What stands in the way of the Swarm on a node, before it joins."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.node import swarm_checks
from saltext_mip.node.swarm_checks import Route
from tests.support.docker_sdk import Docker
from tests.unit.node.conftest import Contexts

HEADER = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"


def line(interface: str, network: str, flags: str = "0001") -> str:
    """As the kernel writes it: hexadecimal, in the byte order of this machine."""
    found = IPv4Network(network)
    numbers = [
        int.from_bytes(each.packed, "little") for each in (found.network_address, found.netmask)
    ]
    return f"{interface}\t{numbers[0]:08X}\t00000000\t{flags}\t0\t0\t0\t{numbers[1]:08X}\t0\t0\t0\n"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "route"
    path.write_text(HEADER + line("eth0", "0.0.0.0/0") + line("eth0", "10.77.0.0/24"))
    monkeypatch.setattr(swarm_checks, "ROUTES", path)
    return path


def add(table: Path, *lines: str) -> None:
    table.write_text(table.read_text() + "".join(lines))


def found(context: Any, sdk: Docker, part: str) -> list[tuple[bool, str]]:
    return [each for each in swarm_checks.check(context, sdk) if part in each[1]]


def test_routes_are_read_without_the_default_and_dockers_own(table: Path) -> None:
    add(
        table,
        line("docker0", "172.17.0.0/16"),
        line("br-0123456789ab", "172.19.0.0/16"),
        line("tun0", "10.20.0.0/16", flags="0000"),
        line("br0", "192.168.1.0/24"),
    )
    assert list(swarm_checks.routes()) == [
        Route("eth0", IPv4Network("10.77.0.0/24")),
        Route("br0", IPv4Network("192.168.1.0/24")),
    ]


def test_nothing_is_in_the_way(table: Path, sdk: Docker, context_of: Contexts) -> None:
    for node in ("fed1-ms", "fed1-wk-chuv"):
        assert list(swarm_checks.check(context_of(node), sdk)) == []


@pytest.mark.parametrize(
    ("route", "fatal"),
    [("10.20.30.0/24", True), ("10.20.30.128/25", True), ("10.0.0.0/8", False)],
)
def test_a_route_that_the_network_takes_is_fatal_before_the_first_join(
    table: Path, sdk: Docker, context_of: Contexts, route: str, *, fatal: bool
) -> None:
    add(table, line("tun0", route))
    context = context_of("fed1-wk-chuv")
    sdk.manager, sdk.local_state = False, "inactive"
    ((is_fatal, text),) = found(context, sdk, "overlaps this host's route")
    assert is_fatal is fatal
    assert f"{route} (tun0)" in text
    assert "swarm: {network: {subnet" in text
    sdk.local_state = "active"
    ((is_fatal, _),) = found(context, sdk, "overlaps this host's route")
    assert not is_fatal


def test_a_node_inside_the_networks_own_subnet(
    table: Path, sdk: Docker, context_of: Contexts
) -> None:
    sdk.manager, sdk.local_state = False, "inactive"
    network = {"network": {"subnet": "10.77.0.0/25", "gateway": "10.77.0.126"}}
    ((fatal, text),) = found(context_of("fed1-ui", swarm=network), sdk, "would not reach it")
    assert fatal
    assert "address 10.77.0.11 is in the subnet 10.77.0.0/25" in text


def test_networks_of_docker_that_overlap_a_route_are_named(
    table: Path, sdk: Docker, context_of: Contexts
) -> None:
    def network(name: str, driver: str, subnet: str) -> dict[str, Any]:
        return {
            "Id": name,
            "Name": name,
            "Driver": driver,
            "IPAM": {"Config": [{"Subnet": subnet}]},
        }

    add(table, line("tun0", "172.16.0.0/12"), line("tun0", "10.0.0.0/9"))
    sdk.networks_ = {
        "a": network("docker_gwbridge", "bridge", "172.18.0.0/16"),
        "b": network("ingress", "overlay", "10.0.0.0/24"),
        "c": {"Id": "c", "Name": "host", "Driver": "host", "IPAM": {"Config": None}},
    }
    ((fatal, text),) = found(context_of("fed1-wk-b"), sdk, "Docker's network")
    assert not fatal
    assert "docker_gwbridge (172.18.0.0/16) overlaps this host's route 172.16.0.0/12" in text
    add(table, line("eth1", "10.0.0.0/25"))
    assert len(found(context_of("fed1-wk-b"), sdk, "Docker's network")) == 2


def test_the_managers_address_is_said_once_at_the_master(
    table: Path, sdk: Docker, context_of: Contexts
) -> None:
    sdk.address = "127.0.0.1"
    ((fatal, text),) = found(context_of("fed1-ms"), sdk, "the pillar declares 10.77.0.10")
    assert not fatal
    assert "nodes: {fed1-ms: {address: 127.0.0.1}}" in text
    assert found(context_of("fed1-wk-b"), sdk, "the pillar declares") == []
    sdk.address = "192.0.2.1"
    ((_, text),) = found(context_of("fed1-ms"), sdk, "the pillar declares 10.77.0.10")
    assert "no longer has 192.0.2.1" in text


def test_a_port_that_the_swarm_was_not_made_with_is_named(
    table: Path, sdk: Docker, context_of: Contexts
) -> None:
    context = context_of("fed1-ms", swarm={"data_path_port": 7000})
    ((fatal, text),) = found(context, sdk, "UDP port 4789")
    assert not fatal
    assert "swarm: {data_path_port: 4789}" in text


def test_a_docker_that_cannot_do_swarm_is_fatal_before_it_joins(
    table: Path, sdk: Docker, context_of: Contexts
) -> None:
    sdk.manager, sdk.local_state, sdk.live_restore = False, "inactive", True
    ((fatal, _),) = found(context_of("fed1-wk-b"), sdk, "live-restore")
    assert fatal
