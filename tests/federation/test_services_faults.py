"""What becomes of services when hosts, engines and cables break; and that no secret gets out."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.swarm import local_node
from tests.federation.deployed import MASTER, UI, Deployed
from tests.support.bed import Bed
from tests.support.bed.layout import PUSHER
from tests.support.bed.wait import for_docker, until

KEYSTORE = f"{MASTER}_exareme-keystore"
WORKER = "fed1-wk-h2"
SERVICE = f"{WORKER}_exareme"


@pytest.fixture(scope="module")
def fed(bed: Bed) -> Deployed:
    """Deployed, and serving; nothing follows by itself."""
    fed = Deployed(bed)
    fed.well("suspend", "reason=faults are tested")
    fed.fill()
    fed.well("consolidate")
    fed.well("compile")
    fed.well("deploy")
    fed.serves()
    return fed


# of a host whose power is gone: the Salt master may hold its connection for minutes
GONE = {"ConnectionGone", "NodeSilent"}


def ready(fed: Deployed, node: str, state: str) -> bool:
    nodes = fed.bed.docker(MASTER).api.nodes()
    return any(
        each["Description"]["Hostname"] == node and each["Status"]["State"] == state
        for each in nodes
    )


def test_a_node_that_is_powered_off_is_at_no_moment_one_of_one(fed: Deployed) -> None:
    fed.bed.fault(WORKER, "poweroff")
    begin = time.monotonic()
    try:
        shown = []
        while time.monotonic() - begin < 25:
            value = fed.mip("status").value
            shown.append(value["services"][SERVICE]["replicas"])
            assert value["services"][SERVICE]["serving"] is False
        assert set(shown) == {"0/1"}
        assert value["ok"] is False
        assert value["health"] == "Degraded"
        wrong = [problem for problem in value["problems"] if problem["node"] == WORKER]
        rules = {problem["rule"] for problem in wrong}
        assert rules - GONE == {"ServiceNotServing"}
        assert len(rules & GONE) == 1
        assert {problem["contact"] for problem in wrong} == {"it@h2.example"}
        reachable = next(c for c in value["conditions"] if c["type"] == "WorkersReachable")
        assert reachable["reason"] in rules & GONE
        assert value["services"]["fed1-wk-h1_exareme"]["replicas"] == "1/1"
    finally:
        fed.bed.fault(WORKER, "poweron")
    for_docker(lambda: fed.bed.docker(WORKER))
    fed.minions()
    fed.serves()
    assert fed.deploys()["services"][SERVICE]["replicas"] == "1/1"


def test_a_worker_that_was_cut_off_serves_again(fed: Deployed) -> None:
    fed.bed.fault(WORKER, "cut")
    try:
        until(lambda: ready(fed, WORKER, "down"), seconds=60, what="the Swarm's notice")
        value = fed.mip("status").value
        assert value["services"][SERVICE]["replicas"] == "0/1"
        assert WORKER not in fed.active()
    finally:
        fed.bed.fault(WORKER, "heal")
    fed.minions()
    fed.serves()
    assert fed.deploys()["services"][SERVICE]["serving"] is True


def test_a_dockerd_that_was_killed_serves_again(fed: Deployed) -> None:
    fed.bed.fault(WORKER, "kill-dockerd")
    for_docker(lambda: fed.bed.docker(WORKER))
    assert fed.deploys()["services"][SERVICE]["serving"] is True
    fed.serves()


def test_a_worker_without_docker_is_named_and_the_others_go_on(fed: Deployed) -> None:
    fed.bed.fault(WORKER, "stop-dockerd")
    try:
        ran = fed.mip("deploy", "dry_run=True")
        assert "Docker does not respond" in ran.value["nodes"][WORKER]["error"]
        assert ran.value["nodes"]["fed1-wk-h1"]["failed"] is False
    finally:
        fed.bed.fault(WORKER, "start-dockerd")
    for_docker(lambda: fed.bed.docker(WORKER))
    fed.serves()


def test_a_manager_that_was_rebooted_serves_again(fed: Deployed) -> None:
    fed.bed.fault(MASTER, "poweroff")
    fed.bed.fault(MASTER, "poweron")
    for_docker(lambda: fed.bed.docker(MASTER))
    fed.minions()
    fed.deploys()
    fed.serves()


def test_a_keystore_that_started_by_itself_is_followed_by_the_engines(fed: Deployed) -> None:
    fed.docker("service", "update", "--detach", "--force", KEYSTORE)
    until(lambda: fed.active() == set(), seconds=60, what="what it forgot")
    # only when it is sure that the engines will not come back by themselves
    fed.deploys()
    fed.serves()


def test_a_worker_that_was_installed_again_joins_by_its_state_alone(fed: Deployed) -> None:
    before = {each["ID"] for each in fed.bed.docker(MASTER).api.nodes()}
    fed.bed.fault(WORKER, "wipe-docker")
    for_docker(lambda: fed.bed.docker(WORKER))
    fed.minions()
    states = fed.apply(WORKER, "mip.worker")
    assert [of["comment"] for of in states.values() if of["result"] is False] == []
    own = fed.bed.docker(WORKER).info()["Swarm"]["NodeID"]
    assert own not in before
    fed.deploys()
    fed.serves()

    def entries() -> list[str]:
        nodes = fed.bed.docker(MASTER).api.nodes()
        return [each["ID"] for each in nodes if each["Description"]["Hostname"] == WORKER]

    until(lambda: ready(fed, WORKER, "down") or len(entries()) == 1, seconds=60, what="its notice")
    fed.deploys()
    assert entries() == [own]


def test_no_secret_is_in_a_job_an_event_a_log_or_a_command_line(
    fed: Deployed, tmp_path: Path
) -> None:
    command = ("salt-run", "-l", "quiet", "state.event", "count=-1", "pretty=False")
    heard = tmp_path / "events"
    with heard.open("wb") as file:
        bus = fed.bed.host(PUSHER).enter(*command)
        listener = subprocess.Popen(bus, stdout=file, stderr=subprocess.DEVNULL)

    def listens() -> bool:
        fed.mip("check_nodes")
        return heard.stat().st_size > 0

    until(listens, seconds=60, what="the listener on the bus")
    swarm = fed.bed.docker(MASTER).swarm
    swarm.reload()
    canaries = [swarm.attrs["JoinTokens"]["Worker"], "a password of the bed's", "portal's own"]
    lines: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended meanwhile
                    lines.append(path.read_text(errors="replace"))

    # the machine sees the command lines of every host
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        fed.bed.docker(WORKER).swarm.leave(force=True)
        by_hand = ("--detach", "--env-add", "DB_ADMIN_PASSWORD=x", "create_dbs")
        fed.docker("service", "update", *by_hand)
        places = {"return": fed.mip("deploy").text, "status": fed.mip("status").text}
        places["states"] = json.dumps([fed.apply(MASTER, "mip.master"), fed.apply(UI, "mip.ui")])
    finally:
        over.set()
        watcher.join()
        # in the host's own process namespace
        fed.bed.run(PUSHER, "pkill", "-KILL", "-f", "state.event", check=False)
        listener.wait(timeout=30)
    places["events"] = heard.read_text(errors="replace")
    places["command lines"] = "\n".join(lines)
    for host in fed.bed.hosts:
        for log in fed.bed.path(host, "/var/log").rglob("*"):
            if log.is_file():
                places[f"{host}: {log.name}"] = log.read_text(errors="replace")
    jobs = fed.bed.path(PUSHER, "/var/cache/salt/master/jobs")
    places["jobs"] = "".join(
        path.read_bytes().decode("latin-1") for path in jobs.rglob("*") if path.is_file()
    )
    assert "salt/job" in places["events"]
    assert "state.apply" in places["jobs"]  # the operator's own: those of ours are removed
    assert "salt-run" in places["command lines"]
    found = [
        (place, number)
        for place, text in places.items()
        for number, canary in enumerate(canaries)
        if canary in text
    ]
    assert found == []
    # the token does not stay in the pillar that the Salt master keeps of its minions
    cache = fed.bed.path(PUSHER, "/var/cache/salt/master")
    kept = [
        str(path)
        for path in cache.rglob("*")
        if path.is_file() and canaries[0].encode() in path.read_bytes()
    ]
    assert kept == []
    fed.deploys()
    fed.serves()


def conditions(fed: Deployed) -> dict[str, Any]:
    return {each["type"]: each for each in fed.mip("status").value["conditions"]}


@contextmanager
def firewall(fed: Deployed, *target: str) -> Iterator[None]:
    """The ui's node treats connections to port 80 so, and has no more rules of Docker for it."""
    before = fed.bed.run(UI, "iptables-save").stdout
    fed.bed.run(UI, "iptables", "-t", "nat", "-F")
    fed.bed.run(UI, "iptables", "-I", "INPUT", "-p", "tcp", "--dport", "80", "-j", *target)
    try:
        yield
    finally:
        fed.bed.run(UI, "iptables-restore", input=before)


