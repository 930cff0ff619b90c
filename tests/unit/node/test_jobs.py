"""Steps of the pusher on a node: pages of large answers, what follows the data, state runs."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from typing import Any

import pytest

from saltext_mip import wire
from saltext_mip.errors import NodeError, UnsafeName
from saltext_mip.node import jobs, watch_data
from saltext_mip.node.context import NodeContext
from saltext_mip.node.reminders import Timers
from saltext_mip.storage.state import SPOOL
from saltext_mip.transaction.payload import Entry, Payload, pack
from tests.support import cdes
from tests.support.docker_sdk import Docker
from tests.unit.node.conftest import Contexts

CDE = cdes.content(datasets=["edsd"])
TIMERS = Timers(30.0, 900.0, 5.0)


@pytest.fixture
def worker(context_of: Contexts) -> NodeContext:
    context = context_of("fed1-wk-chuv")
    folder = context.data_path / "dementia"
    folder.mkdir(parents=True)
    (folder / "CDEsMetadata.json").write_bytes(CDE)
    (folder / "edsd.csv").write_text("dataset,age\nedsd,70\n")
    return context


def report_due(context: NodeContext, now: float) -> bool:
    observed = watch_data.scan(context.data_path, context.state)
    return watch_data.report_due(context.state, observed, TIMERS, now)


def whole(context: NodeContext, first: Any) -> Any:
    """The value of a packed answer, its pages fetched as the pusher does."""
    pages = [wire.check_page(first)]
    pages += [jobs.page(context, first["sha256"], n) for n in range(1, first["pages"])]
    return wire.whole(pages)


def test_a_small_answer_is_one_page_and_leaves_nothing_on_disk(worker: NodeContext) -> None:
    first = jobs.packed(worker, {"x": 1})
    assert (first["pages"], wire.whole([first])) == (1, {"x": 1})
    assert not (worker.state / SPOOL).exists()


def test_a_large_answer_is_fetched_page_by_page(worker: NodeContext) -> None:
    value = {"noise": os.urandom(900_000).hex()}
    first = jobs.packed(worker, value)
    assert first["pages"] > 1
    assert whole(worker, first) == value
    with pytest.raises(NodeError, match="page"):
        jobs.page(worker, first["sha256"], first["pages"])


def test_pages_that_are_an_hour_old_are_removed(worker: NodeContext) -> None:
    first = jobs.packed(worker, {"noise": os.urandom(900_000).hex()})
    (spooled,) = (worker.state / SPOOL).iterdir()
    old = time.time() - jobs.SPOOL_AGE - 1
    os.utime(spooled, (old, old))
    jobs.packed(worker, {"noise": os.urandom(900_000).hex()})
    assert not spooled.exists()
    with pytest.raises(NodeError, match="run the command again"):
        jobs.page(worker, first["sha256"], 1)


def test_a_page_is_never_another_file(worker: NodeContext) -> None:
    for name in ("../staged.json", "..", ""):
        with pytest.raises(UnsafeName):
            jobs.page(worker, name, 0)


def test_the_master_sends_cdes_that_the_pusher_does_not_know(context_of: Contexts) -> None:
    context = context_of("fed1-ms")
    (context.data_path / "dementia").mkdir(parents=True)
    (context.data_path / "dementia/CDEsMetadata.json").write_bytes(CDE)
    (sha256,) = whole(context, jobs.inventory(context))["contents"]
    assert whole(context, jobs.inventory(context))["contents"][sha256].encode("latin-1") == CDE
    assert whole(context, jobs.inventory(context, [sha256]))["contents"] == {}


def test_a_gather_that_follows_acknowledges_what_it_saw(worker: NodeContext) -> None:
    later = time.time() + 3600
    due = report_due(worker, later)
    assert not due  # it settles first
    assert report_due(worker, later + 60)
    assert "inventory" in whole(worker, jobs.inventory(worker, follow=True))
    assert not report_due(worker, later + 3600)


def test_a_gather_that_follows_waits_for_files_that_change(worker: NodeContext) -> None:
    answer = whole(worker, jobs.inventory(worker, follow=True, settle=3600.0))
    assert answer == {"settling": True, "uptime": None}
    assert "inventory" in whole(worker, jobs.inventory(worker, settle=3600.0))


def test_files_are_verified_against_a_future_cde(worker: NodeContext) -> None:
    other = cdes.content(datasets=["edsd"], variables=[cdes.variable("weight", "real")])
    parts = wire.pack({"dementia": other.decode("latin-1")})
    before = whole(worker, jobs.inventory(worker))["inventory"]["pathologies"][0]["files"][0][
        "verified"
    ]
    (file,) = whole(worker, jobs.verify(worker, parts))["pathologies"][0]["files"]
    (found,) = [problems for cde, problems in file["verified"].items() if cde not in before]
    assert [(each["rule"], each["column"]) for each in found] == [("UnknownColumn", "age")]
    assert (worker.data_path / "dementia/CDEsMetadata.json").read_bytes() == CDE


def test_a_commit_is_no_reason_to_report(worker: NodeContext) -> None:
    jobs.inventory(worker, follow=True)
    new = cdes.content(datasets=["edsd", "ppmi"])
    entry = Entry("cde", "dementia", new)
    parts = pack({"fed1-wk-chuv": Payload("t1", (entry,)), "other": Payload("t1")})
    assert jobs.stage(worker, "t1", parts) == {"staged": 1}
    assert jobs.commit(worker, "t1") == {"committed": 1}
    assert (worker.data_path / "dementia/CDEsMetadata.json").read_bytes() == new
    later = time.time() + 3600
    assert not report_due(worker, later)
    assert not report_due(worker, later + 600)
    assert jobs.abort(worker, "t1") == {"aborted": False}


def test_the_status_has_an_error_of_docker_beside_the_rest(
    worker: NodeContext, context_of: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    value = whole(worker, jobs.node_status(worker, {}))
    assert "socket not found" in value["swarm"]["error"]
    assert value["databases"]["dementia"]["current"] is False
    assert set(value["data"]["pathologies"]["dementia"]["files"]) == {"edsd.csv"}
    assert value["free"] > 0
    master = context_of("fed1-ms")
    master.data_path.mkdir()
    value = whole(master, jobs.node_status(master, {}))
    assert "socket not found" in value["services_error"]


def test_the_status_has_versions_and_no_free_space_of_what_is_not_there(
    sdk: Docker, worker: NodeContext, context_of: Contexts
) -> None:
    value = whole(worker, jobs.node_status(replace(worker, salt="3008.2"), {}))
    assert (value["salt"], value["swarm"]["docker"]) == ("3008.2", "28.0.4")
    shutil.rmtree(worker.data_path)
    assert whole(worker, jobs.node_status(worker, {}))["free"] is None
    ui = context_of("fed1-ui")
    assert whole(ui, jobs.node_status(ui, {}))["free"] is None
    ui.federation.ui_path.mkdir(parents=True)
    assert whole(ui, jobs.node_status(ui, {}))["free"] > 0


def test_the_preflight_has_the_issues_and_the_place_in_the_swarm(
    sdk: Docker, worker: NodeContext
) -> None:
    worker.data_path.chmod(0o755)
    value = jobs.preflight_issues(worker, b"", time.time())
    assert any("chmod o-rwx" in each["text"] for each in value["findings"])
    assert value["swarm"]["cluster"] == "cluster1"


RUN = {
    "mip_|-b_|-b_|-folders": {
        "__run_num__": 1,
        "__id__": "mip-folders-fed1",
        "result": True,
        "changes": {"/data": {"old": "missing", "new": "created"}, "odd": "text"},
        "comment": "Changed: /data.",
    },
    "mip_|-a_|-a_|-requirements": {
        "__run_num__": 0,
        "result": False,
        "changes": {},
        "comment": "no Docker",
    },
    "mip_|-c_|-c_|-swarm": {"__run_num__": 2, "result": True, "changes": {}, "comment": "fine"},
}


def test_of_a_state_run_what_changed_or_failed_in_its_order() -> None:
    assert jobs.changed_states(RUN) == [
        {
            "name": "mip_|-a_|-a_|-requirements",
            "result": False,
            "changes": {},
            "comment": "no Docker",
        },
        {
            "name": "mip-folders-fed1",
            "result": True,
            "changes": {"/data": ["missing", "created"], "odd": ["", "changed"]},
            "comment": "Changed: /data.",
        },
    ]


def test_a_state_run_that_did_not_begin_has_failed() -> None:
    (state,) = jobs.changed_states(["Rendering SLS failed"])
    assert (state["result"], "Rendering SLS failed" in state["comment"]) == (False, True)
