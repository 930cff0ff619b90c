"""The node's databases as its functions report them: counts masked, values in the report only."""

from __future__ import annotations

import json

import pytest

from saltext_mip.data import data_path
from saltext_mip.errors import NodeError
from saltext_mip.node import databases, queries
from saltext_mip.node.context import NodeContext
from saltext_mip.rules import RULES
from tests.support import cdes
from tests.support.mounts import own_disk
from tests.unit.node.conftest import Contexts

HEADER = "dataset,subjectcode,age,gender,volume\n"
MANY = "".join(f"edsd,s{number},70,m,1.5\n" for number in range(12))


@pytest.fixture
def worker(context_of: Contexts) -> NodeContext:
    context = context_of("fed1-wk-chuv")
    for name in ("dementia", "tbi"):
        write(context, name, "CDEsMetadata.json", cdes.content(datasets=["edsd", "few"]).decode())
        write(context, name, "edsd.csv", HEADER + MANY)
    return context


def write(context: NodeContext, pathology: str, file: str, text: str) -> None:
    folder = context.data_path / pathology
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)


def test_stale_databases_are_compiled_and_then_current(worker: NodeContext) -> None:
    assert [of["current"] for of in databases.states(worker).values()] == [False, False]
    done = databases.compile_all(worker)
    assert {name: of["status"] for name, of in done.items()} == dict.fromkeys(
        ("dementia", "tbi"), "compiled"
    )
    assert done["dementia"]["rows"] == 12
    assert done["dementia"]["datasets"] == ["edsd"]
    assert done["dementia"]["files"] == {"edsd.csv": "compiled"}
    again = databases.compile_all(worker)
    assert {of["status"] for of in again.values()} == {"current"}
    assert not any(of["changed"] for of in again.values())
    assert all(of["current"] for of in databases.states(worker).values())


def test_only_the_pathologies_that_are_named(worker: NodeContext) -> None:
    assert list(databases.compile_all(worker, ["tbi", "absent"])) == ["tbi"]
    assert not databases.states(worker, ["dementia"])["dementia"]["current"]


def test_small_counts_are_masked_and_values_stay_in_the_report(worker: NodeContext) -> None:
    write(worker, "dementia", "edsd.csv", HEADER + "few,s1,canary4711,m,1.5\n" * 3)
    write(worker, "tbi", "edsd.csv", HEADER + "few,s1,70,m,1.5\n" * 3)
    done = databases.compile_all(worker)
    assert done["tbi"]["rows"] == "<10"
    assert done["dementia"]["files"] == {"edsd.csv": "out"}
    assert done["dementia"]["problems"]
    assert "canary4711" not in json.dumps(done)
    report = worker.data_path / "mip-report-dementia.txt"
    assert "canary4711" in report.read_text()
    write(worker, "dementia", "edsd.csv", HEADER + MANY)
    databases.compile_all(worker)
    assert not report.exists()


def test_a_database_that_differs_from_its_sources_is_found(worker: NodeContext) -> None:
    databases.compile_all(worker)
    assert databases.states(worker, ["tbi"], verify=True)["tbi"]["same"]
    (worker.data_path / "dementia/datasets.db").write_bytes(
        (worker.data_path / "tbi/datasets.db").read_bytes()
    )
    write(worker, "dementia", "edsd.csv", HEADER + MANY.replace("70", "71"))
    found = databases.states(worker, ["dementia"], verify=True)["dementia"]
    assert found["current"] is False
    assert found["same"] is False
    assert "71" not in json.dumps(found["differences"])


def test_the_master_compiles_without_rows(context_of: Contexts) -> None:
    context = context_of("fed1-ms")
    write(context, "dementia", "CDEsMetadata.json", cdes.content(datasets=["edsd"]).decode())
    write(context, "dementia", "edsd.csv", HEADER + MANY)
    done = databases.compile_all(context)
    assert (done["dementia"]["status"], done["dementia"]["rows"]) == ("compiled", 0)


def test_a_disk_that_is_not_mounted_is_an_error_and_compiles_nothing(worker: NodeContext) -> None:
    data_path.enrol(worker.data_path, worker.state, federation="fed1")
    (worker.data_path / ".mip-data").unlink()
    with pytest.raises(data_path.MountGone):
        databases.compile_all(worker)
    with pytest.raises(data_path.MountGone):
        databases.states(worker)
    assert not (worker.data_path / "dementia/datasets.db").exists()


def test_a_pathology_whose_own_disk_is_not_mounted_is_named_in_every_run_by_hand(
    worker: NodeContext,
) -> None:
    with own_disk(worker.data_path / "dementia"):
        data_path.enrol(worker.data_path, worker.state, federation="fed1")
    reason = RULES["MountGone"].text
    assert databases.states(worker)["dementia"] == {"current": False, "reason": reason}
    assert "dementia" not in databases.states(worker, gone=False)
    done = databases.compile_all(worker)
    assert done["dementia"]["status"] == "failed"
    assert [problem["rule"] for problem in done["dementia"]["problems"]] == ["MountGone"]
    assert done["tbi"]["status"] == "compiled"
    for shown in (queries.datasets(worker), queries.prototypes(worker), queries.cde(worker, None)):
        assert shown["dementia"]["problem"].startswith(reason)
    with pytest.raises(NodeError, match="not mounted"):
        queries.cde(worker, "dementia")
    assert not (worker.data_path / "dementia/datasets.db").exists()


def test_a_ui_has_none(context_of: Contexts) -> None:
    assert databases.compile_all(context_of("fed1-ui")) == {}
