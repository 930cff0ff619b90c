"""On all nodes or on none; what was interrupted is finished or undone."""

from __future__ import annotations

import pytest

from saltext_mip.errors import NodesFailed, NodesMissing, Refused
from saltext_mip.federation import ENROLLED_FILE
from saltext_mip.transaction import coordinator
from saltext_mip.transaction.coordinator import CommitUnfinished, recover
from tests.support.places import WHEN, Places, Write
from tests.unit.generations.conftest import NEW, OLD


class Killed(BaseException):
    """The pusher ends here."""


def all_is(places: Places, wanted) -> bool:
    return all(places.has(node, name) == content for (node, name), content in wanted.items())


def fails(places: Places, step: str, node: str, error: BaseException) -> None:
    """Let ``node`` raise ``error`` at ``step``."""

    def before(at: str, who: str) -> None:
        if (at, who) == (step, node):
            raise error

    places.before = before


def works(places: Places) -> None:
    places.before = lambda step, node: None


def again(places: Places):
    return recover(send=places.send, journal=places.journal, store=places.store)


def test_everything_is_committed_everywhere_and_recorded(places: Places):
    made = places.consolidate(NEW)
    assert all_is(places, NEW)
    assert made is not None
    assert places.store.last() == made
    assert made.number == 1
    assert ("ui", "pathologies", None) in made.wrote
    assert places.journal.pending() is None
    assert places.leftovers() == []
    assert places.store.blob(made.pathologies_json) == b"new list\n"


def test_again_nothing_is_written_anywhere(places: Places):
    places.consolidate(NEW)
    before = places.snapshot()
    assert places.consolidate(NEW, txn="t2") is None
    assert places.snapshot() == before


def test_a_first_generation_is_recorded_though_all_files_are_right(places: Places):
    before = places.snapshot()
    made = places.consolidate(OLD)
    assert made is not None
    assert made.wrote == ()
    after = places.snapshot()
    assert {path: after[path] for path in before} == before


def test_a_node_without_writes_is_enrolled(places: Places):
    made = coordinator.run(
        [],
        {},
        generation=None,
        txn="t1",
        actor="root",
        when=WHEN,
        send=places.send,
        journal=places.journal,
        store=places.store,
        enrol=["wk2"],
    )
    assert made is None
    assert (places.data("wk2") / ENROLLED_FILE).is_file()
    assert not (places.data("wk1") / ENROLLED_FILE).exists()
    assert places.store.numbers() == ()
    assert places.journal.pending() is None


@pytest.mark.parametrize("node", ["ms", "ui", "wk1"])
def test_where_one_cannot_stage_nothing_changes_anywhere(node, places: Places):
    fails(places, "stage", node, NodesFailed("the disk is full", nodes=node))
    with pytest.raises(NodesFailed) as caught:
        places.consolidate(NEW)
    assert caught.value.facts["nodes"] == node
    assert "Nothing was changed anywhere" in str(caught.value)
    assert all_is(places, OLD)
    assert places.leftovers() == []
    assert places.store.last() is None
    assert places.journal.pending() is None


def test_a_node_that_does_not_answer_to_staging_is_missing(places: Places):
    fails(places, "stage", "wk1", TimeoutError("it does not answer"))
    with pytest.raises(NodesMissing, match=r"wk1: it does not answer\. Nothing") as caught:
        places.consolidate(NEW)
    assert not caught.value.permanent
    assert all_is(places, OLD)
    works(places)
    assert places.consolidate(NEW, txn="t2") is not None
    assert all_is(places, NEW)
    assert places.leftovers() == []


def test_an_answer_that_never_came_is_a_missing_node(places: Places):
    real = places.send

    def send(step, payloads):
        answers = real(step, payloads)
        answers.values.pop("ui", None)
        return answers

    places.send = send
    with pytest.raises(NodesMissing, match="ui: no response"):
        places.consolidate(NEW)


@pytest.mark.parametrize("node", ["ms", "ui", "wk1"])
def test_where_one_cannot_commit_the_next_run_finishes(node, places: Places):
    fails(places, "commit", node, TimeoutError("it does not answer"))
    with pytest.raises(CommitUnfinished, match=node) as caught:
        places.consolidate(NEW)
    assert not caught.value.permanent
    assert places.store.last() is None
    works(places)
    recovered = again(places)
    assert recovered is not None
    assert (recovered.what, recovered.generation, recovered.left) == ("finished", 1, {})
    assert all_is(places, NEW)
    last = places.store.last()
    assert last is not None
    assert last.pending == ()
    assert places.leftovers() == []
    assert again(places) is None
    assert places.consolidate(NEW, txn="t2") is None


