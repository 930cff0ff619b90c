"""The processes that send notices: of one channel each, limited in time and memory."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.engines import mip as engine
from saltext_mip.federation import Federation
from saltext_mip.secret import Secret
from saltext_mip.watch import channels, outbox
from saltext_mip.watch.observer import Observer
from saltext_mip.watch.outbox import Notice, SendFailed
from saltext_mip.watch.settings import Channel, WatchSettings
from tests.functional.test_channels import Inbox, mail_server
from tests.support.waiting import until
from tests.unit.watch.values import condition, replaced, status

HELD = status(replaced(condition("Held", "True", "ShrinkGuard")))
NODES = {"fed1-ms": {"role": "master", "address": "10.0.0.1"}}


@pytest.fixture
def federation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Federation:
    monkeypatch.setattr(engine, "__opts__", {"root_dir": str(tmp_path)}, raising=False)
    return Federation.from_pillar("fed1", {"nodes": NODES})


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_channel_that_hangs_is_ended_and_another_gets_its_notice(
    federation: Federation, hanging: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "TIMEOUT", 600.0)
    monkeypatch.setattr(engine, "SENDING", 3.0)
    state, inbox = federation.state(tmp_path), Inbox()
    with mail_server(inbox) as port:
        dead = Channel("dead", Secret(f"https://{hanging}/"))
        mail = Channel("mail", Secret(f"smtp://127.0.0.1:{port}/?from=a@b.example&to=c@d.example"))
        settings = WatchSettings("fed1", 3600.0, {"default": 0.0}, 86400.0, (dead, mail))
        outbox.take_in(state, HELD, time.time(), settings)
        observer = Observer(state)
        observer.declare(settings, engine._Begin(federation, {}))
        began = time.monotonic()
        observer.tick(began, time.time(), began)
        works = dict(observer._works)
        until(lambda: inbox.mails)
        assert works["channel dead"].is_alive()
        for work in works.values():
            work.join()
    assert works["channel mail"].exitcode == 0
    assert works["channel dead"].exitcode == -signal.SIGALRM
    assert inbox.mails[0]["X-Mip-Notice"] == "fed1-2"
    (left,) = outbox.pending(state)
    assert (left.channel, left.attempts) == ("dead", 1)
    assert left.next > time.time()


def test_a_library_that_takes_all_memory_ends_its_own_process_alone(
    federation: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(channel: Channel, notice: Notice) -> None:
        try:
            bytearray(2 * engine.MEMORY)
        except MemoryError:
            raise SendFailed("no memory") from None

    monkeypatch.setattr(channels, "send", greedy)
    state = federation.state(tmp_path)
    channel = Channel("mail", Secret("smtp://127.0.0.1/?from=a@b.example&to=c@d.example"))
    settings = WatchSettings("fed1", 60.0, {"default": 0.0}, 86400.0, (channel,))
    outbox.take_in(state, HELD, time.time(), settings)
    work: Any = engine._Begin(federation, {}).deliver(channel)
    work.join()
    assert work.exitcode == 0
    assert outbox.record_of(state, "mail").error == "no memory"
