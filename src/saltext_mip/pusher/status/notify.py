"""The channels of notices: how sending went, and a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import UNSET

from saltext_mip.conditions import Condition
from saltext_mip.errors import Misuse
from saltext_mip.pusher.context import Pusher
from saltext_mip.results import ChannelInfo, NotifyResult
from saltext_mip.text import first_of, shown, when
from saltext_mip.watch import channels, outbox
from saltext_mip.watch.outbox import Notice, SendFailed
from saltext_mip.watch.settings import Channel, WatchSettings

Send = Callable[[Channel, Notice], None]


def conditions(pusher: Pusher) -> Iterator[Condition]:
    """``NoticesSent``, where a channel is declared."""
    declared = WatchSettings.of(pusher.federation).senders
    if not declared:
        return
    failing = [
        f"{channel.name}: {record.error} (since {when(record.since)})"
        for channel in declared
        if (record := outbox.record_of(pusher.state, channel.name)).error
    ]
    if failing:
        yield Condition("NoticesSent", "False", "ChannelFailed", "; ".join(failing))
    else:
        yield Condition("NoticesSent", "True", "Delivered", "no channel refused the last notice")


def list_channels(pusher: Pusher) -> NotifyResult:
    """The result of ``mip.notify``: the declared channels. Sends nothing."""
    settings = WatchSettings.of(pusher.federation)
    found = {each.name: _info(pusher, each) for each in settings.senders}
    notes: list[str] = []
    if settings.contacts:
        reached = settings.contacts.channel.contacts
        without = [each for each in pusher.federation.ids if each not in reached]
        notes = [f"No daily mail, no mail address in its contact: {each}" for each in without]
    return NotifyResult(federation=pusher.federation.name, channels=found, notes=notes or UNSET)


def send_test(pusher: Pusher, name: Any = None, send: Send = channels.send) -> NotifyResult:
    """The result of ``mip.notify`` with ``test``: one message to each channel, or to that one."""
    declared = WatchSettings.of(pusher.federation).channels
    names = [each.name for each in declared]
    if not names:
        raise Misuse("no channel is declared: see notify in the manual, Keys of the pillar.")
    if name is not None and str(name) not in names:
        raise Misuse(f"no channel '{shown(str(name), 80)}'; declared: {first_of(names, 20)}.")
    found = {}
    for channel in declared:
        if name is not None and channel.name != str(name):
            continue
        try:
            send(channel, _test(pusher, channel.name))
            sent, error = True, ""
        except SendFailed as failed:
            sent, error = False, str(failed)
        found[channel.name] = _info(pusher, channel, sent=sent, error=error)
    good = all(each.sent for each in found.values())
    return NotifyResult(
        federation=pusher.federation.name, channels=found, retcode=UNSET if good else 1
    )


def _test(pusher: Pusher, channel: str) -> Notice:
    name = pusher.federation.name
    return Notice(
        number=0,
        federation=name,
        channel=channel,
        subject=f"{name[:30]} TEST of channel {channel[:15]}",
        text=f"Federation {name}\n\nThis is a test by {shown(pusher.actor, 80)}. Nothing to do.\n",
        made=pusher.now().timestamp(),
    )


def _info(
    pusher: Pusher, channel: Channel, *, sent: bool | None = None, error: str | None = None
) -> ChannelInfo:
    record = outbox.record_of(pusher.state, channel.name)
    return ChannelInfo(
        kind=channel.kind,
        conditions=sorted(channel.conditions),
        waiting=len(outbox.pending(pusher.state, channel.name)),
        delivered=record.delivered,
        failed=record.failed,
        dropped=record.dropped,
        last=record.last or None,
        error=record.error if error is None else error,
        sent=sent,
    )
