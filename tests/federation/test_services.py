"""Services on a real Swarm of several hosts: deployed, kept as declared, broken and mended.

The tests go on from one another: each leaves the federation serving what was consolidated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.federation.deployed import ENGINE, MASTER, UI, Deployed
from tests.support.bed import Bed
from tests.support.bed.wait import for_docker, until

KEYSTORE = f"{MASTER}_exareme-keystore"
ENGINE_MASTER = f"{MASTER}_exareme-master"
SECRETS = "/srv/pillar/mip/fed1-secrets.sls"
CANARY = "canary-3f9c-password"
PRINT_MTU = "print(open('/sys/class/net/eth0/mtu').read().strip())"


@pytest.fixture(scope="module")
def fed(bed: Bed) -> Iterator[Deployed]:
    """Data on every node, consolidated and compiled; nothing is deployed, or follows by itself."""
    fed = Deployed(bed)
    secrets = bed.path("pusher", SECRETS)
    before = secrets.read_text()
    secrets.write_text(before.replace("a password of the bed's", CANARY))
    fed.well("suspend", "reason=services are tested")
    fed.fill()
    fed.well("consolidate")
    fed.well("compile")
    yield fed
    secrets.write_text(before)


def failures(states: dict[str, Any]) -> dict[str, str]:
    return {name: of["comment"] for name, of in states.items() if of["result"] is False}


def changes(states: dict[str, Any]) -> dict[str, Any]:
    return {thing: each for of in states.values() for thing, each in of["changes"].items()}


def test_it_refuses_without_a_password_and_names_the_key(fed: Deployed) -> None:
    secrets = fed.bed.path("pusher", SECRETS)
    text = secrets.read_text()
    secrets.write_text(text.replace("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_OF_OLD"))
    ran = fed.mip("deploy")
    secrets.write_text(text)
    assert ran.code == 1
    assert "mip:federations:fed1:services:portalbackend_db:env:POSTGRES_PASSWORD" in ran.text


def test_beside_an_old_installation_it_refuses_and_names_what_is_in_the_way(fed: Deployed) -> None:
    label = "com.docker.compose.project=mipfederation"
    run = ("run", "-d", "--name", "old_portal", "--label", label)
    folder = "/opt/mip-deployment/Federation/.stored_data/portalbackenddb"
    image = "hbpmip/portal-frontend:8.0.2"
    # without these the frontend does not start, as the real one
    needs = ("-e", "GALAXY_HOST=http://galaxy", "-e", "GALAXY_PATH=/nativeGalaxy")
    needs += (
        "-e",
        "PORTAL_BACKEND_SERVER=portalbackend:8080",
        "-e",
        "DATACATALOGUE_SERVER=http://x",
    )
    fed.docker(*run, *needs, "-p", "80:80", "-v", f"{folder}:/old", image, host=UI)
    fed.bed.path(UI, f"{folder}/experiments").write_text("kept")
    ran = fed.mip("deploy", "node=ui", "dry_run=True")
    fed.docker("rm", "-f", "old_portal", host=UI)
    said = ran.value["nodes"][UI]["error"]
    assert "container old_portal, which mip did not create, uses" in said
    assert "docker compose -p mipfederation down" in said
    assert fed.bed.path(UI, f"{folder}/experiments").read_text() == "kept"
    fed.bed.path(UI, f"{folder}/experiments").unlink()


def test_from_nothing_it_serves_what_was_consolidated(fed: Deployed) -> None:
    ran = fed.mip("deploy")
    print(f"\ndeploy from nothing: {ran.seconds:.1f} s")
    assert ran.code == 0, ran.text
    assert ran.value["changed"] is True
    assert {name: of["replicas"] for name, of in ran.value["services"].items()} == dict.fromkeys(
        [
            KEYSTORE,
            ENGINE_MASTER,
            *(f"{worker}_exareme" for worker in fed.workers),
            "portalbackend_db",
            "create_dbs",
            "frontend",
        ],
        "1/1",
    )
    assert all(of["serving"] for of in ran.value["services"].values())
    fed.serves()
    # engines that were made just now have seen it
    assert fed.well("refresh")["restarted"] == []
    page = fed.bed.run(
        "pusher", "curl", "-sf", f"http://{fed.bed.host(UI).spec.address}/pathologies.json"
    )
    assert json.loads(page.stdout)[0]["code"] == "dementia"
    namespaces = fed.docker("stack", "ls", "--format", "{{.Name}}").split()
    assert sorted(namespaces) == sorted(fed.nodes)
    status = fed.mip("status", "check=True")
    said = {c["type"]: (c["status"], c["reason"]) for c in status.value["conditions"]}
    # Ready is false, for it is suspended
    assert {kind for kind, (state, _) in said.items() if state != "True"} == {"Ready"}, said
    assert (status.value["sync"], status.value["health"]) == ("Synced", "Suspended")
    assert status.code == 1


def test_again_it_changes_nothing_and_replaces_no_task(fed: Deployed) -> None:
    tasks = fed.tasks()
    ran = fed.mip("deploy")
    print(f"\ndeploy with nothing to do: {ran.seconds:.1f} s")
    assert ran.code == 0, ran.text
    assert ran.value["changed"] is False
    assert fed.tasks() == tasks


@pytest.mark.parametrize(
    ("node", "sls"), [(MASTER, "mip.master"), (UI, "mip.ui"), ("fed1-wk-h1", "mip.worker")]
)
def test_states_that_are_applied_again_change_nothing(fed: Deployed, node: str, sls: str) -> None:
    fed.apply(node, sls)
    tasks = fed.tasks()
    for arguments in ((), ("test=True",)):
        states = fed.apply(node, sls, *arguments)
        assert failures(states) == {}
        assert changes(states) == {}
        assert {of["result"] for of in states.values()} == {True}
    assert fed.tasks() == tasks


def test_what_is_changed_by_hand_is_put_right_and_nothing_else_is_touched(fed: Deployed) -> None:
    gone, changed = "frontend", "fed1-wk-h2_exareme"
    fed.docker("service", "create", "--detach", "--name", "foreign", "--replicas", "0", ENGINE)
    foreign = fed.spec("foreign")
    fed.docker("service", "update", "--detach", "--env-add", "LOG_LEVEL=DEBUG", changed)
    fed.docker("service", "update", "--detach", "--limit-memory", "300m", changed)
    fed.docker("service", "update", "--detach", "--label-rm", "mip.federation", KEYSTORE)
    fed.docker("service", "rm", gone)
    node = fed.bed.docker(UI).info()["Swarm"]["NodeID"]
    fed.docker("node", "update", "--label-rm", "name", node)
    before = fed.tasks()

    would = fed.apply(MASTER, "mip.master", "test=True")["mip-services-fed1"]
    assert would["result"] is None
    said = {thing: each["old"] for thing, each in would["changes"].items()}
    assert said[gone] == "it does not exist"
    assert "env LOG_LEVEL differs: DEBUG -> INFO" in said[changed]
    assert "memory differs: 314572800 -> no limit" in said[changed]
    assert said[KEYSTORE] == "label mip.federation is missing"
    assert said[f"Swarm node {UI}"] == f"label name differs: none -> {UI}"
    assert len(said) == 4
    assert fed.tasks() == before

    did = fed.apply(MASTER, "mip.master")
    assert failures(did) == {}
    assert changes(did) == would["changes"]
    assert fed.apply(MASTER, "mip.master", "test=True")["mip-services-fed1"]["changes"] == {}
    assert fed.spec("foreign") == foreign
    fed.docker("service", "rm", "foreign")
    # a label of the service alone replaces no task
    assert fed.tasks()[KEYSTORE] == before[KEYSTORE]
    fed.serves()


def test_what_an_operator_stopped_stays_stopped_until_it_is_started(fed: Deployed) -> None:
    service = "fed1-wk-h1_exareme"
    stopped = fed.well("stop", "node=wk1")
    assert stopped["services"][service]["replicas"] == "0/0"
    fed.apply(MASTER, "mip.master")
    again = fed.well("deploy")
    assert again["services"][service]["replicas"] == "0/0"
    assert again["services"][ENGINE_MASTER]["replicas"] == "1/1"
    until(lambda: "fed1-wk-h1" not in fed.active(), seconds=60, what="its absence")
    served = next(c for c in fed.mip("status").value["conditions"] if c["type"] == "Served")
    assert (served["status"], served["reason"]) == ("True", "Stopped")
    started = fed.well("start", "node=wk1")
    assert started["services"][service]["replicas"] == "1/1"
    fed.serves()


def test_what_an_operator_removed_stays_away_until_it_is_deployed(fed: Deployed) -> None:
    fed.well("remove", "node=ui")
    # it waits until the containers have ended, not only for the Swarm's word
    assert fed.bed.docker(UI).containers.list() == []
    fed.apply(MASTER, "mip.master")
    names = {service.name for service in fed.bed.docker(MASTER).services.list()}
    assert not names & {"frontend", "portalbackend_db"}
    assert ENGINE_MASTER in names
    back = fed.well("deploy")
    assert back["services"]["frontend"]["replicas"] == "1/1"


def test_workers_change_one_after_the_other(fed: Deployed) -> None:
    verbose = {"LOG_LEVEL": "DEBUG"}
    fed.bed.declare(lambda value: value["services"]["exareme"]["env"].update(verbose))
    with fed.watched() as away:
        ran = fed.mip("deploy")
    assert ran.code == 0, ran.text
    assert set().union(*away) == set(fed.workers), "each was replaced, and that was seen"
    assert max(map(len, away)) == 1
    for worker in fed.workers:
        container = fed.spec(f"{worker}_exareme")["TaskTemplate"]["ContainerSpec"]
        assert "LOG_LEVEL=DEBUG" in container["Env"]
    fed.serves()


def test_a_missing_image_is_named_and_the_rest_goes_on(fed: Deployed) -> None:
    image = "hbpmip/portal-frontend:0.0.0"
    fed.bed.declare(lambda value: value.update(images={"frontend": image}))
    ran = fed.mip("deploy")
    assert ran.code == 1
    frontend = ran.value["services"]["frontend"]
    assert frontend["replicas"] == "0/1"
    assert "No such image: hbpmip/portal-frontend:0.0.0" in frontend["error"]
    assert ran.value["services"][ENGINE_MASTER]["serving"] is True
    served = next(c for c in fed.mip("status").value["conditions"] if c["type"] == "Served")
    assert served["reason"] == "ImagePullFailed"
    fed.bed.declare()
    fed.well("deploy")
    fed.serves()


def test_an_image_is_changed_for_another(fed: Deployed) -> None:
    newer = "hbpmip/exareme:24.5.1"
    fed.bed.declare(lambda value: value.update(images={"exareme": newer}))
    plan = fed.well("deploy", "dry_run=True")["plan"]
    reasons = {item["thing"]: item["reason"] for item in plan}
    assert reasons[ENGINE_MASTER] == f"image differs: {ENGINE} -> {newer} -> update"
    assert len(plan) == 1 + len(fed.workers)
    value = fed.well("deploy")
    assert value["services"]["fed1-wk-h1_exareme"]["image"] == newer
    fed.serves()  # and the tests below go on with it, until one declares something else


def test_two_deployments_at_once_come_to_the_same(fed: Deployed) -> None:
    fed.docker("service", "rm", "frontend")
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: fed.mip("deploy"), range(2)))
    assert [run.code for run in runs] == [0, 0], "".join(run.text for run in runs)
    assert sorted(run.value["changed"] for run in runs) == [False, True]
    assert len(fed.bed.docker(MASTER).api.services(filters={"name": "frontend"})) == 1


def test_engines_follow_a_keystore_that_starts_again(fed: Deployed) -> None:
    before = fed.tasks()
    fed.well("restart", "node=ms")
    after = fed.tasks()
    engines = [KEYSTORE, ENGINE_MASTER, *(f"{worker}_exareme" for worker in fed.workers)]
    assert [name for name in engines if before[name] == after[name]] == []
    assert after["portalbackend_db"] == before["portalbackend_db"]
    fed.serves()


def test_a_refresh_is_served_by_engines_that_started_after_it(fed: Deployed) -> None:
    worker = fed.workers[0]
    path = "/data/fed1/dementia/more.csv"
    before = fed.tasks()
    fed.bed.write(worker, path, b"dataset\n" + b"more\n" * 12)
    served = fed.well("refresh")["served"]
    after = fed.tasks()
    assert fed.served() == fed.consolidated()
    assert "more" in fed.served()["dementia"]
    assert served is True
    started = {name for name in before if before[name] != after[name]}
    assert started == {f"{worker}_exareme"}
    fed.bed.path(worker, path).unlink()
    fed.well("refresh")
    assert fed.served() == fed.consolidated()


def test_a_restart_leaves_out_nobody_for_a_worker_that_is_away(fed: Deployed) -> None:
    away, others = fed.workers[0], fed.workers[1:]
    fed.bed.fault(away, "poweroff")
    try:
        until(lambda: away not in fed.active(), seconds=60, what="its absence")
        before = fed.tasks()
        ran = fed.mip("restart")
        assert ran.code == 1
        (problem,) = ran.value["problems"]
        assert (problem["node"], problem["contact"]) == (away, "it@h1.example")
        after = fed.tasks()
        engines = [KEYSTORE, ENGINE_MASTER, *(f"{other}_exareme" for other in others)]
        assert [name for name in engines if before[name] == after[name]] == []
        assert set(fed.active()) == set(others)
    finally:
        fed.bed.fault(away, "poweron")
    for_docker(lambda: fed.bed.docker(away))
    fed.minions()
    fed.deploys()
    fed.serves()


def test_a_network_follows_the_narrowest_link_once_nothing_uses_it(fed: Deployed) -> None:
    worker = fed.workers[1]
    fed.bed.run(worker, "ip", "link", "set", "eth0", "mtu", "1400")
    (finding,) = fed.mip("deploy", "dry_run=True").value["nodes"][worker]["findings"]
    assert "carries 1400 bytes" in finding
    assert "swarm: {network: {mtu: 1400}}" in finding
    fed.bed.declare(lambda value: value["swarm"]["network"].update(mtu=1400))
    tasks = fed.tasks()
    refused = fed.mip("deploy")
    assert refused.code == 1
    assert "Network mip-federation: mtu differs: 1500 -> 1400" in refused.text
    assert "First: salt-run mip.remove, then salt-run mip.deploy" in refused.text
    assert fed.tasks() == tasks

    fed.well("remove")
    value = fed.well("deploy")
    assert value["nodes"][worker]["findings"] == []
    fed.serves()
    labels = {"label": ["mip.federation=fed1", "mip.service=exareme"]}
    (engine,) = fed.bed.docker(worker).containers.list(filters=labels)
    # what VXLAN adds to a packet is 50 bytes
    assert engine.exec_run(["python3", "-c", PRINT_MTU]).output == b"1350\n"
    fed.bed.run(worker, "ip", "link", "set", "eth0", "mtu", "1500")
    fed.bed.declare()
    fed.well("remove")
    fed.well("deploy")
    fed.serves()


def test_a_worker_that_leaves_the_pillar_leaves_the_swarm_and_comes_back_with_it(
    fed: Deployed,
) -> None:
    left = fed.workers[-1]

    def entries() -> list[str]:
        nodes = fed.bed.docker(MASTER).api.nodes()
        return [each["ID"] for each in nodes if each["Description"]["Hostname"] == left]

    before = entries()
    fed.bed.declare(lambda value: value["nodes"].pop(left))
    # a command that is about another node does nothing to it
    assert fed.well("deploy", "node=wk1")["changed"] is False
    assert entries() == before
    key = f"data/{left}/"
    assert key in fed.announced()
    value = fed.well("deploy")
    assert f"{left}_exareme" not in value["services"]
    assert entries() == []
    assert key not in fed.announced()
    until(lambda: left not in fed.active(), seconds=60, what="its absence")
    until(
        lambda: fed.bed.docker(left).containers.list() == [], seconds=60, what="its container's end"
    )
    assert fed.well("deploy")["changed"] is False
    fed.bed.declare()
    fed.well("deploy")
    fed.serves()
