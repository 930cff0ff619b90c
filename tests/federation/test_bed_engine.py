"""The stand-in engine's habits, in a Swarm of real hosts with a real keystore.

By hand, without the product: its controller would look at a fresh federation at once, and compile
anew the databases that it did not make.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.federation.scratch import MASTER, Swarm, write_database
from tests.support.bed import Bed
from tests.support.bed.wait import for_docker, until

LISTED = ("edsd", "ppmi", "a blank")
ROWS = {
    "fed1-wk-h1": ("edsd", "edsd"),
    "fed1-wk-h2": ("ppmi",),
    "fed1-wk-h3": ("edsd", "a blank"),
}
EXPECTED = {
    "edsd": ["fed1-wk-h1", "fed1-wk-h3"],
    "ppmi": ["fed1-wk-h2"],
    "a blank": ["fed1-wk-h3"],
}
DATABASE = "/data/fed1/dementia/datasets.db"


@pytest.fixture(scope="module")
def swarm(bed: Bed) -> Iterator[Swarm]:
    """Master and three workers that serve one pathology."""
    swarm = Swarm(bed)
    bed.blank(master=False)
    for node, rows in {MASTER: (), **ROWS}.items():
        write_database(bed.path(node, DATABASE), rows, LISTED)
    try:
        swarm.join()
        swarm.service(
            "exareme-keystore", "bitnami/consul:1.8.3", MASTER, ["CONSUL_BIND_INTERFACE=lo"]
        )
        swarm.engine(MASTER, "master")
        for worker in ROWS:
            swarm.engine(worker, "worker")
        serves(swarm, {"dementia": EXPECTED})
        yield swarm
    finally:
        bed.blank()


def serves(swarm: Swarm, datasets: object) -> None:
    until(
        lambda: swarm.ask("/datasets") == datasets,
        seconds=90,
        every=0.5,
        what=f"datasets {datasets}",
    )


def active(swarm: Swarm) -> list[str] | None:
    answer = swarm.ask("/mining/query/HEALTH_CHECK", post=True)
    return answer["active_nodes"] if isinstance(answer, dict) else None


def restart(swarm: Swarm, name: str) -> None:
    service = swarm.manager.services.get(name)
    service.force_update()


def test_the_master_answers_what_the_workers_announced(swarm: Swarm) -> None:
    assert active(swarm) == list(ROWS)
    assert swarm.ask("/datasets") == {"dementia": EXPECTED}
    assert swarm.ask("/metadata") == {"dementia": ["dataset"]}


def test_it_says_that_it_is_a_stand_in(swarm: Swarm) -> None:
    assert "stand-in" in swarm.ask("/")["stand_in"]
    assert "stand-in for exareme" in swarm.log(swarm.manager.services.get("exareme-master"))


def test_rows_are_counted_at_each_question(swarm: Swarm, bed: Bed) -> None:
    counted = {"edsd": 2}
    assert {
        c: n["fed1-wk-h1"] for c, n in swarm.ask("/rows")["dementia"].items() if "fed1-wk-h1" in n
    } == counted
    write_database(bed.path("fed1-wk-h1", DATABASE), ["edsd"] * 5, LISTED)
    assert swarm.ask("/rows")["dementia"]["edsd"]["fed1-wk-h1"] == 5


def test_a_new_dataset_is_served_once_its_worker_and_the_master_started_again(
    swarm: Swarm, bed: Bed
) -> None:
    listed = (*LISTED, "new")
    write_database(bed.path("fed1-wk-h2", DATABASE), ["ppmi", "new"], listed)
    write_database(bed.path(MASTER, DATABASE), [], listed)
    assert "new" not in swarm.ask("/datasets")["dementia"]
    restart(swarm, "fed1-wk-h2_exareme")
    until(
        lambda: (
            "announced dementia: new, ppmi"
            in swarm.log(swarm.manager.services.get("fed1-wk-h2_exareme"))
        ),
        seconds=90,
        what="the worker's announcement",
    )
    until(lambda: active(swarm) == list(ROWS), seconds=90, what="the workers")
    # the master keeps what it read first
    serves(swarm, {"dementia": EXPECTED})
    restart(swarm, "exareme-master")
    # every worker went with its master, and came back
    serves(swarm, {"dementia": {**EXPECTED, "new": ["fed1-wk-h2"]}})


def test_a_folder_without_a_database_is_refused_at_start(swarm: Swarm, bed: Bed) -> None:
    folder = bed.path("fed1-wk-h3", "/data/fed1/.hidden")
    folder.mkdir()
    service = swarm.manager.services.get("fed1-wk-h3_exareme")
    restart(swarm, service.name)
    refusal = "the folder '.hidden' has no datasets.db"
    until(lambda: refusal in swarm.log(service), seconds=60, what="the refusal")
    until(lambda: active(swarm) == ["fed1-wk-h1", "fed1-wk-h2"], seconds=60, what="its absence")
    folder.rmdir()
    until(lambda: active(swarm) == list(ROWS), seconds=90, what="its return")


def test_a_keystore_that_started_again_has_forgotten_everything(swarm: Swarm) -> None:
    restart(swarm, "exareme-keystore")
    until(lambda: active(swarm) == [], seconds=90, what="the master's surprise")
    for name in ("exareme-master", *(f"{worker}_exareme" for worker in ROWS)):
        restart(swarm, name)
    until(lambda: active(swarm) == list(ROWS), seconds=90, what="the workers")


def test_all_is_served_again_after_the_manager_s_power_was_off(swarm: Swarm, bed: Bed) -> None:
    bed.fault(MASTER, "poweroff")
    bed.fault(MASTER, "poweron")
    for_docker(lambda: bed.docker(MASTER))
    # whose engines lost their master, end and come back
    until(lambda: active(swarm) == list(ROWS), seconds=150, every=0.5, what="the workers")
    assert swarm.ask("/datasets")["dementia"]["ppmi"] == ["fed1-wk-h2"]
