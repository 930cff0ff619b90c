"""The ring of real hosts: one bed for all tests of a process, and files that share what is on it.

Its bed is not the one of `make federation`: that goes on undisturbed; and where pytest-xdist runs
several files at once, each of its processes has one. MIP_BED_REUSE=1 uses the bed that is up, and
leaves it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.federation.followed import Followed
from tests.federation.stage import Stage
from tests.support.bed import Bed, BedUnavailable, Layout

RING = Layout(Path("/var/lib/mip-bed-ring" + os.environ.get("PYTEST_XDIST_WORKER", "")))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hosts take their time; and what shares a federation is run by one process (loadgroup)."""
    for item in items:
        if "tests/federation" not in str(item.path):
            continue
        if not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))
        shares = "followed" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("followed" if shares else item.path.stem))


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
    fed = stage.followed()
    failed = request.session.testsfailed
    yield fed
    if request.session.testsfailed > failed:
        stage.forget()
