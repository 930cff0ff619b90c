"""A real master and real minions: those of the whole run, with federations of each module's own.

A module says what it wants by constants of its own::

    WORKERS = 4                        # default: 2, which makes four minions
    OTHERS = {"fed2": 1}               # further federations on the same pusher
    DECLARE = {"min_count": 0}         # further keys of the pillar
    ALONE = True                       # processes of its own: it sets the pusher up, or restarts it
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from saltfactories.manager import FactoriesManager

from tests.support import roots, salthost
from tests.support.local import LocalFederation
from tests.support.shared import SharedFederation


@pytest.fixture(scope="session")
def salt_factories_default_root_dir() -> Path:
    """Short, for the sockets' sake, and of this run alone."""
    roots.sweep()
    return roots.make()


@pytest.fixture(scope="session")
def salt_factories_config() -> dict[str, Any]:
    return {
        "scripts_dir": salthost.BIN,  # Salt's own commands, not wrappers of another name
        "log_server_level": "error",
        # the factories would have each job compile what it imports
        "environ": {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONWARNINGS": "ignore"},
    }


@pytest.fixture(scope="session")
def shared_federation(
    salt_factories: FactoriesManager, salt_factories_default_root_dir: Path
) -> Iterator[SharedFederation]:
    """The processes of this run, one set for each process of pytest-xdist; none is up yet."""
    shared = SharedFederation(salt_factories, salt_factories_default_root_dir)
    try:
        yield shared
    finally:
        shared.close()


@pytest.fixture(scope="module")
def fed(request: pytest.FixtureRequest) -> Iterator[LocalFederation]:
    module = request.module
    wanted = {
        "workers": getattr(module, "WORKERS", 2),
        "others": getattr(module, "OTHERS", None),
        "declare": getattr(module, "DECLARE", None),
    }
    if getattr(module, "ALONE", False):
        with LocalFederation(**wanted) as alone:
            yield alone
        return
    shared: SharedFederation = request.getfixturevalue("shared_federation")
    shared.borrow(**wanted)
    yield shared
    shared.give_back()
