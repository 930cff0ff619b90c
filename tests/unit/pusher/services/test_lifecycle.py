"""Start, stop, restart and remove services of a federation of folders."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.errors import Busy, UnknownNode
from saltext_mip.pusher.services import lifecycle
from saltext_mip.pusher.services.lifecycle import Rollout
from saltext_mip.swarm.components import MASTER, WORKER
from saltext_mip.swarm.rollout import RestartItem
from tests.support.commands import events
from tests.support.services import Services

ENGINE = "fed1-wk-h1_exareme"
ALL_ENGINES = {"fed1-ms_exareme-master", ENGINE, "fed1-wk-h2_exareme"}


def run(fed: Services, action: Any, **how: Any) -> Any:
    return to_builtins(action(fed.pusher, **how))


def ids(fed: Services) -> dict[str, str]:
    return {name: task.id for name, task in fed.tasks.items() if task is not None}


def recorded(fed: Services) -> list[tuple[str, str]]:
    return [(each["what"], each["about"]) for each in events(fed.pusher, 0)["events"]]


def test_stop_keeps_the_definition_and_start_ends_the_override(fed: Services) -> None:
    stopped = run(fed, lifecycle.stop, node="h1")
    assert stopped["changed"] is True
    assert stopped["services"][ENGINE]["stopped"] is True
    assert fed.overrides["fed1-wk-h1"]["word"] == "stopped"
    assert fed.overrides["fed1-wk-h1"]["actor"] == "operator"
    assert fed.tasks[ENGINE] is None
    assert ENGINE not in fed.running()
    started = run(fed, lifecycle.start, node="h1")
    assert started["services"][ENGINE]["serving"] is True
    assert fed.overrides == {}


def test_again_it_changes_nothing_and_is_no_event(fed: Services) -> None:
    run(fed, lifecycle.stop, node="h1")
    first = dict(fed.overrides)
    before = recorded(fed)
    assert run(fed, lifecycle.stop, node="h1")["changed"] is False
    assert fed.overrides == first
    assert recorded(fed) == before


def test_remove_takes_the_services_of_all_nodes_away(fed: Services) -> None:
    result = run(fed, lifecycle.remove)
    assert (result["changed"], result["services"], fed.tasks) == (True, {}, {})
    assert {each["word"] for each in fed.overrides.values()} == {"removed"}
    assert run(fed, lifecycle.start)["changed"] is True
    assert fed.running() >= ALL_ENGINES


def test_restart_replaces_the_tasks_of_that_node_alone(fed: Services) -> None:
    before = ids(fed)
    result = run(fed, lifecycle.restart, node="h1")
    assert result["changed"] is True
    after = ids(fed)
    assert {name for name in after if after[name] != before[name]} == {ENGINE}
    (request,) = fed.requests
    (target,) = request.targets or ()
    assert (target.service, target.reason, target.cause) == (WORKER, "requested by operator", "")


def test_restart_leaves_what_is_stopped_stopped(fed: Services) -> None:
    run(fed, lifecycle.stop, node="h1")
    run(fed, lifecycle.restart)
    assert fed.overrides["fed1-wk-h1"]["word"] == "stopped"
    assert ENGINE not in fed.running()


@pytest.mark.parametrize(
    ("action", "planned"),
    [
        (lifecycle.stop, "update"),
        (lifecycle.remove, "remove"),
        (lifecycle.restart, "restart"),
    ],
)
def test_a_dry_run_has_the_plan_and_changes_nothing(
    fed: Services, action: Any, planned: str
) -> None:
    before, log = ids(fed), recorded(fed)
    result = run(fed, action, node="h1", dry_run=True)
    assert (result["dry_run"], result["changed"]) == (True, False)
    assert [(item["action"], item["thing"]) for item in result["plan"]] == [(planned, ENGINE)]
    assert (ids(fed), fed.overrides, recorded(fed)) == (before, {}, log)


def test_what_does_not_come_back_is_a_problem_and_exit_code_1(fed: Services) -> None:
    fed.broken_tasks = {ENGINE: "starting container failed"}
    result = run(fed, lifecycle.restart, node="h1", timeout=0.0)
    assert result["retcode"] == 1
    (problem,) = result["problems"]
    assert (problem["rule"], problem["node"]) == ("ServiceNotServing", "fed1-wk-h1")
    assert problem["contact"] == "it@h1.example"
    assert "starting container failed" in problem["about"]


def test_actions_are_recorded_with_the_node_where_one_was_named(fed: Services) -> None:
    run(fed, lifecycle.stop, node="h1")
    run(fed, lifecycle.start)
    run(fed, lifecycle.restart)
    run(fed, lifecycle.remove, node="wk2")
    assert recorded(fed)[-4:] == [
        ("stopped", "fed1-wk-h1"),
        ("started", ""),
        ("restarted", ""),
        ("removed", "fed1-wk-h2"),
    ]


def test_a_node_that_there_is_not_and_a_lock_that_is_held_are_refused(fed: Services) -> None:
    with pytest.raises(UnknownNode):
        lifecycle.stop(fed.pusher, node="h9")
    with fed.pusher.locked("deploy", 0), pytest.raises(Busy, match=r"mip\.deploy of operator"):
        lifecycle.stop(fed.pusher, timeout=0)
    assert fed.requests == []


def test_components_restart_after_their_keys_are_deleted(fed: Services) -> None:
    items = (
        RestartItem("forget", "data/fed1-wk-h1/dementia", "the worker has it no more", "fed1-ms"),
        RestartItem("restart", MASTER, "CDEs changed", "fed1-ms", "sources:a"),
        RestartItem("restart", WORKER, "its datasets changed", "fed1-wk-h1", "sources:b"),
    )
    before = ids(fed)
    assert lifecycle.restart_components(fed.pusher, items) == Rollout(items)
    assert fed.deleted_keys == ["data/fed1-wk-h1/dementia"]
    after = ids(fed)
    assert {n for n in after if after[n] != before[n]} == {ENGINE, "fed1-ms_exareme-master"}
    functions = [name for name, _ in fed.asked]
    assert functions.index("federation_node.forget") < functions.index("federation_node.enforce")


def test_components_of_a_stopped_node_are_not_waited_for(fed: Services) -> None:
    run(fed, lifecycle.stop, node="h1")
    lifecycle.restart_components(fed.pusher, (RestartItem("restart", WORKER, "why", "fed1-wk-h1"),))
    assert ENGINE not in fed.running()
    assert fed.overrides["fed1-wk-h1"]["word"] == "stopped"
