"""A node of a declared federation, with a Docker in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from saltext_mip.federation import Federation
from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import ports
from tests.support.docker_sdk import Docker
from tests.unit.swarm.declared import federation

HOSTS = {
    "id-ms": "fed1-ms",
    "id-ui": "fed1-ui",
    "id-chuv": "fed1-wk-chuv",
    "id-b": "hospital-b",
}
Contexts = Callable[..., NodeContext]


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The Docker that the node's code connects to: the manager, which knows all nodes."""
    made = Docker()
    for id_, host in HOSTS.items():
        made.add_node(id_, host, manager=id_ == "id-ms")
    monkeypatch.setattr(docker, "from_env", lambda **_: made)
    monkeypatch.setattr(ports, "ask", lambda asked: (ports.Answer("answers"),) * len(asked))
    return made


@pytest.fixture
def context_of(tmp_path: Path) -> Contexts:
    """``context_of("fed1-ms")``: that node, with its data below the test's folder."""

    def make(node: str, **declared: object) -> NodeContext:
        nodes = {
            each.id: {
                "role": each.role,
                "address": each.address,
                "hostname": each.hostname,
                "data_path": str(tmp_path / each.id),
            }
            for each in federation().nodes
        }
        ui = {"ui_path": str(tmp_path / "ui")}
        found = Federation.from_pillar("fed1", {"nodes": nodes, **ui, **declared})
        return NodeContext(found, found.by_id(node), tmp_path / "state")

    return make


@pytest.fixture
def master(context_of: Contexts) -> NodeContext:
    return context_of("fed1-ms")
