"""What a node shows to people, and what only a user of its own machine sees."""

from __future__ import annotations

import hashlib
import json

import pytest

from saltext_mip.data import data_path
from saltext_mip.data.inventory.fingerprints import Fingerprints
from saltext_mip.errors import MipError, NodeError, UnsafeName
from saltext_mip.node import queries
from saltext_mip.node.context import NodeContext
from tests.support import cdes
from tests.unit.node.conftest import Contexts

HEADER = "dataset,subjectcode,age,gender,volume"
CDE = cdes.content(datasets=["edsd"])


@pytest.fixture
def worker(context_of: Contexts) -> NodeContext:
    context = context_of("fed1-wk-chuv")
    folder = context.data_path / "dementia"
    folder.mkdir(parents=True)
    (folder / "CDEsMetadata.json").write_bytes(CDE)
    rows = [f"edsd,s{number},70,m,1.5" for number in range(12)] + ["few,s,1,f,2"]
    (folder / "a.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    (folder / "b.csv").write_text(f"{HEADER}\nedsd,s,canary4711,m,1\n")
    (folder / "c.csv").write_text("dataset,age\nedsd,1\n")
    return context


def test_datasets_with_small_counts_masked(worker: NodeContext) -> None:
    found = queries.datasets(worker)
    assert set(found) == {"dementia"}
    first = found["dementia"]["a.csv"]
    assert first["datasets"] == {"edsd": 12, "few": "<10"}
    keyed = Fingerprints.load(worker.state).of_file(worker.data_path / "dementia/a.csv")
    assert first["sha256"] == keyed
    assert "canary4711" not in json.dumps(found)


def test_each_header_once_with_its_files(worker: NodeContext) -> None:
    assert queries.prototypes(worker) == {
        "dementia": [
            {"columns": HEADER.split(","), "files": ["a.csv", "b.csv"]},
            {"columns": ["dataset", "age"], "files": ["c.csv"]},
        ]
    }


def test_cdes_in_short_and_one_as_a_tree(worker: NodeContext) -> None:
    found = queries.cde(worker, None)["dementia"]
    assert (found["code"], found["sha256"]) == ("dementia", hashlib.sha256(CDE).hexdigest())
    assert queries.cde(worker, "dementia") == json.loads(CDE)


def test_a_cde_that_cannot_be_read_is_its_problem_in_the_summary(worker: NodeContext) -> None:
    (worker.data_path / "dementia/CDEsMetadata.json").write_text("{")
    assert set(queries.cde(worker, None)["dementia"]) == {"problem"}


@pytest.mark.parametrize("name", ["absent", "a\x1bb", "dementia\u202e"])
def test_an_unknown_pathology_is_named_harmlessly(worker: NodeContext, name: str) -> None:
    with pytest.raises(MipError) as caught:
        queries.cde(worker, name)
    assert "\x1b" not in str(caught.value)


def test_a_folder_outside_the_data_path_is_refused(worker: NodeContext) -> None:
    with pytest.raises(UnsafeName):
        queries.cde(worker, "../dementia")


def test_a_check_has_values_only_for_a_user_of_the_machine(worker: NodeContext) -> None:
    folder = worker.data_path / "dementia"
    local = queries.check(folder, None, values=True)
    assert "canary4711" in str(local.files["b.csv"])
    remote = queries.check(folder, None, values=False)
    assert remote.problems == local.problems
    assert remote.refused == local.refused
    assert "canary4711" not in str(remote)


def test_a_disk_that_is_not_mounted_is_an_error(worker: NodeContext) -> None:
    data_path.enrol(worker.data_path, worker.state, federation="fed1")
    (worker.data_path / ".mip-data").unlink()
    for query in (queries.datasets, queries.prototypes):
        with pytest.raises(NodeError, match=str(worker.data_path)):
            query(worker)


def test_a_ui_has_no_data(context_of: Contexts) -> None:
    context = context_of("fed1-ui")
    assert (
        queries.datasets(context) == queries.prototypes(context) == queries.cde(context, None) == {}
    )
