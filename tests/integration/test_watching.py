"""The observer, with a real master and real minions: what it finds, keeps and reports by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.following import Following
from tests.support.local import PUSHER, LocalFederation
from tests.support.waiting import until
from tests.unit.pusher.conftest import cde, rows

ALONE = True
EVERY = 3
DECLARE = {"watch": {"every": EVERY}, "reactor": {"resync": 600}}
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


def test_it_observes_again_and_again_without_the_lock(watched: Following) -> None:
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
    first = observed(watched)["observed"]
    assert first["at"] < first["next"]
    until(lambda: observed(watched)["observed"]["at"] > first["next"])
    assert observed(watched)["nodes"].keys() == set(watched.fed.nodes())


def test_a_minion_that_stops_is_one_change_and_its_return_another(watched: Following) -> None:
    fed = watched.fed
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
    before = changes(watched, "WorkersReachable")
    fed.stop_node(WORKER)
    until(lambda: reason(watched, "WorkersReachable") not in ("AllAnswer", "NodeBusy"))
    (problem,) = [each for each in observed(watched)["problems"] if each["node"] == WORKER]
    assert problem["state"] == "new"
    shown = fed.run("mip.status", FED).json  # an operator's look has what the observer knows
    assert [each["since"] for each in shown["problems"] if each["node"] == WORKER] == [
        problem["since"]
    ]
    fed.start_node(WORKER)
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
    until(lambda: len(changes(watched, "WorkersReachable")) >= len(before) + 2)
    new = changes(watched, "WorkersReachable")[len(before) :]
    assert new[-1].startswith("True AllAnswer, was ")
    assert [each.startswith("True") for each in new] == [False] * (len(new) - 1) + [True]
    assert [each["rule"] for each in observed(watched)["resolved"] if each["node"] == WORKER] == [
        problem["rule"]
    ]


def test_it_goes_on_after_its_master_was_killed(watched: Following) -> None:
    last = observed(watched)["observed"]["at"]
    watched.fed.kill(PUSHER)
    watched.fed.start_node(PUSHER)
    until(lambda: observed(watched)["observed"]["at"] > last)
    until(lambda: reason(watched, "WorkersReachable") == "AllAnswer")
