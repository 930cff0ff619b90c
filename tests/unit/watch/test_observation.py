"""The file of the last observation: written as a whole, kept where it cannot be."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import UNSET

from saltext_mip.console.screens.render import render
from saltext_mip.generations.event_log import EventLog
from saltext_mip.results import Event, EventKind, StatusResult
from saltext_mip.storage import lock
from saltext_mip.storage.state import (
    CONDITIONS,
    CONTROLLER_LOCK,
    DEPLOY_FAILED,
    FEDERATION_LOCK,
    GENERATIONS,
    OBSERVED,
    write_state,
)
from saltext_mip.watch import observation
from tests.support.mounts import fill, own_disk
from tests.unit.watch.values import condition, problem, replaced, status

NOW = datetime(2026, 3, 12, 4, 5, tzinfo=UTC)


def record(state: Path, found: StatusResult, at: datetime = NOW, seconds: float = 1.25) -> list:
    return observation.record(state, found, at=at, seconds=seconds, every=60.0)[1]


def test_it_is_the_status_and_when_it_was_observed(tmp_path: Path) -> None:
    assert record(tmp_path, status()) == []
    value = json.loads((tmp_path / OBSERVED).read_text())
    assert (value["command"], value["schema"], value["federation"]) == ("status", 1, "fed1")
    assert value["observed"] == {
        "at": "2026-03-12T04:05:00+00:00",
        "seconds": 1.2,
        "next": "2026-03-12T04:06:00+00:00",
    }
    assert (tmp_path / OBSERVED).stat().st_mode & 0o777 == 0o600
    found = observation.load(tmp_path)
    assert found is not None
    assert found.conditions == status().conditions


def test_one_that_took_longer_than_the_interval_is_followed_at_once(tmp_path: Path) -> None:
    record(tmp_path, status(), seconds=95.0)
    found = observation.load(tmp_path)
    assert found is not None
    assert found.observed is not UNSET
    assert found.observed.next == "2026-03-12T04:06:35+00:00"


def test_changes_are_from_the_last_observation_on(tmp_path: Path) -> None:
    gone = status(replaced(condition("WorkersReachable", "False", "WorkerMissing")))
    record(tmp_path, status())
    assert [each.type for each in record(tmp_path, gone)] == ["WorkersReachable"]
    assert record(tmp_path, gone) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"federation": 3}', b"\xff"])
def test_a_corrupt_file_is_replaced(tmp_path: Path, content: bytes) -> None:
    record(tmp_path, status())
    (tmp_path / OBSERVED).write_bytes(content)
    assert observation.load(tmp_path) is None
    assert record(tmp_path, status()) == []
    assert observation.load(tmp_path) is not None


def test_on_a_full_disk_the_last_one_remains(tmp_path: Path) -> None:
    with own_disk(tmp_path):
        record(tmp_path, status())
        before = (tmp_path / OBSERVED).read_bytes()
        fill(tmp_path / "filler")
        with pytest.raises(OSError, match="No space left"):
            record(tmp_path, status(problems=[problem()]))
        assert (tmp_path / OBSERVED).read_bytes() == before
        (tmp_path / "filler").unlink()
        record(tmp_path, status(problems=[problem()]))
        assert (tmp_path / OBSERVED).read_bytes() != before


def test_a_status_of_now_has_what_the_observer_knows(tmp_path: Path) -> None:
    assert observation.annotated(tmp_path, [problem()], NOW) == ([problem()], None)
    record(tmp_path, status(problems=[problem(), problem("Unreadable")]))
    later = NOW + timedelta(hours=30)
    now = [problem(), problem("NodeFailed")]
    found, resolved = observation.annotated(tmp_path, now, later)
    assert [(each.rule, each.state) for each in found] == [
        ("MountGone", "open"),
        ("NodeFailed", "new"),
    ]
    assert [each.rule for each in resolved or ()] == ["Unreadable"]


def test_the_screen_names_what_is_new_and_what_is_resolved(tmp_path: Path) -> None:
    record(tmp_path, status(problems=[problem(), problem("Unreadable")]))
    record(tmp_path, status(problems=[problem()]), NOW + timedelta(hours=1))
    value = observation.load(tmp_path)
    text = str(render("status", value))
    assert "New since yesterday: MountGone (fed1-wk-h1)" in text
    assert "Resolved since yesterday: Unreadable (fed1-wk-h1)" in text
    assert "yesterday" not in str(render("status", status(problems=[problem()])))


def at_work(state: Path) -> int:
    """A controller runs for the federation of ``state``, until this is released."""
    held = lock.hold(state / CONTROLLER_LOCK)
    assert held is not None
    return held


@pytest.fixture
def fed1(tmp_path: Path) -> Iterator[Path]:
    state = tmp_path / "fed1"
    record(state, status(), seconds=4.0)
    held = at_work(state)
    yield state
    lock.release(held)


@pytest.mark.parametrize(("age", "is_recent"), [(-1, False), (0, True), (120, True), (121, False)])
def test_it_is_recent_for_two_intervals(fed1: Path, age: int, is_recent: bool) -> None:
    found = observation.recent(fed1, NOW + timedelta(seconds=age))
    assert (found is not None) == is_recent


def test_without_its_observer_it_is_not_recent(tmp_path: Path) -> None:
    state = tmp_path / "fed1"
    record(state, status())
    assert observation.recent(state, NOW) is None
    held = at_work(state)
    assert observation.recent(state, NOW) is not None
    lock.release(held)
    assert observation.recent(state, NOW) is None


@pytest.mark.parametrize(
    "observed", [None, {"at": "2026-99-99T00:00Z"}, {"next": "2026-03-12T::Z"}]
)
def test_one_whose_moment_is_unknown_is_not_recent(fed1: Path, observed: dict | None) -> None:
    value = json.loads((fed1 / OBSERVED).read_text())
    value["observed"] = value["observed"] | observed if observed else None
    write_state(fed1 / OBSERVED, {key: each for key, each in value.items() if each is not None})
    assert observation.recent(fed1, NOW) is None


def test_one_of_another_federation_is_not_recent(fed1: Path) -> None:
    other = fed1.rename(fed1.with_name("fed2"))
    assert observation.recent(other, NOW) is None


def superseded(state: Path) -> bool:
    found = observation.load(state)
    assert found is not None
    assert found.observed is not UNSET
    return observation.is_superseded(state, found.observed)


@pytest.mark.parametrize(
    ("seconds", "what", "actor", "expected"),
    [
        (-1, "suspended", "alice", False),
        (0, "suspended", "alice", True),  # the observation may have been there already
        (40, "drained", "alice", True),
        (40, "consolidated", "controller", True),
        (2, "missing", "", False),  # found by the observation itself
        (40, "missing", "", True),
        (40, "condition", "", False),
    ],
)
def test_what_happened_since_then_supersedes_it(
    fed1: Path, seconds: int, what: EventKind, actor: str, expected: bool
) -> None:
    assert not superseded(fed1)
    when = (NOW + timedelta(seconds=seconds)).isoformat(timespec="seconds")
    log = EventLog(fed1)
    log.append(Event.of(when, what, actor))
    later = (NOW + timedelta(seconds=50)).isoformat(timespec="seconds")
    log.append(Event.of(later, "condition"))
    assert superseded(fed1) == expected


@pytest.mark.parametrize("name", [DEPLOY_FAILED, CONDITIONS, GENERATIONS])
def test_what_a_command_or_a_later_look_recorded_supersedes_it(fed1: Path, name: str) -> None:
    (fed1 / name).mkdir()
    for after, expected in ((4.0, False), (30.0, True)):
        at = (NOW + timedelta(seconds=after)).timestamp()
        os.utime(fed1 / name, (at, at))
        assert superseded(fed1) == expected


def test_a_command_that_runs_supersedes_it(fed1: Path) -> None:
    held = lock.hold(fed1 / FEDERATION_LOCK)
    assert held is not None
    assert superseded(fed1)
    lock.release(held)
    assert not superseded(fed1)
