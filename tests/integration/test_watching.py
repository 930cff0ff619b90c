"""The observer, with a real master and real minions: what it finds, keeps and reports by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.support import salthost
from tests.support.following import Following
from tests.support.local import PUSHER, LocalFederation
from tests.support.person import Person
from tests.support.waiting import until
from tests.unit.pusher.conftest import cde, rows

ALONE = True
EVERY = 3
(PORT,) = salthost.free_ports(1)
MAIL = f"smtp://127.0.0.1:{PORT}/?from=mip@a.example&to=oncall@b.example"
DECLARE = {
    "watch": {"every": EVERY, "after": {"default": 4, "WorkersReachable": 4}},
    "reactor": {"resync": 600},
    "notify": {
        "oncall": {"url": MAIL, "conditions": ["WorkersReachable"]},
        "dead": {"url": "https://127.0.0.1:1/a-token"},
    },
}
FED = "federation=fed1"
WORKER = "fed1-wk-h2"


@pytest.fixture(scope="module")
def watched(fed: LocalFederation) -> Following:
    fed.write_data("fed1-ms", "dementia", "CDEsMetadata.json", cde().encode())
    for node, name in (("h1", "edsd"), ("h2", "ppmi")):
        fed.write_data(f"fed1-wk-{node}", "dementia", f"{name}.csv", rows(name).encode())
    made = Following(fed)
    made.install()
    made.settled(lambda: made.offered.get("dementia") == ["edsd", "ppmi"])
    return made


def observed(watched: Following) -> dict[str, Any]:
    path = watched.fed.state() / "watch/status.json"
    return json.loads(path.read_text()) if path.exists() else {"conditions": []}


def reason(watched: Following, kind: str) -> str | None:
    found = (each["reason"] for each in observed(watched)["conditions"] if each["type"] == kind)
    return next(found, None)


def changes(watched: Following, kind: str) -> list[str]:
    events = watched.fed.run("mip.events", FED, "limit=0").json["events"]
    return [
        each["message"] for each in events if (each["what"], each["about"]) == ("condition", kind)
    ]


class Inbox:
    """The subjects and ids of the mails that came."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content)
        self.mails.append((str(mail["Subject"]), str(mail["X-Mip-Notice"])))
        return "250 OK"


@pytest.fixture(scope="module")
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    server = Controller(made, hostname="127.0.0.1", port=PORT)
    server.start()
    yield made
    server.stop()


def own_jobs(watched: Following) -> set[Path]:
    """The jobs of ours that Salt's job cache has."""
    found = set()
    for path in (watched.fed.root / PUSHER).rglob("jobs/*/*/.load.p"):
        with suppress(FileNotFoundError):  # it is removed just now
            if b"federation_node" in path.read_bytes():
                found.add(path)
    return found


def test_it_observes_again_and_again_without_the_lock(watched: Following) -> None:
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
    first = observed(watched)["observed"]
    assert first["at"] < first["next"]
    until(lambda: observed(watched)["observed"]["at"] > first["next"])
    assert observed(watched)["nodes"].keys() == set(watched.fed.nodes())
    # what runs now, and late answers, are removed by later observations
    there = own_jobs(watched)
    until(lambda: not there & own_jobs(watched))


def test_a_minion_that_stops_is_one_change_and_one_notice_and_so_is_its_return(
    watched: Following, inbox: Inbox
) -> None:
    fed = watched.fed
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
    # what changed while the master started with its minions counts as flapping
    (fed.state() / "watch/notices.json").unlink(missing_ok=True)
    inbox.mails.clear()
    before = changes(watched, "WorkersReachable")
    fed.stop_node(WORKER)
    until(lambda: reason(watched, "WorkersReachable") not in ("AllAnswer", "NodeBusy"))
    (problem,) = [each for each in observed(watched)["problems"] if each["node"] == WORKER]
    assert problem["state"] == "new"
    shown = fed.run("mip.status", FED).json  # an operator's look has what the observer knows
    assert [each["since"] for each in shown["problems"] if each["node"] == WORKER] == [
        problem["since"]
    ]
    until(lambda: inbox.mails)
    assert "PROBLEM: WorkersReachable" in inbox.mails[0][0]
    fed.start_node(WORKER)
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
    until(lambda: len(changes(watched, "WorkersReachable")) >= len(before) + 2)
    new = changes(watched, "WorkersReachable")[len(before) :]
    assert new[-1].startswith("True AllAnswer, was ")
    assert [each.startswith("True") for each in new] == [False] * (len(new) - 1) + [True]
    resolved = [each["rule"] for each in observed(watched)["resolved"] if each["node"] == WORKER]
    assert problem["rule"] in resolved

    until(lambda: len(inbox.mails) == 2)
    assert [subject.partition(":")[0] for subject, _ in inbox.mails] == ["fed1 PROBLEM", "fed1 OK"]
    assert len({number for _, number in inbox.mails}) == 2
    assert reason(watched, "NoticesSent") == "ChannelFailed"  # the dead channel delayed nothing
    dead = fed.run("mip.notify", FED).json["channels"]["dead"]
    assert (dead["delivered"], dead["error"]) == (0, "no connection to the server")
    assert dead["waiting"] > 0
    tested = fed.run("mip.notify", FED, "test=True", "channel=oncall")
    assert tested.json["channels"]["oncall"]["sent"] is True
    assert inbox.mails[-1][1] == "fed1-0"


def test_mip_status_is_the_last_observation_until_an_operator_acts(
    watched: Following, tmp_path: Path
) -> None:
    person = Person(watched.fed, tmp_path)

    def status() -> dict[str, Any]:
        value: dict[str, Any] = json.loads(person.types("--json", "status").out)
        return value

    until(lambda: "observed" in status())
    assert ", observed " in person.types("status").out.splitlines()[0]
    assert "observed" not in json.loads(person.types("--json", "status", "--now").out)
    assert person.types("suspend", "--reason", "a test").code == 0
    # at once, whether or not an observation has seen it yet
    assert "Suspended" in [each["type"] for each in status()["conditions"]]
    assert person.types("resume").code == 0
    assert "Suspended" not in [each["type"] for each in status()["conditions"]]
    assert [each["what"] for each in json.loads(person.types("--json", "events").out)["events"]]
    assert person.types("history").out.startswith("history")


def test_it_goes_on_after_its_master_was_killed(watched: Following) -> None:
    last = observed(watched)["observed"]["at"]
    watched.fed.kill(PUSHER)
    watched.fed.start_node(PUSHER)
    until(lambda: observed(watched)["observed"]["at"] > last)
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
