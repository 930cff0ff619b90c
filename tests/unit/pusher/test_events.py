"""What happened lately, as a person is told: each thing once, in the order of time."""

from __future__ import annotations

from typing import Any

import pytest

from saltext_mip.controller.requests import Requests
from saltext_mip.data.consolidation.base_cdes import CdeGone
from saltext_mip.errors import Misuse
from saltext_mip.pusher import control, nodes, refresh
from saltext_mip.pusher.generations import rollback
from saltext_mip.pusher.holds import decide
from saltext_mip.pusher.survey import Options
from saltext_mip.results import Override
from saltext_mip.storage.state import EVENTS
from tests.support import commands
from tests.support.commands import consolidate
from tests.support.folders import Folders
from tests.unit.pusher.conftest import cde, rows


def told(fed: Folders, limit: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = commands.events(fed.pusher, limit)["events"]
    return found


def words(fed: Folders) -> list[tuple[str, str, str]]:
    return [(each["what"], each["about"], each["message"]) for each in told(fed)]


def test_before_anything_happened_there_is_nothing(fed: Folders) -> None:
    assert commands.events(fed.pusher) | {"record": ""} == {
        "federation": "fed1",
        "events": [],
        "of": 0,
        "record": "",
    }
    assert not fed.pusher.state.exists()


def test_a_consolidation_says_what_came_and_went_and_nothing_where_nothing_changed(
    fed: Folders,
) -> None:
    consolidate(fed.pusher, Options())
    consolidate(fed.pusher, Options())
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    consolidate(fed.pusher, Options())
    assert words(fed) == [
        ("consolidated", "", "+dementia/edsd, +dementia/ppmi"),
        ("removing", "fed1-wk-h2", "dementia: ppmi: the last dataset of fed1-wk-h2"),
        ("consolidated", "", "-dementia/ppmi"),
    ]
    assert [(each["generation"], each["actor"]) for each in told(fed)] == [
        (1, "operator"),
        (None, "operator"),
        (2, "operator"),
    ]


def test_what_was_not_told_is_known_from_the_history(fed: Folders) -> None:
    consolidate(fed.pusher, Options())
    control.suspend(fed.pusher, "the ui moves", "2h")
    (fed.pusher.state / EVENTS).unlink()
    fed.write("fed1-wk-h1", "dementia", "late.csv", rows("late"))
    consolidate(fed.pusher, Options())
    assert [(each["generation"], each["number"]) for each in told(fed)] == [(1, 0), (2, 1)]


def test_a_rollback_is_one_event(fed: Folders) -> None:
    consolidate(fed.pusher, Options())
    fed.write("fed1-wk-h1", "dementia", "late.csv", rows("late"))
    consolidate(fed.pusher, Options())
    rollback.rollback(fed.pusher, None, dry_run=False, timeout=0)
    assert words(fed)[2] == (
        "rolledback",
        "",
        "to generation 1, and suspended; -dementia/late",
    )


def test_what_people_said_is_there_once_for_each_change(fed: Folders) -> None:
    control.suspend(fed.pusher, "the ui \x1b moves", "2h")
    control.resume(fed.pusher)
    control.resume(fed.pusher)
    nodes.disable(fed.pusher, "wk1", "its disk", dry_run=True)
    nodes.disable(fed.pusher, "wk1", "its disk", dry_run=False)
    nodes.disable(fed.pusher, "wk1", "another reason", dry_run=False)
    nodes.enable(fed.pusher, "wk1", dry_run=False)
    assert words(fed) == [
        ("suspended", "", "until 2026-03-12 05:00 UTC: the ui \\x1b moves"),
        ("resumed", "", ""),
        ("disabled", "fed1-wk-h1", "its disk"),
        ("enabled", "fed1-wk-h1", ""),
    ]


def test_a_suspension_that_ended_by_itself_is_told(fed: Folders) -> None:
    control.suspend(fed.pusher, None, 1)
    control.wake(fed.pusher)
    assert [(each["what"], each["actor"]) for each in told(fed)] == [
        ("suspended", "operator"),
        ("resumed", ""),
    ]


def test_nodes_that_went_and_came_are_told_once(fed: Folders) -> None:
    nodes.check_nodes(fed.pusher, None)
    fed.down = {"fed1-wk-h2"}
    nodes.check_nodes(fed.pusher, None)
    nodes.check_nodes(fed.pusher, None)
    fed.down = set()
    nodes.check_nodes(fed.pusher, "wk2")
    assert words(fed) == [("missing", "fed1-wk-h2", ""), ("back", "fed1-wk-h2", "")]


def test_a_hold_and_its_approval_are_told(fed: Folders) -> None:
    consolidate(fed.pusher, Options())
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    for _ in range(2):
        refresh.refresh(fed.pusher)
    decide.approve(fed.pusher, wait=False)
    kinds = [each["what"] for each in told(fed)]
    assert kinds == ["consolidated", "held", "compiled", "refreshed", "approved"]
    assert told(fed)[1]["about"] == "fed1-wk-h2"
    assert "the last dataset of fed1-wk-h2" in told(fed)[1]["message"]
    assert told(fed)[-1]["message"] == "dementia: ppmi"


def test_a_failure_is_told_once_while_it_fails_in_the_same_way(fed: Folders) -> None:
    consolidate(fed.pusher, Options())
    fed.data("fed1-ms", "dementia", "CDEsMetadata.json").unlink()
    for _ in range(2):
        with pytest.raises(CdeGone):
            refresh.refresh(fed.pusher)
    only = told(fed)[-1]
    assert [each["what"] for each in told(fed)] == ["consolidated", "failed"]
    assert only["about"] == "refresh"
    assert "dementia" in only["message"]
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", cde())
    refresh.refresh(fed.pusher)
    assert [each["what"] for each in told(fed)][:4] == [
        "consolidated",
        "failed",
        "consolidated",
        "compiled",
    ]


def test_the_last_ones_are_shown(fed: Folders) -> None:
    for nth in range(5):
        control.suspend(fed.pusher, f"reason {nth}", None)
    value = commands.events(fed.pusher, 2)
    assert [each["message"] for each in value["events"]] == ["reason 3", "reason 4"]
    assert value["of"] == 5
    for wrong in (-1, "x", True):
        with pytest.raises(Misuse):
            commands.events(fed.pusher, wrong)


BAD = "dataset,age,mmse\nedsd,seventy,28.5\n"


def test_a_file_that_cannot_be_used_is_told_once_and_when_it_is_fixed(fed: Folders) -> None:
    consolidate(fed.pusher, Options())
    good = fed.data("fed1-wk-h1", "dementia", "edsd.csv").read_text()
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", BAD)
    fed.write("fed1-wk-h1", "dementia", "new.csv", BAD)
    consolidate(fed.pusher, Options())
    consolidate(fed.pusher, Options())
    found = [each for each in words(fed) if each[0] in ("refused", "fixed")]
    assert found == [
        ("refused", "fed1-wk-h1", "dementia/edsd.csv: previous version stays in use"),
        ("refused", "fed1-wk-h1", "dementia/new.csv: left out"),
    ]
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", good)
    fed.data("fed1-wk-h1", "dementia", "new.csv").unlink()
    consolidate(fed.pusher, Options())
    consolidate(fed.pusher, Options())
    fixed = [each for each in words(fed) if each[0] == "fixed"]
    assert fixed == [("fixed", "fed1-wk-h1", "dementia/edsd.csv, dementia/new.csv")]


def test_of_a_node_that_takes_no_part_no_file_is_told(fed: Folders) -> None:
    fed.write("fed1-wk-h1", "dementia", "new.csv", BAD)
    consolidate(fed.pusher, Options())
    fed.down.add("fed1-wk-h1")
    consolidate(fed.pusher, Options(missing_worker="keep"))
    fed.down.clear()
    consolidate(fed.pusher, Options())
    found = [each[:2] for each in words(fed) if each[0] not in ("consolidated", "labels")]
    assert found == [("refused", "fed1-wk-h1"), ("missing", "fed1-wk-h1"), ("back", "fed1-wk-h1")]


def test_a_label_that_changed_is_told(fed: Folders) -> None:
    consolidate(fed.pusher, Options())
    fed.declared["labels"] = {
        "pathologies": {"dementia": "Memory"},
        "datasets": {"dementia": {"edsd": "The EDSD"}},
    }
    consolidate(fed.pusher, Options())
    (found,) = [each for each in told(fed) if each["what"] == "labels"]
    assert found["generation"] == 2
    assert "dementia: 'Dementia' -> 'Memory'" in found["message"]
    assert "dementia/edsd: 'EDSD' -> 'The EDSD'" in found["message"]


def test_the_person_whose_request_the_controller_acts_on_is_named_once(fed: Folders) -> None:
    requests = Requests(fed.pusher.state)
    for ask in (control.wake, control.resume, refresh.request_refresh):
        fed.pusher.store.suspend(Override("anna", "2026-03-12T03:00:00+00:00"))
        ask(fed.pusher)
        assert requests.person() == "operator"
        assert requests.person() is None
    control.wake(fed.pusher)
    refresh.refresh(fed.pusher)  # what was asked for is done
    assert requests.person() is None
