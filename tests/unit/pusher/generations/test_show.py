"""One generation, by number or by a moment: who, when, why, what, and what was available."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saltext_mip.errors import Misuse, Refused
from saltext_mip.pusher import control, nodes
from saltext_mip.pusher.survey import Options
from tests.support import commands
from tests.support.folders import Folders
from tests.unit.pusher.conftest import rows

BAD = "dataset,age,mmse\nedsd,seventy,28.5\n"


def run(fed: Folders) -> None:
    commands.consolidate(fed.pusher, Options(missing_worker="keep"))


def show(fed: Folders, number: Any = None, at: Any = None) -> dict[str, Any]:
    found: dict[str, Any] = commands.show(fed.pusher, number, at)
    json.dumps(found)
    return found


@pytest.fixture
def twice(fed: Folders) -> Folders:
    run(fed)
    fed.write("fed1-wk-h1", "dementia", "late.csv", rows("late", 30))
    fed.write("fed1-wk-h1", "dementia", "bad.csv", BAD)
    run(fed)
    return fed


def test_a_generation_has_its_datasets_by_node_its_problems_and_the_files_changed(
    twice: Folders,
) -> None:
    found = show(twice, 2)
    assert (found["generation"], found["actor"], found["added"]) == (
        2,
        "operator",
        [["dementia", "late"]],
    )
    assert {(each["dataset"], *each["nodes"]) for each in found["datasets"]} == {
        ("edsd", "fed1-wk-h1"),
        ("late", "fed1-wk-h1"),
        ("ppmi", "fed1-wk-h2"),
    }
    (late,) = [each for each in found["files"] if each["file"] == "late.csv"]
    assert (late["node"], late["datasets"]) == ("fed1-wk-h1", {"late": 30})
    assert {each["file"] for each in found["problems"] if each["severity"] == "error"} == {
        "bad.csv"
    }
    assert found["problems"][0]["message"]
    assert "fed1-ms: dementia/CDEsMetadata.json" in found["wrote"]
    assert "fed1-ui: pathologies.json" in found["wrote"]
    assert "replaced" not in found


def test_an_earlier_one_tells_what_replaced_it(twice: Folders) -> None:
    first = show(twice, 1)
    second = show(twice)
    assert (first["replaced"], first["until"]) == (2, second["when"])


def test_who_approved_its_removals_is_named(twice: Folders) -> None:
    twice.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    commands.consolidate(twice.pusher, Options(guard=True))
    commands.approve(twice.pusher, wait=False)
    commands.consolidate(twice.pusher, Options(guard=True))
    found = show(twice, 3)["approved"]
    assert (found["actor"], found["message"]) == ("operator", "dementia: ppmi")
    assert "approved" not in show(twice, 2)


def test_what_a_rollback_restored_is_the_reason(twice: Folders) -> None:
    commands.rollback(twice.pusher, 1, dry_run=False, timeout=0)
    assert show(twice)["note"] == "rollback to 1"


def moment(fed: Folders) -> str:
    return fed.pusher.now().isoformat(timespec="seconds")


def test_at_a_moment_is_the_generation_that_was_current_then(fed: Folders) -> None:
    run(fed)
    between = moment(fed)
    fed.write("fed1-wk-h1", "dementia", "late.csv", rows("late"))
    run(fed)
    assert show(fed, at=between)["generation"] == 1
    assert show(fed, at=between.replace("T", " ").removesuffix("+00:00"))["generation"] == 1
    assert show(fed, at=moment(fed))["generation"] == 2
    with pytest.raises(Refused, match="No record of 2026-01-01"):
        show(fed, at="2026-01-01")


def test_at_a_moment_datasets_of_nodes_that_were_out_are_not_available(fed: Folders) -> None:
    run(fed)
    well = moment(fed)
    nodes.check_nodes(fed.pusher, None)
    fed.down.add("fed1-wk-h2")
    nodes.check_nodes(fed.pusher, None)
    nodes.disable(fed.pusher, "wk1", "its disk", dry_run=False)
    control.suspend(fed.pusher, "the ui moves", None)
    out = moment(fed)
    fed.down.clear()
    nodes.check_nodes(fed.pusher, None)
    nodes.enable(fed.pusher, "wk1", dry_run=False)
    control.resume(fed.pusher)
    then = show(fed, at=out)
    why = {each["dataset"]: each.get("unavailable", {}) for each in then["datasets"]}
    assert why["ppmi"]["fed1-wk-h2"].startswith("no response, since 2026-03-12 03:")
    assert why["edsd"]["fed1-wk-h1"].startswith("disabled by operator: its disk, since")
    assert [each["node"] for each in then["unavailable"]] == ["fed1-wk-h1", "fed1-wk-h2"]
    assert then["suspended"]["message"] == "the ui moves"
    for at in (well, moment(fed)):
        now = show(fed, at=at)
        assert now["unavailable"] == []
        assert all("unavailable" not in each for each in now["datasets"])
        assert "suspended" not in now


@pytest.mark.parametrize("at", ["yesterday", "2050-01-01", "", True, "2026-13-01"])
def test_a_moment_is_one_of_the_past(twice: Folders, at: Any) -> None:
    with pytest.raises(Misuse, match="at= takes a past moment"):
        show(twice, at=at)


def test_a_number_or_a_moment(twice: Folders) -> None:
    with pytest.raises(Misuse, match="not both"):
        show(twice, 1, "2h")


def test_before_the_first_consolidation_there_is_none(fed: Folders) -> None:
    with pytest.raises(Refused, match="not consolidated yet"):
        show(fed)
