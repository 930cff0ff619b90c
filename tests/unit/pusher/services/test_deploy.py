"""Deploy a federation of folders: order, refusals, what a second run does, what is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.errors import BadAnswer, DeclarationError, Misuse, NodeError, NodesMissing, Refused
from saltext_mip.pusher.services import deploy, deploy_failures, join_token, lifecycle, rollout
from tests.support.commands import consolidate, disable
from tests.support.services import Services

ENGINE = "fed1-wk-h1_exareme"
NODES = ("fed1-ms", "fed1-ui", "fed1-wk-h1", "fed1-wk-h2")


def run(fed: Services, **how: Any) -> Any:
    return to_builtins(deploy.deploy(fed.pusher, **how))


def state(*, result: bool | None = True, comment: str = "", **changes: Any) -> dict[str, Any]:
    return {"name": "it", "result": result, "changes": changes, "comment": comment}


def test_the_first_deployment_makes_the_swarm_before_others_join(fresh: Services) -> None:
    result = run(fresh)
    assert fresh.applied == [("fed1-ms",), NODES[1:]]
    token = join_token.token(fresh.pusher.state)
    assert token is not None
    assert token.reveal() == fresh.token == "join token'"  # rotated once all have joined
    assert join_token.cluster(fresh.pusher.state) == "c"
    assert result["changed"] is True
    assert "retcode" not in result
    assert {of["serving"] for of in result["services"].values()} == {True}
    assert set(result["nodes"]) == set(NODES)
    assert [event for event, _ in fresh.events] == ["deployed"]


def test_a_second_deployment_changes_nothing(fed: Services) -> None:
    before = {name: task and task.id for name, task in fed.tasks.items()}
    result = run(fed)
    assert (result["changed"], fed.requests, fed.events) == (False, [], [])
    assert fed.applied == [NODES]
    assert {name: task and task.id for name, task in fed.tasks.items()} == before


def test_a_missing_password_is_named_before_any_node_is_asked(fresh: Services) -> None:
    fresh.declared["services"] = {"galaxy": False}
    with pytest.raises(DeclarationError, match="services:portalbackend_db:env:POSTGRES_PASSWORD"):
        deploy.deploy(fresh.pusher)
    assert fresh.asked == []


def test_what_is_foreign_is_named_and_nothing_is_done(fresh: Services) -> None:
    fresh.foreign = {"fed1-ui": "port 80 is used by nginx"}
    with pytest.raises(Refused, match="fed1-ui: port 80 is used by nginx"):
        deploy.deploy(fresh.pusher)
    assert (fresh.applied, fresh.tasks) == ([], {})


def test_another_node_is_deployed_beside_what_is_foreign(fed: Services) -> None:
    fed.foreign = {"fed1-ui": "port 80 is used by nginx"}
    assert run(fed, node="h1")["changed"] is False
    assert fed.applied == [("fed1-wk-h1",)]


def test_a_dry_run_has_the_changes_of_the_states_as_a_plan(fresh: Services) -> None:
    fresh.states = {
        "fed1-ms": [state(result=None, swarm=["none", "initialised"])],
        "fed1-ui": [state(result=False, comment="Docker is not there")],
    }
    result = run(fresh, dry_run=True)
    assert (result["dry_run"], result["changed"], result["services"]) == (True, False, {})
    assert [(item["action"], item["thing"]) for item in result["plan"]] == [
        ("change", "swarm"),
        ("fail", "fed1-ui"),
    ]
    assert (fresh.joined, fresh.tasks) == (set(), {})


def failed_state(fed: Services) -> None:
    fed.states = {"fed1-wk-h1": [state(result=False, comment="no room left")]}


def without_an_answer(fed: Services) -> None:
    fed.down = {"fed1-wk-h1"}


def with_an_error(fed: Services) -> None:
    fed.broken = {"fed1-wk-h1": "Docker does not respond"}


@pytest.mark.parametrize("fault", [failed_state, without_an_answer, with_an_error])
def test_a_node_that_fails_is_in_the_exit_code_and_recorded_until_it_does_not(
    fed: Services, fault: Callable[[Services], None]
) -> None:
    assert "retcode" not in run(fed, dry_run=True)
    fault(fed)
    assert run(fed, dry_run=True)["retcode"] == 1
    assert deploy_failures.failures(fed.pusher) == {}, "a dry run records nothing"
    result = run(fed)
    assert result["retcode"] == 1
    assert "not deployed: fed1-wk-h1." in result["notes"][-1]
    assert set(deploy_failures.failures(fed.pusher)) == {"fed1-wk-h1"}
    fed.states, fed.down, fed.broken = {}, set(), {}
    assert "retcode" not in run(fed, node="wk2")
    assert set(deploy_failures.failures(fed.pusher)) == {"fed1-wk-h1"}
    assert "retcode" not in run(fed)
    assert deploy_failures.failures(fed.pusher) == {}


def test_a_deployment_that_is_refused_is_recorded_too(fed: Services) -> None:
    fed.foreign = {"fed1-ui": "port 80 is used by nginx"}
    with pytest.raises(Refused):
        deploy.deploy(fed.pusher)
    (why,) = deploy_failures.failures(fed.pusher).values()
    assert why == "fed1-ui: port 80 is used by nginx"
    fed.foreign = {}
    run(fed)
    assert deploy_failures.failures(fed.pusher) == {}


def test_a_state_of_the_master_that_fails_ends_the_first_deployment(fresh: Services) -> None:
    fresh.states = {
        "fed1-ms": [
            state(result=False, comment="no room\x1b left"),
            state(result=False, comment="One or more requisite failed: it"),
        ]
    }
    with pytest.raises(NodeError, match=r"fed1-ms: no room\\x1b left$"):
        deploy.deploy(fresh.pusher)
    assert (fresh.applied, fresh.tasks) == ([("fed1-ms",)], {})


def test_states_that_are_not_served_are_traced_to_the_setup(fresh: Services) -> None:
    fresh.states = {"fed1-ms": [state(result=False, comment="No matching sls found for 'mip'")]}
    with pytest.raises(NodeError, match=r"mip\.setup"):
        deploy.deploy(fresh.pusher)


def test_a_state_of_a_worker_that_fails_is_its_own(fed: Services) -> None:
    fed.states = {"fed1-wk-h1": [state(result=False, comment="no room left")]}
    result = run(fed)
    assert result["retcode"] == 1
    assert result["nodes"]["fed1-wk-h1"]["failed"] is True
    assert result["nodes"]["fed1-wk-h1"]["error"] == "no room left"
    assert result["nodes"]["fed1-wk-h2"]["failed"] is False


def test_a_worker_that_is_down_is_a_problem_with_its_contact(fresh: Services) -> None:
    fresh.down = {"fed1-wk-h2"}
    result = run(fresh)
    (problem,) = result["problems"]
    assert (problem["rule"], problem["node"], problem["contact"]) == (
        "NodeMissing",
        "fed1-wk-h2",
        "it@h2.example",
    )
    assert result["retcode"] == 1
    assert result["services"][ENGINE]["serving"] is True


def test_a_node_that_reports_the_swarm_id_of_another_is_named(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    membership = fed._membership

    def lying(node: str) -> dict[str, Any]:
        own = membership(node)
        return {**own, "id": fed._id("fed1-wk-h1")} if node == "fed1-wk-h2" else own

    monkeypatch.setattr(fed, "_membership", lying)
    result = run(fed)
    (problem,) = result["problems"]
    assert (problem["rule"], problem["node"]) == ("ForeignSwarmId", "fed1-wk-h2")
    assert problem["about"] == "fed1-wk-h1"


def test_a_master_that_is_down_ends_it(fresh: Services) -> None:
    fresh.down = {"fed1-ms"}
    with pytest.raises(NodesMissing, match="fed1-ms"):
        deploy.deploy(fresh.pusher)
    assert fresh.applied == []


@pytest.mark.parametrize("name", ["fed1-wk-h1", "wk1", "h1", "10.0.1.1"])
def test_one_node_is_deployed_by_any_of_its_names(fed: Services, name: str) -> None:
    result = run(fed, node=name)
    assert fed.applied == [("fed1-wk-h1",)]
    assert set(result["nodes"]) == {"fed1-wk-h1"}


def test_a_disabled_node_is_left_out(fed: Services) -> None:
    disable(fed.pusher, "wk1", None, dry_run=False)
    run(fed)
    assert fed.applied == [("fed1-ms", "fed1-ui", "fed1-wk-h2")]
    with pytest.raises(Misuse, match="fed1-wk-h1 is disabled"):
        deploy.deploy(fed.pusher, node="wk1")
    disable(fed.pusher, "ms", None, dry_run=False)
    with pytest.raises(Misuse, match="master is disabled"):
        deploy.deploy(fed.pusher)


def test_removed_services_come_back_and_stopped_ones_stay_stopped(fed: Services) -> None:
    lifecycle.remove(fed.pusher, node="h1")
    lifecycle.stop(fed.pusher, node="h2")
    result = run(fed)
    assert set(fed.overrides) == {"fed1-wk-h2"}
    assert result["services"][ENGINE]["serving"] is True
    assert result["services"]["fed1-wk-h2_exareme"]["stopped"] is True
    assert "retcode" not in result


def test_a_node_that_the_swarm_does_not_know_joins_again(fed: Services) -> None:
    fed.unknown = {"fed1-wk-h2"}
    run(fed)
    assert ("federation_node.join_again", ("fed1-wk-h2",)) in fed.asked
    assert fed.unknown == set()


def test_a_service_that_does_not_start_is_exit_code_1(fed: Services) -> None:
    fed.broken_tasks = {ENGINE: "starting container failed"}
    result = run(fed, timeout=0.0)
    assert result["retcode"] == 1
    assert result["services"][ENGINE]["error"] == "starting container failed"
    assert [problem["rule"] for problem in result["problems"]] == ["ServiceNotServing"]


def test_engines_that_were_just_made_need_no_restart(fed: Services) -> None:
    assert rollout.planned(fed.pusher, fed.pusher.store.last()) == []


def test_engines_that_were_made_before_the_data_do(fresh: Services) -> None:
    from saltext_mip.pusher.survey import Options

    run(fresh)
    consolidate(fresh.pusher, Options())
    planned = to_builtins(rollout.planned(fresh.pusher, fresh.pusher.store.last()))
    assert {item["node"] for item in planned} == {"fed1-ms", "fed1-wk-h1", "fed1-wk-h2"}


@pytest.mark.parametrize(
    "forged",
    [
        {"findings": None, "swarm": {}},
        {"findings": [{"text": 5}], "swarm": {}},
        {"findings": [], "swarm": "active"},
        "all is well",
    ],
)
def test_a_preflight_in_another_format_is_refused(
    fresh: Services, monkeypatch: pytest.MonkeyPatch, forged: Any
) -> None:
    monkeypatch.setattr(fresh, "_ready", lambda node, **_: forged)
    with pytest.raises(BadAnswer, match="fed1-ms"):
        deploy.deploy(fresh.pusher)
    assert fresh.tasks == {}


def test_a_node_that_keeps_the_swarm_that_it_is_in_is_not_waited_for(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleeps(_: float) -> None:
        raise AssertionError("nothing joins")

    monkeypatch.setattr(deploy.time, "sleep", sleeps)
    fed.unknown = {"fed1-wk-h2"}
    fed.refusing = {"fed1-wk-h2": "Docker manages a Swarm of its own"}
    result = run(fed)
    assert result["retcode"] == 1
    assert result["nodes"]["fed1-wk-h2"]["failed"] is True
    assert result["nodes"]["fed1-wk-h2"]["error"] == "Docker manages a Swarm of its own"
    assert result["nodes"]["fed1-wk-h1"]["failed"] is False
