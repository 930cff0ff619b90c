"""This node's place in a Swarm: what Docker's words mean, and when a Swarm may be left."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.errors import Refused
from saltext_mip.swarm import local_node
from saltext_mip.swarm.errors import NotInSwarm, StillJoining
from saltext_mip.swarm.local_node import Certificate, LocalNode, joined, own_address, unfit
from tests.support.docker_sdk import Docker

MANAGER = "10.77.0.10"
OURS, THEIRS = "cluster1", "another"
NOW = datetime.now(UTC)


@pytest.fixture
def sdk() -> Docker:
    return Docker()


def certificate(role: str, cluster: str = OURS, *, days: float = 30) -> Certificate:
    return Certificate("mine", role, cluster, NOW + timedelta(days=days))


def node(
    state: str, *managers: str, own: str = "", role: str = "", cluster: str = OURS, **more: Any
) -> LocalNode:
    """What Docker reports; ``own``: this node's address, if it is among its managers; with a
    ``role``, there is a certificate."""
    remotes = {f"id-{host}": f"{host}:2377" for host in managers}
    if own:
        remotes["mine"] = f"{own}:2377"
    known = certificate(role, cluster) if role else None
    return LocalNode(
        state, id="mine", managers=remotes, **{"certificate": known, "on_disk": True, **more}
    )


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (node("inactive"), "the node is not in a Swarm"),
        (node("active", MANAGER), None),
        # by the Swarm's id, wherever its managers are
        (node("active", "192.168.0.1", role="worker"), None),
        # one that an operator promoted
        (LocalNode("active", id="mine", control=True, cluster=OURS), None),
        # no Swarm took it: nothing can be lost
        (node("pending", "10.1.1.1", error="refused"), "it could not join a Swarm (refused)"),
        # Docker names nobody of a Swarm that did not start: the certificate does
        (node("error", role="worker", error="gone"), "its Swarm no longer accepts it (gone)"),
        # a master that was installed anew is a Swarm of another id at the same address
        (
            node("error", MANAGER, role="worker", cluster="the old one", error="gone"),
            "its Swarm no longer accepts it (gone)",
        ),
    ],
)
def test_a_node_knows_whether_it_is_in_the_swarm(now: LocalNode, reason: str | None) -> None:
    assert joined(now, MANAGER, OURS) == reason


def test_an_expired_certificate_is_named_with_its_date() -> None:
    old = certificate("worker", days=-2)
    now = node("error", error="x509: certificate has expired", certificate=old)
    when = f"{old.expires:%Y-%m-%d %H:%M} UTC"
    found = joined(now, MANAGER, OURS)
    assert found == f"its Swarm no longer accepts it (its certificate expired on {when})"


@pytest.mark.parametrize(
    "now",
    [
        node("pending", MANAGER, role="worker"),
        node("pending", "10.1.1.1", role="worker", cluster=THEIRS),
        node("pending", MANAGER, on_disk=False),
        node("", on_disk=False),
    ],
)
def test_a_node_that_is_joining_is_left_to_join(now: LocalNode) -> None:
    with pytest.raises(StillJoining, match="Port 2377/tcp of") as caught:
        joined(now, MANAGER, OURS)
    assert not caught.value.permanent


def test_one_that_joins_and_that_its_manager_does_not_know_joins_again() -> None:
    for now in (node("pending", MANAGER, role="worker"), node("active", MANAGER, role="worker")):
        found = joined(now, MANAGER, OURS, unknown_to_manager=True)
        assert found == "the Swarm does not know this node"


def test_another_swarm_is_left_by_nobody_but_a_person() -> None:
    with pytest.raises(Refused, match=r"docker swarm leave \(.* are kept\)"):
        joined(node("active", "10.1.1.1", role="worker", cluster=THEIRS), MANAGER, OURS)


MANAGERS = [
    LocalNode("active", id="mine", control=True, cluster=THEIRS),
    node("active", control=True, cluster=THEIRS, own="10.1.1.2"),
    node("active", MANAGER, control=True, own="10.1.1.2"),
    node("error", "10.1.1.1", error="certificate expired", own="10.1.1.2"),
    node("error", role="manager", error="certificate expired"),
    node("error", role="manager", cluster=THEIRS),
    node("pending", own="10.1.1.2"),
    node("pending", role="manager"),
    node("locked"),
    node("locked", own="10.1.1.2"),
]


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("now", MANAGERS)
def test_no_manager_is_told_to_leave_its_swarm(now: LocalNode, *, again: bool) -> None:
    with pytest.raises(Refused) as caught:
        joined(now, MANAGER, OURS, unknown_to_manager=again)
    assert "swarm leave" not in str(caught.value)
    assert ("docker swarm unlock" in str(caught.value)) is (now.state == "locked")


@pytest.mark.parametrize(
    "now",
    [
        node("error", error="gone", on_disk=False),  # Docker's folder cannot be read
        node("error", role="worker", cluster=THEIRS, error="gone"),
        node("error", MANAGER, "10.1.1.1", role="worker", cluster=THEIRS, error="gone"),
        node("error", MANAGER, error="gone", on_disk=False),  # its role is not known
    ],
)
def test_what_is_not_proven_to_be_ours_is_not_left(now: LocalNode) -> None:
    with pytest.raises(Refused, match="openssl x509 -noout -subject") as caught:
        joined(now, MANAGER, OURS)
    assert "would be lost" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "manager"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("[fd00::1]", "fd00::1"),
        # a name that does not resolve here proves nothing
        ("10.0.0.1", "pusher.invalid"),
        ("127.0.0.1", "localhost"),
    ],
)
def test_a_worker_is_in_the_swarm_of_the_manager_that_is_declared(
    address: str, manager: str
) -> None:
    assert joined(node("active", address), manager) is None


@pytest.mark.parametrize(
    ("address", "manager"),
    [
        ("10.0.0.2", "10.0.0.1"),
        ("[fd00::2]", "fd00::1"),
        ("10.0.0.2", "fd00::1"),
        ("10.0.0.2", "localhost"),
    ],
)
def test_a_worker_in_the_swarm_of_another_manager_is_left_to_its_operator(
    address: str, manager: str
) -> None:
    with pytest.raises(Refused, match=f"not of {manager}"):
        joined(node("active", address), manager)


def test_what_docker_has_not_loaded_is_waited_for(sdk: Docker) -> None:
    sdk.next_states = ["", "pending", "pending"]
    slept: list[float] = []
    assert local_node.observe_loaded(sdk, sleep=slept.append).summary == "active"
    assert len(slept) == 3


@pytest.mark.parametrize(
    ("now", "summary"),
    [
        (LocalNode("active", control=True, cluster=OURS), "active"),
        # right after a restart a manager has no leader, and no Swarm's id
        (LocalNode("active", control=True), "starting"),
        (LocalNode("pending"), "starting"),
        (LocalNode(""), "starting"),
        (LocalNode("active"), "not a manager"),
        (LocalNode("inactive"), "inactive"),
        (LocalNode("locked"), "locked"),
    ],
)
def test_only_inactive_is_no_swarm(now: LocalNode, summary: str) -> None:
    assert now.summary == summary


def test_the_certificate_is_read_from_dockers_folder(sdk: Docker, tmp_path: Path) -> None:
    assert local_node.observe(sdk).certificate is None
    assert not local_node.observe(sdk).on_disk
    sdk.certify(tmp_path, role="", cluster="")
    assert local_node.observe(sdk).on_disk
    sdk.certify(tmp_path, role="worker", cluster=OURS)
    found = local_node.observe(sdk).certificate
    assert found is not None
    assert (found.node, found.role, found.cluster) == (sdk.node_id, "worker", OURS)
    (tmp_path / local_node.CERTIFICATE).write_bytes(b"-----BEGIN CERTIFICATE-----\nnonsense")
    assert local_node.observe(sdk).certificate is None
    assert not local_node.observe(sdk).on_disk, "what cannot be read proves nothing"


def test_an_expired_manager_is_told_to_keep_its_swarm(sdk: Docker, tmp_path: Path) -> None:
    sdk.local_state, sdk.error = "error", "x509: certificate has expired"
    sdk.certify(tmp_path, role="manager", cluster=OURS, days=-1)
    with pytest.raises(NotInSwarm, match="its certificate expired on") as caught:
        local_node.require_manager(local_node.observe(sdk))
    assert "Check the clock first" in str(caught.value)
    assert "Do not leave the Swarm" in str(caught.value)
    sdk.certify(tmp_path, role="manager", cluster=OURS, days=9)
    with pytest.raises(NotInSwarm, match=r"error: x509.*journalctl -u docker"):
        local_node.require_manager(local_node.observe(sdk))


def test_docker_gets_an_address_and_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    places: dict[str, list[str]] = {
        "ms.example": ["127.0.1.1", "fd00::7", "10.0.0.7"],
        "own": ["127.0.1.1", "::1"],
    }

    def resolved(name: str, *_: Any, **__: Any) -> list[Any]:
        if name not in places:
            raise socket.gaierror
        return [(0, 0, 0, "", (address, 2377)) for address in places[name]]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    assert own_address("10.0.0.1") == "10.0.0.1"
    assert own_address("fd00::1") == "fd00::1"
    assert own_address("ms.example") == "10.0.0.7"
    for name in ("own", "unknown.example"):
        with pytest.raises(Refused, match="declare its IP address"):
            own_address(name)
    with pytest.raises(Refused, match="on one link only"):
        own_address("fe80::1%eth0")


def test_ipv6_is_listened_on_where_it_is_declared(sdk: Docker) -> None:
    local_node.initialise(sdk, "fd00::1", 4790)
    options = {"advertise_addr": "fd00::1", "listen_addr": "[::]:2377", "data_path_port": 4790}
    assert sdk.names("init") == [options]


def test_a_docker_that_cannot_do_swarm_is_named(sdk: Docker) -> None:
    assert unfit(sdk.info()) is None
    sdk.live_restore = True
    assert "systemctl reload docker" in (unfit(sdk.info()) or "")
    sdk.security.append("name=rootless")
    assert "rootless" in (unfit(sdk.info()) or "")


def test_the_address_of_a_manager_is_compared_with_the_declared_one(sdk: Docker) -> None:
    now = local_node.observe(sdk)
    assert local_node.differing_address(now, "10.77.0.10") is None
    assert local_node.differing_address(now, "10.0.0.1") == "10.77.0.10"
    sdk.local_state = "locked"
    assert local_node.differing_address(local_node.observe(sdk), "10.0.0.1") is None
