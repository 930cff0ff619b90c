"""Requests to the master node, from an empty Swarm on: what Docker has afterwards."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from saltext_mip.errors import Busy, DeclarationError
from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import enforce as services
from saltext_mip.node.services import engines, status
from saltext_mip.node.services.overrides import kinds, read_overrides
from saltext_mip.storage.lock import lock
from saltext_mip.storage.state import DATABASE_PASSWORDS, SERVICES_LOCK
from saltext_mip.swarm.engines import ENGINE
from saltext_mip.swarm.engines.interface import Health
from saltext_mip.swarm.errors import NetworkInUse, NotInSwarm, NotOurs
from saltext_mip.swarm.request import ServiceRequest, Target
from tests.support.bad_server import HEAD, Server
from tests.support.docker_sdk import Docker
from tests.unit.swarm.declared import SECRETS

KEYSTORE, MASTER = "fed1-ms_exareme-keystore", "fed1-ms_exareme-master"
CHUV, B = "fed1-wk-chuv_exareme", "hospital-b_exareme"
UI = {"portalbackend_db", "create_dbs", "portalbackend", "gateway", "galaxy", "frontend"}
ENFORCE = ServiceRequest("enforce")


def enforce(context: NodeContext, request: ServiceRequest = ENFORCE) -> list[tuple[str, str]]:
    """Do it; the plan's actions and things."""
    value = services.enforce(context, SECRETS, request)
    return [(item["action"], item["thing"]) for item in value["plan"]]


@pytest.fixture
def deployed(sdk: Docker, master: NodeContext) -> Docker:
    enforce(master)
    sdk.calls.clear()
    return sdk


def test_an_empty_swarm_gets_labels_the_network_and_all_services(
    sdk: Docker, master: NodeContext
) -> None:
    enforce(master)
    assert set(sdk.services_) == {KEYSTORE, MASTER, CHUV, B, *UI}
    assert sdk.names("create_service")[:2] == [KEYSTORE, MASTER]
    assert {node["Spec"]["Labels"]["name"] for node in sdk.nodes_.values()} == {
        "fed1-ms",
        "fed1-ui",
        "fed1-wk-chuv",
        "hospital-b",
    }
    assert sdk.names("create_network") == ["mip-federation"]
    assert sdk.closed


def test_again_it_changes_nothing(deployed: Docker, master: NodeContext) -> None:
    assert services.enforce(master, SECRETS, ENFORCE) == {
        "changed": False,
        "plan": [],
        "already": [],
    }
    assert deployed.calls == []


def test_a_dry_run_returns_the_plan_and_changes_nothing(sdk: Docker, master: NodeContext) -> None:
    stop = ServiceRequest.on_nodes("stop", ["fed1-wk-chuv"], dry_run=True)
    value = services.enforce(master, SECRETS, stop)
    assert value["changed"] is False
    assert ("create", CHUV) in [(item["action"], item["thing"]) for item in value["plan"]]
    assert sdk.calls == []
    assert read_overrides(master) == {}


def test_no_secret_is_in_a_plan(deployed: Docker, master: NodeContext) -> None:
    environment = deployed.services_["portalbackend"]["Spec"]["TaskTemplate"]["ContainerSpec"]
    environment["Env"] = ["PORTAL_DB_PASSWORD=canary of an old one"]
    (item,) = services.enforce(master, SECRETS, ServiceRequest("enforce", dry_run=True))["plan"]
    assert (item["action"], item["thing"]) == ("update", "portalbackend")
    assert "canary" not in str(item)


def test_a_password_that_changed_while_its_service_was_away_is_in_the_plan(
    deployed: Docker, master: NodeContext
) -> None:
    new = {
        **SECRETS,
        "portalbackend_db": {"POSTGRES_PASSWORD": "canary new"},
        "create_dbs": {**SECRETS["create_dbs"], "PASSWORD4": "canary newer"},
    }
    enforce(master, ServiceRequest.on_nodes("remove", ["fed1-ui"], actor="anna"))
    start = ServiceRequest.on_nodes("start", ["fed1-ui"], dry_run=True)
    there = services.enforce(master, SECRETS, start)["plan"]
    assert "ALTER ROLE" not in str(there)
    reasons = {
        item["thing"]: item["reason"] for item in services.enforce(master, new, start)["plan"]
    }
    assert "ALTER ROLE postgres PASSWORD" in reasons["portalbackend_db"]
    assert reasons["portalbackend_db"].endswith(
        "if its data folder is still there; it does not exist"
    )
    assert "ALTER ROLE portal PASSWORD" in reasons["create_dbs"]
    assert "canary" not in str(reasons)
    services.enforce(master, new, ServiceRequest.on_nodes("start", ["fed1-ui"]))
    enforce_again = services.enforce(master, new, ServiceRequest("enforce", dry_run=True))
    assert "ALTER ROLE" not in str(enforce_again["plan"])


