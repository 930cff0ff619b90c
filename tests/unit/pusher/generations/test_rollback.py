"""A rollback restores every file of the generation, and reports what it cannot restore."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from saltext_mip.pusher.compile import compile_federation
from saltext_mip.pusher.survey import Options
from saltext_mip.results import Override
from tests.support import commands
from tests.support.folders import Folders
from tests.unit.pusher.conftest import cde, rows


def run(fed: Folders) -> None:
    commands.consolidate(fed.pusher, Options(missing_worker="keep"))


def back(fed: Folders, number: int | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = commands.rollback(
        fed.pusher, number, **{"dry_run": False, "timeout": 0, **more}
    )
    return found


def documents(fed: Folders, *nodes: str) -> dict[str, bytes]:
    """The CDEs and lists on these nodes, or on all."""
    return {
        name: content
        for name, (content, _) in fed.files().items()
        if name.endswith(".json") and (not nodes or name.split("/")[0] in nodes)
    }


def codes(fed: Folders, node: str, pathology: str) -> list[str]:
    """The datasets that the CDE there names."""
    from saltext_mip.data.cde.model import parse

    content = fed.data(node, pathology, "CDEsMetadata.json").read_bytes()
    return [code for code, _ in parse(content, pathology=pathology).datasets]


@pytest.fixture
def later(fed: Folders) -> Folders:
    """In generation 1 tbi has a CDE and no data; in generation 2 it has."""
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde("planned", code="tbi"))
    run(fed)
    fed.write("fed1-wk-h1", "tbi", "rocs.csv", rows("rocs"))
    run(fed)
    assert codes(fed, "fed1-ms", "tbi") == codes(fed, "fed1-wk-h1", "tbi") == ["rocs"]
    return fed


def test_the_cde_of_a_pathology_that_had_no_datasets_is_restored(later: Folders) -> None:
    result = back(later, 1)
    assert codes(later, "fed1-ms", "tbi") == codes(later, "fed1-wk-h1", "tbi") == ["planned"]
    things = {(item["node"], item["thing"]) for item in result["plan"]}
    assert {node for node, thing in things if thing == "tbi/CDEsMetadata.json"} == {
        "fed1-ms",
        "fed1-wk-h1",
    }
    assert (result["differences"], result.get("retcode")) == ([], None)


def test_one_that_had_no_cde_names_no_dataset_any_more(fed: Folders) -> None:
    run(fed)
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    fed.write("fed1-wk-h1", "tbi", "rocs.csv", rows("rocs"))
    run(fed)
    back(fed, 1)
    assert codes(fed, "fed1-ms", "tbi") == codes(fed, "fed1-wk-h1", "tbi") == []
    assert back(fed, 1)["changed"] is False


def test_one_whose_data_had_gone_is_as_it_was_then(later: Folders) -> None:
    later.data("fed1-wk-h1", "tbi", "rocs.csv").unlink()
    run(later)
    gone = documents(later, "fed1-ms", "fed1-ui")
    assert codes(later, "fed1-ms", "tbi") == []
    later.write("fed1-wk-h2", "tbi", "rocs.csv", rows("rocs"))
    run(later)
    back(later, 3)
    assert documents(later, "fed1-ms", "fed1-ui") == gone


def test_back_and_forth_over_a_pathology_changes_nothing(later: Folders) -> None:
    before = documents(later)
    back(later, 1)
    back(later, 2)
    assert documents(later) == before


def test_a_cde_that_was_never_listed_is_left_to_its_data_managers(later: Folders) -> None:
    later.write("fed1-ms", "epilepsy", "CDEsMetadata.json", cde("seen", code="epilepsy"))
    back(later, 1)
    assert codes(later, "fed1-ms", "epilepsy") == ["seen"]


def test_the_masters_cde_that_it_replaces_is_kept_on_the_pusher(later: Folders) -> None:
    edited = cde("rocs", code="tbi", label="Edited by hand").encode()
    later.write("fed1-ms", "tbi", "CDEsMetadata.json", edited)
    back(later, 1)
    store = later.pusher.store
    sha256 = hashlib.sha256(edited).hexdigest()
    assert store.blob(sha256) == edited
    assert sha256 in store.replaced()


def tamper(node: str, file: str) -> Callable[[Folders], str]:
    def change(fed: Folders) -> str:
        path = fed.root / node / file
        path.write_bytes(path.read_bytes() + b" ")
        return node

    return change


@pytest.mark.parametrize(
    ("node", "file", "thing"),
    [
        ("fed1-ms", "data/dementia/CDEsMetadata.json", "dementia/CDEsMetadata.json"),
        ("fed1-wk-h1", "data/dementia/CDEsMetadata.json", "dementia/CDEsMetadata.json"),
        ("fed1-ms", "data/tbi/CDEsMetadata.json", "tbi/CDEsMetadata.json"),
        ("fed1-ui", "ui/config/pathologies.json", "pathologies.json"),
    ],
)
def test_diff_names_each_file_on_a_node_that_is_not_the_generations(
    fed: Folders, node: str, file: str, thing: str
) -> None:
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde("planned", code="tbi"))
    run(fed)
    assert commands.diff(fed.pusher, None, None)["same"] is True
    tamper(node, file)(fed)
    found = commands.diff(fed.pusher, None, None)
    assert found["same"] is False
    assert f"nodes/{node}/{thing}" in [change["thing"] for change in found["changes"]]


def test_what_is_not_restored_on_a_node_is_reported(
    later: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(step: str, node: str) -> None:
        if (step, node) == ("compile_databases", "fed1-wk-h1"):
            tamper(node, "data/dementia/CDEsMetadata.json")(later)

    monkeypatch.setattr(later, "before", edit)
    result = back(later, 1)
    assert result["differences"] == [
        "fed1-wk-h1: dementia/CDEsMetadata.json is not that of generation 3"
    ]
    assert result["retcode"] == 1


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("how", ["file gone", "folder gone", "disabled", "down", "replaced"])
def test_datasets_that_come_back_as_a_name_only_are_listed(
    fed: Folders, how: str, dry_run: bool
) -> None:
    run(fed)
    compile_federation(fed.pusher, timeout=0)
    fed.write("fed1-wk-h2", "dementia", "late.csv", rows("late"))
    run(fed)
    path = fed.data("fed1-wk-h2", "dementia", "ppmi.csv")
    reason = "not found: ppmi.csv"
    if how == "file gone":
        path.unlink()
    elif how == "folder gone":
        for each in path.parent.iterdir():
            each.unlink()
        path.parent.rmdir()
    elif how == "replaced":
        path.rename(path.with_name("renamed.csv"))
    elif how == "disabled":
        fed.pusher.store.disable("fed1-wk-h2", Override("anna", "2026-03-12T03:00:00+00:00"))
        reason = "the node is disabled"
    else:
        fed.down.add("fed1-wk-h2")
        reason = "does not answer"
    result = back(fed, 1, dry_run=dry_run)
    if how == "replaced":  # the same dataset in another file
        assert "unavailable" not in result
        return
    (lacking,) = result["unavailable"]
    assert (lacking["pathology"], lacking["dataset"], lacking["node"]) == (
        "dementia",
        "ppmi",
        "fed1-wk-h2",
    )
    assert reason in lacking["reason"]
    assert any("fed1-wk-h2 keeps" in note for note in result.get("notes", [])) is (
        how in ("disabled", "down")
    )


def test_the_suspension_tells_by_whom_and_why_and_how_it_ends(later: Folders) -> None:
    back(later, 1, reason="wrong visit dates in tbi")
    (found,) = commands.wake(later.pusher)["conditions"]
    assert (found["type"], found["reason"]) == ("Suspended", "RolledBack")
    assert found["message"] == "operator restored generation 1: wrong visit dates in tbi"
    assert "mip resume" in found["hint"]
    event = commands.events(later.pusher)["events"][-1]
    assert event["what"] == "rolledback" or any(
        each["what"] == "rolledback" and "wrong visit dates" in each["message"]
        for each in commands.events(later.pusher)["events"]
    )
