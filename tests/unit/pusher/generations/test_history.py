"""Looking back: history, differences, the data structure, and putting a generation back."""

from __future__ import annotations

from typing import Any

import pytest

from saltext_mip.errors import Misuse, NodesFailed, Refused
from saltext_mip.pusher.survey import Options
from tests.support import commands
from tests.support.commands import consolidate
from tests.support.folders import Folders
from tests.unit.pusher.conftest import rows


def run(fed: Folders) -> dict[str, Any]:
    return consolidate(fed.pusher, Options())


def back(fed: Folders, number: int | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    return commands.rollback(fed.pusher, number, dry_run=dry_run, timeout=0)


@pytest.fixture
def twice(fed: Folders) -> Folders:
    """Generation 1 has edsd and ppmi, generation 2 also late."""
    run(fed)
    fed.write("fed1-wk-h1", "dementia", "late.csv", rows("late"))
    run(fed)
    return fed


def test_before_the_first_generation_there_is_nothing_to_export(fed: Folders) -> None:
    with pytest.raises(Refused, match=r"mip\.consolidate federation=fed1"):
        commands.export(fed.pusher)


def test_the_data_structure_names_hosts_and_datasets(twice: Folders) -> None:
    assert commands.export(twice.pusher) == [
        {
            "name": "dementia",
            "nodes": [
                {"name": "fed1-wk-h1", "datasets": [{"name": "edsd"}, {"name": "late"}]},
                {"name": "fed1-wk-h2", "datasets": [{"name": "ppmi"}]},
            ],
        }
    ]


def test_history_is_the_newest_first_and_may_be_of_one_dataset(twice: Folders) -> None:
    lines = commands.history(twice.pusher, None, 0)["generations"]
    assert [line["generation"] for line in lines] == [2, 1]
    assert lines[0]["added"] == [["dementia", "late"]]
    only = commands.history(twice.pusher, "late", 0)["generations"]
    assert [line["generation"] for line in only] == [2]
    assert len(commands.history(twice.pusher, None, 1)["generations"]) == 1


def test_differences_of_two_generations_and_of_now(twice: Folders) -> None:
    things = [change["thing"] for change in commands.diff(twice.pusher, 1, 2)["changes"]]
    assert "pathologies/dementia/late" in things
    assert commands.diff(twice.pusher, None, None)["same"]
    twice.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    now = commands.diff(twice.pusher, None, None)
    assert (now["a"], now["b"], now["same"]) == (2, "now", False)
    with pytest.raises(Misuse):
        commands.diff(twice.pusher, None, 1)
    with pytest.raises(Misuse, match="number"):
        commands.diff(twice.pusher, "last", None)  # type: ignore[arg-type]


def test_a_difference_of_labels_is_named(twice: Folders) -> None:
    twice.declared["labels"] = {
        "pathologies": {"dementia": "Memory"},
        "datasets": {"dementia": {"edsd": "The EDSD"}},
    }
    wanted = [
        ("labels/dementia", "Dementia", "Memory"),
        ("labels/dementia/edsd", "EDSD", "The EDSD"),
    ]

    def named(a: int | None, b: int | None) -> list[tuple[Any, ...]]:
        changes = commands.diff(twice.pusher, a, b)["changes"]
        found = [each for each in changes if each["field"][0] == "labels"]
        return [(each["thing"], each["old"], each["new"]) for each in found]

    assert named(None, None) == wanted
    run(twice)
    assert named(1, 3) == wanted
    assert named(1, 2) == []


def test_a_rollback_puts_the_files_back_as_a_new_generation_and_suspends(twice: Folders) -> None:
    before = {
        name: content for name, (content, _) in twice.files().items() if name.endswith(".json")
    }
    result = back(twice)
    assert (result["restored"], result["generation"], result["changed"]) == (1, 3, True)
    assert [entry["code"] for entry in twice.offered[0]["datasets"]] == ["edsd", "ppmi"]
    assert result["compile"]["fed1-ms"]["dementia"]["status"] == "compiled"
    suspended = twice.pusher.store.suspended()
    assert suspended is not None
    assert suspended.reason.startswith("RolledBack")
    back(twice, 2)
    after = {
        name: content for name, (content, _) in twice.files().items() if name.endswith(".json")
    }
    assert after == before


def test_a_dry_rollback_changes_nothing(twice: Folders) -> None:
    before = twice.files()
    assert back(twice, dry_run=True)["plan"]
    assert twice.files() == before
    assert twice.pusher.store.suspended() is None


def test_a_rollback_that_changed_nothing_suspends_nothing(twice: Folders) -> None:
    def full(step: str, node: str) -> None:
        if (step, node) == ("stage", "fed1-ui"):
            raise OSError(28, "No space left on device")

    twice.before = full
    with pytest.raises(NodesFailed, match="No space left"):
        back(twice)
    assert twice.pusher.store.suspended() is None


@pytest.mark.parametrize("limit", ["few", -1, None, True, 1.5])
def test_a_limit_is_a_number(twice: Folders, limit: Any) -> None:
    with pytest.raises(Misuse, match="limit"):
        commands.history(twice.pusher, None, limit)


def test_a_dataset_of_digits_is_found_as_salts_command_line_gives_it(twice: Folders) -> None:
    twice.write("fed1-wk-h1", "dementia", "year.csv", rows("2024"))
    run(twice)
    found = commands.history(twice.pusher, 2024, 0)["generations"]  # type: ignore[arg-type]
    assert [line["added"] for line in found] == [[["dementia", "2024"]]]
