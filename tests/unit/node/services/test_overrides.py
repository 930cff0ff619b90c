"""Which requests set and end an operator's override."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saltext_mip.node.context import NodeContext
from saltext_mip.node.services import overrides
from saltext_mip.storage.state import SERVICE_OVERRIDES, StateBroken
from saltext_mip.swarm.request import ServiceRequest

STOPPED = {"word": "stopped", "actor": "anna", "when": "2026-03-12T06:00:00+00:00"}
REMOVED = {"word": "removed", "actor": "anna", "when": "2026-03-12T06:00:00+00:00"}


@pytest.mark.parametrize(
    ("request_", "kinds"),
    [
        (ServiceRequest("enforce"), {"fed1-wk-chuv": "stopped", "fed1-wk-b": "removed"}),
        (ServiceRequest("enforce", restore_removed=True), {"fed1-wk-chuv": "stopped"}),
        (ServiceRequest("restore_missing"), {"fed1-wk-chuv": "stopped", "fed1-wk-b": "removed"}),
        (ServiceRequest("start"), {}),
        (ServiceRequest.on_nodes("start", ["fed1-wk-b"]), {"fed1-wk-chuv": "stopped"}),
        (
            ServiceRequest.on_nodes("remove", ["fed1-wk-chuv"]),
            {"fed1-wk-chuv": "removed", "fed1-wk-b": "removed"},
        ),
        (
            ServiceRequest.on_nodes("stop", []),
            {"fed1-wk-chuv": "stopped", "fed1-wk-b": "removed"},
        ),
    ],
)
def test_overrides_after_a_request(
    master: NodeContext, request_: ServiceRequest, kinds: dict[str, str]
) -> None:
    overrides.write_overrides(master, {"fed1-wk-chuv": STOPPED, "fed1-wk-b": REMOVED})
    assert overrides.kinds(overrides.updated_overrides(master, request_)) == kinds
    assert overrides.kinds(overrides.read_overrides(master)) == {
        "fed1-wk-chuv": "stopped",
        "fed1-wk-b": "removed",
    }


DRAINED = {**STOPPED, "word": "drained", "reason": "new disk", "until": ""}


@pytest.mark.parametrize(
    ("request_", "kinds"),
    [
        (ServiceRequest("enforce", restore_removed=True), {"fed1-ms", "fed1-wk-chuv"}),
        (ServiceRequest("restore_missing"), {"fed1-ms", "fed1-wk-chuv"}),
        (ServiceRequest("start", keep_drained=True), {"fed1-ms", "fed1-wk-chuv"}),
        (ServiceRequest.on_nodes("start", ["fed1-wk-chuv"]), {"fed1-ms"}),
        (ServiceRequest.on_nodes("undrain", ["fed1-wk-chuv"]), {"fed1-ms"}),
        (ServiceRequest("stop", keep_drained=True), {"fed1-wk-chuv"}),
        (ServiceRequest("remove", keep_drained=True), set()),
    ],
)
def test_a_drained_node_remains_so_until_its_own_end(
    master: NodeContext, request_: ServiceRequest, kinds: set[str]
) -> None:
    overrides.write_overrides(master, {"fed1-ms": DRAINED, "fed1-wk-chuv": DRAINED})
    found = overrides.kinds(overrides.updated_overrides(master, request_))
    assert {node for node, kind in found.items() if kind == "drained"} == kinds


def test_a_drain_is_recorded_with_reason_and_end_and_ends_no_other_override(
    master: NodeContext,
) -> None:
    overrides.write_overrides(master, {"fed1-wk-b": REMOVED})
    until = "2026-03-12T09:00:00+00:00"
    request = ServiceRequest.on_nodes(
        "drain", ["fed1-wk-chuv"], actor="bert", reason="new disk", until=until
    )
    assert ServiceRequest.from_json(request.to_json()) == request
    found = overrides.updated_overrides(master, request)["fed1-wk-chuv"]
    facts = {"word": "drained", "actor": "bert", "reason": "new disk", "until": until}
    assert found == {**facts, "when": found["when"]}
    again = ServiceRequest.on_nodes("undrain", ["fed1-wk-b"])
    assert overrides.updated_overrides(master, again) == {"fed1-wk-b": REMOVED}


def test_the_same_override_again_keeps_who_set_it_first(master: NodeContext) -> None:
    overrides.write_overrides(master, {"fed1-wk-chuv": STOPPED})
    again = ServiceRequest.on_nodes("stop", ["fed1-wk-chuv"], actor="bert")
    assert overrides.updated_overrides(master, again) == {"fed1-wk-chuv": STOPPED}
    other = ServiceRequest.on_nodes("remove", ["fed1-wk-chuv"], actor="bert")
    assert overrides.updated_overrides(master, other)["fed1-wk-chuv"]["actor"] == "bert"


def test_overrides_that_an_earlier_version_wrote_are_read(master: NodeContext) -> None:
    master.state.mkdir()
    value: Any = {"fed1-wk-chuv": STOPPED}
    (master.state / SERVICE_OVERRIDES).write_text(json.dumps(value))
    assert overrides.read_overrides(master) == value


def test_overrides_that_cannot_be_read_are_no_reason_to_start_services(
    master: NodeContext,
) -> None:
    master.state.mkdir()
    (master.state / SERVICE_OVERRIDES).write_text("{")
    with pytest.raises(StateBroken, match=r"stopped\.json is corrupt"):
        overrides.read_overrides(master)
