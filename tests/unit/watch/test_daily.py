"""The daily mail to a node's contact: once a date, and about that node alone."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation
from saltext_mip.results import MemberInfo, ServiceInfo, StatusResult
from saltext_mip.storage.state import NOTICES
from saltext_mip.watch import daily, outbox
from saltext_mip.watch.message import SUBJECT
from saltext_mip.watch.outbox import ContactRefused, Notice, SendFailed
from saltext_mip.watch.settings import WatchSettings
from tests.unit.watch.values import condition, problem, replaced, status

ZONE = ZoneInfo("Europe/Zurich")
MAIL = {"url": "smtp://mail.example/?from=mip@a.example&to=oncall@a.example"}
CHAT = {"url": "https://chat.example/hooks/token"}
NODES = {
    "fed1-ms": {"role": "master", "address": "10.0.0.1"},
    "fed1-wk-h1": {
        "role": "worker",
        "address": "10.0.0.2",
        "hospital": "h1",
        "contact": "Ann <it@h1.example>, +41 21 000 00 00",
    },
    "fed1-wk-h2": {
        "role": "worker",
        "address": "10.0.0.3",
        "hospital": "h2",
        "contact": "it@h2.example; night@h2.example.",
    },
    "fed1-wk-h3": {"role": "worker", "address": "10.0.0.4", "contact": "+33 3 20 00 00 00"},
}


def settings(at: str = "08:00 Europe/Zurich", **notify: Any) -> WatchSettings:
    declared = {"contacts": {"daily": at}, "oncall": MAIL, **notify}
    return WatchSettings.of(Federation.from_pillar("fed1", {"nodes": NODES, "notify": declared}))


def member(name: str) -> MemberInfo:
    facts = NODES[name]
    return MemberInfo(
        role=facts["role"],
        short=name,
        address=facts["address"],
        hospital=facts.get("hospital"),
        enabled=True,
        up=name != "fed1-wk-h2",
        since=None,
        swarm="ready",
    )


def service(node: str, serving: bool) -> ServiceInfo:
    return ServiceInfo(node=node, image="exareme", replicas="1/1", serving=serving)


def observed(**more: Any) -> StatusResult:
    """Both hospitals have a problem; conditions name both, too."""
    found = status(
        replaced(condition("Served", "False", "NotServing", "fed1-wk-h1, fed1-wk-h2: secret")),
        [
            problem("NotANumber", "fed1-wk-h1", pathology="dementia", file="one.csv", count="<10"),
            problem("WorkerMissing", "fed1-wk-h2", contact="it@h2.example"),
            problem("DeployFailed", ""),
        ],
    )
    services = {
        "fed1-wk-h1_exareme": service("fed1-wk-h1", True),
        "fed1-wk-h2_exareme": service("fed1-wk-h2", False),
    }
    nodes = {name: member(name) for name in NODES}
    return structs.replace(found, nodes=nodes, services=services, **more)


def moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def served(at: str, begin: str, end: str, every: float = 600, last: str = "") -> list[str]:
    """The local times of the mails, where the clock goes evenly."""
    now, found = moment(begin), []
    contacts = settings(at).contacts
    while now < moment(end):
        nodes, last = daily.due(last, now, contacts)
        if nodes:
            found.append(datetime.fromtimestamp(now, ZONE).strftime("%m-%d %H:%M"))
        now += every
    return found


def test_each_day_has_one_and_the_first_is_that_of_the_next_time() -> None:
    assert served("08:00 Europe/Zurich", "2026-05-04T06:00", "2026-05-07T07:00") == [
        "05-04 08:00",
        "05-05 08:00",
        "05-06 08:00",
    ]
    assert served("08:00 Europe/Zurich", "2026-05-04T09:00", "2026-05-06T07:00") == ["05-05 08:00"]


def test_a_day_on_which_the_clock_is_changed_has_one() -> None:
    forward = served("02:30 Europe/Zurich", "2026-03-28T12:00", "2026-03-30T12:00")
    assert forward == ["03-29 03:00", "03-30 02:30"]  # 02:30 does not exist on the 29th
    back = served("02:30 Europe/Zurich", "2026-10-24T12:00", "2026-10-26T12:00")
    assert back == ["10-25 02:30", "10-26 02:30"]  # and is there twice on the 25th


def test_it_is_late_rather_than_not_at_all_and_days_without_a_pusher_have_none() -> None:
    found = served("08:00 Europe/Zurich", "2026-05-07T19:10", "2026-05-08T07:00", last="2026-05-04")
    assert found == ["05-07 19:10"]


def test_a_clock_that_is_set_back_sends_none_twice_and_none_for_ever() -> None:
    contacts = settings().contacts
    now = moment("2026-05-04T08:00")
    nodes, last = daily.due("2026-05-03", now, contacts)
    assert nodes
    for back in (timedelta(hours=2), timedelta(hours=23)):
        assert daily.due(last, now - back.total_seconds(), contacts) == ((), last)
    assert daily.due(last, now + 60, contacts) == ((), last)
    ahead = "2031-01-01"  # it was years ahead
    nodes, last = daily.due(ahead, now, contacts)
    assert (nodes, last) == ((), "2026-05-04")
    assert daily.due(last, now + 86400, contacts)[0]


def test_the_contacts_with_a_mail_address_get_it(tmp_path: Path) -> None:
    found = settings().contacts
    assert found is not None
    assert found.channel.contacts == {
        "fed1-wk-h1": ("it@h1.example",),
        "fed1-wk-h2": ("it@h2.example", "night@h2.example"),
    }
    assert settings().senders[-1] == found.channel


def test_it_has_the_node_s_own_part_and_nothing_of_another() -> None:
    text = daily.text(observed(), "fed1-wk-h1")
    assert daily.subject(observed(), "fed1-wk-h1") == "fed1 PROBLEM: h1"
    for part in (
        "Federation fed1, hospital h1, node fed1-wk-h1",
        "Node: responds",
        "Service fed1-wk-h1_exareme: serving",
        "NotANumber dementia/one.csv",
        "To do: ",
        "Call: the operators",
    ):
        assert part in text
    assert not any(part in text for part in ("h2", "h3", "secret", "<10", "DeployFailed"))
    other = daily.text(observed(), "fed1-wk-h2")
    assert "Node: does not respond" in other
    assert "Service fed1-wk-h2_exareme: not serving" in other
    assert not any(part in other for part in ("h1", "one.csv", "secret"))


def test_a_service_that_the_pillar_switches_off_is_said_to_be() -> None:
    off = structs.replace(service("fed1-wk-h1", serving=True), serving=None, switched_off=True)
    found = structs.replace(observed(), services={"galaxy": off})
    assert "Service galaxy: switched off in the pillar" in daily.text(found, "fed1-wk-h1")


def test_a_good_day_says_so_and_what_is_resolved() -> None:
    gone = problem("UnknownColumn", "fed1-wk-h1", file="a.csv")
    other = problem("UnknownColumn", "fed1-wk-h2", file="b.csv")
    found = structs.replace(observed(), problems=[], resolved=[gone, other])
    text = daily.text(found, "fed1-wk-h1")
    assert daily.subject(found, "fed1-wk-h1") == "fed1 OK: h1"
    assert "No problems." in text
    assert "Resolved since yesterday:\n  UnknownColumn a.csv\n" in text
    assert "b.csv" not in text


def test_names_of_a_node_steer_nothing() -> None:
    odd = problem("NotANumber", "fed1-wk-h1", file="\x1b[2J\r\nBcc: x@y.example" + "a" * 9000)
    found = structs.replace(observed(), problems=[odd] * 100)
    text = daily.text(found, "fed1-wk-h1")
    assert text.replace("\n", "").isprintable()
    assert "\nBcc" not in text
    assert len(text) < 50_000
    assert "and more" in text
    long = structs.replace(found, federation="f" * 255)
    assert len(daily.subject(long, "fed1-wk-h1")) <= SUBJECT


def test_each_is_a_notice_of_its_own_once_a_day_over_restarts(tmp_path: Path) -> None:
    declared, found = settings(), status()
    found = structs.replace(observed(), conditions=found.conditions)
    days = [moment(f"2026-05-0{day}T08:01") for day in (4, 5)]
    assert outbox.take_in(tmp_path, found, days[0] - 3600, declared) == []
    for now in days:
        made = outbox.take_in(tmp_path, found, now, declared)
        assert [(each.channel, each.node) for each in made] == [
            ("contacts", "fed1-wk-h1"),
            ("contacts", "fed1-wk-h2"),
        ]
        assert outbox.take_in(tmp_path, found, now + 60, declared) == []
    assert [each.number for each in outbox.pending(tmp_path)] == [1, 2, 3, 4]
    assert outbox.due(tmp_path, days[1]) == {"contacts"}


def test_interrupted_while_they_are_written_none_is_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = dataclasses.replace(settings(), after={"default": 0.0})
    good = structs.replace(observed(), conditions=status().conditions)
    outbox.take_in(tmp_path, good, moment("2026-05-04T07:00"), declared)
    write = outbox.write_state

    def dies(path: Path, value: object) -> bool:
        if path == tmp_path / NOTICES:
            raise KeyboardInterrupt
        return write(path, value)

    monkeypatch.setattr(outbox, "write_state", dies)
    with pytest.raises(KeyboardInterrupt):  # a notice of what is not there later, and two mails
        outbox.take_in(tmp_path, observed(), moment("2026-05-04T08:00"), declared)
    assert len(outbox.pending(tmp_path)) == 3
    monkeypatch.setattr(outbox, "write_state", write)
    outbox.take_in(tmp_path, good, moment("2026-05-04T08:01"), declared)
    nodes = [each.node for each in outbox.pending(tmp_path)]
    assert nodes == ["fed1-wk-h1", "fed1-wk-h2"]


def test_a_contact_that_is_refused_delays_no_other_and_remains_known(tmp_path: Path) -> None:
    declared = settings()
    now = moment("2026-05-04T08:01")
    outbox.take_in(tmp_path, observed(), now - 86400, declared)
    outbox.take_in(tmp_path, observed(), now, declared)
    sent: list[str] = []

    def send(notice: Notice) -> None:
        if notice.node == "fed1-wk-h1":
            raise ContactRefused("the contact of fed1-wk-h1 is refused")
        sent.append(notice.node)

    outbox.deliver(tmp_path, "contacts", send, lambda: now)
    assert sent == ["fed1-wk-h2"]
    record = outbox.record_of(tmp_path, "contacts")
    assert (record.delivered, record.failed) == (1, 1)
    assert record.error == "the contact of fed1-wk-h1 is refused"

    def down(notice: Notice) -> None:
        raise SendFailed("no connection to the mail server")

    outbox.deliver(tmp_path, "contacts", down, lambda: now + 60)
    assert [each.attempts for each in outbox.pending(tmp_path, "contacts")] == [2]


@pytest.mark.parametrize(
    ("notify", "key", "words"),
    [
        ({"contacts": {"daily": "8 o'clock"}}, "contacts:daily", "08:00 Europe/Zurich"),
        ({"contacts": {"daily": "24:00 Europe/Zurich"}}, "contacts:daily", "08:00 Europe/Zurich"),
        ({"contacts": {"daily": "08:00"}}, "contacts:daily", "08:00 Europe/Zurich"),
        ({"contacts": {"daily": "08:00 Europe/Zurihc"}}, "contacts:daily", "'Europe/Zurihc' not"),
        ({"contacts": {"daily": "08:00 Europe"}}, "contacts:daily", "'Europe' not found"),
        ({"contacts": {"daily": "08:00 UTC", "via": "chat"}}, "contacts:via", "oncall"),
        ({"contacts": {"daily": "08:00 UTC", "via": "no"}}, "contacts:via", "oncall"),
        ({"contacts": {"daily": "08:00 UTC"}, "second": MAIL}, "contacts:via", "oncall, second"),
        ({"contacts": {"daily": "08:00 UTC"}, "oncall": CHAT}, "contacts:via", "none"),
        ({"contacts": {"url": "smtp://x/?from=a@b&to=c@d"}}, "contacts", "lacks 'daily'"),
    ],
)
def test_what_cannot_be_used_is_refused(notify: dict[str, Any], key: str, words: str) -> None:
    declared = {"oncall": MAIL, "chat": CHAT, **notify}
    with pytest.raises(DeclarationError) as refused:
        Federation.from_pillar("fed1", {"nodes": NODES, "notify": declared})
    assert f"fed1:notify:{key}" in str(refused.value)
    assert words in str(refused.value)
    assert "token" not in str(refused.value)


def test_several_channels_for_mail_need_one_to_be_named() -> None:
    second = {"url": "smtps://other.example/?from=a@b.example&to=c@d.example"}
    contacts = {"daily": "08:00 UTC", "via": "second"}
    found = settings(contacts=contacts, second=second).contacts
    assert found is not None
    assert found.channel.url.reveal() == second["url"]


def test_without_it_there_is_none_and_it_begins_anew_later() -> None:
    nodes = Federation.from_pillar("fed1", {"nodes": NODES, "notify": {"oncall": MAIL}})
    assert WatchSettings.of(nodes).contacts is None
    assert daily.due("2026-05-04", moment("2026-05-05T09:00"), None) == ((), "")
