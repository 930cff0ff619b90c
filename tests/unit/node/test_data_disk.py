"""What steps answer while the disk with the data does not respond: a real hang, by FUSE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from saltext_mip import wire
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import NodeError
from saltext_mip.node import data_disk, jobs, preflight, queries
from saltext_mip.node.context import NodeContext
from saltext_mip.transaction.payload import Entry, Payload, pack
from tests.support.fuse import FuseDisk, fuse_disk
from tests.unit.node.conftest import Contexts

WORKER = "fed1-wk-chuv"


@pytest.fixture
def context(context_of: Contexts, monkeypatch: pytest.MonkeyPatch) -> NodeContext:
    monkeypatch.setattr(data_disk, "PATIENCE", 0.5)
    return context_of(WORKER)


@pytest.fixture
def disk(context: NodeContext) -> Iterator[FuseDisk]:
    files = context.data_path.with_name("files")
    (files / "dementia").mkdir(parents=True)
    (files / "dementia" / "edsd.csv").write_text("dataset\nedsd\n")
    context.data_path.mkdir()
    with fuse_disk(context.data_path, files) as made:
        yield made


def inventory(context: NodeContext, **more: Any) -> Inventory:
    value = wire.whole([wire.check_page(jobs.inventory(context, **more))])
    return Inventory.from_wire(WORKER, "fed1", value["inventory"])


@pytest.mark.parametrize("follow", [False, True])
def test_an_inventory_says_that_the_disk_hangs_and_is_one_again_when_it_responds(
    context: NodeContext, disk: FuseDisk, follow: bool
) -> None:
    disk.fault(hang=True)
    found = inventory(context, follow=follow)
    assert found.absence is not None
    assert (found.status, found.absence.rule) == ("DataDiskHangs", "DataDiskHangs")
    assert jobs.overview(context)["data"]["status"] == "DataDiskHangs"
    disk.fault()
    assert data_disk._hanging[context.data_path].finishes()
    found = inventory(context, follow=follow)
    assert (found.status, [each.name for each in found.pathologies]) == ("ok", ["dementia"])


def test_a_preflight_check_names_the_disk_that_hangs(context: NodeContext, disk: FuseDisk) -> None:
    disk.fault(hang=True)
    issues = [issue.text for issue in preflight._disk(context) if issue.fatal]
    assert issues == [str(data_disk.DataDiskHangs(node=WORKER, path=context.data_path))]
    disk.fault()


STEPS: dict[str, Callable[[NodeContext], Any]] = {
    "stage": lambda here: jobs.stage(
        here, "t1", pack({here.node.id: Payload("t1", (Entry("cde", "dementia", b"{}"),))})
    ),
    "commit": lambda here: jobs.commit(here, "t1"),
    "abort": lambda here: jobs.abort(here, "t1"),
    "enrol": jobs.enrol,
    "verify": lambda here: jobs.verify(here, wire.pack({})),
    "compile": lambda here: jobs.compile_databases(here, force=False, strict=False),
    "databases": jobs.databases,
    "datasets": queries.datasets,
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_that_needs_the_disk_ends_with_the_reason(
    context: NodeContext, disk: FuseDisk, step: Callable[[NodeContext], Any]
) -> None:
    disk.fault(hang=True)
    with pytest.raises(NodeError, match="does not respond"):
        step(context)
    disk.fault()
