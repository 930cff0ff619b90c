"""The stand-in engine's habits, in a Swarm of real hosts with a real keystore.

By hand, without the product: its controller would look at a fresh federation at once, and compile
anew the databases that it did not make.
"""

from __future__ import annotations

import pytest

from tests.federation.deployed import keystore_keys, query, served
from tests.federation.scratch import MASTER, Swarm, write_database
from tests.federation.stage import Stage
from tests.support.bed.wait import for_docker, until

LISTED = ("edsd", "ppmi", "a blank")
ROWS = {
    "fed1-wk-h1": ("edsd", "edsd"),
    "fed1-wk-h2": ("ppmi",),
    "fed1-wk-h3": ("edsd", "a blank"),
}
# 'a blank' is announced, and asked for as 'ablank'
EXPECTED = {"edsd": ["fed1-wk-h1", "fed1-wk-h3"], "ppmi": ["fed1-wk-h2"]}
DATABASE = "/data/fed1/dementia/datasets.db"
WORKERS = [f"{worker}_exareme" for worker in ROWS]


@pytest.fixture(scope="module")
def swarm(stage: Stage) -> Swarm:
    """Master and three workers that serve one pathology."""
    bed = stage.blank(master=False)
    swarm = Swarm(bed)
    for node, rows in {MASTER: (), **ROWS}.items():
        write_database(bed.path(node, DATABASE), rows, LISTED)
    swarm.join()
    swarm.service("exareme-keystore", "bitnami/consul:1.8.3", MASTER, ["CONSUL_BIND_INTERFACE=lo"])
    swarm.engine(MASTER, "master")
    for worker in ROWS:
        swarm.engine(worker, "worker")
    serves(swarm, {"dementia": EXPECTED})
    return swarm


def serves(swarm: Swarm, datasets: object) -> None:
    until(
        lambda: served(swarm.bed, active(swarm)) == datasets,
        seconds=150,
        every=0.5,
        what=f"datasets {datasets}",
    )


def active(swarm: Swarm) -> set[str]:
    """The workers that are reached and registered."""
    code, answer = query(swarm.bed, "HEALTH_CHECK")
    if code != 200:
        return set()
    registered = {key.partition("/")[2] for key in keystore_keys(swarm.bed) if "active" in key}
    return set(answer["active_nodes"].split(", ")) & registered - {MASTER}


def restart(swarm: Swarm, *names: str) -> None:
    for name in names:
        swarm.manager.services.get(name).force_update()


def test_it_answers_what_exareme_does_and_nothing_else(swarm: Swarm) -> None:
    code, answer = query(swarm.bed, "HEALTH_CHECK")
    assert code == 200
    assert set(answer["active_nodes"].split(", ")) == {MASTER, *ROWS}
    address = swarm.bed.host(MASTER).spec.address
    code = swarm.bed.run(
        *("pusher", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}"),
        f"http://{address}:9090/datasets",
    )
    assert code.stdout == "404"


def test_it_says_that_it_is_a_stand_in(swarm: Swarm) -> None:
    assert "stand-in for exareme" in swarm.log(swarm.manager.services.get("exareme-master"))


def test_nodes_and_datasets_are_in_the_keystore(swarm: Swarm) -> None:
    keys = keystore_keys(swarm.bed)
    assert keys["data/fed1-wk-h3/dementia"] == '["a blank", "edsd"]'
    assert keys[f"master/{MASTER}"] == keys[f"active_workers/{MASTER}"]
    assert {key for key in keys if key.startswith("active_workers/")} == {
        f"active_workers/{node}" for node in (MASTER, *ROWS)
    }


def test_a_new_dataset_is_served_once_its_worker_restarted(swarm: Swarm) -> None:
    listed = (*LISTED, "new")
    write_database(swarm.bed.path("fed1-wk-h2", DATABASE), ["ppmi", "new"], listed)
    write_database(swarm.bed.path(MASTER, DATABASE), [], listed)
    code, answer = query(swarm.bed, "LIST_VARIABLES", pathology="dementia", dataset="new")
    assert (code, answer["result"][0]["data"]) == (400, "Dataset(s) new does not exist")
    restart(swarm, "fed1-wk-h2_exareme")
    serves(swarm, {"dementia": {**EXPECTED, "new": ["fed1-wk-h2"]}})


def test_a_new_pathology_is_an_error_until_the_master_restarted(swarm: Swarm) -> None:
    for node, rows in ((MASTER, []), ("fed1-wk-h1", ["centre"])):
        write_database(swarm.bed.path(node, "/data/fed1/tbi/datasets.db"), rows, ["centre"])
    restart(swarm, "fed1-wk-h1_exareme")
    until(
        lambda: "data/fed1-wk-h1/tbi" in keystore_keys(swarm.bed),
        seconds=90,
        every=0.5,
        what="its key",
    )
    asked = {"pathology": "tbi", "dataset": "centre"}
    assert query(swarm.bed, "LIST_VARIABLES", **asked)[0] == 500
    restart(swarm, "exareme-master")
    until(
        lambda: query(swarm.bed, "LIST_VARIABLES", **asked)[0] == 200,
        seconds=150,
        every=0.5,
        what="the workers with their new master",
    )


def test_a_keystore_that_restarted_lost_everything(swarm: Swarm) -> None:
    restart(swarm, "exareme-keystore")
    until(lambda: query(swarm.bed, "HEALTH_CHECK")[0] == 500, seconds=90, what="what it lost")
    restart(swarm, "exareme-master", *WORKERS)
    until(lambda: active(swarm) == set(ROWS), seconds=150, every=0.5, what="the workers")


def test_all_is_served_again_after_the_manager_s_power_was_off(swarm: Swarm) -> None:
    swarm.bed.fault(MASTER, "poweroff")
    swarm.bed.fault(MASTER, "poweron")
    for_docker(lambda: swarm.bed.docker(MASTER))
    # the keystore came back empty; workers lost their master, end and come back
    until(lambda: active(swarm) == set(ROWS), seconds=150, every=0.5, what="the workers")
    assert served(swarm.bed, active(swarm))["dementia"]["ppmi"] == ["fed1-wk-h2"]
