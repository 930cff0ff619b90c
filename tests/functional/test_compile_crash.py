"""A compile that is killed, or fails, at any system call: the last good database is as it was.

And the next run makes the new one, with the rows that were kept of a bad file, and clears away
what the dead one left.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import compile_scenario as scenario
from tests.support.crash import Outcome, Victims, or_skipped, scene

pytestmark = pytest.mark.timeout(1800)

#: How a folder is before, and what may be in its database then and after.
BEFORE = {
    "changed": ({}, scenario.OLD, scenario.NEW),
    "new": ({"compiled": False}, None, scenario.FRESH),
    "without a CDE": ({"compiled": False, "cde": False}, None, set()),
}


@pytest.fixture
def victims() -> Iterator[Victims]:
    with or_skipped(), Victims("tests.support.compile_scenario:run") as victims:
        yield victims


@pytest.fixture
def root() -> Iterator[Path]:
    with scene() as folder:
        yield folder


def calls(victims: Victims, root: Path) -> dict[str, int]:
    with or_skipped():
        return victims.calls(root)


@pytest.mark.parametrize("before", BEFORE)
def test_killed_at_every_call_that_changes_something(victims, root, before):
    options, old, new = BEFORE[before]

    def kill(call: str, number: int) -> Outcome:
        outcome = victims.kill(root, call, number)
        assert outcome.signal == signal.SIGKILL or outcome.code == 0, outcome
        return outcome

    assert everywhere(victims, root, options, old, new, kill) > 20


@pytest.mark.parametrize(
    ("error", "only"),
    [
        # not write: threads wake one another by it, and it is their own memory that they write to
        ("ENOSPC", {"pwrite64", "rename", "ftruncate"}),
        ("EIO", {"fsync", "fdatasync", "pwrite64"}),
        ("EROFS", {"fchmod", "unlink"}),
    ],
)
def test_failed_at_every_call_that_changes_something(victims, root, error, only):
    options, old, new = BEFORE["changed"]

    def fail(call: str, number: int) -> Outcome:
        outcome = victims.fail(root, call, number, error)
        assert outcome.code == 0, outcome
        return outcome

    everywhere(victims, root, options, old, new, fail, only=only)


def everywhere(
    victims: Victims,
    root: Path,
    options: dict[str, bool],
    old: set[tuple[object, ...]] | None,
    new: set[tuple[object, ...]],
    spoil: Callable[[str, int], Outcome],
    only: set[str] | None = None,
) -> int:
    """Spoil a run at each point and see that nothing is lost; how many runs that ended.

    Calls are counted thread by thread, so that the last of those that were seen are not reached.
    """
    scenario.make(root, **options)
    counted = calls(victims, root)
    assert scenario.rows(root) == new
    points = [
        (call, number)
        for call, count in counted.items()
        if only is None or call in only
        for number in range(1, count + 1)
    ]
    spoilt = 0
    for call, number in points:
        scenario.make(root, **options)
        try:
            outcome = spoil(call, number)
            assert scenario.rows(root) in (old, new), outcome
            assert not [path for path in scenario.folder(root).iterdir() if path.is_dir()]
            scenario.run(root)
            assert scenario.rows(root) == new
            assert scenario.left(root) == set()
            assert not scenario.run(root).changed
            spoilt += outcome.signal is not None
        except Exception as error:
            raise AssertionError(f"{call} {number}") from error
    return spoilt
