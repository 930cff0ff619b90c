"""Services that are gone come back by themselves, what an operator stopped does not.

The tests go on from one another; each leaves the federation serving what its hospitals have.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.federation.deployed import MASTER, PATIENCE
from tests.federation.followed import Followed
from tests.support.bed.layout import PUSHER
from tests.support.bed.wait import for_docker, until

KEYSTORE = f"{MASTER}_exareme-keystore"
ENGINE_MASTER = f"{MASTER}_exareme-master"
TAG = f"salt/beacon/{MASTER}/mip_services/fed1"
COMES_BACK = 3 * PATIENCE  # the beacon looks twice in a minute, then engines start


@pytest.fixture(scope="module")
def fed(followed: Followed) -> Followed:
    return followed


@pytest.fixture
def all_served(fed: Followed) -> Iterator[None]:
    """What was served before is served afterwards."""
    served = fed.served()
    assert set(fed.workers) == {node for codes in served["dementia"].values() for node in codes}
    yield
    fed.serves(served, seconds=COMES_BACK)
    fed.quiet()


@contextmanager
def told(fed: Followed) -> Iterator[None]:
    """Meanwhile, the beacon says that something is down."""
    argv = (
        "timeout",
        "--kill-after=9",
        str(COMES_BACK),
        "salt-run",
        "-l",
        "quiet",
        "state.event",
        TAG,
        "count=1",
    )
    listener = subprocess.Popen(
        fed.bed.host(PUSHER).enter(*argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield
        said, _ = listener.communicate(timeout=COMES_BACK + 30)
        assert TAG.encode() in said
    finally:
        listener.kill()
        listener.wait()


@contextmanager
def looked_at(fed: Followed) -> Iterator[None]:
    """The same, and nothing comes back before it was looked at."""
    fed.well("suspend", "reason=somebody looks at it")
    with told(fed):
        yield
    fed.well("resume")


def wrong(fed: Followed, *conditions: str) -> list[str]:
    """What one status says of conditions that are not as they should be."""
    status = fed.mip("status", "check=True")
    assert status.code == 1
    by_type = {each["type"]: each for each in status.value["conditions"]}
    found = [by_type[name] for name in conditions]
    assert all(each["status"] == "False" for each in found), found
    return [str(each["message"]) for each in found]


@pytest.mark.usefixtures("all_served")
def test_a_service_that_is_removed_by_hand_comes_back(fed: Followed) -> None:
    gone = f"{fed.workers[0]}_exareme"
    tasks = fed.steady()
    with looked_at(fed):
        fed.docker("service", "rm", gone)
        deployed, served = wrong(fed, "Deployed", "Served")
        assert f"{gone}: it does not exist" in deployed
        assert gone in served
    until(lambda: gone in fed.running(), seconds=COMES_BACK, what=f"{gone} again")
    left = {name: task for name, task in fed.tasks().items() if name != gone}
    assert left == {name: task for name, task in tasks.items() if name != gone}


@pytest.mark.usefixtures("all_served")
def test_one_that_is_scaled_to_nothing_starts_and_one_that_is_stopped_does_not(
    fed: Followed,
) -> None:
    scaled, stopped = (f"{node}_exareme" for node in fed.workers[:2])
    fed.well("stop", "node=wk2")
    with looked_at(fed):
        fed.docker("service", "scale", "--detach", f"{scaled}=0")
        assert f"{scaled}: it is stopped" in wrong(fed, "Deployed")[0]
    until(lambda: scaled in fed.running(), seconds=COMES_BACK, what=f"{scaled} again")
    fed.quiet()
    assert stopped not in fed.tasks()
    fed.well("refresh")
    assert stopped not in fed.tasks()
    fed.well("start", "node=wk2")


@pytest.mark.usefixtures("all_served")
def test_one_that_fails_with_what_was_changed_by_hand_is_put_right(fed: Followed) -> None:
    changed = f"{fed.workers[2]}_exareme"
    image = fed.spec(changed)["TaskTemplate"]["ContainerSpec"]["Image"]
    with told(fed):
        fed.docker("service", "update", "--detach", "--image", "hbpmip/exareme:no-such", changed)
        until(lambda: changed not in fed.running(), seconds=PATIENCE, what="a task that fails")
        assert "image differs: hbpmip/exareme:no-such" in wrong(fed, "Deployed")[0]
    until(lambda: changed in fed.running(), seconds=COMES_BACK, what=f"{changed} again")
    assert fed.spec(changed)["TaskTemplate"]["ContainerSpec"]["Image"] == image


@pytest.mark.usefixtures("all_served")
def test_what_differs_and_runs_is_left_to_a_deployment(fed: Followed) -> None:
    changed, gone = f"{fed.workers[1]}_exareme", ENGINE_MASTER
    fed.docker("service", "update", "--detach", "--env-add", "LOG_LEVEL=DEBUG", changed)
    until(lambda: changed in fed.running(), seconds=PATIENCE, what="its new task")
    fed.docker("service", "rm", gone)
    until(lambda: gone in fed.running(), seconds=COMES_BACK, what=f"{gone} again")
    fed.quiet()
    assert "LOG_LEVEL=DEBUG" in fed.spec(changed)["TaskTemplate"]["ContainerSpec"]["Env"]
    fed.well("deploy")
    assert "LOG_LEVEL=INFO" in fed.spec(changed)["TaskTemplate"]["ContainerSpec"]["Env"]


@pytest.mark.usefixtures("all_served")
def test_engines_follow_a_keystore_that_died(fed: Followed) -> None:
    found = fed.bed.docker(MASTER).containers.list(
        filters={"label": "mip.service=exareme-keystore"}
    )
    with told(fed):
        found[0].kill()
        until(lambda: not fed.served(), seconds=PATIENCE, what="a keystore that forgot all")


@pytest.mark.usefixtures("all_served")
def test_a_worker_that_was_installed_again_serves_by_its_state_alone(fed: Followed) -> None:
    node = fed.workers[1]
    fed.bed.fault(node, "wipe-docker")
    api = fed.bed.docker(MASTER).api
    until(
        lambda: any(
            each["Status"]["State"] == "down" and each["Description"]["Hostname"] == node
            for each in api.nodes()
        ),
        seconds=PATIENCE,
        what="an entry that is down",
    )
    assert node in wrong(fed, "Served")[0]
    for_docker(lambda: fed.bed.docker(node))
    fed.minions()
    states = fed.apply(node, "mip.worker")
    assert states["mip-swarm-fed1"]["result"] is True
    assert states["mip-swarm-fed1"]["changes"]
