"""The process that sends a notice is killed: the notice arrives at least once, with the same id."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.engines import mip as engine
from saltext_mip.federation import Federation
from saltext_mip.watch import outbox
from saltext_mip.watch.outbox import RAREST
from tests.functional.test_channels import Posted, https
from tests.support import sending_scenario as scenario
from tests.support.certificates import self_signed
from tests.support.crash import Victims, or_skipped, scene
from tests.support.waiting import until

NODES = {"fed1-ms": {"role": "master", "address": "10.0.0.1"}}


@pytest.fixture
def root() -> Iterator[Path]:
    with scene() as folder:
        yield folder


@pytest.fixture
def victims() -> Iterator[Victims]:
    with or_skipped(), Victims("tests.support.sending_scenario:run") as victims:
        yield victims


def ids(posted: Posted) -> list[str]:
    return [headers["X-Mip-Notice"] for _, _, headers, _ in posted.requests]


def test_killed_at_every_call_that_changes_or_sends_something(
    victims: Victims, root: Path, tmp_path: Path
) -> None:
    certificate = self_signed(tmp_path)
    received: dict[tuple[str, int], int] = {}
    with https(certificate) as posted:
        scenario.make(root, posted.url, certificate[1])
        with or_skipped():
            calls = victims.calls(root)
        assert ids(posted) == ["fed1-1"]
        for point in [(call, 1 + at) for call, count in calls.items() for at in range(count)]:
            posted.requests.clear()
            scenario.make(root, posted.url, certificate[1])
            outcome = victims.kill(root, *point)
            assert outcome.signal == signal.SIGKILL, (point, outcome)
            later = 0.0
            if outbox.pending(scenario.state(root)):
                later = RAREST
                assert outbox.due(scenario.state(root), time.time() + later) == {scenario.CHANNEL}
            scenario.run(root, later)
            assert set(ids(posted)) == {"fed1-1"}, point
            assert outbox.pending(scenario.state(root)) == [], point
            received[point] = len(posted.requests)
    assert {1, 2} <= set(received.values()), received  # killed before it was sent, and after


def test_the_engine_s_process_is_killed_before_the_answer_and_the_next_one_sends_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "__opts__", {"root_dir": str(tmp_path)}, raising=False)
    federation = Federation.from_pillar("fed1", {"nodes": NODES})
    begin: Any = engine._Begin(federation, {})
    monkeypatch.setattr(Federation, "state", lambda *_: scenario.state(root))
    certificate = self_signed(tmp_path)
    started: list[int] = []

    def kill() -> None:
        os.kill(until(lambda: started)[0], signal.SIGKILL)

    with https(certificate, before=kill) as posted:
        scenario.make(root, posted.url, certificate[1])
        work = begin.deliver(scenario.channel(root))
        started.append(work.pid)
        work.join()
    assert (work.exitcode, ids(posted)) == (-signal.SIGKILL, ["fed1-1"])
    (left,) = outbox.pending(scenario.state(root))
    assert left.attempts == 1
    assert outbox.due(scenario.state(root), time.time()) == set()
    with https(certificate) as posted:
        (root / scenario.ADDRESS).write_text(posted.url)
        work = begin.deliver(scenario.channel(root))
        work.join()
    assert (work.exitcode, ids(posted)) == (0, ["fed1-1"])
    assert outbox.pending(scenario.state(root)) == []
