"""What becomes of services when hosts, engines and cables break; and that no secret gets out."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

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
        assert {problem["rule"] for problem in wrong} == {"WorkerMissing", "ServiceNotServing"}
        assert {problem["contact"] for problem in wrong} == {"it@h2.example"}
        reachable = next(c for c in value["conditions"] if c["type"] == "WorkersReachable")
        assert reachable["reason"] == "WorkerMissing"
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
    assert "federation_node.apply_states" in places["jobs"]
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
