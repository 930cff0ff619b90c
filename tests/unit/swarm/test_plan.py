"""What is wanted and what is, to what is done: cases that read without a Swarm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext_mip.pusher.answers import ERROR_LENGTH
from saltext_mip.secret import Secret
from saltext_mip.swarm import docker_api
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.errors import NetworkInUse, NotOurs
from saltext_mip.swarm.model import Mount, Port, Service
from saltext_mip.swarm.observed import Network, Observed, Running, Task
from saltext_mip.swarm.plan import (
    desired_network,
    differences,
    network_plan,
    only_restoring,
    plan,
    with_restarts,
)
from tests.unit.swarm.declared import SECRETS, federation

WANTED = desired_services(federation(), SECRETS)
NAMES = {service.short: service.name for service in WANTED}
MASTER = "fed1-ms_exareme-master"
CHUV = "fed1-wk-chuv_exareme"
UP = Task("t", "n", "running", "running", 60.0, "2026-01-01", ready=True)


def actual(*services: Service, ours: bool = True, **more: Any) -> Observed:
    found = {
        s.name: Running(s, f"id of {s.name}", 1, 0, ours, (UP,) if s.replicas else ())
        for s in services
    }
    return Observed("active", "c", "n", services=found, **more)


def said(items: Any) -> list[tuple[str, str, str]]:
    return [(i.action, i.thing, i.reason) for i in items if i.action != "nothing"]


def by_name(name: str) -> Service:
    return next(service for service in WANTED if service.name == name)


def test_everything_is_made_where_nothing_is_the_keystore_first() -> None:
    items = plan(WANTED, actual())
    assert {item.action for item in items} == {"create"}
    assert [item.thing for item in items][:4] == [
        "fed1-ms_exareme-keystore",
        MASTER,
        CHUV,
        "hospital-b_exareme",
    ]


def test_nothing_is_done_where_all_is_as_wanted() -> None:
    assert said(plan(WANTED, actual(*WANTED))) == []


BY_HAND = [
    ({"image": "x:2"}, "image differs: x:2 -> hbpmip/exareme:24.3.0"),
    ({"memory": 5}, "memory differs: 5 -> no limit"),
    ({"replicas": 0}, "it is stopped"),
    ({"replicas": 3}, "replicas differ: 3 -> 1"),
    ({"aliases": ()}, "aliases differ: none -> exareme"),
    ({"mounts": ()}, "mounts differ: none -> /data/fed1:/root/exareme/data/:rslave"),
    ({"ports": (Port(9, 9),)}, "ports differ: 9:9 -> none"),
    ({"constraints": ()}, "constraints differ: none -> node.labels.name==fed1-wk-chuv"),
    ({"network": "other"}, "network differs: other -> mip-federation"),
    ({"endpoint_mode": "vip"}, "endpoint mode differs: vip -> dnsrr"),
    ({"restart": "none"}, "restart differs: none -> any"),
    (
        {"more": (("TaskTemplate.ContainerSpec.User", '"root"'),)},
        "TaskTemplate.ContainerSpec.User is not declared",
    ),
]


@pytest.mark.parametrize(("change", "reason"), BY_HAND, ids=[case[1][:20] for case in BY_HAND])
def test_each_field_that_is_changed_by_hand_is_put_right_with_a_reason(
    change: dict[str, Any], reason: str
) -> None:
    drifted = [replace(s, **change) if s.name == CHUV else s for s in WANTED]
    assert said(plan(WANTED, actual(*drifted))) == [("update", CHUV, reason)]


def test_variables_are_compared_one_by_one_and_no_secret_is_said() -> None:
    database = by_name("portalbackend_db")
    other = replace(database, env=(("EXTRA", "1"), ("POSTGRES_PASSWORD", Secret("canary old"))))
    reasons = differences(database, other)
    assert reasons == ["env EXTRA is not declared", "env POSTGRES_PASSWORD differs"]
    assert differences(database, replace(database, env=())) == ["env POSTGRES_PASSWORD differs"]


@pytest.mark.parametrize(
    ("short", "name", "role"),
    [
        ("portalbackend_db", "POSTGRES_PASSWORD", "postgres"),
        ("create_dbs", "PASSWORD4", "portal"),
    ],
)
def test_a_new_password_that_the_database_keeps_the_old_one_of_says_what_to_do(
    short: str, name: str, role: str
) -> None:
    service = by_name(short)
    env = tuple((k, Secret("canary old") if k == name else v) for k, v in service.env)
    changed = replace(service, env=env)
    there = [changed if each.name == service.name else each for each in WANTED]
    ((action, thing, reason),) = said(plan(WANTED, actual(*there)))
    assert (action, thing) == ("update", service.name)
    assert f"ALTER ROLE {role} PASSWORD '<new>';" in reason
    assert reason.endswith(f"env {name} differs")
    assert len(reason) <= ERROR_LENGTH, "it arrives whole"
    assert "canary" not in reason
    # where there is none yet, and for any other change, there is nothing to do by hand
    without = [each for each in WANTED if each.name != service.name]
    other = [replace(s, memory=5) if s.name == service.name else s for s in WANTED]
    for services in (without, other):
        assert "ALTER" not in str(said(plan(WANTED, actual(*services))))


def test_what_is_not_declared_any_more_goes_and_what_is_not_ours_stays() -> None:
    left = replace(by_name(CHUV), name="gone_exareme", hostname="gone", node="fed1-wk-gone")
    assert said(plan(WANTED, actual(*WANTED, left))) == [
        ("remove", "gone_exareme", "it is not declared")
    ]
    found = actual(*WANTED)
    foreign = actual(replace(left, ports=(Port(1234, 1),)), ours=False).services
    both = replace(found, services={**found.services, **foreign})
    assert said(plan(WANTED, both)) == []


@pytest.mark.parametrize(
    ("foreign", "words"),
    [
        (Service(MASTER, "x", "", "", "i"), f"service {MASTER} uses a name of the federation"),
        (
            Service("old", "x", "", "", "i", ports=(Port(9090, 1),)),
            f"service old uses port 9090 of {MASTER}",
        ),
    ],
)
def test_where_a_foreign_service_is_in_the_way_nothing_is_planned(
    foreign: Service, words: str
) -> None:
    with pytest.raises(NotOurs) as caught:
        plan(WANTED, actual(foreign, ours=False))
    assert words in str(caught.value)
    assert f"docker service rm {foreign.name}" in str(caught.value)


def test_a_foreign_port_on_another_node_is_in_nobodys_way() -> None:
    foreign = Service("old", "x", "", "elsewhere", "i", ports=(Port(9090, 1),))
    found = actual(foreign, ours=False)
    assert "old" not in {item.thing for item in plan(WANTED, found)}


def test_what_an_operator_stopped_or_removed_stays_so() -> None:
    found = actual(*WANTED)
    stop = plan(WANTED, found, overrides={"fed1-wk-chuv": "stopped"})
    assert said(stop) == [("update", CHUV, "an operator stopped it")]
    stopped = actual(*(replace(s, replicas=0) if s.name == CHUV else s for s in WANTED))
    assert said(plan(WANTED, stopped, overrides={"fed1-wk-chuv": "stopped"})) == []
    assert said(plan(WANTED, stopped)) == [("update", CHUV, "it is stopped")]
    drained = {"fed1-wk-chuv": "drained"}
    drain = [("update", CHUV, "an operator drained its node")]
    assert said(plan(WANTED, found, overrides=drained)) == drain
    assert said(plan(WANTED, stopped, overrides=drained)) == []
    gone = plan(WANTED, found, overrides={"fed1-wk-chuv": "removed"})
    assert said(gone) == [("remove", CHUV, "an operator removed it")]


def test_of_a_drained_master_the_keystore_runs() -> None:
    found = plan(WANTED, actual(*WANTED), overrides={"fed1-ms": "drained"})
    assert [thing for _, thing, _ in said(found)] == ["fed1-ms_exareme-master"]


def test_a_plan_may_be_confined_to_one_node() -> None:
    items = plan(WANTED, actual(), nodes=["fed1-wk-chuv"])
    assert [item.thing for item in items] == [CHUV]


def test_engines_start_again_after_a_keystore_that_is_replaced() -> None:
    keystore = NAMES["exareme-keystore"]
    drifted = [replace(s, image="old") if s.name == keystore else s for s in WANTED]
    items = with_restarts(plan(WANTED, actual(*drifted)))
    assert [(item.action, item.thing) for item in items if item.action != "nothing"] == [
        ("update", keystore),
        ("restart", MASTER),
        ("restart", CHUV),
        ("restart", "hospital-b_exareme"),
    ]
    # a change that replaces no task makes it forget nothing
    drifted = [replace(s, labels=()) if s.name == keystore else s for s in WANTED]
    items = with_restarts(plan(WANTED, actual(*drifted)))
    assert [item.thing for item in items if item.action != "nothing"] == [keystore]
    # what is made anew, or stopped, has nothing to forget
    assert {i.action for i in with_restarts(plan(WANTED, actual()))} == {"create"}


def network(**changes: Any) -> Network:
    return replace(desired_network(federation().settings["swarm"]), id="n1", **changes)


def test_the_network_is_made_again_only_where_nobody_uses_it() -> None:
    goal = desired_network(federation().settings["swarm"])
    assert network_plan(goal, actual()).action == "create"
    there = network()
    assert network_plan(goal, actual(networks={goal.name: there})).action == "nothing"
    other = network(subnet="10.9.0.0/24", encrypted=False, mtu=1400)
    item = network_plan(goal, actual(networks={goal.name: other}))
    assert (item.action, item.old) == ("recreate", "n1")
    assert item.reason == (
        "subnet differs: 10.9.0.0/24 -> 10.20.30.0/24; encrypted differs: False -> True; "
        "mtu differs: 1400 -> 1500"
    )
    used = replace(other, used_by=("a", "b"))
    with pytest.raises(NetworkInUse, match="a, b use it"):
        network_plan(goal, actual(networks={goal.name: used}))


TASKS = [
    (UP, True),
    (replace(UP, ready=False), False),
    (replace(UP, desired="shutdown"), False),
    (replace(UP, state="starting"), False),
    (replace(UP, age=0.5), False),
]


@pytest.mark.parametrize(("task", "up"), TASKS)
def test_a_task_is_up_only_if_it_is_meant_to_run_does_and_its_node_is_ready(
    task: Task, up: bool
) -> None:
    running = Running(by_name(CHUV), "i", 1, 0, True, (task,))
    assert running.up is up


def test_one_that_runs_once_is_up_when_it_is_complete() -> None:
    done = replace(UP, state="complete", desired="shutdown")
    assert Running(by_name("create_dbs"), "i", 1, 0, True, (done,)).up is True
    failed = replace(done, state="failed")
    assert Running(by_name("create_dbs"), "i", 1, 0, True, (failed, done)).up is False


@pytest.mark.parametrize("service", WANTED, ids=lambda service: service.name)
def test_what_is_sent_to_docker_is_read_back_the_same(service: Service) -> None:
    ids = {"mip-federation": "abc"}
    sent = docker_api.build(service, ids)
    names = {key for key, value in service.env if isinstance(value, Secret)}
    back = docker_api.parse(sent, {"abc": "mip-federation"}, names)
    assert differences(service, back) == []
    assert back.short == service.short
    assert back.log == service.log is not None
    assert back.hostname == service.hostname


TEXT = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="="), min_size=1
)


@given(
    env=st.dictionaries(TEXT, st.text(max_size=20), max_size=4),
    command=st.lists(st.text(max_size=10), max_size=3),
    mounts=st.lists(st.builds(Mount, TEXT, TEXT, st.booleans()), max_size=3, unique=True),
    ports=st.lists(st.builds(Port, st.integers(1, 65535), st.integers(1, 65535)), max_size=3),
    memory=st.integers(0, 2**40),
    replicas=st.integers(0, 3),
)
def test_any_service_is_read_back_the_same(**fields: Any) -> None:
    service = replace(
        by_name(CHUV),
        **{
            **fields,
            "env": tuple(sorted(fields["env"].items())),
            "command": tuple(fields["command"]),
            "mounts": tuple(sorted(fields["mounts"])),
            "ports": tuple(sorted(fields["ports"])),
        },
    )
    hidden = docker_api.parse(docker_api.build(service, {}), {}, ()).env
    secret = {key for key, value in hidden if isinstance(value, Secret)}
    service = replace(
        service, env=tuple((k, Secret(str(v)) if k in secret else v) for k, v in service.env)
    )
    assert differences(service, docker_api.parse(docker_api.build(service, {}), {}, ())) == []


# -- what a refresh brings back

EVERYWHERE = tuple({service.node for service in WANTED})


def mends(*services: Service, places: Any = EVERYWHERE, **more: Any) -> list[tuple[str, str, str]]:
    items = only_restoring(plan(WANTED, actual(*services), **more), places)
    return said(with_restarts(items, follow=False))


def test_what_is_gone_is_made_again_where_its_node_is_in_the_swarm() -> None:
    there = [service for service in WANTED if service.name != CHUV]
    assert mends(*there) == [("create", CHUV, "it does not exist")]
    assert mends(*there, places=()) == []
    assert mends(*there, overrides={"fed1-wk-chuv": "stopped"}) == []
    assert mends(*there, overrides={"fed1-wk-chuv": "removed"}) == []


def test_what_is_scaled_to_nothing_starts_and_what_runs_stays_as_it_is() -> None:
    by_hand = {
        CHUV: replace(by_name(CHUV), replicas=0),
        MASTER: replace(by_name(MASTER), image="x:2"),
    }
    other = replace(by_name(CHUV), name="fed1-wk-old_exareme", node="fed1-wk-old")
    there = [by_hand.get(service.name, service) for service in WANTED]
    assert mends(*there, other) == [("update", CHUV, "it is stopped")]


def put_right(*tasks: Task, without: str = "") -> list[tuple[str, str]]:
    """What is restored where a worker's image was changed by hand and it has these tasks."""
    wrong = Running(replace(by_name(CHUV), image="x:2"), "i", 1, 0, True, tasks)
    found = actual(*(s for s in WANTED if s.name not in (CHUV, without)))
    broken = replace(found, services={**found.services, CHUV: wrong})
    return [item[:2] for item in said(only_restoring(plan(WANTED, broken), EVERYWHERE))]


