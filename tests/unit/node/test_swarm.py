"""A node joins the Swarm of its master, and which states it refuses to leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from saltext_mip import sealing
from saltext_mip.errors import Refused
from saltext_mip.node import swarm
from saltext_mip.node.services import status
from saltext_mip.sealing import JOIN_PURPOSE, Binding
from saltext_mip.secret import Secret
from saltext_mip.swarm import local_node
from saltext_mip.swarm.errors import NotInSwarm, StillJoining
from tests.support.certificates import key_pair
from tests.support.docker_sdk import TOKEN, Docker
from tests.unit.node.conftest import Contexts

MANAGER = "10.77.0.10"


def token() -> Secret:
    return Secret(TOKEN)


@pytest.fixture
def worker_docker(sdk: Docker) -> Docker:
    sdk.manager, sdk.local_state = False, "inactive"
    return sdk


def test_the_manager_initialises_the_swarm_once(
    worker_docker: Docker, context_of: Contexts
) -> None:
    context = context_of("fed1-ms")
    assert swarm.initialise(context, test=True) == "the node is not in a Swarm"
    assert worker_docker.calls == []
    assert swarm.initialise(context, test=False) == "the node is not in a Swarm"
    options = {
        "advertise_addr": MANAGER,
        "listen_addr": "0.0.0.0:2377",
        "data_path_port": 4789,
    }
    assert worker_docker.calls == [("init", options)]
    assert swarm.initialise(context, test=False) is None


def test_a_worker_joins_once(worker_docker: Docker, context_of: Contexts) -> None:
    context = context_of("fed1-wk-chuv")
    assert swarm.join(context, token, test=True) == "the node is not in a Swarm"
    assert worker_docker.calls == []
    assert swarm.join(context, token, test=False) == "the node is not in a Swarm"
    (options,) = worker_docker.names("join")
    assert options["join_token"] == TOKEN
    assert options["remote_addrs"] == [f"{MANAGER}:2377"]
    assert options["advertise_addr"] == "10.77.0.21"
    assert swarm.join(context, token, test=False) is None
    assert len(worker_docker.calls) == 1


def test_a_worker_that_the_swarm_lost_leaves_it_and_joins(
    worker_docker: Docker, context_of: Contexts, tmp_path: Path
) -> None:
    worker_docker.local_state, worker_docker.error = "error", "certificate expired"
    context = context_of("fed1-wk-chuv")
    with pytest.raises(Refused, match="nothing proves"):
        swarm.join(context, token, test=False, cluster="cluster1")
    assert worker_docker.calls == []
    worker_docker.certify(tmp_path, role="worker", cluster="cluster1")
    reason = swarm.join(context, token, test=False, cluster="cluster1")
    assert reason == "its Swarm no longer accepts it (certificate expired)"
    assert [name for name, _ in worker_docker.calls] == ["leave", "join"]


def test_a_join_that_docker_goes_on_with_is_waited_for(
    worker_docker: Docker, context_of: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_docker.join_times_out = True
    monkeypatch.setattr(local_node, "POLL_INTERVAL", 0.0)
    monkeypatch.setattr(local_node, "LOADED_WAIT", 0.0)
    context = context_of("fed1-wk-chuv")
    with pytest.raises(StillJoining, match=f"Port 2377/tcp of {MANAGER}"):
        swarm.join(context, token, test=False)
    worker_docker.local_state = "inactive"
    monkeypatch.setattr(local_node, "LOADED_WAIT", 60.0)

    def joins(_: float) -> None:
        worker_docker.local_state = "active"

    monkeypatch.setattr(local_node.time, "sleep", joins)
    local_node.join(worker_docker, MANAGER, "10.77.0.21", token(), sleep=joins)
    assert worker_docker.names("leave") == []


@pytest.mark.parametrize("state", ["locked", "error", "pending"])
def test_a_swarm_that_does_not_work_is_not_initialised(
    worker_docker: Docker, context_of: Contexts, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(local_node, "LOADED_WAIT", 0.0)
    worker_docker.local_state = state
    for test in (True, False):
        with pytest.raises(NotInSwarm, match="starting" if state == "pending" else state):
            swarm.initialise(context_of("fed1-ms"), test=test)
    with pytest.raises(NotInSwarm):
        status.has_swarm()
    assert worker_docker.calls == []


@pytest.mark.parametrize("test", [True, False])
def test_a_docker_that_cannot_do_swarm_is_refused_before_it_is_asked(
    worker_docker: Docker, context_of: Contexts, *, test: bool
) -> None:
    worker_docker.live_restore = True
    with pytest.raises(Refused, match="live-restore"):
        swarm.initialise(context_of("fed1-ms"), test=test)
    with pytest.raises(Refused, match="live-restore"):
        swarm.join(context_of("fed1-wk-chuv"), token, test=test)
    assert worker_docker.calls == []


def test_one_that_the_manager_does_not_know_joins_again(
    worker_docker: Docker, context_of: Contexts
) -> None:
    worker_docker.local_state, worker_docker.remote = "active", [MANAGER]
    context = context_of("fed1-wk-chuv")
    assert swarm.join(context, token, test=False) is None
    assert swarm.join(context, token, test=False, again=True) == "the Swarm does not know this node"
    assert [name for name, _ in worker_docker.calls] == ["leave", "join"]


@pytest.mark.parametrize("again", [True, False])
def test_a_swarm_that_this_node_manages_is_never_left(
    worker_docker: Docker, context_of: Contexts, *, again: bool
) -> None:
    worker_docker.manager, worker_docker.local_state = True, "active"
    with pytest.raises(Refused, match="manages a Swarm of its own"):
        swarm.join(context_of("fed1-wk-chuv"), token, test=False, again=again)
    assert worker_docker.calls == []


def test_another_swarm_is_never_left(worker_docker: Docker, context_of: Contexts) -> None:
    worker_docker.local_state, worker_docker.remote = "active", ["10.99.0.1"]
    with pytest.raises(Refused, match=r"10\.99\.0\.1, not of 10\.77\.0\.10"):
        swarm.join(context_of("fed1-wk-chuv"), token, test=False)
    assert worker_docker.calls == []


def test_without_a_token_the_error_names_the_command(
    worker_docker: Docker, context_of: Contexts
) -> None:
    with pytest.raises(Refused, match=r"no join token\. On the pusher: salt-run mip\.deploy"):
        swarm.join(context_of("fed1-wk-chuv"), lambda: None, test=False)
    assert worker_docker.calls == []


def test_the_master_seals_the_token_for_the_pusher_alone(sdk: Docker, context_of: Contexts) -> None:
    private, public = key_pair()
    value = swarm.observe_membership(context_of("fed1-ms"), public)
    assert {**value, "sealed": ""} == {
        "state": "active",
        "id": "id-ms",
        "cluster": "cluster1",
        "error": "",
        "docker": "28.0.4",
        "sealed": "",
    }
    assert TOKEN not in value["sealed"]
    assert sealing.opened(
        value["sealed"], private, binding=Binding("fed1", "fed1-ms", JOIN_PURPOSE)
    ) == Secret(TOKEN)
    assert "sealed" not in swarm.observe_membership(context_of("fed1-wk-chuv"), public)
    assert "sealed" not in swarm.observe_membership(context_of("fed1-ms"))


def test_a_rotated_token_is_another_one_and_the_swarm_is_as_it_was(
    sdk: Docker, context_of: Contexts
) -> None:
    private, public = key_pair()
    value = swarm.rotate_token(context_of("fed1-ms"), public)
    assert sdk.names("update_swarm") == [None]
    binding = Binding("fed1", "fed1-ms", JOIN_PURPOSE)
    assert sealing.opened(value["sealed"], private, binding=binding) == Secret(f"{TOKEN}-next")


def test_only_the_master_rotates_and_only_a_swarm_that_it_manages(
    sdk: Docker, worker_docker: Docker, context_of: Contexts
) -> None:
    with pytest.raises(Refused):
        swarm.rotate_token(context_of("fed1-wk-chuv"), b"")
    assert "sealed" not in swarm.rotate_token(context_of("fed1-ms"), b"")
    assert (sdk.names("update_swarm"), worker_docker.names("update_swarm")) == ([], [])
