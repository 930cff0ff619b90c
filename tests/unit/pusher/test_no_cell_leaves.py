"""No cell of any kind of messy file is in anything that leaves its node."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from saltext_mip import wire
from saltext_mip.data.cde.model import parse
from saltext_mip.node import databases, jobs, queries
from saltext_mip.node.context import NodeContext
from saltext_mip.pusher.survey import Options
from tests.support import commands
from tests.support.canary import Canary
from tests.support.folders import Folders
from tests.support.mess import CDE, corpus

NODE = "fed1-wk-h1"
CORPUS = corpus(seed=3)


class Recorded(Folders):
    """All that nodes return."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.returned: list[Any] = []

    def _run(self, node: str, function: str, *asked: Any) -> Any:
        if function == "federation_node.status":  # in a module of Salt it gets secrets, too
            place = self.federation.by_id(node)
            here = NodeContext(self.federation, place, self.root / node / "state")
            value = wire.whole([json.loads(json.dumps(jobs.node_status(here, {})))])
        else:
            value = super()._run(node, function, *asked)
        if node == NODE:
            self.returned.append(value)
        return value

    @property
    def node(self) -> NodeContext:
        return NodeContext(self.federation, self.federation.by_id(NODE), self.root / NODE / "state")

    def texts_elsewhere(self) -> list[str]:
        """Every file that is not on that node."""
        return [
            path.read_text("utf-8", "surrogateescape")
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and NODE not in path.parts and path.suffix != ".db"
        ]


@pytest.fixture
def fed(tmp_path: Path) -> Recorded:
    """All kinds in one folder, and each in a folder of its own; a good file that is listed."""
    made = Recorded(tmp_path)
    made.write("fed1-ms", "dementia", "CDEsMetadata.json", CDE)
    for number, mess in enumerate(CORPUS):
        made.write(NODE, "dementia", f"{number:03}.csv", mess.content)
    for number, mess in enumerate(CORPUS[::6]):
        made.write("fed1-ms", f"p{number:03}", "CDEsMetadata.json", CDE)
        made.write(NODE, f"p{number:03}", mess.file, mess.content)
    return made


def accepted(fed: Recorded) -> set[str]:
    codes = [code for each in fed.offered for dataset in each["datasets"] for code in [dataset]]
    return {dataset["code"] for dataset in codes}


def test_no_cell_leaves(fed: Recorded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    left: dict[str, Any] = {}
    options = Options()
    left["consolidate"] = commands.consolidate(fed.pusher, options)
    left["compile"] = commands.compile_federation(fed.pusher)
    left["again"] = commands.consolidate(fed.pusher, options)
    left["status"] = commands.status(fed.pusher)
    left["history"] = commands.history(fed.pusher, None, 10)
    left["diff"] = commands.diff(fed.pusher, None, None)
    left["export"] = commands.export(fed.pusher)
    left["happened"] = commands.events(fed.pusher)
    left["datasets"] = queries.datasets(fed.node)
    left["prototypes"] = queries.prototypes(fed.node)
    left["check"] = queries.check(fed.data(NODE, "dementia"), None, values=False)
    for name, mess in enumerate(CORPUS):
        path = fed.data(NODE, "dementia", f"{name:03}.csv")
        left[f"check {mess.name}"] = queries.check(path, None, values=False)
    left["compile on the node"] = databases.compile_all(fed.node, force=True)
    left["compare"] = databases.states(fed.node, verify=True)
    left["returns"] = fed.returned
    left["events"] = [[event, dict(data)] for event, data in fed.events]
    left["progress"] = fed.said
    left["logs"] = caplog.messages
    left["files"] = fed.texts_elsewhere()
    assert len(left["returns"]) > 3
    assert left["files"]
    canary = Canary(CORPUS, parse(CDE, pathology="dementia"), accepted(fed))
    assert len(canary.cells) > 2_000
    assert {what: found for what, of in left.items() if (found := canary.found(of))} == {}
    # what stays on the node has them
    report = (fed.data(NODE) / "mip-report-dementia.txt").read_text()
    assert len(canary.found(report)) > 100


@pytest.mark.parametrize("cell", ["subj007", "61", "7.25", "Genève", "subj003,edsd,61,M,1,7.5,1.2"])
def test_a_cell_would_be_found(cell: str) -> None:
    canary = Canary(CORPUS, parse(CDE, pathology="dementia"), ["edsd"])
    canary.cells.add(cell)
    places = ({"about": f"the value {cell}."}, [[{cell: 1}]], f"x='{cell}', y", json.dumps([cell]))
    for value in places:
        assert cell in canary.found(value), value
