"""A file with many small new datasets is held, wherever it is asked; their codes do not leave."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from saltext_mip.data.data_path import pathologies
from saltext_mip.data.database import compiler
from saltext_mip.data.inventory.check import check
from saltext_mip.data.inventory.collect import collect
from saltext_mip.data.inventory.small_datasets import MANY, allowed
from saltext_mip.node.watch_data import scan
from tests.support import cdes

SMALL = [f"person {number}" for number in range(MANY + 1)]


class Node:
    def __init__(self, root: Path) -> None:
        self.data, self.state = root / "data", root / "state"
        self.folder = self.data / "dementia"
        self.folder.mkdir(parents=True)
        self.cde("edsd")

    def cde(self, *codes: str) -> None:
        tree = cdes.tree(datasets=list(codes), variables=[cdes.variable("age", "int")])
        (self.folder / "CDEsMetadata.json").write_bytes(cdes.content(tree))

    def write(self, codes: list[str], rows: int = 9) -> None:
        lines = [f"{code},{age}\n" for age in range(rows) for code in codes]
        self.folder.joinpath("a.csv").write_text("dataset,age\n" + "".join(lines))

    def allow(self, codes: list[str], text: str = "pathology,dataset\n", by: str = ",") -> None:
        lines = [f"dementia{by}{code}\n" for code in codes]
        self.data.joinpath("mip-datasets.csv").write_text(text + "".join(lines))

    def sent(self, **how):
        return collect(self.data, self.state, federation="f", node="n", **how).wire(10)

    def held(self, **how) -> bool:
        (file,) = self.sent(**how)["pathologies"][0]["files"]
        held = [found["rule"] for found in file["problems"]] == ["ManySmallDatasets"]
        assert held == (not file["datasets"])
        return held

    def compiled(self, **how):
        return compiler.compile(self.folder, self.state, **how)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_more_than_five_are_held_and_no_code_leaves(node: Node):
    node.write(SMALL)
    assert node.held()
    sent = json.dumps(node.sent())
    assert not any(code in sent for code in SMALL)
    assert '"count": 6' in sent
    report = (node.data / "mip-report-dementia.txt").read_text()
    assert "'person 0'" in report
    assert "mip-datasets.csv" in report


def test_five_are_taken_and_so_are_large_ones_and_known_ones(node: Node):
    node.write(SMALL[:MANY])
    assert not node.held()
    node.write(SMALL, rows=10)
    assert not node.held()
    node.write(SMALL)
    assert node.held()
    assert not node.held(min_count=9)
    node.cde("edsd", *SMALL)
    assert not node.held()


def test_a_code_that_stands_elsewhere_in_the_cde_is_no_dataset_of_it(node: Node):
    node.write(["age", *SMALL[1:]])
    assert node.held()


def test_the_hospital_allows_them(node: Node):
    node.write(SMALL)
    node.allow(SMALL[:-1])
    assert not node.held()  # one is left
    node.allow([])
    assert node.held()
    node.allow(SMALL, "\ufeffpathology;dataset\n", ";")
    assert not node.held()


def test_a_check_finds_the_same(node: Node):
    node.write(SMALL)
    (file,) = check(node.folder).files
    assert [each.problem.rule for each in file.findings] == ["ManySmallDatasets"]
    node.allow(SMALL)
    (file,) = check(node.folder / "a.csv").files
    assert not file.refused


def test_a_database_has_no_row_of_them_until_they_are_allowed(node: Node):
    node.write(SMALL)
    compiled = node.compiled()
    assert (compiled.status, compiled.rows, compiled.datasets) == ("failed", 0, ())
    assert [problem.rule for problem in compiled.problems] == ["ManySmallDatasets"]
    node.allow(SMALL)
    node.cde("edsd", *SMALL)  # what the next consolidation writes
    compiled = node.compiled()
    assert (compiled.status, compiled.rows) == ("compiled", 9 * len(SMALL))


def test_rows_of_before_go_on_being_served(node: Node):
    node.write(["edsd"])
    assert node.compiled().rows == 9
    node.write(SMALL)
    compiled = node.compiled()
    assert (compiled.rows, compiled.datasets) == (9, (("edsd", 9),))
    assert compiled.files == {"a.csv": "kept"}


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"", b"dataset\nperson 0\n", b"pathology,dataset\ntbi,person 0\n"]
)
def test_a_list_that_cannot_be_read_allows_nothing(node: Node, content: bytes):
    (node.data / "mip-datasets.csv").write_bytes(content)
    assert allowed(node.data, "dementia") == frozenset()


@pytest.mark.usefixtures("opened_by")
def test_a_list_that_is_a_link_or_no_file_allows_nothing(node: Node, tmp_path: Path):
    real = tmp_path / "list.csv"
    real.write_text("pathology,dataset\ndementia,x\n")
    (node.data / "mip-datasets.csv").symlink_to(real)
    assert allowed(node.data, "dementia") == frozenset()
    (node.data / "mip-datasets.csv").unlink()
    os.mkfifo(node.data / "mip-datasets.csv")
    assert allowed(node.data, "dementia") == frozenset()


def test_the_list_is_watched_and_is_no_misplaced_file(node: Node):
    before = scan(node.data, node.state)
    node.allow(SMALL)
    assert scan(node.data, node.state) != before
    assert pathologies(node.data).problems == ()
