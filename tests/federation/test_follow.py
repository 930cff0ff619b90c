"""Hospitals copy files, and researchers can query them: on real hosts, and nobody types a command.

The tests go on from one another; each leaves the federation serving what its hospitals have.
"""

from __future__ import annotations

import statistics
import time

import pytest

from tests.federation.deployed import MASTER, PATIENCE
from tests.federation.followed import DATA, Followed
from tests.support.bed.layout import PUSHER
from tests.support.bed.wait import until
from tests.unit.pusher.conftest import cde, rows


@pytest.fixture(scope="module")
def fed(followed: Followed) -> Followed:
    return followed


def test_a_file_copied_in_pieces_is_served(fed: Followed) -> None:
    path = fed.bed.path("fed1-wk-h1", f"{DATA}/dementia/slow.csv")
    content = rows("slow", 60).encode()
    with path.open("wb") as file:
        for start in range(0, len(content), 120):
            file.write(content[start : start + 120])
            file.flush()
            time.sleep(0.5)
            assert "slow" not in fed.served().get("dementia", {})
    fed.until_served("fed1-wk-h1", "slow")
    fed.quiet()


def test_it_takes_seconds(fed: Followed) -> None:
    took = []
    for nth, node in enumerate(fed.workers):
        fed.put(node, f"timed{nth}")
        took.append(fed.until_served(node, f"timed{nth}"))
        fed.quiet()
    median = statistics.median(took)
    print(f"\nfrom copy to served: {[round(t, 1) for t in took]}, median {median:.1f} s")


def test_a_change_of_rows_restarts_nothing(fed: Followed) -> None:
    tasks = fed.steady()
    fed.put("fed1-wk-h2", "timed1", count=99)
    until(
        lambda: fed.rows().get("dementia", {}).get("timed1") == {"fed1-wk-h2": 99},
        seconds=2 * PATIENCE,
        every=0.5,
        what="99 rows",
    )
    fed.quiet()
    assert fed.tasks() == tasks


def test_renamed_and_removed_files_are_followed(fed: Followed) -> None:
    folder = f"{DATA}/dementia"
    fed.bed.run("fed1-wk-h1", "mv", f"{folder}/slow.csv", f"{folder}/quick.csv")
    fed.remove("fed1-wk-h2", "timed1")
    fed.until_served("fed1-wk-h2", "timed1", there=False)
    until(
        lambda: {"quick.csv"} == fed.names("fed1-wk-h1") & {"quick.csv", "slow.csv"},
        seconds=2 * PATIENCE,
        what="the new name in a generation",
    )
    fed.quiet()
    fed.until_served("fed1-wk-h1", "slow")


def test_a_new_pathology_of_three_workers_at_once(fed: Followed) -> None:
    fed.bed.write(MASTER, f"{DATA}/tbi/CDEsMetadata.json", cde(code="tbi").encode())
    for node in fed.workers:
        fed.put(node, f"centre-{node[-2:]}", "tbi")
    until(
        lambda: sum(map(len, fed.served().get("tbi", {}).values())) == len(fed.workers),
        seconds=2 * PATIENCE,
        every=0.5,
        what="three centres",
    )
    fed.quiet()


def test_a_file_that_does_not_compile_leaves_the_old_data_served(fed: Followed) -> None:
    def bad() -> bool:
        problems = fed.mip("status").value["problems"]
        return any(problem["file"] == "first-h1.csv" for problem in problems)

    path = f"{DATA}/dementia/first-h1.csv"
    fed.bed.write("fed1-wk-h1", path, b"dataset,age,mmse\nfirst-h1,seventy,1\n")
    until(bad, seconds=2 * PATIENCE, every=1, what="the problem in the status")
    fed.quiet()
    until(
        lambda: fed.rows().get("dementia", {}).get("first-h1") == {"fed1-wk-h1": 12},
        seconds=PATIENCE,
        what="the rows as they were",
    )
    fed.until_served("fed1-wk-h1", "first-h1")
    fed.put("fed1-wk-h1", "first-h1")
    until(lambda: not bad(), seconds=2 * PATIENCE, every=1, what="no problem any more")
    fed.quiet()


