"""Keys of the keystore."""

from __future__ import annotations

import pytest

from saltext_mip.node import docker
from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import keystore
from saltext_mip.swarm.desired import desired_services
from saltext_mip.swarm.errors import NotServing
from tests.support.docker_sdk import Docker
from tests.unit.swarm.declared import SECRETS

MASTER = "fed1-ms_exareme-master"
CHUV = "fed1-wk-chuv_exareme"


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


def test_keys_are_read_with_their_values(sdk: Docker, master: NodeContext) -> None:
    sdk.keystore.keys = {"master/fed1-ms": "10.0.0.2", "data/h/caff\u00e8": '["a b"]'}
    with docker.connected() as client:
        assert keystore.read_keys(master, client) == sdk.keystore.keys
        sdk.keystore.fails = "No cluster leader"
        assert keystore.read_keys(master, client) is None


def test_the_keys_of_engines_go_before_they_restart(sdk: Docker, master: NodeContext) -> None:
    sdk.keystore.keys = {
        "master/fed1-ms": "10.0.0.2",
        "active_workers/fed1-ms": "10.0.0.2",
        "active_workers/fed1-wk-chuv": "10.0.0.3",
        "data/fed1-wk-chuv/dementia": "[]",
    }
    services = {each.name: each for each in desired_services(master.federation, SECRETS)}
    with docker.connected() as client:
        keystore.unregister(master, client, [services[CHUV]])
        assert "active_workers/fed1-wk-chuv" not in sdk.keystore.keys
        keystore.unregister(master, client, [services[MASTER], services["frontend"]])
    assert list(sdk.keystore.keys) == ["data/fed1-wk-chuv/dementia"]
