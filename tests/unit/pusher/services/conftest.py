"""A federation of folders that is deployed: two workers, one dataset each."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip.pusher.services import deploy, wait
from tests.support.commands import consolidate
from tests.support.services import Services
from tests.unit.pusher.conftest import with_data


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not sleep between two observations."""
    monkeypatch.setattr(wait, "POLL_INTERVAL", 0.0)
    monkeypatch.setattr(wait, "STEADY", 0.0)


@pytest.fixture
def fresh(tmp_path: Path) -> Services:
    """Declared, with data, and nothing else."""
    return with_data(Services(tmp_path))


@pytest.fixture
def fed(fresh: Services) -> Services:
    """Consolidated and deployed."""
    from saltext_mip.pusher.survey import Options

    consolidate(fresh.pusher, Options())
    deploy.deploy(fresh.pusher)
    fresh.asked.clear()
    fresh.requests.clear()
    fresh.applied.clear()
    fresh.events.clear()
    fresh.compiled = fresh.refreshed = 0
    return fresh
