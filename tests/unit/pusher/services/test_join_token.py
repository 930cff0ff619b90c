"""When the Swarm's join token is replaced, and what is done where that fails."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import to_builtins

from saltext_mip.pusher import nodes
from saltext_mip.pusher.services import deploy, join_token, rollout
from tests.support.services import Services


def stored(fed: Services) -> str:
    token = join_token.token(fed.pusher.state)
    assert token is not None
    return token.reveal()


def disable(fed: Services, name: str, *, dry_run: bool = False) -> Any:
    return to_builtins(nodes.disable(fed.pusher, name, "moved", dry_run=dry_run))


def rotations(fed: Services) -> int:
    return sum(function == "federation_node.rotate_join_token" for function, _ in fed.asked)


@pytest.fixture
def out_of_order(fresh: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """A deployed federation whose master rotates no token."""
    deploy.deploy(fresh.pusher)
    fresh.asked.clear()
    monkeypatch.setattr(fresh, "_rotate_join_token", lambda *_, **__: {"cluster": ""})
    return fresh


def test_it_is_replaced_once_all_have_joined_and_not_without_a_join(fresh: Services) -> None:
    deploy.deploy(fresh.pusher)
    assert (rotations(fresh), stored(fresh)) == (1, fresh.token)
    assert not join_token.used(fresh.pusher.state)
    deploy.deploy(fresh.pusher)
    assert rotations(fresh) == 1


def test_it_is_replaced_after_a_node_joined_again_or_by_its_states_alone(fresh: Services) -> None:
    deploy.deploy(fresh.pusher)
    fresh.unknown = {"fed1-wk-h1"}
    deploy.deploy(fresh.pusher)
    assert (rotations(fresh), stored(fresh)) == (2, fresh.token)
    join_token.hand_out(fresh.pusher.state)  # for salt '*wk*' state.apply mip.worker
    deploy.deploy(fresh.pusher)
    assert rotations(fresh) == 3


def test_a_refresh_replaces_it_once_the_node_has_had_time_to_join_by_its_states(
    fed: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    join_token.hand_out(fed.pusher.state)
    rollout.serve(fed.pusher)
    assert rotations(fed) == 0
    monkeypatch.setattr(join_token, "JOINING", 0.0)
    rollout.serve(fed.pusher)
    assert (rotations(fed), stored(fed)) == (1, fed.token)
    rollout.serve(fed.pusher)
    assert rotations(fed) == 1


def test_a_disabled_nodes_copy_is_of_no_use_to_it(fresh: Services) -> None:
    deploy.deploy(fresh.pusher)
    before = stored(fresh)
    plan = disable(fresh, "wk2", dry_run=True)["plan"]
    assert [item["action"] for item in plan] == ["disable", "rotate"]
    assert (rotations(fresh), stored(fresh)) == (1, before)
    assert disable(fresh, "wk2")["plan"] == plan
    assert (rotations(fresh), stored(fresh)) == (2, fresh.token)
    assert fresh.token != before
    disable(fresh, "wk2")  # already
    assert rotations(fresh) == 2


def test_without_a_swarm_nothing_is_rotated(fresh: Services) -> None:
    assert [item["action"] for item in disable(fresh, "wk2")["plan"]] == ["disable"]
    assert fresh.asked == []


def test_where_it_cannot_be_replaced_the_node_is_disabled_and_a_deployment_does_it(
    out_of_order: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed = out_of_order
    result = disable(fed, "wk2")
    assert result["retcode"] == 1
    assert result["notes"] == [
        "fed1-ms: the Swarm's join token was not rotated: its Docker manages no Swarm. "
        "salt-run mip.deploy rotates it.",
        "No dataset of fed1-wk-h2 is listed.",
    ]
    assert "fed1-wk-h2" in fed.pusher.store.disabled()
    deployed = to_builtins(deploy.deploy(fed.pusher))
    assert deployed["retcode"] == 1
    assert result["notes"][0] in deployed["notes"]
    monkeypatch.undo()
    assert "retcode" not in to_builtins(deploy.deploy(fed.pusher))
    assert not join_token.used(fed.pusher.state)


def test_a_master_that_does_not_answer_is_named(fresh: Services) -> None:
    deploy.deploy(fresh.pusher)
    fresh.down = {"fed1-ms"}
    assert "not rotated: it does not answer" in disable(fresh, "wk2")["notes"][0]
    assert join_token.used(fresh.pusher.state)
