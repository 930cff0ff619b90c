"""Conditions: since when, the summary, the two axes; and each reason has its hint."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.conditions import ALWAYS, REASONS, Condition, axes, ready, settled
from saltext_mip.results import ReportedCondition

GOOD = {
    "StateWritable": "Writable",
    "MasterConfigured": "AsNeeded",
    "WorkersReachable": "AllAnswer",
    "DataValid": "NoProblems",
    "Consolidated": "UpToDate",
    "Compiled": "UpToDate",
    "Deployed": "AsDeclared",
    "Served": "Serving",
}


def conditions(**changed: tuple[Any, str]) -> list[Condition]:
    found: dict[str, tuple[Any, str]] = {name: ("True", why) for name, why in GOOD.items()}
    return [Condition(name, *each, name.lower()) for name, each in {**found, **changed}.items()]


def test_since_changes_only_when_the_status_does() -> None:
    first = settled([], conditions(), "1")
    assert {condition.since for condition in first} == {"1"}
    second = settled(first, conditions(Served=("False", "ServiceDown")), "2")
    since = {condition.type: condition.since for condition in second}
    assert since == {**dict.fromkeys(GOOD, "1"), "Served": "2"}
    third = settled(second, conditions(Served=("False", "NodeDown")), "3")
    assert {c.type: c.since for c in third}["Served"] == "2"


def test_the_summary_names_what_is_wrong_before_what_is_unknown() -> None:
    assert ready(conditions()).status == "True"
    found = conditions(WorkersReachable=("Unknown", "NoAnswer"), Served=("False", "ServiceDown"))
    summary = ready(found)
    assert (summary.status, summary.reason, summary.message) == (
        "False",
        "ServiceDown",
        "Served: served",
    )
    assert ready(conditions(Compiled=("Unknown", "NoAnswer"))).status == "Unknown"
    assert ready(conditions(Suspended=("True", "RolledBack"))).reason == "RolledBack"
    assert ready(conditions(Reconciling=("True", "Refreshing"))).status == "True"


AXES: list[tuple[dict[str, tuple[Any, str]], tuple[str, str]]] = [
    ({}, ("Synced", "Healthy")),
    ({"Compiled": ("False", "DatabasesStale")}, ("OutOfSync", "Healthy")),
    ({"Compiled": ("Unknown", "NoAnswer")}, ("Unknown", "Healthy")),
    (
        {"Compiled": ("Unknown", "NoAnswer"), "Deployed": ("False", "NoSwarm")},
        ("OutOfSync", "Healthy"),
    ),
    ({"Served": ("False", "ServiceDown")}, ("Synced", "Degraded")),
    ({"Served": ("Unknown", "NoAnswer")}, ("Synced", "Unknown")),
    ({"Reconciling": ("True", "Refreshing")}, ("Synced", "Progressing")),
    ({"Suspended": ("True", "SuspendedByPerson")}, ("Synced", "Suspended")),
    (
        {"Suspended": ("True", "RolledBack"), "Served": ("False", "NodeDown")},
        ("Synced", "Degraded"),
    ),
]


@pytest.mark.parametrize(("changed", "expected"), AXES)
def test_the_worst_wins_on_each_axis(
    changed: dict[str, tuple[Any, str]], expected: tuple[str, str]
) -> None:
    assert axes(conditions(**changed)) == expected


def test_a_condition_survives_its_own_form() -> None:
    one = Condition("Served", "False", "ImagePullFailed", "said", "2026-01-01", 7)
    stored = to_builtins(ReportedCondition.of(one))
    assert Condition.from_value(stored) == one
    assert stored["hint"] == REASONS["ImagePullFailed"]


@pytest.mark.parametrize(("kind", "reason"), [("Sunny", "AllAnswer"), ("Served", "Sunshine")])
def test_other_words_are_refused(kind: str, reason: str) -> None:
    with pytest.raises(ValueError, match="Sun"):
        Condition(kind, "True", reason)


def test_what_is_always_there_is_in_the_order_of_the_way_of_the_data() -> None:
    assert [condition.type for condition in settled([], conditions(), "")] == list(ALWAYS[1:])
