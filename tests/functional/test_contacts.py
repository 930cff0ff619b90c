"""The daily mails to contacts, by a real mail server and the processes that the engine starts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from saltext_mip.engines import mip as engine
from saltext_mip.federation import Federation
from saltext_mip.watch import outbox
from saltext_mip.watch.observer import Observer
from saltext_mip.watch.settings import WatchSettings
from tests.functional.test_channels import TOKEN, Inbox, mail_server
from tests.support.waiting import until
from tests.unit.watch.test_daily import NODES, observed
from tests.unit.watch.values import status

H1, H2 = "it@h1.example", "it@h2.example"


class Choosy(Inbox):
    """It refuses mail to some recipients."""

    refused: tuple[str, ...] = ()

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"


class Pusher:
    """What the engine does of it: observations, and sending what is due."""

    def __init__(self, root: Path, port: int) -> None:
        url = f"smtp://127.0.0.1:{port}/{TOKEN}?from=mip@a.example&to=oncall@a.example"
        notify = {"oncall": {"url": url}, "contacts": {"daily": "00:00 UTC"}}
        self.federation = Federation.from_pillar("fed1", {"nodes": NODES, "notify": notify})
        self.state = self.federation.state(root)
        self.settings = WatchSettings.of(self.federation)

    def observe(self, now: float) -> int:
        """How many notices one observation made."""
        found = structs.replace(observed(), conditions=status().conditions)
        return len(outbox.take_in(self.state, found, now, self.settings))

    def send(self) -> None:
        observer = Observer(self.state)
        observer.declare(self.settings, engine._Begin(self.federation, {}))
        now = time.monotonic()
        observer.tick(now, time.time(), now)
        for work in observer._works.values():
            work.join()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(engine, "__opts__", {"root_dir": str(tmp_path)}, raising=False)
    return tmp_path


def test_each_contact_gets_one_mail_a_day_about_its_own_node(root: Path) -> None:
    inbox = Inbox()
    with mail_server(inbox) as port:
        now = time.time()
        assert Pusher(root, port).observe(now - 86400) == 0
        assert Pusher(root, port).observe(now) == 2
        assert Pusher(root, port).observe(now) == 0  # another start of the pusher
        Pusher(root, port).send()
        Pusher(root, port).send()
        until(lambda: len(inbox.mails) >= 2)
    assert inbox.recipients == [[H1], [H2, "night@h2.example"]]
    for mail, own, other in zip(inbox.mails, ("h1", "h2"), ("h2", "h1"), strict=True):
        whole = mail.as_string()
        assert mail["Subject"] == f"fed1 PROBLEM: {own}"
        assert (mail["From"], mail["Reply-To"]) == ("mip@a.example", "oncall@a.example")
        assert f"node fed1-wk-{own}" in whole
        assert other not in whole
        assert TOKEN not in whole
    assert [mail["X-Mip-Notice"] for mail in inbox.mails] == ["fed1-1", "fed1-2"]


def test_a_contact_that_the_server_refuses_delays_no_other(root: Path) -> None:
    inbox = Choosy()
    inbox.refused = (H1,)
    with mail_server(inbox) as port:
        pusher, now = Pusher(root, port), time.time()
        pusher.observe(now - 86400)
        pusher.observe(now)
        pusher.send()
        assert inbox.recipients == [[H2, "night@h2.example"]]
    assert [each.node for each in outbox.pending(pusher.state)] == ["fed1-wk-h1"]
    error = outbox.record_of(pusher.state, "contacts").error
    assert error == "the mail server refused the mail to the contact of fed1-wk-h1"
