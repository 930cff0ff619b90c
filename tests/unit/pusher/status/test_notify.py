"""``mip.notify``: the channels as they are listed."""

from __future__ import annotations

from pathlib import Path

from msgspec import UNSET

from saltext_mip.pusher.status import notify
from tests.support.folders import Folders

MAIL = {"url": "smtp://me:secret@mail.example/?from=mip@a.example&to=oncall@a.example"}


def test_the_daily_mails_are_listed_with_the_nodes_that_get_none(tmp_path: Path) -> None:
    declared = {"oncall": MAIL, "contacts": {"daily": "08:00 Europe/Zurich"}}
    found = notify.list_channels(Folders(tmp_path, notify=declared).pusher)
    assert list(found.channels) == ["oncall", "contacts"]
    assert found.channels["contacts"].kind == "smtp"
    assert found.channels["contacts"].conditions == []
    assert found.notes == [
        "No daily mail, no mail address in its contact: fed1-ms",
        "No daily mail, no mail address in its contact: fed1-ui",
    ]


def test_without_them_nothing_is_noted(tmp_path: Path) -> None:
    found = notify.list_channels(Folders(tmp_path, notify={"oncall": MAIL}).pusher)
    assert list(found.channels) == ["oncall"]
    assert found.notes is UNSET


def test_a_test_goes_to_channels_alone_and_not_to_hospitals(tmp_path: Path) -> None:
    declared = {"oncall": MAIL, "contacts": {"daily": "08:00 Europe/Zurich"}}
    sent: list[str] = []
    notify.send_test(
        Folders(tmp_path, notify=declared).pusher,
        send=lambda channel, notice: sent.append(channel.name),
    )
    assert sent == ["oncall"]
