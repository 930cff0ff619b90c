"""What happened lately: told by many at once, bounded, and read whatever a power cut left."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from saltext_mip.generations import event_log
from saltext_mip.generations.event_log import EventLog
from saltext_mip.results import Event

WHEN = "2026-03-12T04:05:06+00:00"


def event(message: str = "", what: str = "compiled") -> Event:
    return Event.of(WHEN, what, "anna", "fed1-ms", message)


def told(state: Path) -> list[str]:
    return [each.message for each in EventLog(state).events()]


def test_what_is_told_is_read_in_its_order_with_growing_numbers(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for text in ("one", "zwei, é\n\u2028", "three"):
        EventLog(state).append(event(text))
    found = EventLog(state).events()
    assert [(each.number, each.message) for each in found] == [
        (1, "one"),
        (2, "zwei, é\n\u2028"),
        (3, "three"),
    ]
    assert [each.number for each in EventLog(state).events(after=2)] == [3]
    assert stat.S_IMODE(EventLog(state).path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_where_nothing_was_told_there_is_nothing(tmp_path: Path) -> None:
    assert EventLog(tmp_path).events() == ()


def test_an_event_of_another_type_is_not_read(tmp_path: Path) -> None:
    """A later version may have written it."""
    EventLog(tmp_path).append(event("one", what="exploded"))
    EventLog(tmp_path).append(event("two"))
    assert told(tmp_path) == ["two"]


def _tells(state: Path, who: int) -> None:
    for nth in range(50):
        EventLog(state).append(event(f"{who} {nth} " + "x" * 500))


def test_many_tell_at_once_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "MOST", 40_000)
    monkeypatch.setattr(event_log, "KEPT", 20_000)
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_tells, args=(tmp_path, who)) for who in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = EventLog(tmp_path).events()
    numbers = [each.number for each in found]
    assert numbers == list(range(200 - len(found) + 1, 201))
    assert EventLog(tmp_path).path.stat().st_size <= 40_000
    assert 20_000 // 800 <= len(found) < 200
    for who in range(4):
        theirs = [int(each.message.split()[1]) for each in found if each.message[0] == str(who)]
        assert theirs == sorted(theirs)
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


def test_a_line_that_a_power_cut_broke_hides_no_other(tmp_path: Path) -> None:
    record = EventLog(tmp_path)
    record.append(event("one"))
    record.append(event("two"))
    content = record.path.read_bytes()
    record.path.write_bytes(content[:-20])
    record.append(event("three"))
    assert told(tmp_path) == ["one", "three"]
    record.path.write_bytes(record.path.read_bytes() + b'\0\0\xff{"what": 1}\n[]\n')
    record.append(event("four"))
    assert told(tmp_path) == ["one", "three", "four"]


def test_a_text_is_cut_to_a_length(tmp_path: Path) -> None:
    EventLog(tmp_path).append(event("x" * 100_000))
    assert told(tmp_path) == ["x" * event_log.LINE]
