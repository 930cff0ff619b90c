"""The screen of ``notify``: the channels, and how sending to each went."""

from __future__ import annotations

from saltext_mip.console.screens.text import Screen, Style
from saltext_mip.results import ChannelInfo, NotifyResult
from saltext_mip.text import when


def notify(screen: Screen, value: NotifyResult) -> None:
    """One line a channel; below it the error of the last attempt."""
    screen.gap()
    for name, each in value.channels.items():
        style: Style = "bad" if each.error else "plain"
        screen.table([(f"{name:16}", f"{each.kind:8}", _state(each))], styles=[style])
        if each.error:
            screen.text(each.error, indent=4, hang=2, style="bad")
    if not value.channels:
        screen.text("No channel is declared: notify in the pillar of the pusher.")


def _state(each: ChannelInfo) -> str:
    if each.sent is not None:
        return "test sent" if each.sent else "test NOT sent"
    last = f"last {when(each.last)}" if each.last else "none yet"
    counts = [f"{each.delivered} delivered, {last}"]
    counts += [f"{each.waiting} waiting"] if each.waiting else []
    counts += [f"{each.dropped} given up"] if each.dropped else []
    return "; ".join(counts)
