"""Keys of the keystore, and engines that it lost."""

from __future__ import annotations

import pytest

from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import keystore
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.engine import Served
from saltext_mip.swarm.errors import NotServing
from saltext_mip.swarm.model import Service
from saltext_mip.swarm.observed import Observed, Running, Task
from tests.support.docker_sdk import Docker
from tests.unit.swarm.declared import SECRETS

KEYSTORE, MASTER = "fed1-ms_exareme-keystore", "fed1-ms_exareme-master"
CHUV, B = "fed1-wk-chuv_exareme", "hospital-b_exareme"


def test_keys_that_exist_are_deleted(sdk: Docker, master: NodeContext) -> None:
    sdk.keystore.keys = {"data/h/dementia": "x", "data/h/tbi": "y"}
    keys = ["data/h/dementia", "data/h/none"]
    assert keystore.delete_keys(master, keys) == ["data/h/dementia"]
    assert list(sdk.keystore.keys) == ["data/h/tbi"]


def test_a_key_that_is_not_deleted_is_an_error_with_its_last_line(
    sdk: Docker, master: NodeContext
) -> None:
    sdk.keystore.keys = {"data/h/dementia": "x"}
    sdk.keystore.fails = "permission denied\x1b"
    with pytest.raises(NotServing, match=r"data/h/dementia: permission denied\\x1b"):
        keystore.delete_keys(master, ["data/h/dementia"])


def test_a_keystore_that_does_not_run_is_an_error(
    sdk: Docker, master: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdk, "_list", lambda **_: [])
    with pytest.raises(NotServing, match="not running"):
        keystore.delete_keys(master, ["data/h/dementia"])


def running(service: Service, created: str, age: float) -> Running:
    task = Task("t", "n", "running", "running", age, created, ready=True)
    return Running(service, "id", 1, 0, True, (task,))


@pytest.mark.parametrize(
    ("keystore_age", "engine_created", "older"),
    [
        (60.0, "2026-01-01", [MASTER, CHUV, B]),
        (60.0, "2026-01-03", []),  # younger than the keystore
        (44.0, "2026-01-01", []),  # it had no time to register them yet
    ],
)
def test_engines_older_than_the_keystore(
    master: NodeContext, keystore_age: float, engine_created: str, older: list[str]
) -> None:
    desired = desired_services(master.federation, SECRETS)
    services = {
        each.name: running(each, engine_created, 3600.0 if each.name != KEYSTORE else keystore_age)
        if each.name != KEYSTORE
        else running(each, "2026-01-02", keystore_age)
        for each in desired
    }
    observed = Observed("active", "c", "n", services=services)
    found = keystore.older_than_keystore(desired, observed)
    assert [each.name for each in found] == older


@pytest.mark.parametrize(
    ("active", "lost"),
    [
        (("fed1-wk-chuv", "hospital-b"), []),
        (("fed1-wk-chuv",), [B]),
        ((), [MASTER, CHUV, B]),
        (None, [MASTER, CHUV, B]),
    ],
)
def test_the_active_workers_are_those_that_the_keystore_knows(
    master: NodeContext, active: tuple[str, ...] | None, lost: list[str]
) -> None:
    desired = desired_services(master.federation, SECRETS)
    engines = [each for each in desired if each.name in (MASTER, CHUV, B)]
    assert keystore.forgotten(master, engines, Served(active)) == lost