def test_a_node_that_stays_away_is_pending_and_gets_it_when_it_is_back(places: Places):
    fails(places, "commit", "wk1", TimeoutError("it does not answer"))
    with pytest.raises(CommitUnfinished):
        places.consolidate(NEW)
    recovered = again(places)
    assert recovered is not None
    assert recovered.left == {"wk1": "it does not answer"}
    assert "without wk1" in str(recovered)
    last = places.store.last()
    assert last is not None
    assert last.pending == ("wk1",)
    works(places)
    made = places.consolidate(NEW, txn="t2")
    assert made is not None
    assert {node for node, _, _ in made.wrote} == {"wk1"}
    assert all_is(places, NEW)
    assert places.leftovers() == []


@pytest.mark.parametrize("node", ["ms", "ui", "wk1"])
def test_a_pusher_that_dies_while_staging_is_undone(node, places: Places):
    fails(places, "stage", node, Killed())
    with pytest.raises(Killed):
        places.consolidate(NEW)
    works(places)
    recovered = again(places)
    assert recovered is not None
    assert (recovered.what, recovered.generation) == ("undone", None)
    assert all_is(places, OLD)
    assert places.leftovers() == []
    assert places.journal.pending() is None


@pytest.mark.parametrize("node", ["ms", "ui", "wk1"])
def test_a_pusher_that_dies_while_committing_is_finished(node, places: Places):
    fails(places, "commit", node, Killed())
    with pytest.raises(Killed):
        places.consolidate(NEW)
    works(places)
    recovered = again(places)
    assert recovered is not None
    assert (recovered.what, recovered.generation, recovered.left) == ("finished", 1, {})
    assert all_is(places, NEW)
    assert places.leftovers() == []


def test_undoing_needs_nobody_to_answer(places: Places):
    fails(places, "stage", "wk1", Killed())
    with pytest.raises(Killed):
        places.consolidate(NEW)
    fails(places, "abort", "ms", TimeoutError("it does not answer"))
    assert again(places) is not None
    works(places)
    assert places.consolidate(NEW, txn="t2") is not None
    assert all_is(places, NEW)
    assert places.leftovers() == []


def test_a_generation_recorded_before_the_crash_is_not_recorded_again(places: Places, monkeypatch):
    monkeypatch.setattr(places.journal, "clear", lambda: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        places.consolidate(NEW)
    monkeypatch.undo()
    recorded = places.store.last()
    assert recorded is not None
    recovered = again(places)
    assert recovered is not None
    assert recovered.generation == 1
    assert places.store.history() == (recorded,)


def test_an_interrupted_run_has_to_be_finished_first(places: Places):
    fails(places, "stage", "ms", Killed())
    with pytest.raises(Killed):
        places.consolidate(NEW)
    with pytest.raises(Refused, match="interrupted"):
        coordinator.run(
            [Write("ui", "pathologies", None, "x")],
            {},
            generation=None,
            txn="t2",
            actor="root",
            when=WHEN,
            send=places.send,
            journal=places.journal,
            store=places.store,
        )


def test_a_pusher_that_cannot_write_says_where(places: Places):
    places.state.mkdir(parents=True)
    (places.state / "blobs").write_text("in the way")
    with pytest.raises(coordinator.StateUnwritable, match="blobs"):
        places.consolidate(NEW)
    assert all_is(places, OLD)
    assert places.journal.pending() is None


def test_a_node_that_may_lag_is_pending_at_once_and_gets_it_from_the_next_plan(places: Places):
    fails(places, "commit", "wk1", TimeoutError("it does not answer"))
    asked: list[dict[str, str]] = []

    def may_lag(reasons) -> bool:
        asked.append(dict(reasons))
        return True

    made = places.consolidate(NEW, may_lag=may_lag)
    assert asked == [{"wk1": "it does not answer"}]
    assert made is not None
    assert made.pending == ("wk1",)
    assert places.store.last() == made
    assert again(places) is None
    works(places)
    places.consolidate(NEW, txn="t2")
    assert all_is(places, NEW)
    assert places.leftovers() == []


def test_who_did_not_stage_is_told_by_node_and_kind(places: Places):
    fails(places, "stage", "wk1", TimeoutError("it does not answer"))
    with pytest.raises(NodesMissing) as caught:
        places.consolidate(NEW)
    assert caught.value.facts["missing"] == {"wk1": "it does not answer"}
    assert caught.value.facts["failed"] == {}
