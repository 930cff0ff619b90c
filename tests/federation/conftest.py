"""The ring of real hosts: one bed for all of its tests.

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
from tests.support.bed import Bed, BedUnavailable, Layout

RING = Layout(Path("/var/lib/mip-bed-ring" + os.environ.get("PYTEST_XDIST_WORKER", "")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Hosts take their time."""
    for item in items:
        if "tests/federation" in str(item.path) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """A federation of three workers, with Salt set up and nothing deployed yet."""
    try:
        if os.environ.get("MIP_BED_REUSE"):
            yield Bed.attach()
            return
        bed = Bed.up(workers=3, settle=2, layout=RING)
    except BedUnavailable as unavailable:
        pytest.skip(f"no bed: {unavailable}")
    try:
        yield bed
    finally:
        bed.down()


@pytest.fixture(scope="module")
def followed(bed: Bed) -> Iterator[Followed]:
    """The federation deployed anew, its controller left to itself; the bed is blank after it."""
    bed.blank()
    fed = Followed(bed)
    fed.begin()
    yield fed
    bed.blank()
