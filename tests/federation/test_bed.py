"""The bed itself: hosts that are hosts, faults that break and mend, power that goes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import docker
import pytest

from tests.support.bed import Bed
from tests.support.bed.faults import FAULTS, SLOW, UnknownFault
from tests.support.bed.host import HostOff
from tests.support.bed.images import parts
from tests.support.bed.wait import for_docker, for_minions, until

WORKER = "fed1-wk-h2"


def reaches(bed: Bed, source: str, target: str) -> bool:
    """Whether a TCP connection to the target's sshd comes about."""
    program = f"import socket; socket.create_connection(({target!r}, 22), 1)"
    return bed.run(source, "python3", "-c", program, check=False).returncode == 0


def kept_pid(bed: Bed, service: str) -> Callable[[], int | None]:
    return lambda: bed.host(WORKER).service_pid(service)


def test_every_host_has_a_name_an_address_and_processes_of_its_own(bed: Bed) -> None:
    assert bed.hosts[:3] == ("pusher", "fed1-ms", "fed1-ui")
    assert bed.named("worker") == ("fed1-wk-h1", "fed1-wk-h2", "fed1-wk-h3")
    for spec in bed.specs:
        assert bed.run(spec.name, "hostname").stdout.strip() == spec.name
        assert spec.address in bed.run(spec.name, "ip", "address", "show", "eth0").stdout
        assert "init.py" in bed.run(spec.name, "ps", "-o", "args=", "-p", "1").stdout


def test_hosts_reach_each_other_by_name_and_nothing_else(bed: Bed) -> None:
    assert reaches(bed, "fed1-wk-h1", "fed1-ms")
    assert reaches(bed, "fed1-ui", "pusher")
    assert "default" not in bed.run("fed1-ui", "ip", "route").stdout


def test_the_operator_s_commands_are_on_every_host(bed: Bed) -> None:
    for host in bed.hosts:
        for command in ("docker", "salt-call", "tmux", "ssh", "python3"):
            assert bed.run(host, "which", command).stdout.startswith("/usr/")
        assert bed.run(host, "docker", "info", "--format", "{{.Name}}").stdout.strip() == host


def test_the_pusher_knows_its_federation(bed: Bed) -> None:
    said = bed.run("pusher", "salt-run", "mip.nodes", "federation=fed1", "--out=json")
    assert set(json.loads(said.stdout)["nodes"]) == set(bed.hosts) - {"pusher"}


def test_input_output_and_exit_code_pass_through(bed: Bed) -> None:
    assert bed.run(WORKER, "cat", input=b"\x00\xff\n").stdout == b"\x00\xff\n"
    assert bed.run(WORKER, "sh", "-c", "exit 7", check=False).returncode == 7


def test_the_pusher_opens_the_operator_s_account_on_the_nodes(bed: Bed) -> None:
    said = bed.run("pusher", "ssh", "-o", "BatchMode=yes", f"mipadmin@{WORKER}", "hostname; id -nG")
    assert said.stdout.split() == [WORKER, "mipadmin", "docker"]
    refused = bed.run(WORKER, "ssh", "-o", "BatchMode=yes", "mipadmin@fed1-ms", "true", check=False)
    assert refused.returncode == 255


def test_files_are_written_as_the_operator_s(bed: Bed) -> None:
    bed.write(WORKER, "/data/fed1-other/a folder/x.csv", b"dataset\n")
    try:
        owner = bed.run(WORKER, "stat", "-c", "%U:%G", "/data/fed1-other/a folder/x.csv")
        assert owner.stdout == "mipadmin:mipadmin\n"
    finally:
        bed.run(WORKER, "rm", "-r", "/data/fed1-other")
    with pytest.raises(ValueError, match="/etc/hosts is not kept"):
        bed.write(WORKER, "/etc/hosts", b"")


def test_a_host_sees_nothing_of_the_others_disks(bed: Bed) -> None:
    assert bed.run(WORKER, "ls", "-A", str(bed.layout.root)).stdout == ""


def test_real_names_pull_and_say_what_they_are(bed: Bed) -> None:
    client = bed.docker("fed1-ui")
    for part in parts.all_parts():
        for name in part.images:
            repository, _, tag = name.partition(":")
            image = client.images.pull(repository, tag=tag)
            assert image.labels == {parts.STAND_IN: part.stand_in}


def test_a_missing_image_is_missing(bed: Bed) -> None:
    with pytest.raises(docker.errors.APIError, match="registry-1"):
        bed.docker("fed1-ui").images.pull("hbpmip/exareme", tag="99.9")


def test_a_cut_cable_cuts_and_mends(bed: Bed) -> None:
    bed.fault(WORKER, "cut")
    try:
        assert not reaches(bed, "pusher", WORKER)
        assert bed.run(WORKER, "docker", "info").returncode == 0
    finally:
        bed.fault(WORKER, "heal")
    until(lambda: reaches(bed, "pusher", WORKER), seconds=20, what="the cable")


