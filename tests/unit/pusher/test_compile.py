"""Databases of a federation of folders: what compiles, what holds up nobody, what is said."""

from __future__ import annotations

import json
import shutil
import sqlite3
from functools import partial
from os import mkfifo
from typing import Any

import pytest

from saltext_mip.data.inventory.check import check
from saltext_mip.errors import Misuse, UnknownNode
from saltext_mip.node import queries
from saltext_mip.node.context import NodeContext
from saltext_mip.node.databases import states
from saltext_mip.pusher import nodes
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.survey import Options
from tests.support.commands import compile_federation, consolidate
from tests.support.folders import Folders
from tests.unit.pusher.conftest import cde, rows


def run(fed: Folders, **options: Any) -> dict[str, Any]:
    return compile_federation(fed.pusher, **options)


def statuses(result: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {
        node: {name: of["status"] for name, of in found.items()}
        for node, found in result["nodes"].items()
    }


def datasets(fed: Folders, node: str, pathology: str = "dementia") -> dict[str, int]:
    path = fed.data(node, pathology, "datasets.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return dict(db.execute("SELECT dataset, count(*) FROM DATA GROUP BY dataset"))


@pytest.fixture
def consolidated(fed: Folders) -> Folders:
    consolidate(fed.pusher, Options())
    return fed


def test_master_and_workers_compile_and_the_master_has_no_rows(consolidated: Folders) -> None:
    result = run(consolidated)
    assert statuses(result) == {
        "fed1-ms": {"dementia": "compiled"},
        "fed1-wk-h1": {"dementia": "compiled"},
        "fed1-wk-h2": {"dementia": "compiled"},
    }
    assert "retcode" not in result
    assert datasets(consolidated, "fed1-wk-h1") == {"edsd": 12}
    assert datasets(consolidated, "fed1-ms") == {}
    assert result["nodes"]["fed1-wk-h2"]["dementia"]["datasets"] == ["ppmi"]
    assert [event for event, _ in consolidated.events] == ["consolidated", "compiled"]


def test_again_everything_is_current_and_nothing_is_written(consolidated: Folders) -> None:
    run(consolidated)
    before, events = consolidated.files(), len(consolidated.events)
    result = run(consolidated)
    assert {status for of in statuses(result).values() for status in of.values()} == {"current"}
    assert not result["changed"]
    assert consolidated.files() == before
    assert len(consolidated.events) == events


def test_a_bad_file_keeps_its_last_rows_and_holds_up_nobody(consolidated: Folders) -> None:
    run(consolidated)
    consolidated.write("fed1-wk-h1", "dementia", "edsd.csv", "dataset,age\nedsd,old\n")
    consolidated.write("fed1-wk-h1", "dementia", "new.csv", rows("new", 20))
    consolidated.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi", 30))
    result = run(consolidated)
    assert result["retcode"] == 1
    assert statuses(result)["fed1-wk-h1"] == {"dementia": "failed"}
    assert statuses(result)["fed1-wk-h2"] == {"dementia": "compiled"}
    assert datasets(consolidated, "fed1-wk-h1") == {"edsd": 12, "new": 20}
    assert datasets(consolidated, "fed1-wk-h2") == {"ppmi": 30}
    found = result["nodes"]["fed1-wk-h1"]["dementia"]
    assert found["files"] == {"edsd.csv": "kept", "new.csv": "compiled"}
    (problem,) = [p for p in found["problems"] if p["severity"] == "error"]
    told = (problem["rule"], problem["line"], problem["column"], problem["count"])
    assert told == ("NotANumber", None, "age", "<10")
    assert problem["contact"] == "it@h1.example"


def test_a_folder_that_does_not_compile_gets_a_database_that_an_engine_takes(
    consolidated: Folders,
) -> None:
    consolidated.write("fed1-wk-h1", "tbi", "t.csv", rows("t"))
    assert statuses(run(consolidated))["fed1-wk-h1"]["tbi"] == "failed"
    assert datasets(consolidated, "fed1-wk-h1", "tbi") == {}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("age,mmse\n1,2\n", "NoDatasetColumn"),
        ("dataset,age,weight\nt,1,2\n", "UnknownColumn"),
        ("dataset,age\nt,1\nt\n", "TooFewFields"),
        ("dataset,age\nt,old\n", "NotANumber"),
        ("", "Empty"),
    ],
)
def test_a_new_pathology_of_bad_files_has_its_cde_and_the_files_problems(
    fed: Folders, content: str, rule: str
) -> None:
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    fed.write("fed1-wk-h1", "tbi", "t.csv", content)
    consolidate(fed.pusher, Options())
    folder = fed.data("fed1-wk-h1", "tbi", "t.csv").parent
    assert json.loads((folder / "CDEsMetadata.json").read_text())["code"] == "tbi"
    problems = run(fed)["nodes"]["fed1-wk-h1"]["tbi"]["problems"]
    assert [of["rule"] for of in problems if of["severity"] == "error"] == [rule]
    assert rule in {of.problem.rule for of in check(folder).all_findings}


