"""Which engines must restart, from what several looks at them have seen."""

from __future__ import annotations

from dataclasses import replace

from saltext_mip.node.context import NodeContext
from saltext_mip.node.services.engines import _followers
from saltext_mip.storage.state import MASTER_REGISTERED, read_state, write_state
from saltext_mip.swarm.engines.interface import Health
from saltext_mip.swarm.rollout import Engines, EngineTask

MASTER_TASK = EngineTask("fed1-ms_exareme-master", "fed1-ms", "fed1-ms", "m", "T2", 400)
KEYSTORE_TASK = EngineTask("fed1-ms_exareme-keystore", "fed1-ms", "fed1-ms", "k", "T1", 900)
OLDER = EngineTask("fed1-wk-b_exareme", "fed1-wk-b", "hospital-b", "w", "T1", 800)
ENGINES = Engines(KEYSTORE_TASK, MASTER_TASK, (OLDER,))
KEYS = {"master/fed1-ms": "10.0.0.2", "active_workers/hospital-b": "10.0.0.3"}
BOTH, ALONE = Health(frozenset({"fed1-ms", "hospital-b"})), Health(frozenset({"fed1-ms"}))


def long_registered(context: NodeContext) -> None:
    known = read_state(context.state / MASTER_REGISTERED)
    assert known is not None
    write_state(context.state / MASTER_REGISTERED, {**known, "since": known["since"] - 3600})


def followers(context: NodeContext, health: Health, engines: Engines = ENGINES) -> list[str]:
    return [each.service for each in _followers(context, engines, KEYS, health, ())]


def test_a_worker_that_is_not_reached_once_is_not_forgotten(master: NodeContext) -> None:
    assert followers(master, BOTH) == []
    long_registered(master)
    assert followers(master, ALONE) == []  # a busy machine
    assert followers(master, BOTH) == []


def test_a_master_that_started_again_reached_nobody_yet(master: NodeContext) -> None:
    assert followers(master, BOTH) == []
    again = replace(ENGINES, master=replace(MASTER_TASK, task="m2", created="T9", age=60))
    assert followers(master, ALONE, again) == []  # registered this moment
    long_registered(master)
    assert followers(master, ALONE, again) == [OLDER.service]


def test_a_worker_that_started_again_is_another_task(master: NodeContext) -> None:
    assert followers(master, BOTH) == []
    long_registered(master)
    again = replace(ENGINES, workers=(replace(OLDER, task="w2", age=700),))
    assert followers(master, ALONE, again) == [OLDER.service]
    known = read_state(master.state / MASTER_REGISTERED)
    assert known is not None
    assert known["reached"] == []
