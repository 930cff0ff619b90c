"""The federation follows its data, with a real master and real minions, and nobody typing."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from saltext_mip.controller.step import GAP_MOST
from tests.support.following import Following
from tests.support.local import PUSHER, LocalFederation
from tests.support.soak import SOAK
from tests.support.waiting import until
from tests.unit.pusher.conftest import cde, rows

ALONE = True
DECLARE = {"reactor": {"settle": 1, "resync": 600, "max_removed": 1}, "min_count": 0}
FED = "federation=fed1"


@pytest.fixture(scope="module")
def following(fed: LocalFederation) -> Following:
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde().encode())
    for node, name in (("h1", "edsd"), ("h1", "adni"), ("h2", "ppmi"), ("h2", "lasi")):
        fed.write_data(f"fed1-wk-{node}", "dementia", f"{name}.csv", rows(name).encode())
    made = Following(fed)
    made.install()
    made.settled(lambda: made.offered.get("dementia") == ["adni", "edsd", "lasi", "ppmi"])
    return made


def write(following: Following, node: str, dataset: str, count: int = 12) -> None:
    following.fed.write_data(node, "dementia", f"{dataset}.csv", rows(dataset, count).encode())


def test_a_file_that_is_copied_in_pieces_is_served_when_it_is_whole(following: Following) -> None:
    looks = following.looks()
    content = rows("desd", 40).encode()
    path = following.fed.data_path("fed1-wk-h2") / "dementia" / "desd.csv"
    with path.open("wb") as file:
        for start in range(0, len(content), 100):
            file.write(content[start : start + 100])
            file.flush()
            time.sleep(0.4)
            assert "desd" not in following.offered["dementia"]
    following.settled(lambda: "desd" in following.offered["dementia"])
    assert following.compiled("fed1-wk-h2")["dementia"]["current"]
    assert following.last["kind"] == "done"
    assert following.looks() - looks <= 2


def test_changed_renamed_and_removed_files_are_followed(following: Following) -> None:
    folder = following.fed.data_path("fed1-wk-h1") / "dementia"
    before = (folder / "datasets.db").stat().st_ino
    write(following, "fed1-wk-h1", "edsd", 50)
    following.settled(lambda: (folder / "datasets.db").stat().st_ino != before)
    (folder / "edsd.csv").rename(folder / "renamed.csv")
    (following.fed.data_path("fed1-wk-h2") / "dementia" / "desd.csv").unlink()
    following.settled(lambda: following.offered["dementia"] == ["adni", "lasi", "ppmi", "edsd"])
    compiled = following.compiled("fed1-wk-h1")["dementia"]
    assert compiled["current"]


def test_a_new_pathology_needs_its_folder_and_its_cde_and_no_command(following: Following) -> None:
    fed = following.fed
    fed.write_data("fed1-wk-h1", "tbi", "centre.csv", rows("centre").encode())
    fed.write_data("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi").encode())
    following.settled(lambda: following.offered.get("tbi") == ["centre"])
    assert (fed.data_path("fed1-ms") / "tbi" / "datasets.db").exists()


def test_a_file_that_does_not_compile_leaves_what_was_served(following: Following) -> None:
    folder = following.fed.data_path("fed1-wk-h2") / "dementia"
    when = following.last["when"]
    (folder / "lasi.csv").write_text("dataset,age,mmse\nlasi,seventy,28\n")
    following.settled(lambda: following.last["when"] != when)
    assert "lasi" in following.offered["dementia"]
    assert (following.fed.data_path("fed1-wk-h2") / "mip-report-dementia.txt").exists()
    when = following.last["when"]
    write(following, "fed1-wk-h2", "lasi")
    following.settled(lambda: following.last["when"] != when)
    assert not (following.fed.data_path("fed1-wk-h2") / "mip-report-dementia.txt").exists()


def test_a_removal_is_held_until_an_operator_approves_it(following: Following) -> None:
    folder = following.fed.data_path("fed1-wk-h1")
    served = following.offered
    (folder / "tbi" / "centre.csv").unlink()
    following.settled(lambda: following.last["kind"] == "held")
    assert following.offered == served
    assert following.conditions()["Held"]["reason"] == "ShrinkGuard"
    write(following, "fed1-wk-h1", "centre")
    following.settled(lambda: "centre" in following.offered["dementia"])
    assert following.offered["tbi"] == served["tbi"]
    assert following.compiled("fed1-wk-h1")["tbi"]["current"]
    following.fed.run("mip.approve", FED, check=True)
    assert "tbi" not in following.offered
    assert following.fed.run("mip.approve", FED).returncode == 1


def test_a_disk_that_is_not_mounted_takes_nothing_away(following: Following) -> None:
    path = following.fed.data_path("fed1-wk-h2")
    served, when = following.offered, following.last["when"]
    path.rename(path.with_name("away"))
    path.mkdir()
    following.settled(lambda: following.last["when"] != when)
    assert following.offered == served
    when = following.last["when"]
    path.rmdir()
    path.with_name("away").rename(path)
    write(following, "fed1-wk-h2", "back")
    following.settled(lambda: "back" in following.offered["dementia"])


def test_what_a_person_suspended_or_rolled_back_stays(following: Following) -> None:
    run = following.fed.run
    run("mip.rollback", FED, check=True)
    rolled = following.offered
    write(following, "fed1-wk-h1", "later")
    until(lambda: not following.quiet())
    time.sleep(5)
    assert following.offered == rolled
    assert following.conditions()["Suspended"]["reason"] == "RolledBack"
    run("mip.resume", FED, check=True)
    following.settled(lambda: "later" in following.offered["dementia"])
    assert "Suspended" not in following.conditions()


def test_a_suspension_ends_when_its_time_is_over(following: Following) -> None:
    following.fed.run("mip.suspend", FED, "reason=tests", "duration=8s", check=True)
    write(following, "fed1-wk-h1", "patient")
    following.settled(lambda: "patient" in following.offered["dementia"])


def test_a_persons_refresh_waits_or_leaves_a_request(following: Following) -> None:
    write(following, "fed1-wk-h2", "now")
    ran = following.fed.run("mip.refresh", FED, check=True).json
    assert "now" in following.offered["dementia"]
    assert ran["served"] is None
    until(following.idle)
    again = following.fed.run("mip.refresh", FED, check=True).json
    assert (again["changed"], again["generation"]) == (False, ran["generation"])
    looks = following.looks()
    assert following.fed.run("mip.refresh", FED, "wait=False").json["requested"] is True
    following.settled(lambda: following.looks() > looks)


@pytest.mark.parametrize("victim", ["refresh", "engine"])
def test_what_is_killed_is_picked_up_again(following: Following, victim: str) -> None:
    dataset = f"killed{victim}"
    write(following, "fed1-wk-h1", dataset)
    state = following.fed.state() / "controller.json"
    if victim == "refresh":
        # as soon as it is there: the controller's state names it before the process has its name
        until(lambda: following.kill("refresh of fed1") == 1, every=0.05, what="a refresh to kill")
    else:
        until(lambda: json.loads(state.read_text())["running"] == "refresh")
        assert following.kill("engines.mip", without=" of fed1") == 1
    following.settled(lambda: dataset in following.offered["dementia"], 90)


def test_the_pusher_is_down_while_data_changes(following: Following) -> None:
    following.fed.kill(PUSHER)
    write(following, "fed1-wk-h2", "meanwhile")
    time.sleep(4)
    following.fed.start_node(PUSHER)
    following.settled(lambda: "meanwhile" in following.offered["dementia"], 90)


def test_a_worker_that_was_down_catches_up_when_it_is_back(following: Following) -> None:
    following.fed.kill("fed1-wk-h2")
    write(following, "fed1-wk-h1", "without")
    write(following, "fed1-wk-h2", "catching")
    following.settled(lambda: "without" in following.offered["dementia"], 90)
    assert "meanwhile" in following.offered["dementia"]
    following.fed.start_node("fed1-wk-h2")
    following.settled(lambda: "catching" in following.offered["dementia"], 90)


def test_without_a_cause_there_is_no_refresh(following: Following) -> None:
    until(following.quiet, seconds=150)
    looks = following.looks()
    time.sleep(12)
    assert following.looks() == looks


@pytest.mark.timeout(1800)
def test_a_storm_of_forged_wakes_costs_some_looks_and_no_more(following: Following) -> None:
    until(following.quiet, seconds=150)
    looks, begin = following.looks(), time.monotonic()
    tags = [
        "salt/beacon/fed1-wk-h2/mip_data/fed1",
        "salt/minion/fed1-ms/start",
        'salt/beacon/x"}}/mip_data/../../fed1',
        "mip/fed1/consolidated",
    ]
    for node in ("fed1-wk-h1", "fed1-wk-h2", "fed1-ms"):  # a thousand in all, ten in a soak
        following.forge(node, 834 if SOAK else 84, *tags)
    write(following, "fed1-wk-h1", "stormy")
    following.settled(lambda: "stormy" in following.offered["dementia"], 280)
    # two that find nothing, one that finds the file, one for what came meanwhile; then rare ones
    rare = int((time.monotonic() - begin) // GAP_MOST)
    assert following.looks() - looks <= 4 + rare
    assert not following.fed.state(federation="..").joinpath("requests").exists()
    log = following.fed.hosts[PUSHER].output.read_text()
    assert "1337" not in log


def test_an_upload_that_pauses_is_no_news_until_its_writer_closes_it(following: Following) -> None:
    """A new file, and a new version of one that is served: half of their rows, and still open."""
    folder = following.fed.data_path("fed1-wk-h2") / "dementia"
    contents = {name: rows(name, 40).encode().splitlines(keepends=True) for name in ("new", "lasi")}
    with ExitStack() as open_files:
        files = {
            name: open_files.enter_context((folder / f"{name}.csv").open("wb")) for name in contents
        }
        for name, lines in contents.items():
            files[name].writelines(lines[:20])
            files[name].flush()
        # other files of the same folder and of another node are followed meanwhile
        for node, dataset in (("fed1-wk-h2", "beside"), ("fed1-wk-h1", "elsewhere")):
            write(following, node, dataset)
            following.settled(lambda dataset=dataset: dataset in following.offered["dementia"])
        assert "new" not in following.offered["dementia"]
        assert "lasi" in following.offered["dementia"]
        assert following.compiled("fed1-wk-h2")["dementia"]["current"]
        assert datasets_in(folder)["lasi"] == 12
        for name, lines in contents.items():
            files[name].writelines(lines[20:])
    following.settled(lambda: "new" in following.offered["dementia"])
    following.settled(lambda: datasets_in(folder) | {"new": 40, "lasi": 40} == datasets_in(folder))


def datasets_in(folder: Path) -> dict[str, int]:
    """The rows of each dataset that the folder's database has."""
    with closing(sqlite3.connect(f"{folder.as_uri()}/datasets.db?mode=ro", uri=True)) as database:
        return dict(database.execute("SELECT dataset, count(*) FROM DATA GROUP BY dataset"))