def test_a_host_without_power_loses_its_processes_and_keeps_its_disk(bed: Bed) -> None:
    bed.write(WORKER, "/data/kept", b"as it was\n")
    bed.run(WORKER, "touch", "/tmp/lost")
    bed.run(WORKER, "sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &")
    bed.docker(WORKER).containers.run(
        "hbpmip/exareme:24.3.0", name="before", entrypoint=["sleep", "1000"], detach=True
    )
    bed.fault(WORKER, "poweroff")
    try:
        with pytest.raises(HostOff, match=f"{WORKER} is powered off"):
            bed.run(WORKER, "true")
        assert not reaches(bed, "pusher", WORKER)
        # its number may be another process's meanwhile
        (bed.layout.run(WORKER) / "pid").write_text(str(os.getpid()))
        assert bed.host(WORKER).pid is None
    finally:
        bed.fault(WORKER, "poweron")
    for_docker(lambda: bed.docker(WORKER))
    assert bed.run(WORKER, "cat", "/data/kept").stdout == "as it was\n"
    assert bed.run(WORKER, "test", "-e", "/tmp/lost", check=False).returncode == 1
    assert bed.run(WORKER, "pgrep", "-x", "sleep", check=False).stdout == ""
    assert bed.docker(WORKER).containers.get("before").status == "exited"
    bed.docker(WORKER).containers.get("before").remove()
    for_minions(bed.host("pusher"), [WORKER])
    bed.run(WORKER, "rm", "/data/kept")


@pytest.mark.parametrize("service", ["dockerd", "minion"])
def test_a_killed_service_is_started_again(bed: Bed, service: str) -> None:
    pid = kept_pid(bed, service)
    before = pid()
    bed.fault(WORKER, f"kill-{service}")
    until(lambda: pid() != before, seconds=5, what=f"{service}'s end")
    until(lambda: pid() not in (None, before), seconds=30, what=f"{service}'s return")
    if service == "dockerd":
        for_docker(lambda: bed.docker(WORKER))
    else:
        for_minions(bed.host("pusher"), [WORKER])


def test_a_stopped_service_stays_down_until_it_is_started(bed: Bed) -> None:
    bed.fault(WORKER, "stop-dockerd")
    until(lambda: kept_pid(bed, "dockerd")() is None, seconds=5, what="dockerd's end")
    time.sleep(6)  # longer than a service that was only killed stays away
    assert kept_pid(bed, "dockerd")() is None
    bed.fault(WORKER, "start-dockerd")
    for_docker(lambda: bed.docker(WORKER))


def test_the_data_disk_goes_and_comes_back(bed: Bed) -> None:
    bed.write(WORKER, "/data/kept", b"")
    bed.fault(WORKER, "unmount-data")
    try:
        assert "kept" not in bed.run(WORKER, "ls", "/data").stdout
    finally:
        bed.fault(WORKER, "mount-data")
    assert "kept" in bed.run(WORKER, "ls", "/data").stdout
    bed.run(WORKER, "rm", "/data/kept")


def test_an_unknown_fault_names_those_that_are_known(bed: Bed) -> None:
    with pytest.raises(UnknownFault, match="poweroff") as unknown:
        bed.fault(WORKER, "explode")
    assert all(fault in str(unknown.value) for fault in FAULTS)


def test_a_node_installed_again_has_an_engine_without_state(bed: Bed) -> None:
    before = bed.docker(WORKER).info()["ID"]
    bed.fault(WORKER, "wipe-docker")
    for_docker(lambda: bed.docker(WORKER))
    after = bed.docker(WORKER)
    assert after.info()["ID"] != before
    assert after.images.list() == []
    for_minions(bed.host("pusher"), [WORKER])


def test_the_pillar_can_be_declared_anew(bed: Bed) -> None:
    def declared() -> object:
        said = bed.run("pusher", "salt-run", "mip.nodes", "federation=fed1", "--out=json")
        return set(json.loads(said.stdout)["nodes"])

    bed.declare(lambda federation: federation["nodes"].pop(WORKER))
    try:
        assert declared() == set(bed.hosts) - {"pusher", WORKER}
    finally:
        bed.declare()
    assert declared() == set(bed.hosts) - {"pusher"}


def test_a_blank_bed_has_no_swarm_no_data_and_no_faults(bed: Bed) -> None:
    bed.docker("fed1-ms").swarm.init(advertise_addr=bed.host("fed1-ms").spec.address)
    bed.write("fed1-ms", "/data/fed1/dementia/x.csv", b"dataset\n")
    bed.fault(WORKER, "unmount-data")
    bed.fault("fed1-wk-h1", "cut")
    bed.fault("fed1-wk-h3", "poweroff")

    bed.blank()

    for host in bed.hosts:
        assert bed.docker(host).info()["Swarm"]["LocalNodeState"] == "inactive"
        assert bed.docker(host).containers.list(all=True) == []
    assert bed.run("fed1-ms", "ls", "-A", "/data/fed1").stdout == ""
    assert bed.run(WORKER, "stat", "-c", "%U", "/data/fed1").stdout == "mipadmin\n"
    assert reaches(bed, "pusher", "fed1-wk-h1")
    assert reaches(bed, "pusher", "fed1-wk-h3")


def test_a_slow_cable_takes_its_time_both_ways(bed: Bed) -> None:
    def round_trip() -> float:
        program = (
            f"import socket, time; began = time.monotonic();"
            f"socket.create_connection(({WORKER!r}, 22), 20); print(time.monotonic() - began)"
        )
        return float(bed.run("pusher", "python3", "-c", program).stdout)

    bed.fault(WORKER, "slow")
    try:
        assert round_trip() >= 2 * SLOW
    finally:
        bed.fault(WORKER, "heal")
    assert reaches(bed, "pusher", WORKER)
    for_minions(bed.host("pusher"), [WORKER])
