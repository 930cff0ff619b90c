"""What a node sends is decoded into a type, or refused with the node, the place and the fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from saltext_mip.data.inventory.sent import SentInventory, SentProblem
from saltext_mip.errors import BadAnswer
from saltext_mip.pusher.compile import SentDatabases, SentStates
from saltext_mip.pusher.logs import SentLog
from saltext_mip.pusher.nodes import SentEnrolment
from saltext_mip.pusher.services.client import Enforced, SentServices
from saltext_mip.pusher.services.deploy import SentApplied, SentReady
from saltext_mip.pusher.status.snapshot import SentStatus
from saltext_mip.schemas.decoding import decode
from tests.support.values import values

KINDS = [
    SentProblem,
    SentStates,
    SentServices,
    SentLog,
    SentEnrolment,
    SentReady,
    SentApplied,
    SentStatus,
    Enforced,
]
SHA = "a" * 64
FILE = {
    "name": "edsd.csv",
    "size": 100,
    "sha256": SHA,
    "rows": 12,
    "datasets": [["edsd", 12]],
    "problems": [],
    "verified": {SHA: [{"rule": "NotANumber", "line": 3}]},
    "header": 0,
}


def inventory() -> Any:
    """An inventory that fits; its second file is what a test spoils."""
    files = [json.loads(json.dumps(FILE)) for _ in range(2)]
    pathology = {"name": "dementia", "cde": SHA, "problems": [], "files": files}
    return {
        "form": 1,
        "federation": "fed1",
        "node": "wk1",
        "status": "ok",
        "enrolled": True,
        "problems": [],
        "pathologies": [pathology],
        "headers": [["dataset", "age"]],
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent_arrives_as_it_was(kind: Any) -> None:
    @settings(max_examples=15, deadline=None)
    @given(values(kind))
    def check(value: Any) -> None:
        sent = json.loads(json.dumps(msgspec.to_builtins(value)))
        assert decode(kind, sent, node="wk1") == value

    check()


def spoil(key: str, value: Any) -> Callable[[Any], None]:
    def change(sent: Any) -> None:
        sent["pathologies"][0]["files"][1][key] = value

    return change


HERE = "pathologies.0.files.1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (spoil("size", "canary"), f"{HERE}.size must match ^<"),
        (spoil("size", None), f"{HERE}.size must be of type integer or string"),
        (spoil("size", -1), f"{HERE}.size must not be below 0"),
        (spoil("name", "canary" * 400), f"{HERE}.name is longer than 2000"),
        (spoil("canary", 1), f"{HERE} unknown key 'canary'"),
        (spoil("datasets", [["edsd", 1], ["", 2]]), f"{HERE}.datasets.1.0 must not be empty"),
        (spoil("datasets", [["edsd", [7]]]), f"{HERE}.datasets.0.1 must be of type"),
        (spoil("sha256", "canary"), f"{HERE}.sha256 must match"),
        (spoil("problems", [{"rule": "x"}, {}]), f"{HERE}.problems.1 lacks 'rule'"),
        (spoil("verified", {SHA: [{"rule": 5}]}), f"{HERE}.verified.{SHA}.0.rule must be of type"),
        (lambda sent: sent.update(status="canary"), "status must be one of ok, MountGone"),
        (lambda sent: sent.pop("headers"), "all of it lacks 'headers'"),
        (lambda sent: sent["headers"][0].append(5), "headers.0.2 must be of type string"),
    ],
)
def test_what_does_not_fit_is_named_by_node_and_place_without_its_value(
    change: Callable[[Any], Any], message: str
) -> None:
    sent = inventory()
    assert decode(SentInventory, sent, node="wk1")
    change(sent)
    with pytest.raises(BadAnswer) as raised:
        decode(SentInventory, sent, node="wk1")
    text = str(raised.value)
    assert text.startswith(f"Invalid response from wk1: {message}")
    assert "canary" not in text.replace("unknown key 'canary'", "")


def test_three_point_nought_is_an_integer() -> None:
    sent = inventory()
    spoil("size", 100.0)(sent)
    size = decode(SentInventory, sent, node="wk1").pathologies[0].files[1].size
    assert (size, type(size)) == (100, int)


@pytest.mark.parametrize("value", [None, [], "x", 1, {"dementia": {"status": "canary"}}])
def test_what_a_node_did_not_compile_is_refused(value: Any) -> None:
    with pytest.raises(BadAnswer) as raised:
        decode(SentDatabases, value, node="wk1")
    assert "canary" not in str(raised.value)