def test_strict_keeps_out_what_is_a_warning_otherwise(consolidated: Folders) -> None:
    variables = cde().replace('"code": "age"', '"min": 0, "max": 60, "code": "age"')
    for node in ("fed1-ms", "fed1-wk-h1", "fed1-wk-h2"):
        consolidated.write(node, "dementia", "CDEsMetadata.json", variables)
    assert "retcode" not in run(consolidated)
    assert run(consolidated, strict=True)["retcode"] == 1


def test_pathologies_are_named_with_commas_or_as_a_list(consolidated: Folders) -> None:
    for name in ("tbi", "a,b"):
        consolidated.write("fed1-ms", name, "CDEsMetadata.json", cde(code="root", label="/"))
        consolidated.write("fed1-wk-h1", name, "x.csv", rows("x"))
    consolidate(consolidated.pusher, Options())
    assert sorted(statuses(run(consolidated, pathology="tbi,dementia"))["fed1-wk-h1"]) == [
        "dementia",
        "tbi",
    ]
    assert list(statuses(run(consolidated, pathology="a,b"))["fed1-wk-h1"]) == ["a,b"]
    assert list(statuses(run(consolidated, pathology=["tbi"]))["fed1-wk-h1"]) == ["tbi"]
    with pytest.raises(Misuse, match="'dementi'"):
        run(consolidated, pathology="dementi")


def test_one_node_needs_to_know_of_which_pathology(consolidated: Folders) -> None:
    with pytest.raises(Misuse, match="pathology="):
        run(consolidated, node="wk1")
    with pytest.raises(UnknownNode):
        run(consolidated, node="wk9", pathology="dementia")
    with pytest.raises(Misuse, match="ui"):
        run(consolidated, node="ui", pathology="dementia")
    assert list(run(consolidated, node="h2", pathology="dementia")["nodes"]) == ["fed1-wk-h2"]


def test_a_dry_run_says_what_is_stale_and_why(consolidated: Folders) -> None:
    run(consolidated)
    consolidated.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi", 30))
    before = consolidated.files()
    plan = run(consolidated, dry_run=True)["plan"]
    assert [(item["node"], item["action"]) for item in plan] == [
        ("fed1-ms", "nothing"),
        ("fed1-wk-h1", "nothing"),
        ("fed1-wk-h2", "compile"),
    ]
    assert "ppmi.csv" in plan[2]["reason"]
    assert consolidated.files() == before


def test_a_node_that_does_not_answer_is_a_problem_and_the_others_compile(
    consolidated: Folders,
) -> None:
    consolidated.down.add("fed1-wk-h1")
    result = run(consolidated)
    assert result["retcode"] == 1
    assert [(p["rule"], p["node"]) for p in result["problems"]] == [("WorkerMissing", "fed1-wk-h1")]
    assert statuses(result)["fed1-wk-h2"] == {"dementia": "compiled"}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("odd", [None, 7, "text", [1], {"dementia": None}, {"dementia": {}}])
