"""What of the past is removed, what is kept although it is old, and what a crash leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from saltext_mip.generations import retention
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.retention import Cleanup, Retention
from saltext_mip.generations.store import GenerationRemoved, NoGeneration, Store
from saltext_mip.plans import PlanItem
from saltext_mip.results import Override
from saltext_mip.storage import atomic, paths, state
from saltext_mip.storage.lock import lock
from saltext_mip.storage.state import StateBroken

MANY = 10**12
WHEN = "2026-03-12T10:00:00+00:00"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def cde(number: int) -> bytes:
    """The CDE that this generation distributed: 1000 bytes."""
    return f"cde {number}".encode().ljust(1000)


LIST = b"the same pathologies.json"


def record(store: Store, number: int, **more: object) -> Generation:
    contents = {sha256(content): content for content in (cde(number), LIST)}
    store.keep(contents)
    generation = Generation(
        number=number,
        when=WHEN,
        actor="root",
        files={},
        pathologies={"dementia": {"edsd": ("wk1",)}},
        cdes={"dementia": sha256(cde(number))},
        pathologies_json=sha256(LIST),
        structure=[],
    )
    generation = replace(generation, **more)  # type: ignore[arg-type]
    store.record(generation)
    return generation


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "fed1"


@pytest.fixture
def store(folder: Path) -> Store:
    """Ten generations, with a CDE of its own each."""
    store = Store(folder)
    for number in range(1, 11):
        record(store, number)
    return store


def plan(store: Store, keep: int = 500, size: int = MANY, **more: object) -> Cleanup:
    needed = retention.needed(store)
    return retention.plan(store, Retention(keep, size), needed=needed, **more)  # type: ignore[arg-type]


def carry_out(store: Store, cleanup: Cleanup) -> None:
    store.remove(cleanup.removed, cleanup.blobs)


def whole(store: Store) -> None:
    """Every generation that is listed can be restored."""
    for generation in store.history():
        for blob in generation.blobs:
            assert store.blob(blob)


def test_within_the_limits_nothing_is_removed(store: Store) -> None:
    cleanup = plan(store)
    assert cleanup == Cleanup(tuple(range(1, 11)), {}, {}, {}, 0, 0)
    assert cleanup.items == []


def test_an_empty_store_has_nothing_to_remove(folder: Path) -> None:
    assert plan(Store(folder)).items == []
    assert Store(folder).used() == 0
    assert not folder.exists()


def test_by_count_the_newest_are_kept_and_what_they_share(store: Store, folder: Path) -> None:
    before = store.used()
    cleanup = plan(store, keep=4)
    assert cleanup.items[0] == PlanItem("remove", "generation 1", "it is not among the newest 4")
    assert cleanup.items[-1] == PlanItem(
        "remove", "6 contents (6 kB)", "no kept generation refers to them"
    )
    assert store.used() == before
    carry_out(store, cleanup)
    assert store.numbers() == cleanup.kept == (7, 8, 9, 10)
    assert store.used() == before - cleanup.freed
    assert len(list((folder / "blobs").iterdir())) == 5
    whole(store)
    assert plan(store, keep=4).items == []


def test_by_size_the_newest_that_fit_are_kept(store: Store) -> None:
    one = store.record_sizes()[10] + 1000
    cleanup = plan(store, size=3 * one + len(LIST) + 50)
    assert cleanup.kept == (8, 9, 10)
    assert "exceeds" in cleanup.removed[7]
    carry_out(store, cleanup)
    whole(store)


@pytest.mark.parametrize("keep", [2, 500])
def test_the_last_two_are_kept_however_large(store: Store, keep: int) -> None:
    assert plan(store, keep=keep, size=1).kept == (9, 10)


def test_numbers_are_never_used_again(store: Store) -> None:
    carry_out(store, plan(store, keep=2))
    assert store.next_number() == 11


@pytest.mark.parametrize("size", [1, MANY])
def test_a_rollback_target_is_kept_while_the_rollback_is_the_last_one(
    store: Store, size: int
) -> None:
    record(store, 11, note="rollback to 3")
    cleanup = plan(store, keep=2, size=size)
    assert cleanup.kept == (3, 10, 11)
    assert cleanup.needed == {3: "generation 11 restores it"}
    carry_out(store, cleanup)
    whole(store)
    record(store, 12)
    assert plan(store, keep=2).kept == (11, 12)


def test_a_rollback_target_is_kept_while_the_federation_is_suspended(store: Store) -> None:
    store.suspend(Override("root", WHEN, "RolledBack: to generation 4"))
    assert plan(store, keep=2).kept == (4, 9, 10)
    store.suspend(Override("root", WHEN, "maintenance"))
    assert plan(store, keep=2).kept == (9, 10)


def test_a_target_that_was_removed_before_is_not_missed(store: Store) -> None:
    store.suspend(Override("root", WHEN, "RolledBack: to generation 44"))
    assert plan(store, keep=2).needed == {}


def test_contents_of_failed_runs_go_and_those_of_a_running_one_stay(store: Store) -> None:
    failed, running = b"failed", b"running"
    store.keep({sha256(failed): failed, sha256(running): running})
    cleanup = plan(store, blobs=[sha256(running)])
    assert cleanup.blobs == {sha256(failed): len(failed)}
    carry_out(store, cleanup)
    assert store.blob(sha256(running)) == running


def test_a_replaced_cde_is_kept_as_long_as_the_generation_that_replaced_it(store: Store) -> None:
    contents = {number: f"edited {number}".encode() for number in (9, 10, 11)}
    for number, content in contents.items():
        store.keep({sha256(content): content})
        store.remember_replaced([sha256(content)], number)
    store.remember_replaced([], 12)
    assert plan(store).items == []  # that of 11 is of a run that is not finished
    record(store, 11)
    carry_out(store, plan(store, keep=2))
    assert store.replaced() == {sha256(contents[10]): 10, sha256(contents[11]): 11}
    assert sha256(contents[9]) not in store.blob_sizes()
    assert store.blob(sha256(contents[10])) == contents[10]


def test_what_is_not_ours_is_left_alone(store: Store, folder: Path) -> None:
    for other in ("blobs/notes.txt", "generations/copy of 000001.json", "blobs/link"):
        path = folder / other
        path.symlink_to("/etc/passwd") if other.endswith("link") else path.write_text("x")
    carry_out(store, plan(store, keep=2))
    assert {path.name for path in (folder / "blobs").iterdir()} >= {"notes.txt", "link"}
    assert (folder / "generations" / "copy of 000001.json").exists()


def test_temporary_files_of_dead_writers_are_removed_and_others_not(
    store: Store, folder: Path
) -> None:
    dead, alive = (folder / "blobs" / atomic.temporary(name) for name in ("a" * 64, "b" * 64))
    dead.write_bytes(b"half")
    alive.write_bytes(b"half")
    with lock(alive, federation="fed1", holder=""):
        cleanup = plan(store)
        assert cleanup.items == [
            PlanItem("remove", "1 temporary files", "the process that wrote them ended")
        ]
        assert cleanup.freed == 4
        carry_out(store, cleanup)
        assert alive.exists()
    assert not dead.exists()


def test_a_kept_record_that_is_corrupt_stops_it_and_one_that_goes_does_not(
    store: Store, folder: Path
) -> None:
    (folder / "generations" / "000005.json").write_text("{")
    with pytest.raises(StateBroken, match=r"000005\.json is corrupt"):
        plan(store)
    carry_out(store, plan(store, keep=3))
    assert store.numbers() == (8, 9, 10)


def test_a_list_of_replaced_cdes_that_is_corrupt_stops_it(store: Store, folder: Path) -> None:
    (folder / "replaced.json").write_text('{"a": "b"}')
    with pytest.raises(StateBroken, match=r"replaced\.json is corrupt"):
        plan(store)


def test_a_removed_generation_is_reported_as_removed(store: Store) -> None:
    carry_out(store, plan(store, keep=3))
    with pytest.raises(GenerationRemoved, match=r"Generation 2 was removed .*; kept: 8-10"):
        store.load(2)
    for never in (0, -1, 11):
        with pytest.raises(NoGeneration, match=f"Generation {never} not found; known: 8-10"):
            store.load(never)


def test_what_is_removed_while_history_is_read_is_left_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = store.load

    def racing(number: int) -> Generation:
        if number == 1:
            carry_out(store, plan(store, keep=3))
        return load(number)

    monkeypatch.setattr(store, "load", racing)
    assert [generation.number for generation in store.history()] == [8, 9, 10]


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Ends the process before its ``number``-th change of the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self._left = number
        for place, name in ((Path, "unlink"), (paths, "sync_folder"), (state, "write_state")):
            monkeypatch.setattr(place, name, self._counted(getattr(place, name)))

    def _counted(self, function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            self._left -= 1
            if self._left == 0:
                raise Killed
            return function(*args, **more)

        return call


def killed_at(number: int, store: Store, cleanup: Cleanup, monkeypatch: pytest.MonkeyPatch) -> bool:
    with monkeypatch.context() as patched:
        Killer(patched, number)
        try:
            carry_out(store, cleanup)
        except Killed:
            return True
    return False


def test_a_crash_anywhere_leaves_a_store_that_reads_and_the_next_run_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Mapping[str, int]] = []
    for number in range(1, 100):
        store = Store(tmp_path / str(number))
        for each in range(1, 7):
            record(store, each)
        edited = b"edited"
        store.keep({sha256(edited): edited})
        store.remember_replaced([sha256(edited)], 2)
        cleanup = plan(store, keep=3)
        assert set(cleanup.removed) == {1, 2, 3}
        crashed = killed_at(number, store, cleanup, monkeypatch)
        assert set(store.numbers()) >= {4, 5, 6}
        whole(store)
        carry_out(store, plan(store, keep=3))
        assert store.numbers() == (4, 5, 6)
        whole(store)
        ends.append(store.blob_sizes())
        if not crashed:
            break
    # records, contents, both folders and the list of replaced CDEs
    assert len(ends) == 3 + 4 + 2 + 1 + 1
    assert all(end == ends[0] for end in ends)
    assert len(ends[0]) == 4
