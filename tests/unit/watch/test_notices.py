"""Which notices follow from a sequence of observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext_mip import schemas
from saltext_mip.conditions import ALWAYS, OPTIONAL, TYPES, WHILE_TRUE, Condition
from saltext_mip.errors import DeclarationError
from saltext_mip.federation import Federation
from saltext_mip.results import ReportedCondition
from saltext_mip.text import shown
from saltext_mip.watch import message
from saltext_mip.watch.notices import HOUR, Item, Memory, decide
from saltext_mip.watch.settings import NOTIFIED, WatchSettings
from tests.unit.watch.values import condition, good, problem, replaced

SETTINGS = WatchSettings("fed1", 60.0, {"default": 60.0, "WorkersReachable": 300.0}, 86400.0)
START = 1_773_288_000.0

MISSING = replaced(
    condition("Ready", "False", "WorkerMissing"),
    condition("WorkersReachable", "False", "WorkerMissing", "fed1-wk-h1: no connection"),
    condition("Consolidated", "Unknown", "NoAnswer"),
    condition("Served", "False", "NodeDown"),
)
HELD = replaced(condition("Held", "True", "ShrinkGuard"))


class Watch:
    """Observations one after the other, and the items that each brought."""

    def __init__(self, settings: WatchSettings = SETTINGS) -> None:
        self.settings = settings
        self.memory = Memory()
        self.now = START
        self.sent: list[list[Item]] = []

    def observe(
        self, found: Sequence[ReportedCondition], seconds: float, every: float = 30
    ) -> None:
        """For so many seconds this is what is observed."""
        for _ in range(int(seconds / every)):
            self.now += every
            self.memory, items = decide(self.memory, found, self.now, self.settings)
            if items:
                self.sent.append(items)

    def notified(self) -> list[list[tuple[str, str]]]:
        """Without ``Ready``, which only channels get that ask for it."""
        found = [
            [(each.kind, each.type) for each in items if each.type != "Ready"]
            for items in self.sent
        ]
        return [each for each in found if each]

    def summary(self) -> list[str]:
        return [each.kind for items in self.sent for each in items if each.type == "Ready"]


def test_a_worker_that_is_missing_is_one_notice_with_all_that_follows_and_so_is_its_return() -> (
    None
):
    watch = Watch()
    watch.observe(good(), 300)
    watch.observe(MISSING, 290)
    assert watch.sent == []
    watch.observe(MISSING, 3600)
    assert watch.notified() == [[("bad", "Served"), ("bad", "WorkersReachable")]]
    back = replaced(condition("Served", "False", "NotServing"))  # its engine still starts
    watch.observe(back, 60)
    watch.observe(good(), 3600)
    assert watch.notified()[1:] == [[("good", "Served"), ("good", "WorkersReachable")]]
    assert watch.summary() == ["bad", "good"]


def test_one_that_is_back_soon_is_no_notice() -> None:
    watch = Watch()
    watch.observe(MISSING, 240)
    watch.observe(good(), 3600)
    assert watch.sent == []


def test_a_part_that_is_good_again_is_reported_although_another_stays_bad() -> None:
    watch = Watch()
    both = replaced(
        condition("Held", "True", "ShrinkGuard"), condition("Served", "False", "NotServing")
    )
    watch.observe(both, 300)
    watch.observe(HELD, 300)
    assert watch.notified() == [[("bad", "Held"), ("bad", "Served")], [("good", "Served")]]


def test_another_reason_or_message_is_no_notice() -> None:
    watch = Watch()
    watch.observe(replaced(condition("Served", "False", "NotServing", "one")), 300)
    watch.observe(replaced(condition("Served", "False", "ImagePullFailed", "two")), 300)
    assert watch.notified() == [[("bad", "Served")]]


def test_what_stays_bad_is_reminded_of_once_a_day() -> None:
    watch = Watch()
    watch.observe(HELD, 50 * HOUR, every=60)
    assert watch.notified() == [[("bad", "Held")], [("still", "Held")], [("still", "Held")]]


def test_twenty_cuts_in_ten_minutes_are_three_notices_at_most() -> None:
    watch = Watch()
    watch.observe(good(), 300)
    for _ in range(20):
        watch.observe(MISSING, 20, every=10)
        watch.observe(good(), 10, every=10)
    watch.observe(good(), 3 * HOUR)
    assert 1 <= len(watch.notified()) <= 3
    assert {kind for items in watch.notified() for kind, _ in items} == {"flapping", "good"}
    assert watch.notified()[-1][0][0] == "good"


def test_what_flaps_and_stays_bad_is_reported_after_the_silence() -> None:
    watch = Watch()
    for _ in range(3):
        watch.observe(replaced(condition("Served", "False", "NotServing")), 10, every=10)
        watch.observe(good(), 10, every=10)
    flapped = len(watch.notified())
    assert watch.notified()[-1] == [("flapping", "Served")]
    watch.observe(replaced(condition("Served", "False", "NotServing")), 0.9 * HOUR)
    assert len(watch.notified()) == flapped
    watch.observe(replaced(condition("Served", "False", "NotServing")), 0.5 * HOUR)
    assert watch.notified()[flapped:] == [[("bad", "Served")]]


def test_what_cannot_be_told_is_neither_bad_nor_good() -> None:
    watch = Watch()
    unknown = replaced(condition("Consolidated", "Unknown", "NoAnswer"))
    watch.observe(unknown, 3600)
    assert watch.sent == []
    watch.observe(replaced(condition("Served", "False", "NotServing")), 300)
    watch.observe(replaced(condition("Served", "Unknown", "NoAnswer")), 3600)
    assert watch.notified() == [[("bad", "Served")]]


def test_a_node_that_is_busy_is_no_notice() -> None:
    watch = Watch()
    for _ in range(5):
        watch.observe(replaced(condition("WorkersReachable", "Unknown", "NodeBusy")), 900)
        watch.observe(good(), 60)
    assert watch.sent == []


def test_what_an_operator_stopped_is_no_notice() -> None:
    watch = Watch()
    watch.observe(replaced(condition("Served", "True", "Stopped")), 3600)
    assert watch.sent == []


def test_what_is_unknown_by_itself_is_a_notice() -> None:
    watch = Watch()
    watch.observe(replaced(condition("Served", "Unknown", "EngineUnknown")), 3600)
    assert watch.notified() == [[("bad", "Served")]]


observed = st.lists(
    st.builds(
        lambda kind, status, reason: ReportedCondition.of(Condition(kind, status, reason)),
        st.sampled_from([*ALWAYS[1:], *OPTIONAL]),
        st.sampled_from(["True", "False", "Unknown"]),
        st.sampled_from(["UpToDate", "NoAnswer", "NotServing", "Stopped"]),
    ),
    unique_by=lambda each: each.type,
)


@given(st.lists(st.tuples(observed, st.floats(1, 4000)), max_size=12))
def test_of_each_condition_bad_and_good_alternate_and_it_flaps_once_an_hour(
    steps: list[tuple[list[ReportedCondition], float]],
) -> None:
    memory, now = Memory(), START
    last: dict[str, str] = {}
    flapped: dict[str, float] = {}
    for found, seconds in steps:
        now += seconds
        memory, items = decide(memory, found, now, SETTINGS)
        assert len({each.type for each in items}) == len(items)
        for each in items:
            if each.kind == "flapping":
                assert now - flapped.get(each.type, 0.0) >= HOUR
                flapped[each.type] = now
                last.pop(each.type, None)
            elif each.kind in ("bad", "good"):
                assert last.get(each.type) != each.kind
                assert now - flapped.get(each.type, 0.0) >= HOUR or each.type == "Ready"
                last[each.type] = each.kind
        _, more = decide(memory, found, now, SETTINGS)
        assert [each for each in more if each.kind != "good"] == []


def test_the_pillar_names_each_type_that_can_be_notified() -> None:
    schema = schemas.load("pillar")
    after = schema["properties"]["watch"]["properties"]["after"]["propertyNames"]["enum"]
    asked = schema["$defs"]["channel"]["properties"]["conditions"]["items"]["enum"]
    assert set(after) == {"default"} | NOTIFIED - {"Ready"}
    assert set(asked) == NOTIFIED == set(TYPES) - {"Reconciling"}
    assert set(WHILE_TRUE) - NOTIFIED == {"Reconciling"}


@pytest.mark.parametrize(
    ("declared", "key"),
    [
        ({"watch": {"remind": "99999d"}}, ""),
        ({"watch": {"remind": "100000d"}}, "watch:remind"),
        ({"watch": {"remind": "0h"}}, "watch:remind"),
        ({"watch": {"after": {"Served": 5}}}, ""),
        ({"watch": {"after": {"Severed": 5}}}, "watch:after"),
        ({"notify": {"a": {"url": "https://x.example/t"}}}, ""),
        ({"notify": {"a": {"url": "no address"}}}, "notify:a:url"),
        ({"heartbeat": {"every": 5}}, "heartbeat"),
        ({"watch": {"metrics": "/var/x.prom"}}, ""),
        ({"watch": {"metrics": "x.prom"}}, "watch:metrics"),
    ],
)
def test_what_the_pillar_accepts_can_be_used(declared: dict[str, Any], key: str) -> None:
    nodes = {"fed1-ms": {"role": "master", "address": "10.0.0.1"}}
    if not key:
        made = WatchSettings.of(Federation.from_pillar("fed1", {"nodes": nodes, **declared}))
        assert made.remind > 0
        return
    with pytest.raises(DeclarationError) as refused:
        Federation.from_pillar("fed1", {"nodes": nodes, **declared})
    assert f"fed1:{key}" in str(refused.value)
    assert "no address" not in str(refused.value)


names = st.text(alphabet="abcdefgh-.", min_size=1, max_size=255)
kinds = st.sampled_from(["bad", "good", "still", "flapping"])
items = st.lists(
    st.builds(
        Item,
        kinds,
        st.sampled_from(TYPES),
        st.sampled_from(["", "WorkerMissing"]),
        st.text(max_size=400),
        st.text(max_size=400),
        st.just(START),
    ),
    min_size=1,
    max_size=8,
)


@given(names, items)
def test_a_subject_fits_a_locked_telephone_and_is_one_line(name: str, each: list[Item]) -> None:
    found = message.subject(name, each)
    assert len(found) <= message.SUBJECT
    assert found.isprintable()
    assert any(item.type in found for item in each)


@given(items)
def test_a_message_has_no_control_characters(each: list[Item]) -> None:
    odd = problem(pathology="<script>\x1b[2J", contact="a\nb")
    text = message.text("fed1", each, [odd])
    assert all(line == shown(line) for line in text.split("\n"))


def test_it_says_what_since_when_what_to_do_and_whom_to_call() -> None:
    watch = Watch()
    watch.observe(MISSING, 400)
    items = [each for each in watch.sent[0] if each.type != "Ready"]
    text = message.text("fed1", items, [problem(contact="it@h1.example", count="<10")])
    assert message.subject("fed1", items) == "fed1 PROBLEM: Served (NodeDown) +1"
    for part in (
        "PROBLEM: WorkersReachable WorkerMissing",
        "Since: 2026-03-12 04:00 UTC",
        "What: fed1-wk-h1: no connection",
        "To do: See the problems",
        "MountGone fed1-wk-h1",
        "Call: it@h1.example",
    ):
        assert part in text
    assert "<10" not in text
