"""Hospitals copy files, and researchers can query them: on real hosts, and nobody types a command.

The tests go on from one another; each leaves the federation serving what its hospitals have.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.federation.deployed import MASTER, PATIENCE, Deployed
from tests.support.bed import Bed
from tests.support.bed.layout import FEDERATION, PUSHER
from tests.support.bed.wait import until
from tests.unit.pusher.conftest import cde, rows

DATA = f"/data/{FEDERATION}"
STATE = f"/var/lib/mip/{FEDERATION}"


class Followed(Deployed):
    """A deployed federation whose controller is left to itself."""

    def put(self, node: str, dataset: str, pathology: str = "dementia", count: int = 12) -> None:
        content = rows(dataset, count).encode()
        self.bed.write(node, f"{DATA}/{pathology}/{dataset}.csv", content)

    def remove(self, node: str, dataset: str) -> None:
        self.bed.run(node, "rm", f"{DATA}/dementia/{dataset}.csv")

    def served(self) -> dict[str, dict[str, list[str]]]:
        return self.get("/datasets") or {}

    def until_served(self, node: str, dataset: str, *, there: bool = True) -> float:
        """Wait until the engine has it of that node, or has it no more; the seconds it took."""
        begin = time.monotonic()
        until(
            lambda: (
                (answer := self.get("/datasets")) is not None
                and (node in answer.get("dementia", {}).get(dataset, ())) is there
            ),
            seconds=PATIENCE,
            every=0.2,
            what=f"{dataset} of {node}{'' if there else ' gone'}",
        )
        return time.monotonic() - begin

    def state(self, name: str) -> dict[str, Any]:
        path = self.bed.path(PUSHER, f"{STATE}/{name}")
        value: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return value

    def quiet(self, seconds: float = 2 * PATIENCE) -> None:
        """Until the controller has nothing to do and the last refresh went well."""

        def is_quiet() -> bool:
            state, last = self.state("controller.json"), self.state("refreshed.json")
            folder = self.bed.path(PUSHER, f"{STATE}/requests")
            asked = list(folder.iterdir()) if folder.exists() else []
            busy = state["running"] != "nothing" or state["wanted"] or state["again"] or asked
            return not busy and last["kind"] == "done"

        until(is_quiet, seconds=seconds, every=0.5, what="a quiet controller")

    def steady(self) -> dict[str, str]:
        """The tasks, once they have been the same for a while: engines follow their master."""
        seen = self.tasks()
        since = time.monotonic()
        end = since + PATIENCE
        while time.monotonic() - since < 15:
            assert time.monotonic() < end, "tasks come and go"
            time.sleep(1)
            if (now := self.tasks()) != seen:
                seen, since = now, time.monotonic()
        return seen

    def looks(self) -> int:
        return int(self.state("controller.json")["run"])


@pytest.fixture(scope="module")
def fed(bed: Bed) -> Iterator[Followed]:
    bed.blank()
    fed = Followed(bed)
    bed.write(MASTER, f"{DATA}/dementia/CDEsMetadata.json", cde().encode())
    for node in fed.workers:
        fed.put(node, f"first-{node[-2:]}")
        fed.put(node, f"second-{node[-2:]}")
    fed.well("refresh")
    fed.well("deploy")
    for node in fed.workers:
        fed.until_served(node, f"first-{node[-2:]}")
    fed.quiet()
    yield fed
    bed.blank()


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
    for nth in range(5):
        node = fed.workers[nth % len(fed.workers)]
        fed.put(node, f"timed{nth}")
        took.append(fed.until_served(node, f"timed{nth}"))
        fed.quiet()
    median = statistics.median(took)
    print(f"\nfrom copy to served: {[round(t, 1) for t in took]}, median {median:.1f} s")


def test_a_change_of_rows_restarts_nothing(fed: Followed) -> None:
    tasks, when = fed.steady(), fed.state("refreshed.json")["when"]
    fed.put("fed1-wk-h2", "timed1", count=99)
    until(lambda: fed.state("refreshed.json")["when"] != when, seconds=PATIENCE, what="a look")
    fed.quiet()
    assert fed.tasks() == tasks
    counts = fed.get("/rows")
    assert "99" in str(counts)


def test_renamed_and_removed_files_are_followed(fed: Followed) -> None:
    folder = f"{DATA}/dementia"
    fed.bed.run("fed1-wk-h1", "mv", f"{folder}/slow.csv", f"{folder}/quick.csv")
    fed.remove("fed1-wk-h2", "timed1")
    fed.until_served("fed1-wk-h2", "timed1", there=False)
    fed.quiet()
    assert "fed1-wk-h1" in fed.served()["dementia"]["slow"]


def test_a_new_pathology_of_three_workers_at_once(fed: Followed) -> None:
    fed.bed.write(MASTER, f"{DATA}/tbi/CDEsMetadata.json", cde(code="tbi").encode())
    for node in fed.workers:
        fed.put(node, f"centre-{node[-2:]}", "tbi")
    until(
        lambda: sum(map(len, fed.served().get("tbi", {}).values())) == len(fed.workers),
        seconds=PATIENCE,
        every=0.5,
        what="three centres",
    )
    fed.quiet()


def test_a_file_that_does_not_compile_leaves_the_old_data_served(fed: Followed) -> None:
    path = f"{DATA}/dementia/first-h1.csv"
    when = fed.state("refreshed.json")["when"]
    fed.bed.write("fed1-wk-h1", path, b"dataset,age,mmse\nfirst-h1,seventy,1\n")
    until(lambda: fed.state("refreshed.json")["when"] != when, seconds=PATIENCE, what="a look")
    fed.quiet()
    assert "fed1-wk-h1" in fed.served()["dementia"]["first-h1"]
    problems = fed.mip("consolidate", "dry_run=True").value["problems"]
    assert any(problem["file"] == "first-h1.csv" for problem in problems)
    fed.put("fed1-wk-h1", "first-h1")
    fed.quiet()


def test_a_disk_that_goes_and_comes_back_loses_nothing(fed: Followed) -> None:
    served = fed.served()
    when = fed.state("refreshed.json")["when"]
    fed.bed.fault("fed1-wk-h3", "unmount-data")
    until(lambda: fed.state("refreshed.json")["when"] != when, seconds=PATIENCE, what="a look")
    generation = fed.consolidated()
    assert "fed1-wk-h3" in generation["dementia"]["first-h3"]
    fed.bed.fault("fed1-wk-h3", "mount-data")
    fed.quiet()
    fed.serves(served)


def test_a_worker_that_is_down_catches_up_by_itself(fed: Followed) -> None:
    fed.bed.fault("fed1-wk-h3", "poweroff")
    fed.put("fed1-wk-h1", "meanwhile")
    fed.until_served("fed1-wk-h1", "meanwhile")
    fed.bed.path("fed1-wk-h3", DATA)
    fed.bed.fault("fed1-wk-h3", "poweron")
    fed.minions()
    fed.put("fed1-wk-h3", "late")
    fed.until_served("fed1-wk-h3", "late")
    fed.quiet()


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


def test_too_much_is_held(fed: Followed) -> None:
    fed.quiet()  # a look that is under way could come between the two
    fed.serves(seconds=240)
    served = fed.served()
    for dataset in ("first-h3", "second-h3"):
        fed.remove("fed1-wk-h3", dataset)
    until(
        lambda: fed.state("refreshed.json")["kind"] == "held",
        seconds=PATIENCE,
        what="a held refresh",
    )
    # an engine that follows its master is away for a moment
    until(lambda: fed.served() == served, seconds=PATIENCE, what="the same data served")
    fed.well("approve")
    fed.until_served("fed1-wk-h3", "first-h3", there=False)
    fed.quiet()


def test_a_nemesis_leaves_everything_as_the_last_generation_says(fed: Followed) -> None:
    chance = random.Random(7)
    nodes = [*fed.workers, MASTER]
    end = time.monotonic() + 90
    nth = 0
    while time.monotonic() < end:
        nth += 1
        node = chance.choice(nodes)
        match chance.choice(["data", "data", "data", "cut", "kill-minion", "kill-dockerd", "salt"]):
            case "data":
                worker = chance.choice(fed.workers)
                fed.put(worker, f"nemesis{nth % 6}-{worker[-2:]}", count=chance.randint(10, 60))
            case "cut":
                fed.bed.fault(node, "cut")
                time.sleep(chance.uniform(1, 8))
                fed.bed.fault(node, "heal")
            case "salt":
                fed.bed.run(PUSHER, "salt", "-t", "1", node, "test.ping", check=False)
            case fault:
                fed.bed.fault(node, fault)
        time.sleep(chance.uniform(1, 6))
    for node in nodes:
        fed.bed.fault(node, "heal")
    fed.minions()
    fed.quiet(300)
    fed.serves(seconds=240)
    # engines follow their master, so that a task may just be on its way
    until(
        lambda: fed.mip("status", "check=True").code == 0,
        seconds=240,
        every=2,
        what="everything ready",
    )


def test_nothing_is_looked_at_without_a_cause(fed: Followed) -> None:
    fed.quiet()
    looks = fed.looks()
    time.sleep(20)
    assert fed.looks() == looks
