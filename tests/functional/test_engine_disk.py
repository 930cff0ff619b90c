"""The engine on a state folder that is full or read-only: it waits, says so once, and goes on."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from saltfactories.utils.loader import LoaderModuleMock

from saltext_mip.controller.loop import is_controlled
from saltext_mip.engines import mip as engine
from saltext_mip.federation import federations
from saltext_mip.storage import lock
from tests.support import pillars
from tests.support.mounts import broken_disk

ROUNDS = 6

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


class Ended(Exception):
    """The loop of the engine was left."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Runs the engine for a few rounds, in each of which the pillar is compiled again."""
    declared = {"fed1": pillars.declaration(tmp_path, "fed1", index=1, workers=1)}
    found = federations({"mip": {"federations": declared}})
    monkeypatch.setattr(engine, "declared", lambda _: found)
    monkeypatch.setattr(engine, "DECLARED_EVERY", -1.0)
    monkeypatch.setattr(engine, "_starter", lambda *_: started)

    def started(*_: Any) -> Any:
        raise AssertionError("nothing is to be started without a state")

    def rounds() -> None:
        left = iter(range(ROUNDS))

        def sleep(_: float) -> None:
            if next(left, None) is None:
                raise Ended

        monkeypatch.setattr(engine.time, "sleep", sleep)
        with pytest.raises(Ended):
            engine.start()

    with LoaderModuleMock({engine: {"__opts__": {"root_dir": str(tmp_path)}}}):
        yield rounds


@pytest.mark.parametrize("fault", ["full", "read-only"])
def test_it_waits_and_says_so_once(
    run: Callable[[], None], tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    state = tmp_path / "var/lib/mip"
    state.mkdir(parents=True)
    with caplog.at_level(logging.ERROR), broken_disk(state, fault):
        run()
        lock.release_in_fork()  # as a process that ends does
    (record,) = caplog.records
    assert str(state) in record.getMessage()
    assert record.exc_info is None
    assert not is_controlled(state / "fed1")
