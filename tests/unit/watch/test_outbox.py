"""The outbox: nothing lost, nothing sent under another number, no channel waits for another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from saltext_mip.secret import Secret
from saltext_mip.storage.state import CHANNELS, NOTICES, OUTBOX
from saltext_mip.watch import outbox
from saltext_mip.watch.outbox import KEPT, RAREST, Notice, SendFailed
from saltext_mip.watch.settings import Channel, WatchSettings
from tests.unit.watch.values import condition, replaced, status

NOW = 1_773_288_000.0
SECRET = "a-token-in-the-address"
ONCALL = Channel("oncall", Secret(f"https://x.example/{SECRET}"), frozenset({"Ready", "Held"}))
CHAT = Channel("chat", Secret(f"https://y.example/{SECRET}"))
SETTINGS = WatchSettings("fed1", 60.0, {"default": 0.0}, 86400.0, (ONCALL, CHAT))
HELD = status(replaced(condition("Held", "True", "ShrinkGuard")))
DOWN = status(replaced(condition("Served", "False", "NotServing")))


def never(notice: Notice) -> None:
    raise SendFailed("no connection to the server")


def collected(into: list[Notice]) -> Callable[[Notice], None]:
    return into.append


def test_each_channel_gets_a_notice_of_its_own_about_what_it_asked_for(tmp_path: Path) -> None:
    made = outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    assert [(each.number, each.channel, each.id) for each in made] == [
        (1, "oncall", "fed1-1"),
        (2, "chat", "fed1-2"),
    ]
    assert "Ready" in made[0].text
    assert "Ready" not in made[1].text
    assert outbox.take_in(tmp_path, HELD, NOW + 60, SETTINGS) == []
    later = outbox.take_in(tmp_path, status(), NOW + 120, SETTINGS)
    assert [each.number for each in later] == [3, 4]
    assert outbox.due(tmp_path, NOW + 120) == {"oncall", "chat"}


def test_what_is_sent_is_gone_and_in_its_order(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    outbox.take_in(tmp_path, status(), NOW + 60, SETTINGS)
    sent: list[Notice] = []
    outbox.deliver(tmp_path, "chat", collected(sent), lambda: NOW + 61)
    assert [each.number for each in sent] == [2, 4]
    assert [each.number for each in outbox.pending(tmp_path)] == [1, 3]
    assert outbox.record_of(tmp_path, "chat").delivered == 2
    assert outbox.due(tmp_path, NOW + 61) == {"oncall"}


def test_a_dead_channel_is_retried_more_and_more_rarely_and_nothing_is_lost(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    now, attempts = NOW, []
    while now < NOW + 6 * 3600:
        if "chat" in outbox.due(tmp_path, now):
            attempts.append(now)
            outbox.deliver(tmp_path, "chat", never, lambda now=now: now)
        now += 10
    pauses = [after - before for before, after in pairwise(attempts)]
    assert pauses[0] == 30
    assert all(after >= before for before, after in pairwise(pauses))
    assert max(pauses) <= RAREST
    record = outbox.record_of(tmp_path, "chat")
    assert (record.failed, record.error) == (len(attempts), "no connection to the server")
    assert record.since == "2026-03-12T04:00:00+00:00"
    sent: list[Notice] = []
    outbox.deliver(tmp_path, "chat", collected(sent), lambda: now)
    assert [each.number for each in sent] == [2]
    assert outbox.record_of(tmp_path, "chat").error == ""


def test_after_a_day_it_is_given_up_and_counted(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    sent: list[Notice] = []
    outbox.deliver(tmp_path, "chat", collected(sent), lambda: NOW + KEPT + 1)
    assert sent == []
    assert outbox.record_of(tmp_path, "chat").dropped == 1
    assert [each.channel for each in outbox.pending(tmp_path)] == ["oncall"]


def test_a_process_that_is_killed_while_it_sends_has_made_an_attempt(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)

    def killed(notice: Notice) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outbox.deliver(tmp_path, "chat", killed, lambda: NOW)
    (left,) = outbox.pending(tmp_path, "chat")
    assert (left.number, left.attempts) == (2, 1)
    assert "chat" not in outbox.due(tmp_path, NOW + 1)
    assert "chat" in outbox.due(tmp_path, NOW + 31)


def test_interrupted_before_the_numbers_are_recorded_the_same_numbers_are_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = outbox.write_state

    def dies(path: Path, value: object) -> bool:
        if path == tmp_path / NOTICES:
            raise KeyboardInterrupt
        return write(path, value)

    monkeypatch.setattr(outbox, "write_state", dies)
    with pytest.raises(KeyboardInterrupt):
        outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    monkeypatch.setattr(outbox, "write_state", write)
    made = outbox.take_in(tmp_path, HELD, NOW + 60, SETTINGS)
    assert [each.id for each in made] == ["fed1-1", "fed1-2"]
    assert [each.number for each in outbox.pending(tmp_path)] == [1, 2]


def test_what_waits_is_kept_where_what_was_notified_is_gone(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    (tmp_path / NOTICES).unlink()
    assert outbox.take_in(tmp_path, status(), NOW + 60, SETTINGS) == []
    assert [each.channel for each in outbox.pending(tmp_path)] == ["oncall", "chat"]


def test_a_clock_that_is_set_back_stops_nothing(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    outbox.deliver(tmp_path, "chat", never, lambda: NOW + 30 * 86400)
    outbox.take_in(tmp_path, status(), NOW, SETTINGS)
    assert "oncall" in outbox.due(tmp_path, NOW)


def test_corrupt_files_stop_nothing_and_no_number_is_used_twice(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    (tmp_path / NOTICES).write_bytes(b"{")
    (tmp_path / OUTBOX / "7.json").write_bytes(b"\xff")
    made = outbox.take_in(tmp_path, HELD, NOW + 60, SETTINGS)
    assert [each.number for each in made] == [3, 4]
    (tmp_path / CHANNELS).mkdir(exist_ok=True)
    (tmp_path / CHANNELS / "chat.json").write_bytes(b"[")
    assert outbox.record_of(tmp_path, "chat").delivered == 0


def test_a_channel_that_fails_does_not_report_itself(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, HELD, NOW, SETTINGS)
    outbox.deliver(tmp_path, "chat", never, lambda: NOW)
    both = (ONCALL, CHAT)
    settings = WatchSettings("fed1", 60.0, {"default": 0.0}, 86400.0, both)
    failing = replaced(
        condition("Held", "True", "ShrinkGuard"), condition("NoticesSent", "False", "ChannelFailed")
    )
    assert outbox.take_in(tmp_path, status(failing), NOW + 60, settings) == []
    all_types = Channel("mail", Secret("smtp://x/?from=a@b&to=c@d"))
    settings = WatchSettings("fed1", 60.0, {"default": 0.0}, 86400.0, (CHAT, all_types))
    (tmp_path / NOTICES).unlink()
    made = outbox.take_in(tmp_path, status(failing), NOW + 120, settings)
    assert [each.channel for each in made if "NoticesSent" in each.text] == ["mail"]


def test_no_secret_is_in_any_file_of_it(tmp_path: Path) -> None:
    outbox.take_in(tmp_path, DOWN, NOW, SETTINGS)
    outbox.deliver(tmp_path, "chat", never, lambda: NOW)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes()
            assert path.stat().st_mode & 0o777 == 0o600
