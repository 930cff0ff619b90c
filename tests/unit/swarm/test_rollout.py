"""Who restarts, in which order, and for which observed causes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from saltext_mip.swarm.engines import ENGINE
from saltext_mip.swarm.engines.interface import Health, Sources
from saltext_mip.swarm.rollout import (
    LOST,
    REGISTERED,
    Engines,
    EngineTask,
    Restart,
    due,
    must_follow,
    recorded,
    restarts,
)
from tests.unit.swarm.declared import federation

FED = federation()
CHUV, OTHER, MASTER = "fed1-wk-chuv", "fed1-wk-b", "fed1-ms"
BEFORE = Sources(
    {"dementia": "a", "tbi": "b"},
    {CHUV: {"dementia": ("edsd", "ppmi")}, OTHER: {"tbi": ("demo",)}},
)
ALL = [
    ("restart", "exareme-master", MASTER),
    ("restart", "exareme", CHUV),
    ("restart", "exareme", OTHER),
]


def sources(cdes: dict[str, str] | None = None, **datasets: Any) -> Sources:
    names = {"chuv": CHUV, "other": OTHER}
    changed = {names[key]: value for key, value in datasets.items()}
    return Sources({**BEFORE.cdes, **(cdes or {})}, {**BEFORE.datasets, **changed})


TABLE = [
    ("rows alone", BEFORE, []),
    ("a CDE", sources({"tbi": "c"}), ALL),
    ("a new pathology", sources({"new": "d"}, chuv={"dementia": ("edsd", "ppmi"), "new": ()}), ALL),
    (
        "a dataset more",
        sources(chuv={"dementia": ("edsd", "new", "ppmi")}),
        [("restart", "exareme", CHUV)],
    ),
    (
        "a CDE, and a dataset of another worker: it comes first, after the master",
        sources({"dementia": "c"}, other={"tbi": ("demo", "more")}),
        [ALL[0], ALL[2], ALL[1]],
    ),
    (
        "a pathology gone from a worker",
        sources(other={}),
        [("forget", "data/hospital-b/tbi", MASTER), ("restart", "exareme", OTHER)],
    ),
]


@pytest.mark.parametrize(("what", "after", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_exactly_those_that_must_see_it_restart_in_this_order(
    what: str, after: Sources, expected: list[tuple[str, str, str]]
) -> None:
    items = restarts(ENGINE, FED, BEFORE, after)
    assert [(item.action, item.thing, item.node) for item in items] == expected


def test_all_restart_once_where_it_is_not_recorded_what_they_read() -> None:
    items = restarts(ENGINE, FED, None, BEFORE)
    assert [(item.action, item.thing, item.node) for item in items] == ALL
    assert {item.reason for item in items} == {"no record of what it has read"}
    assert [item.cause for item in items] == [
        item.cause for item in restarts(ENGINE, FED, None, BEFORE)
    ]


def test_reasons_tell_what_changed() -> None:
    after = sources({"tbi": "c"}, chuv={"dementia": ("edsd", "new")})
    assert [item.reason for item in restarts(ENGINE, FED, BEFORE, after)] == [
        "CDEs changed: tbi",
        "its datasets changed (dementia: +new, -ppmi)",
        "it must register with the restarted master",
    ]


def test_sources_are_remembered_as_json() -> None:
    assert Sources.from_value(BEFORE.value()) == BEFORE


# -- what lost its keystore or its master

KEYSTORE_TASK = EngineTask("fed1-ms_exareme-keystore", MASTER, MASTER, "k", "T1", 500, ())
MASTER_TASK = EngineTask("fed1-ms_exareme-master", MASTER, MASTER, "m", "T2", 400, ("10.0.0.2",))
WORKERS = tuple(
    EngineTask(f"{node}_exareme", node, node, f"w-{node}", "T3", 300, (f"10.0.0.{number}",))
    for number, node in enumerate(("fed1-wk-h1", "fed1-wk-h2"), 3)
)
ENGINES = Engines(KEYSTORE_TASK, MASTER_TASK, WORKERS)
KEYS = {
    "master/fed1-ms": "10.0.0.2",
    "active_workers/fed1-wk-h1": "10.0.0.3",
    "active_workers/fed1-wk-h2": "10.0.0.4",
}
REACHED = Health(frozenset({"fed1-ms", "fed1-wk-h1"}))
NOTHING = Health(error="unexpected answer", unknown=True)


def services(*found: Restart) -> list[tuple[str, str]]:
    return [(each.service, each.cause) for each in found]


def follow(engines: Engines = ENGINES, **facts: Any) -> list[tuple[str, str]]:
    given = {"keys": KEYS, "health": REACHED, "registered": 100.0, **facts}
    found = must_follow(
        ENGINE,
        engines,
        given["keys"],
        given["health"],
        registered=given["registered"],
        reached=given.get("reached", ()),
    )
    return services(*found)


def test_an_engine_that_starts_is_not_a_failed_one() -> None:
    assert follow() == []  # h2 is younger than its master
    younger = replace(MASTER_TASK, task="m2", created="T9", age=60.0)
    starting = {**KEYS, "active_workers/fed1-wk-h2": "10.0.0.99"}  # an earlier task's address
    assert follow(replace(ENGINES, master=younger), keys=starting) == []


def test_a_worker_that_the_master_reached_before_is_busy_and_not_forgotten() -> None:
    younger = replace(MASTER_TASK, task="m2", created="T9", age=60.0)
    engines = replace(ENGINES, master=younger)
    assert follow(engines, reached=["w-fed1-wk-h2"]) == []
    assert follow(engines, reached=["an earlier task of h2"]) != []


def test_workers_that_are_older_than_their_master_follow_it_once_it_is_registered() -> None:
    younger = replace(MASTER_TASK, task="m2", created="T9", age=60.0)
    engines = replace(ENGINES, master=younger)
    assert follow(engines) == [("fed1-wk-h2_exareme", "master:m2")]
    assert follow(engines, registered=REGISTERED - 1) == []
    assert follow(engines, registered=None) == []


def test_a_keystore_that_restarted_takes_the_master_and_the_workers_with_it() -> None:
    younger = replace(KEYSTORE_TASK, task="k2", created="T9", age=LOST)
    engines = replace(ENGINES, keystore=younger)
    assert follow(engines, keys={}, registered=None) == [
        ("fed1-ms_exareme-master", "keystore:k2"),
        ("fed1-wk-h1_exareme", "keystore:k2"),
        ("fed1-wk-h2_exareme", "keystore:k2"),
    ]
    assert follow(engines) == []  # it has the keys
    soon = replace(younger, age=LOST - 1)
    assert follow(replace(ENGINES, keystore=soon), keys={}, registered=None) == []


@pytest.mark.parametrize(
    "facts",
    [{"keys": None}, {"health": NOTHING}, {"health": Health(error="connection refused")}],
    ids=["a keystore that cannot be read", "answers of another kind", "no answer"],
)
def test_what_cannot_be_observed_causes_no_restart(facts: dict[str, Any]) -> None:
    engines = replace(
        ENGINES,
        keystore=replace(KEYSTORE_TASK, created="T8", age=200.0),
        master=replace(MASTER_TASK, created="T9", age=100.0),
    )
    assert follow(engines) == [("fed1-wk-h2_exareme", "master:m")]
    assert follow(engines, **facts) == []


def test_a_cause_leads_to_one_restart_of_an_engine() -> None:
    restart = Restart("w_exareme", "w", "why", "master:m2")
    tasks = {"w_exareme": "t1"}
    assert due(restart, {}, tasks)
    record = recorded({}, [restart], tasks, "now")
    assert due(restart, record, tasks)  # it was recorded, and never took place
    assert not due(restart, record, {"w_exareme": "t2"})
    assert due(replace(restart, cause="master:m3"), record, {"w_exareme": "t2"})
    assert due(replace(restart, cause=""), record, {"w_exareme": "t2"})  # a person asked