def test_a_port_that_a_firewall_took_is_named(fed: Deployed) -> None:
    address = fed.bed.host(UI).spec.address
    assert fed.mip("status").value["services"]["frontend"]["serving"] is True
    with firewall(fed, "REJECT", "--reject-with", "tcp-reset"):
        served = conditions(fed)["Served"]
        assert (served["status"], served["reason"]) == ("False", "PortRefused")
        assert served["message"].endswith(f"(port 80 of {address} refuses connections)")
    with firewall(fed, "DROP"):
        served = conditions(fed)["Served"]
        assert (served["status"], served["reason"]) == ("Unknown", "PortSilent")
        assert f"port 80 of {address} gave no response" in served["message"]
        # nobody waits for what a firewall on the way may have taken
        assert fed.mip("deploy").code == 0
    assert conditions(fed)["Served"]["status"] == "True"


def test_a_database_that_does_not_answer_is_named(fed: Deployed) -> None:
    """Over the Swarm's network: it publishes no port."""
    labels = {"label": "mip.service=portalbackend_db"}
    (database,) = fed.bed.docker(UI).containers.list(filters=labels)
    database.pause()
    try:
        served = conditions(fed)["Served"]
        assert served["status"] == "Unknown"
        assert "portalbackend_db: port 5433 over the network" in served["message"]
    finally:
        database.unpause()
    assert conditions(fed)["Served"]["status"] == "True"