def test_a_disk_that_goes_and_comes_back_loses_nothing(fed: Followed) -> None:
    served = fed.served()
    revision = fed.state("refreshed.json")["revision"]
    fed.bed.fault("fed1-wk-h3", "unmount-data")
    until(
        lambda: fed.state("refreshed.json")["revision"] != revision,
        seconds=2 * PATIENCE,
        what="a look at a node without its disk",
    )
    assert "first-h3.csv" in fed.names("fed1-wk-h3")
    status = fed.mip("status").value
    assert {"MountGone"} <= {problem["rule"] for problem in status["problems"]}
    gone = fed.state("refreshed.json")["revision"]
    fed.bed.fault("fed1-wk-h3", "mount-data")
    until(
        lambda: fed.state("refreshed.json")["revision"] != gone,
        seconds=2 * PATIENCE,
        what="a look at the node with its disk again",
    )
    fed.quiet()
    fed.serves(served)


def test_a_worker_that_is_down_catches_up_by_itself(fed: Followed) -> None:
    fed.bed.fault("fed1-wk-h3", "poweroff")
    fed.put("fed1-wk-h1", "meanwhile")
    fed.until_served("fed1-wk-h1", "meanwhile")
    fed.put("fed1-wk-h3", "late")  # on its disk, before it is on again
    fed.bed.fault("fed1-wk-h3", "poweron")
    fed.until_served("fed1-wk-h3", "late")
    fed.quiet()
    cdes = [
        fed.bed.path(node, f"{DATA}/dementia/CDEsMetadata.json").read_bytes()
        for node in ("fed1-wk-h3", MASTER)
    ]
    assert cdes[0] == cdes[1]


def test_the_pusher_is_down_while_data_change(fed: Followed) -> None:
    fed.bed.fault(PUSHER, "poweroff")
    fed.put("fed1-wk-h2", "unseen")
    time.sleep(5)
    fed.bed.fault(PUSHER, "poweron")
    fed.until_served("fed1-wk-h2", "unseen")
    fed.quiet()


def test_what_an_operator_stopped_stays_stopped(fed: Followed) -> None:
    fed.well("stop", "node=wk2")
    fed.put("fed1-wk-h2", "stopped")
    fed.put("fed1-wk-h1", "running")
    fed.until_served("fed1-wk-h1", "running")
    fed.quiet()
    assert "fed1-wk-h2_exareme" not in fed.tasks()
    fed.well("start", "node=wk2")
    fed.until_served("fed1-wk-h2", "stopped")


def test_what_a_person_rolled_back_stays_so_until_they_resume(fed: Followed) -> None:
    fed.put("fed1-wk-h1", "regretted")
    fed.until_served("fed1-wk-h1", "regretted")
    fed.quiet()
    back = fed.well("rollback")
    assert "regretted" not in fed.listed()
    # its file is there: the engine announces what its database has, and that is said
    assert ["regretted" in note for note in back["notes"]] == [True]
    assert back["served"] is True
    fed.put("fed1-wk-h2", "after")
    until(lambda: not fed.is_quiet(), seconds=PATIENCE, what="a wake that is kept")
    looks = fed.looks()
    time.sleep(10)
    assert fed.looks() == looks
    assert not {"regretted", "after"} & fed.listed()
    assert "after" not in fed.served().get("dementia", {})
    fed.well("resume")
    fed.until_served("fed1-wk-h2", "after")
    assert {"regretted", "after"} <= fed.listed()
    fed.quiet()


def test_too_much_is_held(fed: Followed) -> None:
    fed.quiet()  # a look that is under way could come between the two
    fed.serves(seconds=240)
    served = fed.served()
    fed.remove("fed1-wk-h3", "first-h3", "second-h3")  # at once
    until(
        lambda: fed.state("refreshed.json")["kind"] == "held",
        seconds=2 * PATIENCE,
        what="a held refresh",
    )
    # an engine that follows its master is away for a moment
    until(lambda: fed.served() == served, seconds=2 * PATIENCE, what="the same data served")
    fed.well("approve")
    fed.until_served("fed1-wk-h3", "first-h3", there=False)
    fed.quiet()


def test_nothing_is_looked_at_without_a_cause(fed: Followed) -> None:
    def none() -> bool:
        looks = fed.looks()
        time.sleep(30)
        return fed.looks() == looks

    fed.quiet()
    until(none, seconds=10 * 60, what="half a minute without a look")
