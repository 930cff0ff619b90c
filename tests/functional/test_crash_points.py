"""Killed or failed at every system call that changes something: the next run mends it.

First the pusher and all its nodes are one process, so that each kill takes all of them at once;
then the master alone is killed, while it stages and while it commits.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import scenario
from tests.support.crash import Victims, or_skipped, scene
from tests.support.places import Places

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def victims(request) -> Iterator[Victims]:
    """What runs is a function of the scenario: the consolidation, or what the test names."""
    function = f"tests.support.scenario:{getattr(request, 'param', 'run')}"
    with or_skipped(), Victims(function) as victims:
        yield victims


@pytest.fixture
def folder() -> Iterator[Path]:
    with scene() as run:
        yield run.parent


class Runs:
    """One run after the other, each on nodes as they were when this was made."""

    def __init__(self, victims: Victims, places: Places) -> None:
        self.victims = victims
        self._places = places
        self._saved = places.root.with_name("saved")
        shutil.copytree(places.root, self._saved)
        with or_skipped():
            self.calls = victims.calls(self.fresh().root)

    def fresh(self) -> Places:
        """At the same path each time: what is staged is remembered by its path."""
        shutil.rmtree(self._places.root)
        shutil.copytree(self._saved, self._places.root)
        return Places(self._places.root)

    def points(self, *calls: str) -> Iterator[tuple[str, int]]:
        for call in calls or self.calls:
            for number in range(1, self.calls.get(call, 0) + 1):
                yield call, number

    def kill_everywhere(self, *calls: str, in_steps: bool = False) -> int:
        """Kill at each point and see that the next run mends it; how many points there were."""
        points = list(self.points(*calls))
        for call, number in points:
            places = self.fresh()
            outcome = self.victims.kill(places.root, call, number)
            assert outcome.signal == signal.SIGKILL, f"{call} {number}: {outcome}"
            try:
                scenario.whole(places, in_steps=in_steps)
                scenario.next_run_mends(places)
            except Exception as error:
                raise AssertionError(f"killed at {call} {number}") from error
        return len(points)


def test_killed_at_every_call_that_changes_something(victims, folder):
    runs = Runs(victims, scenario.make(folder / "run"))
    assert {"write", "fsync", "mkdir", "fchmod"} <= set(runs.calls)
    assert runs.kill_everywhere() > 100


def test_killed_while_a_new_folder_is_made_in_steps(victims, folder):
    runs = Runs(victims, scenario.make(folder / "run", in_steps=True))
    renames = ("rename", "renameat", "renameat2", "mkdir", "mkdirat")
    assert runs.kill_everywhere(*renames, in_steps=True) > 20


@pytest.mark.parametrize("victims", ["stage_on_master"], indirect=True)
def test_the_master_is_killed_while_it_stages(victims, folder):
    runs = Runs(victims, scenario.make(folder / "run"))
    assert runs.kill_everywhere() > 20


@pytest.mark.parametrize("victims", ["commit_on_master"], indirect=True)
def test_the_master_is_killed_while_it_commits(victims, folder):
    runs = Runs(victims, scenario.committed_elsewhere(folder / "run"))
    assert runs.kill_everywhere() > 20


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        ("ENOSPC", ("write", "pwrite64", "mkdir", "mkdirat", "rename", "renameat", "renameat2")),
        ("EIO", ("fsync", "fdatasync")),
        ("EROFS", ("fchmod", "unlink", "unlinkat")),
    ],
)
def test_failed_at_every_call_that_changes_something(error, calls, victims, folder):
    runs = Runs(victims, scenario.make(folder / "run"))
    for call, number in runs.points(*calls):
        places = runs.fresh()
        outcome = victims.fail(places.root, call, number, error)
        try:
            assert outcome.code in (0, 3), outcome
            scenario.whole(places)
            scenario.next_run_mends(places)
        except Exception as caught:
            raise AssertionError(f"{error} at {call} {number}: {outcome.message}") from caught
