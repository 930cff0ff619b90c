"""What the master node reports of the services, and what it must not contain."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import enforce, status
from saltext_mip.pusher.services.client import decode_services
from saltext_mip.swarm.request import ServiceRequest
from tests.support.docker_sdk import Docker
from tests.unit.swarm.declared import SECRETS

CHUV, B = "fed1-wk-chuv_exareme", "hospital-b_exareme"


@pytest.fixture
def deployed(sdk: Docker, master: NodeContext) -> Docker:
    enforce.enforce(master, SECRETS, ServiceRequest("enforce"))
    return sdk


def observed(context: NodeContext, swarm_ids: dict[str, str] | None = None) -> Any:
    """What the pusher reads, which validates it."""
    value = json.loads(json.dumps(status.status(context, SECRETS, swarm_ids)))
    return decode_services("fed1-ms", value)


def test_deployed_services_are_up_and_as_declared(deployed: Docker, master: NodeContext) -> None:
    view = observed(master)
    assert view.swarm
    assert not view.plan
    assert view.refused is None
    assert set(view.services) == set(deployed.services_)
    assert {name: entry.id for name, entry in view.nodes.items()} == {
        "fed1-ms": "id-ms",
        "fed1-ui": "id-ui",
        "fed1-wk-chuv": "id-chuv",
        "fed1-wk-b": "id-b",
    }


def test_a_failed_task_has_its_error_and_its_last_log_lines_escaped(
    deployed: Docker, master: NodeContext
) -> None:
    deployed.stop_tasks(CHUV, "no such image: x\x1b[2J")
    value = status.status(master, SECRETS)["services"][CHUV]
    assert (value["up"], value["replicas"], value["state"]) == (False, "0/1", "failed")
    assert value["error"] == "no such image: x\\x1b[2J"
    assert value["log"] == [f"line of {CHUV}", "\\x1b[2Jlast"]


def test_overrides_are_reported_and_stopped_services_are_not_missing(
    deployed: Docker, master: NodeContext
) -> None:
    stop = ServiceRequest.on_nodes("stop", ["fed1-wk-chuv"], actor="anna")
    enforce.enforce(master, SECRETS, stop)
    remove = ServiceRequest.on_nodes("remove", ["fed1-wk-b"], actor="anna")
    enforce.enforce(master, SECRETS, remove)
    value = status.status(master, SECRETS)
    assert {node: each["word"] for node, each in value["words"].items()} == {
        "fed1-wk-chuv": "stopped",
        "fed1-wk-b": "removed",
    }
    assert value["services"][CHUV]["up"] is None
    assert B not in value["services"]
    assert value["plan"] == []


def test_what_differs_is_in_the_plan_and_an_undeclared_service_is_reported(
    deployed: Docker, master: NodeContext, context_of: Any
) -> None:
    context = context_of("fed1-ms", services={"galaxy": False})
    value = status.status(context, SECRETS)
    assert ("remove", "galaxy") in [(item["action"], item["thing"]) for item in value["plan"]]
    assert value["services"]["galaxy"]["declared"] is False


def test_a_conflict_is_the_reason_why_there_is_no_plan(
    deployed: Docker, master: NodeContext
) -> None:
    (network,) = deployed.networks_.values()
    network["IPAM"] = {"Config": [{"Subnet": "10.99.0.0/24", "Gateway": "10.99.0.254"}]}
    value = status.status(master, SECRETS)
    assert value["plan"] == []
    assert "10.99.0.0/24 -> 10.20.30.0/24" in value["refused"]


def test_ids_that_nodes_report_take_precedence_over_host_names(
    deployed: Docker, master: NodeContext
) -> None:
    deployed.add_node("id-new", "fed1-wk-chuv")
    value = status.status(master, SECRETS, {"fed1-wk-chuv": "id-new"})
    assert value["nodes"]["fed1-wk-chuv"]["id"] == "id-new"


def test_no_secret_leaves_the_node(deployed: Docker, master: NodeContext) -> None:
    environment = deployed.services_["portalbackend"]["Spec"]["TaskTemplate"]["ContainerSpec"]
    environment["Env"] = ["PORTAL_DB_PASSWORD=canary of an old one"]
    value = status.status(master, SECRETS)
    assert [item["thing"] for item in value["plan"]] == ["portalbackend"]
    assert "canary" not in json.dumps(value)


def test_a_node_without_a_swarm_reports_its_state(sdk: Docker, master: NodeContext) -> None:
    sdk.manager, sdk.local_state = False, "inactive"
    assert status.has_swarm() is False
    value = status.status(master, SECRETS)
    assert (value["swarm"], value["cluster"], value["services"]) == ("inactive", "", {})
    sdk.local_state = "active"
    assert status.status(master, SECRETS)["swarm"] == "not a manager"