def test_an_answer_that_is_none_is_the_problem_of_its_node_only(
    consolidated: Folders, monkeypatch: pytest.MonkeyPatch, odd: Any, dry_run: bool
) -> None:
    ask = consolidated.ask

    def with_odd(function: str, *arguments: Any, **keywords: Any) -> Answers:
        found = ask(function, *arguments, **keywords)
        return Answers({**found.values, "fed1-wk-h2": odd}, found.missing, found.failed)

    monkeypatch.setattr(consolidated, "ask", with_odd)
    result = run(consolidated, dry_run=dry_run)
    (problem,) = result["problems"]
    assert (problem["rule"], problem["node"]) == ("InvalidAnswer", "fed1-wk-h2")
    others = {"fed1-ms", "fed1-wk-h1"}
    assert {item["node"] for item in result["plan"]} == others if dry_run else True
    assert set(result["nodes"]) == (set() if dry_run else others)


def test_a_disabled_node_is_left_alone(consolidated: Folders) -> None:
    nodes.disable(consolidated.pusher, "wk1", None, dry_run=False)
    assert sorted(run(consolidated)["nodes"]) == ["fed1-ms", "fed1-wk-h2"]
    with pytest.raises(Misuse, match="disabled"):
        run(consolidated, node="wk1", pathology="dementia")


def test_a_disk_that_is_not_mounted_gets_no_database(consolidated: Folders) -> None:
    run(consolidated)
    data = consolidated.data("fed1-wk-h1")
    data.rename(data.with_name("unmounted"))
    data.mkdir()
    result = run(consolidated)
    assert result["retcode"] == 1
    assert "not mounted" in result["problems"][0]["about"]
    assert list(data.iterdir()) == []


def test_a_new_pathologys_folder_on_the_master_has_a_database_from_the_start(
    fed: Folders, catalogue: dict[str, str]
) -> None:
    catalogue["tbi"] = cde(code="tbi")
    catalogue["dementia"] = cde()
    fed.write("fed1-wk-h1", "tbi", "t.csv", rows("t"))
    options = Options(online_cdes=True, datacatalogue_host=catalogue["host"])
    assert consolidate(fed.pusher, options)["problems"] == []
    assert datasets(fed, "fed1-ms", "tbi") == {}
    assert [entry["code"] for entry in fed.offered] == ["dementia", "tbi"]


def test_a_database_is_compared_with_its_sources_cell_by_cell(consolidated: Folders) -> None:
    run(consolidated)
    federation = consolidated.federation
    here = NodeContext(
        federation, federation.by_id("fed1-wk-h1"), consolidated.root / "fed1-wk-h1/state"
    )
    assert states(here, verify=True)["dementia"] == {
        "current": True,
        "reason": None,
        "same": True,
        "differences": [],
    }
    with sqlite3.connect(consolidated.data("fed1-wk-h1", "dementia", "datasets.db")) as db:
        db.execute("UPDATE DATA SET age = 4711 WHERE rowid = 3")
    found = states(here, verify=True)["dementia"]
    assert not found["current"]
    assert not found["same"]
    assert [(each["rule"], each["column"]) for each in found["differences"]] == [
        ("CellsDiffer", "age")
    ]
    assert "4711" not in str(found)


def test_a_misspelt_pathology_among_others_is_told(consolidated: Folders) -> None:
    result = run(consolidated, pathology="dementia,dementa")
    assert result["notes"] == ["No node has a pathology 'dementa' (did you mean 'dementia'?)."]
    assert result["retcode"] == 1
    assert statuses(result)["fed1-wk-h1"] == {"dementia": "compiled"}
    assert "retcode" not in run(consolidated, pathology="dementia, dementia")
    with pytest.raises(Misuse, match="'dementa'"):
        run(consolidated, pathology="dementa", dry_run=True)


