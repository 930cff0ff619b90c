"""Which entry of the Swarm is which node, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from saltext_mip.swarm import membership as membership_module
from saltext_mip.swarm.errors import NetworkHeld
from saltext_mip.swarm.membership import entries, keep_network, membership, own_ids
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import Network, Observed, Running, SwarmNode, Task
from saltext_mip.swarm.plan import NetworkItem
from tests.support.docker_sdk import Docker
from tests.unit.swarm.declared import federation

FED = federation()
LABELS = {"mip.federation": "fed1"}


def entry(id_: str, hostname: str, state: str = "ready", **more: Any) -> SwarmNode:
    facts: dict[str, Any] = {
        "address": "10.9.9.9",
        "availability": "active",
        "labels": {**LABELS, "name": hostname},
        "created": f"2026-01-01T00:00:0{id_}",
        "version": 1,
    }
    return SwarmNode(id_, hostname, state=state, **{**facts, **more})


MASTER = entry("1", "fed1-ms", manager=True)


def swarm(*nodes: SwarmNode) -> Observed:
    return Observed("active", "cluster", "1", nodes=(MASTER, *nodes))


def said(actual: Observed, told: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(item.action, item.id) for item in membership(FED, actual, told)]


def test_entries_that_are_labelled_are_left() -> None:
    assert said(swarm(entry("2", "fed1-ui"), entry("3", "hospital-b"))) == []


def test_a_new_entry_is_labelled_by_hostname_minion_id_or_address() -> None:
    new = [
        entry("2", "fed1-ui", labels={}),
        entry("3", "fed1-wk-b", labels={}),
        entry("4", "some-server", labels={}, address="10.77.0.21"),
        entry("5", "a-stranger", labels={}),
    ]
    assert said(swarm(*new)) == [("label", "2"), ("label", "4"), ("label", "3")]


def test_an_address_that_two_nodes_share_says_nothing() -> None:
    nodes = {
        "fed1-ms": {"role": "master", "address": "10.0.0.1"},
        "a": {"role": "worker", "address": "10.0.0.2"},
        "b": {"role": "worker", "address": "10.0.0.2"},
    }
    shared = type(FED).from_pillar("fed1", {"nodes": nodes})
    new = entry("4", "some-server", labels={}, address="10.0.0.2")
    assert membership(shared, swarm(new), {}) == ()
    told = membership(shared, swarm(new), {"b": "4"})
    assert [(item.action, item.id, item.place) for item in told] == [("label", "4", "b")]


def test_of_two_entries_of_one_host_the_one_that_it_says_it_is_gets_the_label() -> None:
    old, new = entry("2", "hospital-b"), entry("3", "hospital-b", labels={})
    assert said(swarm(old, new), {"fed1-wk-b": "3"}) == [("label", "3"), ("unlabel", "2")]
    down = entry("2", "hospital-b", state="down")
    assert said(swarm(down, new), {"fed1-wk-b": "3"}) == [("label", "3"), ("forget", "2")]
    # also without its word: the one that is ready, and the newer
    assert entries(FED, swarm(down, new))["fed1-wk-b"].id == "3"


def test_a_node_that_is_only_down_is_kept() -> None:
    assert said(swarm(entry("2", "hospital-b", state="down"))) == []


def test_a_node_that_is_not_declared_any_more_leaves_the_swarm() -> None:
    gone = entry("2", "gone")
    assert said(swarm(gone)) == [("forget", "2")]
    assert said(swarm(entry("2", "gone", state="down"))) == [("forget", "2")]
    # a node that was never ours, and one that a command is not about
    assert said(swarm(entry("2", "gone", labels={"name": "gone"}))) == []
    assert membership(FED, swarm(gone), whole=False) == ()


def test_a_node_on_which_something_foreign_runs_stays_in_the_swarm_without_our_labels() -> None:
    service = Service("theirs", "theirs", "", "", "an-image")
    task = Task("t", "2", "running", "running", 60.0, "2026-01-01T00:00:00Z", ready=True)
    theirs = Running(service, "s", 1, 0, ours=False, tasks=(task,))
    there = replace(swarm(entry("2", "gone")), services={"theirs": theirs})
    (item,) = membership(FED, there)
    assert (item.action, item.id) == ("unlabel", "2")
    assert "other services (theirs) may run there" in item.reason
    # of ours nothing holds it, nor what has ended
    assert said(replace(there, services={"theirs": replace(theirs, ours=True)})) == [
        ("forget", "2")
    ]
    ended = replace(theirs, tasks=(replace(task, desired="shutdown"),))
    assert said(replace(there, services={"theirs": ended})) == [("forget", "2")]


def test_a_refresh_gives_places_and_takes_none_of_a_node_that_left_the_pillar() -> None:
    again = [entry("2", "hospital-b", "down"), entry("3", "hospital-b", labels={})]
    left = [entry("4", "some-server"), entry("5", "another-server", "down")]
    found = membership(FED, swarm(*again, *left), whole=False)
    assert [(item.action, item.id) for item in found] == [("label", "3"), ("forget", "2")]


UI, CHUV, B = entry("2", "fed1-ui"), entry("3", "fed1-wk-chuv"), entry("4", "hospital-b")


@pytest.mark.parametrize(
    "reported",
    [
        {"fed1-wk-b": "3"},  # by its host name and its label another's
        {"fed1-wk-b": "2"},
        {"fed1-wk-b": "1"},  # the manager's
        {"fed1-wk-b": "4", "fed1-wk-chuv": "4"},  # two report it
        {"fed1-wk-b": "3", "fed1-wk-chuv": "3"},
    ],
)
def test_a_node_that_reports_the_id_of_another_moves_nothing(reported: dict[str, str]) -> None:
    observed = swarm(UI, CHUV, B)
    assert said(observed, reported) == []
    assert entries(FED, observed, reported) == entries(FED, observed, {})


def test_an_entry_with_the_address_of_another_node_is_not_taken_over() -> None:
    other = entry("5", "some-server", labels={}, address="10.77.0.21")
    assert own_ids(FED, swarm(UI, other), {"fed1-wk-b": "5"}) == {}
    assert own_ids(FED, swarm(UI, other), {"fed1-wk-chuv": "5"}) == {"fed1-wk-chuv": "5"}


def test_the_manager_s_id_is_the_masters() -> None:
    assert own_ids(FED, swarm(UI), {"fed1-ms": "1", "fed1-ui": "2"}) == {
        "fed1-ms": "1",
        "fed1-ui": "2",
    }


OLD = Network("net-old", "mip-federation", "overlay", "10.1.0.0/24", "10.1.0.254", encrypted=False)
RECREATE = NetworkItem.of("recreate", replace(OLD, id=""), "subnet differs", OLD.id)


def held(node: str, *, ready: bool = True) -> Docker:
    """A Swarm with a task of a removed service on that node, on the old network."""
    docker = Docker()
    docker.add_node("id-b", "hospital-b", ready=ready)
    docker.networks_[OLD.id] = {"Id": OLD.id, "Name": OLD.name}
    docker.tasks_.append(
        {
            "ID": "t",
            "ServiceID": "gone",
            "NodeID": node,
            "NetworksAttachments": [{"Network": {"ID": OLD.id}}],
            "Status": {"State": "running"},
            "Spec": {"ContainerSpec": {"Labels": {"mip.service": "exareme"}}},
        }
    )
    return docker


def test_a_network_that_tasks_still_use_is_waited_for() -> None:
    docker = held("id-b")
    docker.held = {OLD.id: 3}
    slept: list[float] = []
    keep_network(docker, RECREATE, sleep=slept.append)
    assert len(slept) == 3
    assert docker.names("create_network") == ["mip-federation"]


@pytest.mark.parametrize("node", ["id-b", "id-gone"])
def test_tasks_on_a_node_that_is_down_are_named_and_not_waited_for(node: str) -> None:
    docker = held(node, ready=False)
    docker.held = {OLD.id: 1000}

    def sleeps(_: float) -> None:
        raise AssertionError("waiting does not help")

    with pytest.raises(NetworkHeld, match=r"exareme on .*which is down still use it") as caught:
        keep_network(docker, RECREATE, sleep=sleeps)
    assert "Start the nodes" in str(caught.value)
    assert docker.names("create_network") == []


def test_tasks_that_do_not_end_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership_module, "NETWORK_WAIT", 0.0)
    docker = held("id-b")
    docker.held = {OLD.id: 1000}
    with pytest.raises(NetworkHeld, match=r"exareme on hospital-b still use it.*docker ps"):
        keep_network(docker, RECREATE)
