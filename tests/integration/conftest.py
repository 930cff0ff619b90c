"""A real master and real minions, one federation for each module of tests.

A module says what it wants by constants of its own::

    WORKERS = 4                        # default: 2, which makes four minions
    OTHERS = {"fed2": 1}               # further federations on the same pusher
    DECLARE = {"min_count": 0}         # further keys of the pillar
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.local import LocalFederation


@pytest.fixture(scope="module")
def fed(request: pytest.FixtureRequest) -> Iterator[LocalFederation]:
    wanted = request.module
    with LocalFederation(
        workers=getattr(wanted, "WORKERS", 2),
        others=getattr(wanted, "OTHERS", None),
        declare=getattr(wanted, "DECLARE", None),
    ) as running:
        yield running