def test_of_passwords_only_salted_digests_are_kept_and_a_file_of_another_is_no_reason(
    deployed: Docker, master: NodeContext
) -> None:
    path = master.state / DATABASE_PASSWORDS
    kept = path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert "canary" not in kept
    assert not any(value in kept for env in SECRETS.values() for value in env.values())
    digests = [each["digest"] for each in json.loads(kept).values()]
    assert len(digests) == len(set(digests)) == 2
    enforce(master)
    assert path.read_text() == kept, "nothing changed, nothing is written"
    for content in ("no JSON", '["x"]', '{"portalbackend_db:POSTGRES_PASSWORD": 7}'):
        path.write_text(content)
        del deployed.services_["portalbackend_db"]
        assert services.enforce(master, SECRETS, ENFORCE)["changed"]
        assert json.loads(path.read_text()).keys() == json.loads(kept).keys()


def test_a_log_limit_comes_with_the_next_replacement_and_replaces_nothing(
    deployed: Docker, master: NodeContext
) -> None:
    def log(name: str) -> Any:
        return deployed.services_[name]["Spec"]["TaskTemplate"].get("LogDriver")

    limit = log(CHUV)
    assert limit == {"Name": "json-file", "Options": {"max-file": "3", "max-size": "10m"}}
    for service in deployed.services_.values():  # as an earlier version made them
        del service["Spec"]["TaskTemplate"]["LogDriver"]
    assert enforce(master) == []
    deployed.services_[B]["Spec"]["Labels"]["x"] = "by hand"
    tasks = [task["ID"] for task in deployed.tasks_]
    assert enforce(master) == [("update", B)]
    assert (log(B), [task["ID"] for task in deployed.tasks_]) == (None, tasks)
    deployed.services_[B]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "x:1"
    assert enforce(master) == [("update", B)]
    assert log(B) == limit
    assert log(CHUV) is None
    enforce(master, ServiceRequest.on_nodes("stop", ["fed1-wk-chuv"], actor="anna"))
    assert log(CHUV) is None
    enforce(master, ServiceRequest.on_nodes("start", ["fed1-wk-chuv"], actor="anna"))
    assert log(CHUV) == limit


def test_stopped_services_stay_stopped_until_they_are_started(
    deployed: Docker, master: NodeContext
) -> None:
    on = ["fed1-wk-chuv"]
    assert enforce(master, ServiceRequest.on_nodes("stop", on, actor="anna")) == [("update", CHUV)]
    assert kinds(read_overrides(master)) == {"fed1-wk-chuv": "stopped"}
    for action in ("enforce", "restart", "restore_missing"):
        assert enforce(master, ServiceRequest.on_nodes(action, on)) == []  # type: ignore[arg-type]
    assert enforce(master, ServiceRequest("enforce", restore_removed=True)) == []
    assert not [t for t in deployed.tasks_ if t["ServiceID"] == deployed.services_[CHUV]["ID"]]
    assert enforce(master, ServiceRequest.on_nodes("start", on)) == [("update", CHUV)]
    assert read_overrides(master) == {}


def test_removed_services_return_when_an_operator_deploys(
    deployed: Docker, master: NodeContext
) -> None:
    deployed.keystore.keys = {"data/fed1-wk-chuv/dementia": "x", "data/hospital-b/dementia": "y"}
    assert enforce(master, ServiceRequest.on_nodes("remove", ["fed1-wk-chuv"])) == [
        ("remove", CHUV)
    ]
    assert list(deployed.keystore.keys) == ["data/hospital-b/dementia"]
    assert enforce(master) == []
    request = ServiceRequest("enforce", restore_removed=True)
    assert enforce(master, request) == [("create", CHUV)]
    assert read_overrides(master) == {}


def test_a_restart_of_the_master_restarts_the_engines_after_the_keystore(
    deployed: Docker, master: NodeContext
) -> None:
    request = ServiceRequest.on_nodes("restart", ["fed1-ms"], reason="requested by anna")
    plan = services.enforce(master, SECRETS, request)["plan"]
    assert [(item["thing"], item["reason"]) for item in plan] == [
        (KEYSTORE, "requested by anna"),
        (MASTER, "requested by anna"),
        (CHUV, "the keystore restarts and loses its keys"),
        (B, "the keystore restarts and loses its keys"),
    ]
    assert deployed.names("update_service") == [KEYSTORE, MASTER, CHUV, B]


