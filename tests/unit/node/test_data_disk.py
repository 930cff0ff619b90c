"""What steps answer while the disk with the data hangs, fails or lies: really, by FUSE."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from saltext_mip import wire
from saltext_mip.data.database import compiler
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import MipError, NodeError
from saltext_mip.federation import CDE_FILE, ENROLLED_FILE, STATE_ROOT
from saltext_mip.node import data_disk, databases, jobs, preflight, queries
from saltext_mip.node.context import NodeContext
from saltext_mip.rules import RULES
from saltext_mip.storage import beneath
from saltext_mip.storage.beneath import Folder
from saltext_mip.storage.state import ENROLMENT, write_state
from saltext_mip.transaction.payload import Entry, Payload, pack
from tests.support import cdes
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
    (files / "dementia" / CDE_FILE).write_bytes(cdes.content(datasets=["edsd"]))
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
    "a CDE": lambda here: queries.cde_of(here, "dementia"),
    "folders": lambda here: preflight.folders(here, test=False),
    "check": lambda here: queries.check(here.data_path / "dementia", None, values=True),
    "check from the pusher": lambda here: queries.require_in_data_path(
        here.data_path / "dementia", [here.data_path], "salt-call --local mip.check"
    ),
    "codebook": lambda here: queries.cde_at(here.data_path / "dementia"),
    "fix": lambda here: queries.fix(
        here.data_path / "dementia/edsd.csv", None, encoding=None, write=False, out=None
    ),
    "fingerprint": lambda here: queries.fingerprint(
        Path("/nowhere"), None, here.data_path / "dementia/edsd.csv"
    ),
}
# those need something else, or are of no node; these report what the system does
OTHERWISE = {"commit", "check", "check from the pusher", "codebook", "fix", "fingerprint"}


def ended(step: Callable[[NodeContext], Any], context: NodeContext) -> str:
    """The error by which a step ends; any but ours, which has the reason, is a failure."""
    try:
        step(context)
    except MipError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_step_that_needs_the_disk_ends_with_the_reason(
    context: NodeContext, disk: FuseDisk, step: Callable[[NodeContext], Any]
) -> None:
    disk.fault(hang=True)
    with pytest.raises(NodeError, match="does not respond"):
        step(context)
    disk.fault()


def test_what_was_asked_is_not_told_without_end_where_the_disk_hangs(
    context: NodeContext, disk: FuseDisk, tmp_path: Path
) -> None:
    state = tmp_path / STATE_ROOT / "fed1"
    write_state(state / ENROLMENT, {"data_path": str(disk.path)})
    assert list(queries.asked(tmp_path, None).left) == ["dementia"]
    disk.fault(hang=True)
    with pytest.raises(NodeError, match="does not respond"):
        queries.asked(tmp_path, None)
    disk.fault()


FAILURES = {
    f"{errno.errorcode[number]} {where}": {"error": number, "below": below}
    for number in (errno.ESTALE, errno.EACCES, errno.EIO)
    for where, below in (
        ("on the data path", ""),
        ("on the marker", ENROLLED_FILE),
        ("on a folder", "dementia"),
    )
}


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
def test_a_disk_that_fails_is_unreadable_for_every_step(
    context: NodeContext, disk: FuseDisk, fault: dict[str, Any]
) -> None:
    (disk.files / ENROLLED_FILE).write_text("")
    write_state(context.state / ENROLMENT, {"data_path": str(disk.path)})
    assert inventory(context).status == "ok"
    disk.fault(**fault)
    found = inventory(context)
    whole = fault["below"] != "dementia"
    reason = os.strerror(fault["error"])
    (problem,) = found.problems if whole else found.pathologies[0].problems
    assert (problem.rule, problem.about) == ("Unreadable", reason)
    assert found.status == ("Unreadable" if whole else "ok")
    ends = {name: ended(step, context) for name, step in STEPS.items() if name not in OTHERWISE}
    others = {name: end for name, end in ends.items() if end and reason not in end}
    assert not others
    said = str(queries.cde(context, None) if not whole else jobs.overview(context))
    assert ("Unreadable" if whole else RULES["Unreadable"].text) in said


def test_inode_numbers_that_change_at_each_look_are_no_change_for_the_database(
    context: NodeContext, disk: FuseDisk
) -> None:
    behind = Folder.at(disk.files / "dementia")
    compiler.compile(behind, context.state, pathology="dementia", rows=True)
    disk.fault(inodes=True)
    for _ in range(2):
        assert databases.states(context)["dementia"] == {"current": True, "reason": None}
    found = databases.states(context, verify=True)["dementia"]
    assert (found["same"], found["differences"]) == (True, [])


def test_a_file_that_is_open_is_known_again_whatever_number_its_server_gives(
    disk: FuseDisk,
) -> None:
    disk.fault(inodes=True)
    with (
        (disk.path / "dementia/edsd.csv").open("rb") as one,
        (disk.path / "dementia/edsd.csv").open("rb") as other,
        (disk.files / "dementia/edsd.csv").open("rb") as behind,
    ):
        found = beneath.descriptors_of(one.fileno())
        assert {one.fileno(), other.fileno()} <= found
        assert behind.fileno() not in found