def test_a_misspelt_pathology_is_told_also_where_a_worker_is_missing(consolidated: Folders) -> None:
    consolidated.down = {"fed1-wk-h2"}
    result = run(consolidated, pathology="demntia")
    message = "No node that responded has a pathology 'demntia' (did you mean 'dementia'?)."
    assert (result["notes"], result["retcode"]) == ([message], 1)
    planned = run(consolidated, pathology="demntia", dry_run=True)
    assert planned["notes"] == [message]


def test_a_pathology_of_a_missing_worker_is_not_told_to_be_misspelt(consolidated: Folders) -> None:
    shutil.rmtree(consolidated.data("fed1-ms", "dementia"))
    shutil.rmtree(consolidated.data("fed1-wk-h1", "dementia"))
    consolidated.down = {"fed1-wk-h2"}
    assert "notes" not in run(consolidated, pathology="dementia")


def test_a_pathology_with_a_comma_or_of_digits_can_be_named(consolidated: Folders) -> None:
    for name in ("a,b", "2024"):
        consolidated.write("fed1-ms", name, "CDEsMetadata.json", cde(code="root"))
    assert statuses(run(consolidated, pathology="a,b"))["fed1-ms"] == {"a,b": "compiled"}
    assert statuses(run(consolidated, pathology=2024))["fed1-ms"] == {"2024": "compiled"}


@pytest.mark.parametrize("how", ["link", "folder", "fifo"])
def test_a_database_that_is_something_else_keeps_no_other_from_compiling(
    consolidated: Folders, how: str
) -> None:
    consolidated.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    consolidated.write("fed1-wk-h1", "tbi", "t.csv", rows("t"))
    consolidate(consolidated.pusher, Options())
    outside = consolidated.root / "outside.db"
    outside.write_bytes(b"not ours")
    path = consolidated.data("fed1-wk-h1", "dementia", "datasets.db")
    {
        "link": partial(path.symlink_to, outside),
        "folder": path.mkdir,
        "fifo": partial(mkfifo, path),
    }[how]()
    result = run(consolidated)
    assert statuses(result)["fed1-wk-h1"] == {"dementia": "failed", "tbi": "compiled"}
    (problem,) = result["nodes"]["fed1-wk-h1"]["dementia"]["problems"]
    assert problem["rule"] == "DatabaseUnwritten"
    assert "datasets.db" in problem["about"]
    assert outside.read_bytes() == b"not ours"


def test_a_fifo_in_the_place_of_a_csv_file_is_not_waited_for(consolidated: Folders) -> None:
    mkfifo(consolidated.data("fed1-wk-h1", "dementia", "fifo.csv"))
    result = run(consolidated)
    of = result["nodes"]["fed1-wk-h1"]["dementia"]
    assert of["files"] == {"edsd.csv": "compiled", "fifo.csv": "out"}
    assert [(p["rule"], p["file"]) for p in of["problems"]] == [("Unreadable", "fifo.csv")]


@pytest.mark.parametrize("how", ["link", "folder", "fifo"])
def test_a_cde_that_is_something_else_is_a_problem_of_its_pathology(
    consolidated: Folders, how: str
) -> None:
    run(consolidated)
    outside = consolidated.root / "outside.json"
    outside.write_text(cde("edsd"))
    path = consolidated.data("fed1-wk-h1", "dementia", "CDEsMetadata.json")
    path.unlink()
    {
        "link": partial(path.symlink_to, outside),
        "folder": path.mkdir,
        "fifo": partial(mkfifo, path),
    }[how]()
    of = run(consolidated)["nodes"]["fed1-wk-h1"]["dementia"]
    assert of["status"] == "failed"
    assert "CdeInvalid" in [problem["rule"] for problem in of["problems"]]
    assert datasets(consolidated, "fed1-wk-h1") == {"edsd": 12}
    worker = consolidated.federation.by_id("fed1-wk-h1")
    here = NodeContext(consolidated.federation, worker, consolidated.root / "fed1-wk-h1" / "state")
    assert states(here, verify=True)["dementia"]["same"] is False
    assert queries.cde(here, None) == {}
