"""Notices by the real Apprise to a server, from the process that the engine starts."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.engines import mip as engine
from saltext_mip.federation import Federation
from saltext_mip.secret import Secret
from saltext_mip.watch import channels, outbox
from saltext_mip.watch.outbox import SendFailed
from saltext_mip.watch.settings import Channel, WatchSettings
from tests.functional.test_channels import NOTICE, TOKEN, https
from tests.unit.watch.values import condition, replaced, status

pytest.importorskip("apprise", reason="Apprise is not installed (extra [notify])")

HELD = status(replaced(condition("Held", "True", "ShrinkGuard")))
NODES = {"fed1-ms": {"role": "master", "address": "10.0.0.1"}}


def delivered(root: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the engine's process send one notice there; the federation's state."""
    monkeypatch.setattr(engine, "__opts__", {"root_dir": str(root)}, raising=False)
    federation = Federation.from_pillar("fed1", {"nodes": NODES})
    state = federation.state(root)
    channel = Channel("chat", Secret(url.replace("http://", "json://")))
    settings = WatchSettings("fed1", 60.0, {"default": 0.0}, 86400.0, (channel,))
    assert outbox.take_in(state, HELD, time.time(), settings)
    work: Any = engine._Begin(federation, {}).deliver(channel)
    work.join()
    assert work.exitcode == 0
    return state


def test_apprise_sends_the_notice_with_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https(None) as posted:
        state = delivered(tmp_path, posted.url, monkeypatch)
    ((method, path, _, content),) = posted.requests
    assert (method, path) == ("POST", f"/{TOKEN}")
    value = json.loads(content)
    assert value["title"].startswith("fed1 PROBLEM: Held")
    assert "Held ShrinkGuard" in value["message"]
    assert "X-Mip-Notice: fed1-1" in value["message"]
    assert outbox.pending(state) == []
    assert outbox.record_of(state, "chat").delivered == 1


def test_what_apprise_does_not_deliver_stays_in_the_outbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with https(None, 500) as posted:
        state = delivered(tmp_path, posted.url, monkeypatch)
    assert len(posted.requests) == 1
    (left,) = outbox.pending(state)
    assert left.attempts == 1
    assert outbox.record_of(state, "chat").error == "Apprise did not deliver it"


def test_apprise_logs_no_address_even_where_salt_logs_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    with https(None, 500) as posted:
        channel = Channel("chat", Secret(posted.url.replace("http://", "json://")))
        with pytest.raises(SendFailed):
            channels.send(channel, NOTICE)
    with pytest.raises(SendFailed):  # and nobody listens there any more
        channels.send(channel, NOTICE)
    assert len(posted.requests) == 1
    assert TOKEN not in caplog.text
