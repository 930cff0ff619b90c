"""The actions on a node, with Docker's answers known in advance."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from saltext_mip.console.cli.commands import NODE_ACTIONS, on_node
from saltext_mip.console.cli.context import Context
from saltext_mip.errors import Misuse, NodeError, Refused
from saltext_mip.node import containers
from saltext_mip.node.containers import LocalDocker
from tests.unit.console.cli.scripted import Scripted, context
from tests.unit.node.test_logs import Api, Client


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setattr(containers, "local_docker", lambda *_: LocalDocker(Client(api)))
    return api


def on_this_node(name: str, **display: Any) -> Context:
    action = next(each for each in NODE_ACTIONS if each.name == name)
    return replace(context(Scripted(), **display), action=action, pusher=False)


def test_the_status_is_1_unless_all_services_run(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    assert on_node.status(on_this_node("status"), {}) == 1
    api.start("c1", "fed1-wk-a_exareme", "up")
    assert on_node.status(on_this_node("status", json=True), {}) == 0
    api.start("c2", "fed1-wk-a_other", "up")
    api.end("c2")
    assert on_node.status(on_this_node("status"), {}) == 1
    assert on_node.status(on_this_node("status"), {"component": "exareme"}) == 0
    assert "fed1-wk-a_exareme" in capsys.readouterr().out


def test_a_log_is_of_the_component_of_this_nodes_role(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.start("c1", "fed1-wk-a_exareme", "first", "second")
    assert on_node.logs(on_this_node("logs"), {"lines": 1}) == 0
    assert capsys.readouterr().out == "exareme | second\n"


def test_a_component_that_is_absent_is_an_error_with_what_there_is(api: Api) -> None:
    api.start("c1", "cache", "up")
    with pytest.raises(Misuse, match="Services on this node: cache"):
        on_node.logs(on_this_node("logs"), {})
    with pytest.raises(NodeError, match="No container of frontend"):
        on_node.logs(on_this_node("logs"), {"component": "frontend"})
    with pytest.raises(NodeError, match="Service not found"):
        on_node.restart(on_this_node("restart"), {"component": "frontend"})


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_what_the_swarm_would_undo_names_the_pushers_command(verb: str) -> None:
    with pytest.raises(Refused, match=f"mip service {verb} --node"):
        on_node.on_pusher(on_this_node(verb), {})


def test_a_restart_restarts_the_newest_container_of_each_service(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api.start("c1", "fed1-wk-a_exareme", "old")
    api.start("c2", "fed1-wk-a_exareme", "new")
    stopped: list[str] = []
    monkeypatch.setattr(Api, "stop", lambda _, id_: stopped.append(id_), raising=False)
    assert on_node.restart(on_this_node("restart", json=True), {}) == 0
    assert stopped == ["c2"]  # the Swarm starts another in its place
    assert json.loads(capsys.readouterr().out)["restarted"] == ["fed1-wk-a_exareme"]
