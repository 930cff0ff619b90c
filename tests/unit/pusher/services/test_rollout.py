"""What was consolidated is served: who restarts, what is waited for, what is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from saltext_mip.errors import NodesFailed
from saltext_mip.pusher.services import lifecycle, rollout
from saltext_mip.pusher.survey import Options
from tests.support import commands
from tests.support.commands import consolidate
from tests.support.services import Services
from tests.unit.pusher.conftest import rows

ENGINE = "fed1-wk-h1_exareme"
OTHER = "fed1-wk-h2_exareme"
MASTER = "fed1-ms_exareme-master"


def ids(fed: Services) -> dict[str, str]:
    return {name: task.id for name, task in fed.tasks.items() if task is not None}


def add(fed: Services, dataset: str = "adni", node: str = "fed1-wk-h1") -> None:
    """A new dataset, consolidated; no engine has read it yet."""
    fed.write(node, "dementia", f"{dataset}.csv", rows(dataset))
    consolidate(fed.pusher, Options())


def serve(fed: Services, **how: Any) -> tuple[rollout.Serving, set[str]]:
    """Serve, and the services whose task is another one now."""
    before = ids(fed)
    done = rollout.serve(fed.pusher, **{"within": 0.0, **how})
    after = ids(fed)
    return done, {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_where_all_is_served_nothing_restarts(fed: Services) -> None:
    done, replaced = serve(fed)
    assert (done.proven, done.restarted, done.differences, replaced) == (True, (), (), set())


def test_the_engines_that_must_read_a_new_dataset_restart_once(fed: Services) -> None:
    add(fed)
    planned = {item.node for item in rollout.planned(fed.pusher, fed.pusher.store.last())}
    done, replaced = serve(fed)
    assert (done.proven, done.differences) == (True, ())
    assert ENGINE in replaced
    assert OTHER not in replaced
    assert {item.node for item in done.restarted} == planned
    assert serve(fed)[1] == set()
    assert rollout.planned(fed.pusher, fed.pusher.store.last()) == []


def test_a_worker_that_is_absent_keeps_running_and_restarts_later(fed: Services) -> None:
    add(fed)
    done, replaced = serve(fed, absent=["fed1-wk-h1"])
    assert ENGINE not in replaced
    assert done.proven is True
    assert ENGINE in serve(fed)[1]


def test_a_worker_that_an_operator_stopped_stays_stopped(fed: Services) -> None:
    lifecycle.stop(fed.pusher, node="h1")
    add(fed)
    serve(fed)
    assert ENGINE not in fed.running()
    assert fed.overrides["fed1-wk-h1"]["word"] == "stopped"


def test_a_disabled_worker_leaves_the_listing_and_its_engine_keeps_running(fed: Services) -> None:
    commands.disable(fed.pusher, "wk1", "it moves", dry_run=False)
    consolidate(fed.pusher, Options())
    planned = rollout.planned(fed.pusher, fed.pusher.store.last())
    done, replaced = serve(fed)
    assert "edsd" in fed.serving["datasets"]["dementia"]
    assert (done.proven, done.differences, replaced) == (True, (), set())
    assert (list(done.restarted), planned, fed.deleted_keys) == ([], [], [])
    assert lifecycle.start(fed.pusher).notes is UNSET
    commands.enable(fed.pusher, "wk1", dry_run=False)
    consolidate(fed.pusher, Options())
    done, replaced = serve(fed)
    assert (done.proven, replaced) == (True, set())  # it was restarted for these data before


def test_an_engine_restarts_for_what_changed_while_its_node_was_disabled(fed: Services) -> None:
    commands.disable(fed.pusher, "wk1", "it moves", dry_run=False)
    add(fed)
    assert serve(fed)[1] == set()
    commands.enable(fed.pusher, "wk1", dry_run=False)
    consolidate(fed.pusher, Options())
    done, replaced = serve(fed)
    assert (done.proven, replaced) == (True, {ENGINE})


def test_where_the_master_is_stopped_it_is_not_known_what_is_served(fed: Services) -> None:
    lifecycle.stop(fed.pusher, node="ms")
    done, replaced = serve(fed)
    assert (done.proven, replaced) == (None, set())
    assert "stopped" in done.notes[0]


def test_a_service_that_is_gone_is_restored_first(fed: Services) -> None:
    del fed.tasks[OTHER]
    done, replaced = serve(fed)
    assert done.proven is True
    assert replaced == {OTHER}
    assert [(item.action, item.thing) for item in done.restarted] == [("create", OTHER)]


def test_an_engine_that_does_not_come_back_is_not_proven_and_named(fed: Services) -> None:
    add(fed)
    fed.broken_tasks = {ENGINE: "starting container failed"}
    done, _ = serve(fed, within=0.0)
    assert done.proven is False
    assert any("fed1-wk-h1" in text for text in done.differences)


def test_where_nothing_is_deployed_nothing_restarts(fresh: Services) -> None:
    consolidate(fresh.pusher, Options())
    done, replaced = serve(fresh)
    assert (done.proven, done.notes, replaced) == (None, (rollout.NO_SERVICES,), set())
    assert rollout.planned(fresh.pusher, fresh.pusher.store.last()) == []


def test_before_the_first_generation_there_is_nothing_to_serve(fresh: Services) -> None:
    assert rollout.serve(fresh.pusher) == rollout.Serving()
    assert fresh.asked == []


def test_a_master_whose_docker_fails_is_an_error_once_services_were_seen(
    fed: Services,
) -> None:
    fed.broken = {"fed1-ms": "Docker does not respond"}
    with pytest.raises(NodesFailed, match="Docker does not respond"):
        rollout.serve(fed.pusher)


@pytest.mark.parametrize("state", ["locked", "starting", "error", "not a manager"])
def test_services_of_a_swarm_that_cannot_be_read_are_not_taken_for_none(
    fed: Services, state: str
) -> None:
    fed.swarm = state
    add(fed)
    for look in (lambda: serve(fed), lambda: rollout.planned(fed.pusher, fed.pusher.store.last())):
        with pytest.raises(NodesFailed, match=rf"Failed on fed1-ms: .* a Swarm \({state}\)"):
            look()
    fed.swarm = ""
    assert serve(fed)[0].proven is True
