"""What the pusher remembers: generations, contents, a person's words."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from saltext_mip.data.consolidation.manifest import Previous, ServedFile
from saltext_mip.errors import Busy, Refused
from saltext_mip.generations.generation import Generation
from saltext_mip.generations.store import BlobDamaged, NoGeneration, Store
from saltext_mip.results import Override
from saltext_mip.storage.state import StateBroken
from saltext_mip.transaction.journal import Journal, Pending

EDSD = ServedFile("edsd.csv", 1000, "a" * 64, 36, (("edsd", 20), ("few", "<10")), kept=True)
FIRST = Generation(
    number=1,
    when="2026-03-12T10:00:00+00:00",
    actor="root",
    files={"fed1-wk-chuv": {"dementia": (EDSD,)}},
    pathologies={"dementia": {"edsd": ("fed1-wk-chuv",), "few": ("fed1-wk-chuv",)}},
    cdes={"dementia": "b" * 64},
    pathologies_json="c" * 64,
    structure=[{"name": "dementia", "nodes": []}],
    labels={"dementia": "Dementia (β)"},
    workers={"fed1-wk-chuv": {"status": "ok", "datasets": {"dementia": ["edsd", "few"]}}},
    wrote=(("fed1-ms", "cde", "dementia"), ("fed1-ui", "pathologies", None)),
    problems=({"rule": "NotUtf8", "node": "fed1-wk-chuv", "file": "x.csv"},),
    pending=("fed1-ui",),
    note="rollback to 3",
)
WORD = Override("root", "2026-03-12T10:00:00+00:00", "maintenance")


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "var" / "mip" / "fed1")


def test_before_the_first_there_is_none(store: Store):
    assert store.last() is None
    assert store.numbers() == ()
    assert store.next_number() == 1
    assert store.labels() == {}
    with pytest.raises(NoGeneration, match="Generation 7 not found; known: none"):
        store.load(7)


def test_a_generation_comes_back_as_it_was(store: Store):
    store.record(FIRST)
    assert store.load(1) == store.last() == FIRST
    assert store.load(1).files["fed1-wk-chuv"]["dementia"][0].kept is True
    assert store.labels() == {"dementia": "Dementia (β)"}


def test_a_recorded_generation_is_never_changed(store: Store):
    store.record(FIRST)
    with pytest.raises(Refused, match="recorded already"):
        store.record(replace(FIRST, actor="another"))
    assert store.load(1) == FIRST


@pytest.mark.parametrize("content", ["{}", "[]", '{"number": 1}', "{", "5"])
def test_a_record_that_is_damaged_is_named(store: Store, tmp_path: Path, content: str):
    store.record(FIRST)
    (path,) = tmp_path.rglob("000001.json")
    path.write_text(content)
    for look in (store.last, store.history):
        with pytest.raises(StateBroken, match=r"000001\.json is corrupt"):
            look()


def test_history_is_in_order_of_numbers(store: Store):
    for number in (1, 2, 10, 999_999, 1_000_000):
        store.record(replace(FIRST, number=number))
    assert [generation.number for generation in store.history()] == [1, 2, 10, 999_999, 1_000_000]
    assert store.next_number() == 1_000_001


def test_the_next_plan_sees_what_was_served(store: Store):
    assert FIRST.previous() == Previous(
        number=1,
        files=FIRST.files,
        pathologies=("dementia",),
        cdes=FIRST.cdes,
        labels=FIRST.labels,
        pathologies_json=FIRST.pathologies_json,
    )


def test_all_is_private(store: Store, tmp_path):
    store.record(FIRST)
    store.keep({hashlib.sha256(b"x").hexdigest(): b"x"})
    store.disable("fed1-wk-chuv", WORD)
    for path in (tmp_path / "var").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_contents_are_kept_by_their_hash(store: Store):
    sha256 = hashlib.sha256(b"content").hexdigest()
    store.keep({sha256: b"content"})
    store.keep({sha256: b"content"})
    assert store.blob(sha256) == b"content"
    with pytest.raises(ValueError, match="not the content"):
        store.keep({sha256: b"other"})


def test_a_content_that_is_damaged_or_gone_is_not_given_out(store: Store, tmp_path):
    sha256 = hashlib.sha256(b"content").hexdigest()
    with pytest.raises(BlobDamaged):
        store.blob(sha256)
    store.keep({sha256: b"content"})
    next(tmp_path.rglob(sha256)).write_bytes(b"conten")
    with pytest.raises(BlobDamaged, match=sha256):
        store.blob(sha256)


def test_a_disabled_node_stays_so_until_enabled_and_the_first_word_stands(store: Store):
    assert store.disable("fed1-wk-chuv", WORD) is True
    assert store.disable("fed1-wk-chuv", structs.replace(WORD, actor="another")) is False
    assert store.disabled() == {"fed1-wk-chuv": WORD}
    assert store.enable("fed1-wk-chuv-2") is False
    assert store.enable("fed1-wk-chuv") is True
    assert store.enable("fed1-wk-chuv") is False
    assert store.disabled() == {}


def test_suspended_until_resumed(store: Store):
    assert store.suspended() is None
    assert store.resume() is False
    word = structs.replace(WORD, until="2026-03-12T12:00:00+00:00")
    assert store.suspend(word) is True
    assert store.suspend(word) is False
    assert store.suspended() == word
    assert store.resume() is True
    assert store.suspended() is None


def test_the_lock_is_the_federations(store: Store):
    with (
        store.lock("fed1", "consolidate by root", wait=0),
        pytest.raises(Busy, match="'fed1' is locked by consolidate by root"),
        store.lock("fed1", "rollback by admin", wait=0),
    ):
        pass


def test_a_journal_comes_back_and_says_what_to_do(tmp_path):
    journal = Journal(tmp_path)
    assert journal.pending() is None
    pending = Pending("t1", "staging", "root", FIRST.when, ("ms", "ui"), FIRST)
    journal.begin(pending)
    assert Journal(tmp_path).pending() == pending
    assert pending.todo == "undo"
    committing = journal.advance(pending)
    assert Journal(tmp_path).pending() == committing
    assert committing.todo == "finish"
    journal.clear()
    journal.clear()
    assert journal.pending() is None
