"""A consolidation that changes something on every node, for crashes and faults in its middle."""

from __future__ import annotations

from pathlib import Path

from saltext_mip.federation import DATABASE_FILE, ENROLLED_FILE
from saltext_mip.transaction import participant
from saltext_mip.transaction.coordinator import CommitUnfinished, recover
from tests.support.places import Places, Wanted, rowless

OLD: Wanted = {
    ("ms", "dementia"): b"old dementia\n" * 500,
    ("wk1", "dementia"): b"old dementia\n" * 500,
    ("wk2", "dementia"): b"old dementia\n" * 500,
    ("ui", None): b"old list\n" * 500,
}
#: wk1 has data of a pathology that is new, so that the master gets its folder.
NEW: Wanted = {
    **{(node, "dementia"): b"new dementia\n" * 700 for node in ("ms", "wk1", "wk2")},
    **{(node, "mental health"): b"new mental health\n" * 600 for node in ("ms", "wk1")},
    ("ui", None): b"new list\n" * 600,
}
ROWS = b"dataset\nedsd\n"


def make(root: Path, *, in_steps: bool = False) -> Places:
    """The nodes as they are before; ``in_steps``: no folder can be moved into the data path."""
    places = Places(root)
    places.make(
        OLD, {("wk1", "dementia"): ROWS, ("wk2", "dementia"): ROWS, ("wk1", "mental health"): ROWS}
    )
    if in_steps:
        (places.data("ms").parent / ENROLLED_FILE).touch()
    return places


def run(root: Path) -> None:
    """The consolidation itself."""
    Places(root).consolidate(NEW)


def stage_on_master(root: Path) -> None:
    """The master's part of the staging alone."""
    places = Places(root)
    entries = [
        participant.Entry("cde", name, content)
        for (node, name), content in NEW.items()
        if node == "ms" and name
    ]
    participant.stage(places.place("ms"), "t1", entries, database=rowless)


def committed_elsewhere(root: Path) -> Places:
    """All have committed but the master, which did not answer."""
    places = make(root)

    def before(step: str, node: str) -> None:
        if (step, node) == ("commit", "ms"):
            raise TimeoutError("it does not answer")

    places.before = before
    try:
        places.consolidate(NEW)
    except CommitUnfinished:
        return places
    raise AssertionError("the master has committed")


def commit_on_master(root: Path) -> None:
    """The master's part of the commit alone."""
    participant.commit(Places(root).place("ms"), "t1")


def is_old(places: Places) -> bool:
    return all(places.has(node, name) == OLD.get((node, name)) for node, name in {**OLD, **NEW})


def is_new(places: Places) -> bool:
    return all(places.has(node, name) == NEW[node, name] for node, name in NEW)


def whole(places: Places, *, in_steps: bool = False) -> None:
    """Whatever happened: every file is whole, old or new, and an engine finds what it needs."""
    for node, name in {**OLD, **NEW}:
        assert places.has(node, name) in (OLD.get((node, name)), NEW.get((node, name)))
    for node in ("ms", "wk1", "wk2"):
        folders = [path for path in places.data(node).iterdir() if path.is_dir()]
        assert not any(path.name.startswith(".") for path in folders), "a folder of ours"
        for folder in folders:
            if node == "ms" and not in_steps:
                assert (folder / DATABASE_FILE).stat().st_size > 0
                assert places.has("ms", folder.name)
            if node != "ms":
                assert (folder / "a.csv").read_bytes() == ROWS


def next_run_mends(places: Places) -> None:
    """What the journal says is done by the next run; after it all is new, and nothing is left."""
    pending, recorded = places.journal.pending(), places.store.last()
    if recorded is not None or (pending is not None and pending.todo == "finish"):
        assert recorded is None or is_new(places)
        expected, then = "finished", is_new
    else:
        assert is_old(places), "nothing is renamed before everything is staged"
        expected, then = "undone", is_old
    recovered = recover(send=places.send, journal=places.journal, store=places.store)
    assert (recovered.what if recovered else None) == (expected if pending else None)
    assert not recovered or not recovered.left
    assert then(places)
    again = places.consolidate(NEW, txn="t2")
    assert is_new(places)
    assert (again is None) == (expected == "finished")
    assert places.store.numbers() == (1,)
    assert places.journal.pending() is None
    assert places.leftovers() == []
    before = places.snapshot()
    assert places.consolidate(NEW, txn="t3") is None
    assert places.snapshot() == before