FAILED = replace(UP, state="failed", desired="shutdown", error="exit 1", created="2026-01-02")
STARTS = replace(UP, state="starting", created="2026-01-03")


def test_what_does_not_come_up_with_what_was_changed_by_hand_is_put_right() -> None:
    for tasks in [(FAILED,), (STARTS, FAILED), (replace(STARTS, error="no suitable node"),), ()]:
        assert put_right(*tasks) == [("update", CHUV)]


def test_what_was_changed_by_hand_and_starts_is_left_as_it_is() -> None:
    assert put_right(STARTS) == []
    assert put_right(replace(STARTS, state="preparing")) == []
    assert put_right(replace(UP, age=0.5)) == []
    assert put_right(STARTS, replace(FAILED, current=False)) == []  # before the change


def test_an_engine_that_ends_without_its_master_is_not_what_fails_with_a_change() -> None:
    keystore = NAMES["exareme-keystore"]
    assert put_right(STARTS, FAILED, without=MASTER) == [("create", MASTER)]
    assert put_right(STARTS, FAILED, without=keystore) == [("create", keystore)]
    before = replace(FAILED, created="2025-12-31")  # the master began after it
    assert put_right(STARTS, before) == []


def test_a_keystore_that_comes_back_restarts_nothing_by_itself() -> None:
    there = [service for service in WANTED if service.short != "exareme-keystore"]
    assert mends(*there) == [("create", NAMES["exareme-keystore"], "it does not exist")]


def test_workers_register_again_with_a_master_that_is_replaced() -> None:
    drifted = [replace(s, image="old") if s.name == MASTER else s for s in WANTED]
    for there in (drifted, [service for service in WANTED if service.name != MASTER]):
        items = with_restarts(plan(WANTED, actual(*there)))
        assert [item.thing for item in items if item.action == "restart"] == [
            CHUV,
            "hospital-b_exareme",
        ]
    items = with_restarts(plan(WANTED, actual(*WANTED)), {MASTER: "asked for"})
    assert [item.thing for item in items if item.action == "restart"] == [
        MASTER,
        CHUV,
        "hospital-b_exareme",
    ]


def test_a_restart_of_what_differs_by_a_label_alone_is_a_restart() -> None:
    labelled = replace(by_name(CHUV), labels=())
    there = [labelled if service.name == CHUV else service for service in WANTED]
    items = with_restarts(plan(WANTED, actual(*there)), {CHUV: "asked for"})
    assert [item[:2] for item in said(items)] == [("restart", CHUV)]
