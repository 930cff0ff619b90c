"""Disk use of generations: limited after each consolidation, refused above the quota, freed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.errors import Busy, Misuse, NodesFailed
from saltext_mip.generations.retention import QuotaFull
from saltext_mip.generations.store import GenerationRemoved
from saltext_mip.pusher.survey import Options
from saltext_mip.storage.state import BLOBS, GENERATIONS, SUSPENDED, StateBroken
from saltext_mip.transaction.coordinator import StateUnwritable
from saltext_mip.transaction.journal import Journal
from tests.support import commands
from tests.support.commands import consolidate
from tests.support.folders import Folders
from tests.unit.pusher.conftest import cde, rows


def generation(fed: Folders, code: str) -> dict[str, Any]:
    """Consolidate with one dataset more."""
    fed.write("fed1-wk-h1", "dementia", f"{code}.csv", rows(code))
    done: dict[str, Any] = consolidate(fed.pusher, Options())
    return done


def clean(fed: Folders, keep: Any = None, *, dry_run: bool = False) -> dict[str, Any]:
    done: dict[str, Any] = commands.clean(fed.pusher, keep, dry_run=dry_run, timeout=0)
    return done


def limits(fed: Folders, **settings: int) -> None:
    fed.declared["generations"] = settings


def stored(fed: Folders) -> dict[str, int]:
    """The files of generations and contents, with the time of their last change."""
    return {
        str(path.relative_to(fed.pusher.state)): path.stat().st_mtime_ns
        for folder in (GENERATIONS, BLOBS)
        for path in (fed.pusher.state / folder).iterdir()
    }


def refuse_stage(fed: Folders) -> None:
    def full(step: str, node: str) -> None:
        if (step, node) == ("stage", "fed1-ui"):
            raise OSError(28, "No space left on device")

    fed.before = full


@pytest.fixture
def five(fed: Folders) -> Folders:
    """Five generations, of one dataset more each."""
    for code in "abcde":
        generation(fed, code)
    return fed


def test_a_dry_run_shows_what_goes_and_changes_nothing(five: Folders) -> None:
    before = stored(five)
    result = clean(five, 2, dry_run=True)
    assert stored(five) == before
    assert (result["removed"], result["kept"], result["changed"]) == ([1, 2, 3], [4, 5], False)
    assert [item["thing"] for item in result["plan"][:3]] == [
        "generation 1",
        "generation 2",
        "generation 3",
    ]
    assert result["used"] == five.pusher.store.used()
    assert result["quota"] == 2_000_000_000


def test_it_frees_what_the_dry_run_showed_and_the_rest_is_whole(five: Folders) -> None:
    planned = clean(five, 2, dry_run=True)
    result = clean(five, 2)
    assert result["changed"]
    assert result["freed"] == planned["freed"] == planned["used"] - result["used"]
    assert (result["removed"], result["contents"]) == (planned["removed"], planned["contents"])
    assert commands.events(five.pusher)["events"][-1]["what"] == "cleaned"
    assert "generations 1-3: " in commands.events(five.pusher)["events"][-1]["message"]
    back = commands.rollback(five.pusher, 4, dry_run=False, timeout=0)
    assert (back["restored"], back["generation"]) == (4, 6)


def test_again_it_changes_nothing(five: Folders) -> None:
    clean(five, 2)
    before, events = stored(five), len(commands.events(five.pusher)["events"])
    result = clean(five, 2)
    assert (result["changed"], result["removed"], result["freed"]) == (False, [], 0)
    assert stored(five) == before
    assert len(commands.events(five.pusher)["events"]) == events


def test_history_diff_and_rollback_name_what_was_removed_and_what_there_is(five: Folders) -> None:
    clean(five, 2)
    found = commands.history(five.pusher, None, 0)
    assert found["removed"] == 3
    assert [line["generation"] for line in found["generations"]] == [5, 4]
    oldest = found["generations"][-1]
    # not everything it has was added by it
    assert (oldest["added"], oldest["removed"], oldest["before_removed"]) == ([], [], True)
    assert "before_removed" not in found["generations"][0]
    of_one = commands.history(five.pusher, "b", 0)
    assert (of_one["generations"], of_one["removed"]) == ([], 3)
    message = "Generation 2 was removed to limit disk use; kept: 4, 5"
    for command in (
        lambda: commands.diff(five.pusher, 2, None),
        lambda: commands.diff(five.pusher, 4, 2),
        lambda: commands.rollback(five.pusher, 2, dry_run=True, timeout=0),
        lambda: commands.rollback(five.pusher, 2, dry_run=False, timeout=0),
    ):
        with pytest.raises(GenerationRemoved, match=message):
            command()
    assert commands.diff(five.pusher, 4, 5)["changes"]
    assert commands.diff(five.pusher, None, None)["same"]
    assert five.pusher.store.suspended() is None


def test_events_of_generations_that_were_removed_add_nothing(five: Folders) -> None:
    five.pusher.store.event_log.path.unlink()
    clean(five, 2)
    messages = {
        each["generation"]: each["message"] for each in commands.events(five.pusher)["events"]
    }
    assert messages[4] == ""
    assert messages[5] == "+dementia/e"


def test_a_consolidation_keeps_the_pillars_limits(five: Folders) -> None:
    limits(five, keep=3)
    assert consolidate(five.pusher, Options())["changed"] is False
    assert five.pusher.store.numbers() == (3, 4, 5)
    generation(five, "f")
    assert five.pusher.store.numbers() == (4, 5, 6)
    assert "removed generations 3: " in "\n".join(five.said)


def test_a_consolidation_that_changes_nothing_writes_nothing(five: Folders) -> None:
    before = stored(five)
    consolidate(five.pusher, Options())
    assert stored(five) == before


def test_a_dry_consolidation_removes_nothing(five: Folders) -> None:
    limits(five, keep=2)
    consolidate(five.pusher, Options(dry_run=True))
    assert len(five.pusher.store.numbers()) == 5


def test_contents_of_a_run_that_failed_go_with_the_next_that_succeeds(five: Folders) -> None:
    before = stored(five).keys()
    refuse_stage(five)
    with pytest.raises(NodesFailed):
        generation(five, "f")
    assert stored(five).keys() > before
    assert clean(five, dry_run=True)["contents"] == 2
    five.data("fed1-wk-h1", "dementia", "f.csv").unlink()
    five.before = lambda step, node: None
    consolidate(five.pusher, Options())
    assert stored(five).keys() == before


def test_what_an_interrupted_run_needs_is_kept(five: Folders) -> None:
    five.write("fed1-ms", "dementia", "CDEsMetadata.json", cde(label="By hand"))
    five.broken = {}

    def gone(step: str, node: str) -> None:
        if (step, node) == ("commit", "fed1-ui"):
            raise OSError(5, "Input/output error")

    five.before = gone
    with pytest.raises(Exception, match="committed"):
        generation(five, "f")
    pending = Journal(five.pusher.state).pending()
    assert pending is not None
    assert pending.generation is not None
    assert clean(five, 2)["removed"] == [1, 2, 3]
    for sha256 in (*pending.generation.blobs, *five.pusher.store.replaced()):
        assert five.pusher.store.blob(sha256)
    five.before = lambda step, node: None
    consolidate(five.pusher, Options())
    assert five.pusher.store.last() is not None
    assert five.pusher.store.numbers() == (4, 5, 6)


def test_a_cde_that_was_edited_by_hand_is_kept_with_its_generation(five: Folders) -> None:
    by_hand = five.write("fed1-ms", "dementia", "CDEsMetadata.json", cde(label="By hand"))
    content = by_hand.read_bytes()
    consolidate(five.pusher, Options())
    assert by_hand.read_bytes() != content
    clean(five, 2)
    kept = [five.pusher.store.blob(sha256) for sha256 in five.pusher.store.replaced()]
    assert content in kept
    for code in "fg":
        generation(five, code)
    clean(five, 2)
    assert content not in [path.read_bytes() for path in (five.pusher.state / BLOBS).iterdir()]


def test_what_a_rollback_restored_is_kept(five: Folders) -> None:
    commands.rollback(five.pusher, 1, dry_run=False, timeout=0)
    result = clean(five, 2)
    assert result["kept"] == [1, 5, 6]
    assert result["needed"] == [
        {"generation": 1, "reason": "the federation is suspended after a rollback to it"}
    ]
    five.pusher.store.resume()
    assert clean(five, 2)["needed"] == [{"generation": 1, "reason": "generation 6 restores it"}]


def test_an_override_that_is_corrupt_does_not_undo_what_was_committed(five: Folders) -> None:
    (five.pusher.state / SUSPENDED).write_text('{"actor": 1}')
    assert generation(five, "f")["generation"] == 6
    assert any("were not removed" in line for line in five.said)


@pytest.mark.parametrize("keep", [1, 0, -3, True, "many", 2.5])
def test_fewer_than_two_are_never_kept(five: Folders, keep: Any) -> None:
    with pytest.raises(Misuse, match="2 or more"):
        clean(five, keep)


def test_another_command_is_waited_for_and_named(five: Folders) -> None:
    with (
        five.pusher.store.lock("fed1", "mip.consolidate of anna", wait=0),
        pytest.raises(Busy, match=r"mip\.consolidate of anna"),
    ):
        clean(five, 2)
    assert len(five.pusher.store.numbers()) == 5


def test_a_corrupt_record_is_reported_and_a_consolidation_goes_on(five: Folders) -> None:
    (five.pusher.state / GENERATIONS / "000003.json").write_text("{")
    with pytest.raises(StateBroken, match="000003"):
        clean(five)
    assert generation(five, "f")["generation"] == 6
    assert any("were not removed" in line and "000003" in line for line in five.said)


def test_a_disk_that_refuses_is_reported_and_a_consolidation_goes_on(
    five: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(five, keep=2)
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name == GENERATIONS:
            raise OSError(30, "Read-only file system", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    assert generation(five, "f")["generation"] == 6
    assert any("Read-only file system" in line for line in five.said)


# -- the quota


def large(fed: Folders, code: str, megabytes: float) -> None:
    """A CDE of that size on the master, by hand."""
    content = cde(label=code * int(megabytes * 1_000_000))
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", content)


def test_above_the_quota_a_consolidation_is_refused_and_changes_nothing(fed: Folders) -> None:
    limits(fed, quota_mb=1)
    large(fed, "x", 0.6)
    before, events = fed.files(), commands.events(fed.pusher)["events"]
    (note,) = consolidate(fed.pusher, Options(dry_run=True))["notes"]
    with pytest.raises(QuotaFull) as error:
        consolidate(fed.pusher, Options())
    assert note == f"It would be refused: {error.value}"
    # the CDE as it was and as it becomes, and what shows its label
    assert str(error.value).startswith(
        "Generations of 'fed1' use 0 B of 1.0 MB; this run needs 2.4 MB more. Nothing was changed."
    )
    assert "salt-run mip.clean federation=fed1 keep=" in str(error.value)
    assert "generations.quota_mb" in str(error.value)
    assert error.value.permanent is False
    assert fed.files() == before
    assert commands.events(fed.pusher)["events"] == events
    assert fed.pusher.store.used() == 0
    assert Journal(fed.pusher.state).pending() is None
    limits(fed, quota_mb=3)
    assert consolidate(fed.pusher, Options())["generation"] == 1


def test_a_refresh_is_refused_too_and_is_tried_again(fed: Folders) -> None:
    limits(fed, quota_mb=1)
    large(fed, "x", 0.6)
    with pytest.raises(QuotaFull):
        commands.refresh(fed.pusher)
    (failed,) = (each for each in commands.events(fed.pusher)["events"])
    assert (failed["what"], failed["about"]) == ("failed", "refresh")
    assert failed["message"].startswith("QuotaFull: ")
    limits(fed, quota_mb=3)
    assert commands.refresh(fed.pusher)["consolidate"]["generation"] == 1


def test_what_is_not_needed_goes_before_anything_is_refused(fed: Folders) -> None:
    limits(fed, quota_mb=2)
    large(fed, "x", 0.4)
    refuse_stage(fed)
    with pytest.raises(NodesFailed):
        consolidate(fed.pusher, Options())
    assert fed.pusher.store.used() > 800_000
    fed.before = lambda step, node: None
    limits(fed, quota_mb=1)
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", cde(label="small"))
    assert clean(fed, dry_run=True)["contents"] > 0
    assert consolidate(fed.pusher, Options(dry_run=True))["notes"] == []
    assert consolidate(fed.pusher, Options())["generation"] == 1
    assert fed.pusher.store.used() < 1_000_000


def test_what_is_kept_leaves_room_for_the_next_run_whatever_the_settings_are(fed: Folders) -> None:
    limits(fed, keep_mb=1000, quota_mb=3)
    for number in range(1, 7):
        large(fed, "xyz"[number % 3], 0.08 + number / 100)
        assert consolidate(fed.pusher, Options())["generation"] == number
    assert fed.pusher.store.used() <= 1_500_000
    assert 2 <= len(fed.pusher.store.numbers()) < 6


def fill(fed: Folders, size: int) -> None:
    """A content of that size, which the last generation needs."""
    filler = fed.pusher.state / BLOBS / ("0" * 64)
    filler.touch()
    os.truncate(filler, size)
    last = fed.pusher.store.numbers()[-1]
    fed.pusher.store.remember_replaced([filler.name], last)


def test_what_stores_nothing_is_not_refused_above_the_quota(five: Folders) -> None:
    limits(five, quota_mb=1)
    fill(five, 2_000_000)
    assert consolidate(five.pusher, Options(dry_run=True))["notes"] == []
    assert consolidate(five.pusher, Options())["changed"] is False


def test_a_rollback_is_refused_before_it_suspends(five: Folders) -> None:
    limits(five, quota_mb=1)
    fill(five, 1_000_000)
    with pytest.raises(QuotaFull):
        commands.rollback(five.pusher, 2, dry_run=False, timeout=0)
    assert five.pusher.store.suspended() is None
    assert five.pusher.store.next_number() == 6
    # what it was to restore is there still
    assert five.pusher.store.numbers() == (2, 4, 5)


def test_what_a_rollback_makes_room_with_is_not_what_it_restores(five: Folders) -> None:
    limits(five, quota_mb=1)
    fill(five, 1_000_000 - five.pusher.store.used())
    assert commands.rollback(five.pusher, 2, dry_run=False, timeout=0)["generation"] == 6
    assert five.pusher.store.numbers() == (2, 4, 5, 6)


def test_a_disk_that_refuses_before_a_commit_is_named(
    five: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = five.write("fed1-ms", "dementia", "CDEsMetadata.json", cde(label="By hand"))
    content = by_hand.read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device", "/var/lib/mip/fed1/replaced.json")

    monkeypatch.setattr("saltext_mip.generations.store.state_files.write_state", full)
    with pytest.raises(StateUnwritable, match=r"replaced\.json"):
        consolidate(five.pusher, Options())
    assert by_hand.read_bytes() == content
