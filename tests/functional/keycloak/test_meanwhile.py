"""While roles and groups are changed, users go on working; and a run that is killed is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.functional.keycloak.worlds import data, picture, researcher
from tests.support.commands import sync
from tests.support.fault_proxy import Fault, every_write, nth_write

BEFORE = data(
    dementia={"wk1": ["edsd", "ppmi"], "wk2": ["adni"]},
    tbi={"wk1": ["center"]},
    stroke={"wk3": ["lausanne"]},
)
# ppmi moves to another pathology, adni and stroke go, mental and new come, wk2 stays by another
AFTER = data(
    dementia={"wk1": ["edsd", "new"]},
    mental={"wk1": ["demo"]},
    tbi={"wk1": ["center"], "wk2": ["ppmi"]},
)


def test_no_right_that_stays_is_missing_at_any_moment(realm, pillar, proxy):
    realm.client("fed1")
    sync(BEFORE, pillar)
    alice = realm.user("alice")
    groups = [f"FED1_RESEARCHER_{name}" for name in ("dementia", "tbi", "stroke")]
    realm.join(alice, *groups, "FED1_DC_HOSPITAL_wk1", "FED1_DC_HOSPITAL_wk2")
    first = realm.authorities("alice", "fed1")
    seen: list[set[str]] = []
    looked = threading.Condition()
    over = threading.Event()

    def watch() -> None:
        """Log in every 100 ms."""
        while not over.is_set():
            begin = time.monotonic()
            rights = realm.authorities("alice", "fed1")
            with looked:
                seen.append(rights)
                looked.notify()
            over.wait(max(0.0, 0.1 - (time.monotonic() - begin)))

    def seen_once_more() -> None:
        """A login that began after the write before this one was done."""
        with looked:
            enough = len(seen) + 2
            assert looked.wait_for(lambda: len(seen) >= enough, timeout=30)

    proxy.faults.append(Fault(every_write, meanwhile=seen_once_more))
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        sync(AFTER, {**pillar, "server_url": proxy.url})
    finally:
        over.set()
        watcher.join()

    last = realm.authorities("alice", "fed1")
    hospitals = {"DC_HOSPITAL_wk1", "DC_HOSPITAL_wk2"}
    assert last == hospitals | researcher("dementia", "edsd", "new") | researcher(
        "tbi", "center", "ppmi"
    )
    assert len(seen) > 2 * len(proxy.writes) > 20
    assert {"RESEARCH_DATASET_ppmi", "RESEARCH_DATASET_edsd"} <= first & last
    for moment in seen:
        assert first & last <= moment
    assert realm.groups_of(alice) == {*groups, "FED1_DC_HOSPITAL_wk1", "FED1_DC_HOSPITAL_wk2"}


def killed_at(proxy, structure, pillar: dict[str, str], write: int, *, after: bool) -> bool:
    """A run that is killed at its n-th write, before or after the server has done it.

    False where it ended before that.
    """
    proxy.heal()
    proxy.faults.append(Fault(nth_write(write), after=after, hang=True))
    script = "import json, sys; from saltext_mip.keycloak import sync;sync(*json.load(sys.stdin))"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps([structure, {**pillar, "server_url": proxy.url}]).encode())
        process.stdin.close()
        while not proxy.hanging.wait(0.02):
            if process.poll() is not None:
                assert process.returncode == 0
                return False
        process.send_signal(signal.SIGKILL)
    proxy.heal()
    return True


def test_a_first_sync_that_is_killed_again_and_again_is_ended_by_the_next(realm, pillar, proxy):
    kills = 0
    while killed_at(proxy, BEFORE, pillar, 6, after=bool(kills % 2)):
        kills += 1
        assert kills < 30
    assert kills > 4
    assert sync(BEFORE, pillar)["plan"] == []


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_a_change_that_is_killed_takes_nothing_that_stays_and_is_ended(realm, pillar, proxy, after):
    realm.client("fed1")
    sync(BEFORE, pillar)
    alice = realm.user("alice")
    groups = {f"FED1_RESEARCHER_{name}" for name in ("dementia", "tbi", "stroke")}
    realm.join(alice, *groups)
    rest = picture(realm)
    stays = researcher("dementia", "edsd") | researcher("tbi", "center") | {"RESEARCH_DATASET_ppmi"}
    kills = 0
    while killed_at(proxy, AFTER, pillar, 4, after=after):
        kills += 1
        assert stays <= realm.authorities("alice", "fed1")
        assert realm.groups_of(alice) == groups
        assert kills < 30
    assert kills > 2
    assert sync(AFTER, pillar)["plan"] == []
    assert realm.groups_of(alice) == groups
    assert picture(realm) == rest
    assert realm.authorities("alice", "fed1") == researcher("dementia", "edsd", "new") | researcher(
        "tbi", "center", "ppmi"
    )


def test_two_runs_at_the_same_time_end_in_the_same_state(realm, pillar):
    failures: list[BaseException] = []

    def run() -> None:
        try:
            sync(BEFORE, pillar, sleep=lambda _: None)
        except Exception as error:  # noqa: BLE001 - told below, by whichever thread
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(not getattr(error, "permanent", True) for error in failures), failures
    sync(BEFORE, pillar)
    assert sync(BEFORE, pillar)["plan"] == []
