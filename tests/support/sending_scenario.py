"""An outbox with one notice to a channel, for a process that is killed while it sends."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import requests  # noqa: F401 - here, so that a run does not have to import it

from saltext_mip.secret import Secret
from saltext_mip.watch import channels, outbox
from saltext_mip.watch.settings import Channel, WatchSettings
from tests.unit.watch.values import condition, replaced, status

CHANNEL, ADDRESS, AUTHORITY = "chat", "url", "ca.pem"


def make(root: Path, url: str, authority: Path) -> None:
    """One notice waits for the channel of that address."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / ADDRESS).write_text(url)
    shutil.copy(authority, root / AUTHORITY)
    settings = WatchSettings("fed1", 60.0, {"default": 0.0}, 86400.0, (channel(root),))
    held = status(replaced(condition("Held", "True", "ShrinkGuard")))
    assert outbox.take_in(state(root), held, time.time(), settings)


def state(root: Path) -> Path:
    return root / "state"


def channel(root: Path) -> Channel:
    url = Secret((root / ADDRESS).read_text())
    return Channel(CHANNEL, url, ca_file=str(root / AUTHORITY))


def run(root: Path, later: float = 0.0) -> None:
    """Send what waits, so many seconds from now."""
    to = channel(root)
    outbox.deliver(
        state(root), CHANNEL, lambda each: channels.send(to, each), lambda: time.time() + later
    )
