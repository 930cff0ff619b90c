"""An old generation is put back, as a new one."""

from __future__ import annotations

import hashlib

import pytest

from saltext_mip.errors import Refused
from saltext_mip.federation import Federation
from saltext_mip.generations import rollback
from saltext_mip.generations.diff import compare
from saltext_mip.generations.store import NoGeneration
from saltext_mip.transaction import coordinator
from tests.support.places import WHEN, Places
from tests.unit.generations.conftest import NEW, OLD

FEDERATION = Federation.from_pillar(
    "fed1",
    {
        "nodes": {
            "ms": {"role": "master", "address": "10.0.0.1"},
            "ui": {"role": "ui", "address": "10.0.0.2"},
            "wk1": {"role": "worker", "address": "10.0.0.3"},
            "wk2": {"role": "worker", "address": "10.0.0.4"},
        }
    },
)


def sha256(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def have(places: Places, *nodes: str) -> dict[str, dict[str, str | None]]:
    """What the inventories of these nodes say."""
    return {
        node: {
            folder.name: sha256(places.has(node, folder.name))
            for folder in places.data(node).iterdir()
            if folder.is_dir()
        }
        for node in nodes or ("ms", "wk1", "wk2")
    }


def planned(places: Places, number: int | None = None, *nodes: str) -> rollback.Rollback:
    return rollback.plan(
        FEDERATION,
        places.store,
        rollback.target(places.store, number),
        cdes=have(places, *nodes),
        ui_sha256=sha256(places.has("ui", None)),
        actor="root",
        when=WHEN,
    )


def carry_out(places: Places, plan: rollback.Rollback):
    return coordinator.run(
        plan.writes,
        plan.blobs,
        generation=plan.generation,
        txn="back",
        actor="root",
        when=WHEN,
        send=places.send,
        journal=places.journal,
        store=places.store,
    )


def test_cdes_and_list_are_again_as_they_were(places: Places):
    places.consolidate(OLD, txn="t1")
    places.consolidate(NEW, txn="t2")
    made = carry_out(places, planned(places))
    assert made is not None
    assert (made.number, made.note) == (3, "rollback to 1")
    for (node, name), content in OLD.items():
        assert places.has(node, name) == content
    assert compare(places.store.load(1), places.store.load(3)) == ()
    assert compare(places.store.load(2), places.store.load(3)) != ()


def test_what_the_old_one_did_not_know_is_left(places: Places):
    places.consolidate(OLD, txn="t1")
    places.consolidate(NEW, txn="t2")
    carry_out(places, planned(places, 1))
    assert places.has("ms", "mental health") == b"new mental health\n"


def test_only_what_differs_is_written(places: Places):
    places.consolidate(OLD, txn="t1")
    places.consolidate(NEW, txn="t2")
    writes = {(write.node, write.kind, write.pathology) for write in planned(places, 1).writes}
    assert writes == {
        ("ms", "cde", "dementia"),
        ("wk1", "cde", "dementia"),
        ("wk2", "cde", "dementia"),
        ("ui", "pathologies", None),
    }


def test_going_back_to_where_one_is_changes_nothing(places: Places):
    places.consolidate(OLD, txn="t1")
    places.consolidate(NEW, txn="t2")
    plan = planned(places, 2)
    assert (plan.writes, plan.generation) == ((), None)
    assert carry_out(places, plan) is None


def test_back_and_forth(places: Places):
    places.consolidate(OLD, txn="t1")
    places.consolidate(NEW, txn="t2")
    carry_out(places, planned(places, 1))
    made = carry_out(places, planned(places, 2))
    assert made is not None
    assert made.note == "rollback to 2"
    for (node, name), content in NEW.items():
        assert places.has(node, name) == content


def test_a_folder_that_the_master_lost_comes_back_with_its_cde(places: Places):
    places.consolidate(NEW, txn="t1")
    places.consolidate(OLD, txn="t2")
    for path in (places.data("ms") / "mental health").iterdir():
        path.unlink()
    (places.data("ms") / "mental health").rmdir()
    carry_out(places, planned(places, 1))
    assert places.has("ms", "mental health") == b"new mental health\n"


def test_a_worker_gets_only_what_it_has_a_folder_for_and_only_if_it_takes_part(places: Places):
    places.consolidate(OLD, txn="t1")
    places.consolidate(NEW, txn="t2")
    assert all(write.node != "wk1" for write in planned(places, 1, "ms", "wk2").writes)
    assert all(
        (write.node, write.pathology) != ("wk2", "mental health")
        for write in planned(places, 2).writes
    )


def test_there_must_be_something_to_go_back_to(places: Places):
    with pytest.raises(Refused, match="No generation found before"):
        rollback.target(places.store)
    places.consolidate(OLD, txn="t1")
    with pytest.raises(Refused, match="No generation found before"):
        rollback.target(places.store)
    with pytest.raises(NoGeneration, match="Generation 7 not found; known: 1"):
        rollback.target(places.store, 7)
