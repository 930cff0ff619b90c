"""A request as it travels, and what a node refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saltext_mip.swarm.request import ACTIONS, InvalidRequest, ServiceRequest, Target

REQUESTS = [
    *(ServiceRequest(action) for action in ACTIONS),
    ServiceRequest.on_nodes("stop", ["a", "b"], reason="why", actor="anna", dry_run=True),
    ServiceRequest("restart", (Target("a", "exareme", "new data"), Target("b"))),
    ServiceRequest("enforce", swarm_ids={"a": "id1"}, restore_removed=True),
    ServiceRequest("enforce", ()),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_passes_as_json(request_: ServiceRequest) -> None:
    assert ServiceRequest.from_json(json.loads(json.dumps(request_.to_json()))) == request_


VALID = ServiceRequest.on_nodes("stop", ["a"]).to_json()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "it must be a mapping"),
        ({}, "action 'None' is not one of enforce, start"),
        ({**VALID, "action": "explode\x1b"}, r"action 'explode\\\\x1b' is not one of"),
        ({**VALID, "word": "stopped"}, "unknown key 'word'"),
        ({**VALID, "dry_run": "no"}, "dry_run must be true or false"),
        ({**VALID, "actor": 5}, "actor must be text"),
        ({**VALID, "reason": None}, "reason must be text"),
        ({**VALID, "targets": "a"}, "targets must be a list"),
        ({**VALID, "targets": ["a"]}, "a target must be a mapping"),
        ({**VALID, "targets": [{"service": "x"}]}, "targets: node is missing"),
        ({**VALID, "targets": [{"node": 1}]}, "targets: node must be text"),
        ({**VALID, "targets": [{"node": "a", "short": "x"}]}, "unknown key 'short'"),
        ({**VALID, "swarm_ids": {"a": 1}}, "swarm_ids must be ids by minion id"),
    ],
)
def test_an_invalid_request_is_refused_with_what_is_wrong(value: Any, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        ServiceRequest.from_json(value)


def test_its_nodes_are_those_of_its_targets_each_once() -> None:
    targets = (Target("b", "exareme"), Target("a"), Target("b", "exareme-master"))
    assert ServiceRequest("restart", targets).nodes == ("b", "a")
    assert ServiceRequest("restart").nodes is None


@pytest.mark.parametrize(
    ("request_", "restores_only"),
    [
        (ServiceRequest("restore_missing"), True),
        (ServiceRequest("restart", (Target("a", "exareme"),)), True),
        (ServiceRequest("restart", (Target("a", "exareme"), Target("b"))), False),
        (ServiceRequest("enforce"), False),
        (ServiceRequest("start"), False),
    ],
)
def test_what_changes_nothing_else_that_runs(request_: ServiceRequest, restores_only: bool) -> None:
    assert request_.restores_only is restores_only