def test_a_locked_swarm_is_unlocked_and_nothing_else(fed: Deployed) -> None:
    swarm = fed.bed.docker(MASTER).swarm
    services = set(fed.tasks())
    swarm.update(autolock_managers=True)
    key = swarm.get_unlock_key()["UnlockKey"]
    fed.bed.fault(MASTER, "kill-dockerd")
    for_docker(lambda: fed.bed.docker(MASTER))

    def is_locked() -> bool:
        return bool(fed.bed.docker(MASTER).info()["Swarm"]["LocalNodeState"] == "locked")

    until(is_locked, seconds=60, what="the lock")
    found = conditions(fed)
    assert {found[name]["reason"] for name in ("Deployed", "Served")} == {"SwarmLocked"}
    for arguments in (("dry_run=True",), ()):
        ran = fed.mip("deploy", *arguments)
        assert ran.code == 1
        assert "docker swarm unlock" in ran.text
        assert "leave" not in ran.text
        assert "with every service" not in ran.text
    fed.bed.docker(MASTER).swarm.unlock(key)
    until(lambda: ready(fed, WORKER, "ready"), seconds=90, what="the Swarm")
    fed.bed.docker(MASTER).swarm.update(autolock_managers=False)
    fed.deploys()
    fed.serves()
    assert set(fed.tasks()) == services


def test_a_swarm_of_others_is_kept(fed: Deployed) -> None:
    """The last one: what is left of it goes with the bed."""
    root = fed.bed.path(WORKER, "/var/lib/docker")
    cluster = fed.bed.docker(MASTER).info()["Swarm"]["Cluster"]["ID"]
    known = local_node.read_certificate(root)
    assert known is not None
    assert (known.role, known.cluster) == ("worker", cluster)
    theirs = fed.bed.docker(WORKER)
    theirs.swarm.leave(force=True)
    theirs.swarm.init(advertise_addr=fed.bed.host(WORKER).spec.address)
    assert getattr(local_node.read_certificate(root), "role", "") == "manager"
    ran = fed.mip("deploy", "dry_run=True")
    assert ran.code == 1
    assert "Docker manages a Swarm of its own" in ran.value["nodes"][WORKER]["error"]
    assert "leave" not in ran.value["nodes"][WORKER]["error"]
    assert ran.value["nodes"]["fed1-wk-h1"]["failed"] is False
    states = fed.apply(WORKER, "mip.worker")
    (comment,) = [of["comment"] for of in states.values() if of["result"] is False]
    assert "Docker manages a Swarm of its own" in comment
    assert theirs.info()["Swarm"]["ControlAvailable"] is True
