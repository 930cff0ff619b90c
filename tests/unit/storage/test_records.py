"""Our records on disk come back as they were, and one that is something else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec import to_builtins

from saltext_mip.controller.outcome import Outcome
from saltext_mip.generations.generation import Generation
from saltext_mip.pusher.roles import RolesState
from saltext_mip.results import Override
from saltext_mip.storage.state import decode_state
from saltext_mip.transaction.journal import Pending
from tests.support.values import values

KINDS = [Generation, Pending, Outcome, Override, RolesState]


def written(record: Any) -> Any:
    """The record as its file has it."""
    value = record.value() if hasattr(record, "value") else to_builtins(record)
    return json.loads(json.dumps(value))


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_comes_back_as_it_was(kind: Any) -> None:
    @settings(max_examples=15, deadline=None)
    @given(values(kind))
    def check(record: Any) -> None:
        assert decode_state(kind, written(record)) == record

    check()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, [], "x", {}, {"number": "1", "txn": 1, "kind": "x"}])
def test_another_value_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected|missing|Invalid"):
        decode_state(kind, value)


def test_a_generation_of_an_earlier_version_is_read() -> None:
    """Counts may be masked, a file may be kept, and what it does not know is ignored."""
    file = {"name": "a.csv", "size": 1, "sha256": "", "rows": "<10", "datasets": [["edsd", "<10"]]}
    value = {
        "schema": 1,
        "number": 3,
        "when": "2026-03-12T04:05:06+00:00",
        "actor": "anna",
        "note": None,
        "files": {"wk1": {"dementia": [{**file, "kept": True}]}},
        "pathologies": {"dementia": {"edsd": ["wk1"]}},
        "cdes": {"dementia": "a"},
        "pathologies_json": "b",
        "structure": [],
        "labels": {},
        "workers": {"wk1": {"status": "ok", "datasets": {}}},
        "wrote": [["ms", "cde", "dementia"], ["ui", "pathologies", None]],
        "problems": [{"rule": "NoRows", "node": "wk1"}],
        "pending": [],
        "of a later version": 1,
    }
    generation = Generation.from_value(value)
    assert generation.files["wk1"]["dementia"][0].kept
    assert generation.wrote[1] == ("ui", "pathologies", None)
    del value["of a later version"]
    assert generation.value() == {**value, "other_cdes": {}, "replaced_labels": {}}