def test_a_restart_of_one_service_leaves_what_differs_to_a_deployment(
    deployed: Docker, master: NodeContext
) -> None:
    deployed.services_[B]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "by-hand:1"
    request = ServiceRequest("restart", (Target("fed1-wk-chuv", "exareme", "new data"),))
    assert enforce(master, request) == [("restart", CHUV)]
    whole = ServiceRequest.on_nodes("restart", ["fed1-wk-b"])
    assert enforce(master, whole) == [("update", B)]


def test_missing_services_are_restored_and_nothing_that_runs_is_changed(
    deployed: Docker, master: NodeContext
) -> None:
    deployed.remove_service(deployed.services_[CHUV]["ID"])
    deployed.services_[B]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "by-hand:1"
    deployed.services_["frontend"]["Spec"]["EndpointSpec"]["Mode"] = "vip"
    deployed.stop_tasks("gateway", "no such image")
    deployed.services_["gateway"]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "by-hand:1"
    request = ServiceRequest("restore_missing")
    assert enforce(master, request) == [("create", CHUV), ("update", "gateway")]


@pytest.mark.parametrize("short", ["exareme", "exareme-master"])
def test_an_engine_that_differs_and_is_left_as_it_is_stays_registered(
    deployed: Docker, master: NodeContext, short: str
) -> None:
    service = {"exareme": B, "exareme-master": MASTER}[short]
    deployed.services_[service]["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "by-hand:1"
    deployed.remove_service(deployed.services_[CHUV]["ID"])
    registered = {
        key: "10.0.0.2"
        for node in master.federation.nodes
        for key in (f"active_workers/{node.hostname}", f"master/{node.hostname}")
    }
    deployed.keystore.keys = dict(registered)
    assert enforce(master, ServiceRequest("restore_missing")) == [("create", CHUV)]
    assert deployed.keystore.keys == registered


def test_engines_that_the_keystore_lost_are_due_and_restart_once_for_that_cause(
    deployed: Docker, master: NodeContext
) -> None:
    for name in (MASTER, CHUV, B):
        deployed.age_tasks(name, 3600)
    found = status.status(master, SECRETS)
    assert [(each["thing"], each["node"]) for each in found["due"]] == [
        ("exareme-master", "fed1-ms"),
        ("exareme", "fed1-wk-chuv"),
        ("exareme", "fed1-wk-b"),
    ]
    assert enforce(master) == []  # they are left to a rollout, which goes by their order
    due = found["due"][0]
    request = ServiceRequest("restart", (Target("fed1-ms", due["thing"], "why", due["cause"]),))
    assert services.enforce(master, SECRETS, request)["already"] == []
    deployed.age_tasks(MASTER, 3600)
    again = services.enforce(master, SECRETS, request)
    assert (again["plan"], again["already"]) == ([], [MASTER])
    found = status.status(master, SECRETS)
    assert [each["thing"] for each in found["due"]] == ["exareme", "exareme"]
    assert [text.partition(":")[0] for text in found["stalled"]] == [MASTER]


def test_a_keystore_that_cannot_be_read_makes_nothing_due(
    deployed: Docker, master: NodeContext
) -> None:
    for name in (MASTER, CHUV, B):
        deployed.age_tasks(name, 3600)
    deployed.keystore.fails = "No cluster leader"
    found = status.status(master, SECRETS)
    assert (found["due"], found["stalled"]) == ([], [])


@pytest.mark.parametrize("action", ["enforce", "start", "stop", "remove"])
def test_a_network_in_use_that_differs_stops_what_makes_services(
    deployed: Docker, master: NodeContext, action: Any
) -> None:
    (network,) = deployed.networks_.values()
    network["IPAM"] = {"Config": [{"Subnet": "10.99.0.0/24", "Gateway": "10.99.0.254"}]}
    request = ServiceRequest.on_nodes(action, ["fed1-wk-chuv"])
    if action in ("enforce", "start"):
        with pytest.raises(NetworkInUse, match="mip-federation"):
            enforce(master, request)
        assert deployed.calls == []
    else:
        assert len(enforce(master, request)) == 1


def test_a_service_of_others_with_our_name_is_refused(sdk: Docker, master: NodeContext) -> None:
    sdk.add_node("id-x", "elsewhere")
    enforce(master)
    foreign = sdk.services_[CHUV]
    foreign["Spec"]["Labels"] = {}
    foreign["Spec"]["TaskTemplate"]["ContainerSpec"]["Labels"] = {}
    sdk.calls.clear()
    with pytest.raises(NotOurs, match="docker service rm fed1-wk-chuv_exareme"):
        enforce(master)
    assert sdk.calls == []


def test_a_node_that_manages_no_swarm_is_refused(sdk: Docker, master: NodeContext) -> None:
    sdk.manager, sdk.local_state = False, "inactive"
    with pytest.raises(NotInSwarm, match="inactive"):
        enforce(master)


def test_a_missing_password_is_named(sdk: Docker, master: NodeContext) -> None:
    with pytest.raises(DeclarationError, match="portalbackend_db:env:POSTGRES_PASSWORD"):
        services.enforce(master, {}, ENFORCE)
    assert sdk.calls == []


def test_one_run_at_a_time(
    sdk: Docker, master: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LOCK_WAIT", 0.0)
    held = lock(master.state / SERVICES_LOCK, federation="fed1", holder="a deployment")
    with held, pytest.raises(Busy, match="a deployment"):
        enforce(master)
    assert sdk.calls == []


# -- what is asked over the network is asked while no lock is held


class Slow:
    """The engine answers a byte now and then, for ever: ``asked`` once it was, until ``close``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = threading.Event()
        self._server = Server(self._drip)
        health = ENGINE.health
        slow = lambda **_: health(port=self._server.port, timeout=3600)  # noqa: E731
        monkeypatch.setattr(engines.ENGINE, "health", slow)
        self.close = self._server.close

    def _drip(self, sock: socket.socket) -> None:
        self.asked.set()
        self._server.drip(sock, HEAD + b"Content-Length: 100000000\r\n\r\n", b" ")


def _registered(deployed: Docker, master: NodeContext) -> None:
    deployed.keystore.keys = {
        key: "10.0.0.2"
        for node in master.federation.nodes
        for key in (f"active_workers/{node.hostname}", f"master/{node.hostname}")
    }
    for service in (CHUV, B):  # two, of which the second waits for the first
        spec = deployed.services_[service]["Spec"]["TaskTemplate"]["ContainerSpec"]
        spec["Image"] = "by-hand:1"


def test_an_engine_that_answers_without_end_delays_no_other_request(
    deployed: Docker, master: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _registered(deployed, master)
    slow = Slow(monkeypatch)
    stop = ServiceRequest.on_nodes("stop", ["fed1-ui"], actor="anna")
    done: list[Any] = []
    first = threading.Thread(target=lambda: done.append(enforce(master)))
    try:
        first.start()
        assert slow.asked.wait(60)
        with lock(master.state / SERVICES_LOCK, federation="fed1", holder="", wait=0.0):
            pass  # nobody holds it
        assert {thing for _, thing in enforce(master, stop)} == UI
        assert not done
    finally:
        slow.close()
        first.join(60)
    # and the first one did its part, without what was stopped meanwhile
    assert done == [[("update", CHUV), ("update", B)]]
    assert kinds(read_overrides(master)) == {"fed1-ui": "stopped"}


def test_a_keystore_that_does_not_answer_delays_no_other_request(
    deployed: Docker, master: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _registered(deployed, master)
    path = master.state / SERVICES_LOCK
    free = []

    def hangs() -> bool:
        with suppress(Busy), lock(path, federation="fed1", holder="", wait=0.0):
            free.append(True)
        return True

    deployed.keystore.hangs = hangs
    deployed.timeout = 0.2
    assert enforce(master) == [("update", CHUV), ("update", B)]
    assert free[0]  # the first question; to delete keys, it is asked under the lock


def test_engines_that_changed_since_they_were_asked_are_asked_again(
    deployed: Docker, master: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _registered(deployed, master)
    looks = []

    def health(**_: Any) -> Health:
        looks.append(True)
        if len(looks) == 1:
            deployed.replace_tasks(CHUV)
        return Health(error="connection refused")

    monkeypatch.setattr(engines.ENGINE, "health", health)
    assert enforce(master) == [("update", CHUV), ("update", B)]
    assert len(looks) == 2


def test_engines_that_change_all_the_time_are_replaced_at_last(
    deployed: Docker, master: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _registered(deployed, master)
    looks = []

    def health(**_: Any) -> Health:
        looks.append(True)
        deployed.replace_tasks(CHUV)
        return Health(error="connection refused")

    monkeypatch.setattr(engines.ENGINE, "health", health)
    assert enforce(master) == [("update", CHUV), ("update", B)]
    assert len(looks) == services.LOOKS


def test_what_replaces_no_engine_asks_none(
    deployed: Docker, master: NodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def health(**_: Any) -> Health:
        raise AssertionError("asked")

    monkeypatch.setattr(engines.ENGINE, "health", health)
    assert enforce(master) == []
    assert enforce(master, ServiceRequest.on_nodes("stop", ["fed1-wk-chuv"])) == [("update", CHUV)]
