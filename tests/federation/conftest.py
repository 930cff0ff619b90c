"""The ring of real hosts: one bed for all tests of a process, and files that share what is on it.

Its bed is not the one of `make federation`: that goes on undisturbed; and where pytest-xdist runs
several files at once, each of its processes has one. MIP_BED_REUSE=1 uses the bed that is up, and
leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadfile import LoadFileScheduling

from tests.federation.followed import Followed
from tests.federation.stage import Stage
from tests.support.bed import Bed, BedUnavailable, Layout

RING = Layout(Path("/var/lib/mip-bed-ring" + os.environ.get("PYTEST_XDIST_WORKER", "")))


SHARING = {
    "test_follow.py": "followed, data",
    "test_nemesis.py": "followed, data",
    "test_engine.py": "followed, services",
    "test_mending.py": "followed, services",
}
"""Files of a followed federation, and which one: one process runs the files of each."""

FIRST = ("test_manual.py", "test_surroundings.py", *SHARING, "test_engine_clock.py")
"""The longest files: the last one to begin decides when the ring ends."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """A file stays in one process, and files that share a federation in the same."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return SHARING.get(file.rpartition("/")[2], file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hosts take their time; the longest files come first (`--no-loadscope-reorder`)."""
    first = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: first.get(item.path.name, len(first)))
    for item in items:
        if "tests/federation" in str(item.path) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The bed of three workers with Salt set up, and what is on it."""
    try:
        if os.environ.get("MIP_BED_REUSE"):
            yield Stage(Bed.attach(), is_blank=False)
            return
        bed = Bed.up(workers=3, settle=2, layout=RING)
    except BedUnavailable as unavailable:
        pytest.skip(f"no bed: {unavailable}")
    try:
        yield Stage(bed, is_blank=True)
    finally:
        bed.down()


@pytest.fixture(scope="module")
def bed(stage: Stage) -> Bed:
    """A bed on which nothing is deployed yet."""
    return stage.blank()


@pytest.fixture(scope="module")
def followed(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Followed]:
    """A deployed federation, its controller left to itself, with the data of :meth:`begin`."""
    assert request.path.name in SHARING
    fed = stage.followed()
    failed = request.session.testsfailed
    yield fed
    if request.session.testsfailed > failed:
        stage.forget()
