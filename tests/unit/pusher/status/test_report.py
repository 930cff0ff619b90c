"""The status of a federation of folders: real data on every node, services as the master says.

What a real Swarm says is looked at in ``tests/federation``; here are the cases that read as data.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET, convert, to_builtins

from saltext_mip import results, schemas
from saltext_mip.console.cli.views import describe_node
from saltext_mip.console.screens.render import render
from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.outcome import Outcome
from saltext_mip.data.csvfile import open_files
from saltext_mip.errors import Refused
from saltext_mip.generations.overrides import Override
from saltext_mip.node.context import NodeContext
from saltext_mip.node.jobs import overview
from saltext_mip.pusher import forgeries
from saltext_mip.pusher.answers import Answers
from saltext_mip.pusher.context import MasterProblem
from saltext_mip.pusher.services import deploy_failures
from saltext_mip.pusher.status import report
from saltext_mip.pusher.survey import Options
from saltext_mip.results import DeployedNode, ServicesResult, StatusResult
from saltext_mip.storage import lock
from saltext_mip.storage.state import CONTROLLER_LOCK
from tests.support.commands import compile_federation, consolidate, disable, enable, status
from tests.support.folders import Folders
from tests.support.mounts import broken_disk, own_disk
from tests.support.returns import text_of
from tests.unit.pusher.conftest import cde, rows

HOSTS = ("fed1-wk-h1", "fed1-wk-h2")


def service(node: str, short: str, *, up: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "node": node,
        "short": short,
        "image": f"{short}:1",
        "replicas": f"{int(up)}/1",
        "up": up,
        "serving": up,
        "declared": True,
        "since": "2026-01-01T00:00:00Z",
        "task": "t",
        "once": False,
        "task_running": up,
        **more,
    }


def swarm() -> dict[str, Any]:
    """What the master node says while all is well."""
    return {
        "swarm": "active",
        "swarm_error": "",
        "cluster": "c",
        "nodes": {},
        "services": {
            "fed1-ms_exareme-master": service("fed1-ms", "exareme-master"),
            **{f"{node}_exareme": service(node, "exareme") for node in HOSTS},
        },
        "served": {
            "active": list(HOSTS),
            "datasets": {"dementia": {"edsd": [HOSTS[0]], "ppmi": [HOSTS[1]]}},
            "error": "",
            "unknown": False,
        },
        "due": [],
        "stalled": [],
        "words": {},
        "plan": [],
        "refused": None,
        "ending": [],
    }


class WithServices(Folders):
    """A federation of folders whose master says of the services what ``services`` is."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.services = swarm()
        self.forged: dict[str, Any] = {}

    def ask(self, function: str, targets: Any, *arguments: Any, **keywords: Any) -> Answers:
        if function == "federation_node.services":
            return Answers(dict.fromkeys(targets, self.services))
        if function != "federation_node.status":
            return super().ask(function, targets, *arguments, **keywords)
        values = {}
        for node in targets:
            if node in self.down:
                continue
            here = NodeContext(
                self.federation, self.federation.by_id(node), self.root / node / "state"
            )
            values[node] = overview(here)
            if node == "fed1-ms":
                values[node]["services"] = self.services
        values |= self.forged
        return Answers(
            values,
            {node: "it does not answer" for node in targets if node in self.down},
            versions=self.versions,
        )

    def status(self) -> dict[str, Any]:
        value = status(self.pusher)
        whole = {"schema": 1, "command": "status", **value}
        assert schemas.first_error(results.schema("status"), whole) is None
        return value


@pytest.fixture
def fed(tmp_path: Path) -> WithServices:
    """Consolidated, compiled, deployed and served."""
    made = WithServices(tmp_path)
    made.write("fed1-ms", "dementia", "CDEsMetadata.json", cde())
    made.write(HOSTS[0], "dementia", "edsd.csv", rows("edsd"))
    made.write(HOSTS[1], "dementia", "ppmi.csv", rows("ppmi"))
    consolidate(made.pusher, Options())
    compile_federation(made.pusher)
    return made


def wrong(value: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        each["type"]: (each["status"], each["reason"])
        for each in value["conditions"]
        if each["status"] != "True" and each["type"] != "Ready"
    }


def described(value: Mapping[str, Any], node: str) -> str:
    """What ``mip describe`` prints of a node."""
    return str(describe_node(convert(value, StatusResult), node))


@pytest.mark.parametrize(("running", "up"), [(False, True), (True, True), (False, False)])
def test_a_job_that_ended_well_is_completed(fed: WithServices, running: bool, up: bool) -> None:
    job = service("fed1-ui", "create_dbs", up=up, once=True, task_running=running)
    fed.services["services"]["create_dbs"] = job
    found = fed.status()["services"]
    assert found["create_dbs"].get("completed") == (True if up and not running else None)
    assert "completed" not in found["fed1-ms_exareme-master"]


@pytest.mark.parametrize("name", ["edsd", "new"])
def test_what_is_held_is_not_reported_as_changed_or_stale(fed: WithServices, name: str) -> None:
    fed.data(HOSTS[1], "dementia", "ppmi.csv").unlink()
    # ppmi's rows may have moved there
    fed.write(HOSTS[0], "dementia", f"{name}.csv", rows("edsd") + "ppmi,70,28.5\n")
    consolidate(fed.pusher, Options(guard=True))
    compile_federation(fed.pusher)
    value = fed.status()
    found = {each["type"]: each["status"] for each in value["conditions"]}
    assert (found["Consolidated"], found["Compiled"], found["Held"]) == ("True",) * 3


def test_answers_that_were_forged_are_a_condition_of_their_own(fed: WithServices) -> None:
    now = fed.pusher.now()
    forgeries.remember(fed.pusher.state, "inventory", {HOSTS[0]: 3}, now)
    value = fed.status()
    (found,) = [each for each in value["conditions"] if each["type"] == "ForgedAnswer"]
    assert (found["status"], found["reason"]) == ("True", "AnswersForged")
    assert f"3 in the name of {HOSTS[0]} (inventory)" in found["message"]
    assert wrong(value) == {}
    assert (value["ok"], value["sync"], value["health"]) == (False, "Synced", "Healthy")


def test_all_is_well_where_everything_is_as_declared_and_served(fed: WithServices) -> None:
    value = fed.status()
    assert wrong(value) == {}
    assert (value["ok"], value["sync"], value["health"]) == (True, "Synced", "Healthy")
    assert value["problems"] == []
    assert value["pathologies"]["dementia"] == {
        "datasets": {"edsd": [HOSTS[0]], "ppmi": [HOSTS[1]]},
        "compiled": ["fed1-ms", *HOSTS],
        "stale": {},
        "generation": 1,
        "served": True,
    }


def test_a_fresh_federation_says_what_to_do_first(tmp_path: Path) -> None:
    fresh = WithServices(tmp_path)
    fresh.services |= {"swarm": "inactive", "cluster": "", "services": {}}
    value = fresh.status()
    assert wrong(value) == {
        "DataValid": ("Unknown", "NeverConsolidated"),
        "Consolidated": ("Unknown", "NothingDeclared"),
        "Compiled": ("Unknown", "NothingDeclared"),
        "Deployed": ("False", "NoSwarm"),
        "Served": ("False", "NoSwarm"),
    }
    hints = {each["type"]: each["hint"] for each in value["conditions"]}
    assert hints["Deployed"] == "Run mip deploy."


def data_came(fed: WithServices) -> None:
    fed.write(HOSTS[0], "dementia", "new.csv", rows("new"))


def cde_changed(fed: WithServices) -> None:
    fed.write(HOSTS[0], "dementia", "CDEsMetadata.json", cde("edsd", "x"))


def ui_changed(fed: WithServices) -> None:
    fed.federation.pathologies_path.write_text("[]")


def image_changed(fed: WithServices) -> None:
    item = {"action": "update", "thing": "x", "reason": "image differs: a -> b"}
    fed.services["plan"] = [item]


def image_missing(fed: WithServices) -> None:
    down = service(HOSTS[0], "exareme", up=False, error="No such image: exareme:9")
    fed.services["services"][f"{HOSTS[0]}_exareme"] = down


def engine_silent(fed: WithServices) -> None:
    fed.services["services"][f"{HOSTS[0]}_exareme"]["serving"] = False


def an_engine_of_another_kind(fed: WithServices) -> None:
    fed.services["served"] = {
        "active": None,
        "datasets": None,
        "error": "unexpected answer: 200 <html>",
        "unknown": True,
    }
    for of in fed.services["services"].values():
        of["serving"] = None


def an_engine_that_restarted_in_vain(fed: WithServices) -> None:
    fed.services["stalled"] = ["fed1-wk-h1_exareme: the master restarted; it restarted at 10:00"]


def old_data_served(fed: WithServices) -> None:
    fed.services["served"]["datasets"] = {"dementia": {"edsd": [HOSTS[0]]}}


def more_served_than_its_files(fed: WithServices) -> None:
    fed.services["served"]["datasets"]["dementia"]["gone"] = [HOSTS[0]]


def served_and_not_listed(fed: WithServices) -> None:
    data_came(fed)
    fed.services["served"]["datasets"]["dementia"]["new"] = [HOSTS[0]]


def stopped(fed: WithServices) -> None:
    fed.services["words"] = {HOSTS[0]: {"word": "stopped", "actor": "anna", "when": "now"}}
    fed.services["services"][f"{HOSTS[0]}_exareme"] |= {
        "replicas": "0/0",
        "up": None,
        "serving": None,
    }


def master_stopped(fed: WithServices) -> None:
    fed.services["words"] = {"fed1-ms": {"word": "stopped", "actor": "anna", "when": "now"}}
    fed.services["services"]["fed1-ms_exareme-master"] |= {
        "replicas": "0/0",
        "up": None,
        "serving": None,
    }
    fed.services["served"] = {
        "active": None,
        "datasets": None,
        "error": "connection refused",
        "unknown": False,
    }
    for node in HOSTS:
        fed.services["services"].pop(f"{node}_exareme")


def stopped_beside_old_data(fed: WithServices) -> None:
    stopped(fed)
    fed.services["served"]["datasets"] = {"dementia": {"edsd": [HOSTS[0]]}}


def refused(fed: WithServices) -> None:
    fed.services["refused"] = "service x uses a name of the federation"


def suspended(fed: WithServices) -> None:
    from saltext_mip.results import Override

    fed.pusher.store.suspend(Override("anna", "2026-01-01T00:00:00+00:00", "RolledBack to 1"))


STALE = ("False", "DatabasesStale")
CASES: list[tuple[Callable[[WithServices], None], dict[str, tuple[str, str]], str, str]] = [
    (
        data_came,
        {"Consolidated": ("False", "DataChanged"), "Compiled": STALE},
        "OutOfSync",
        "Healthy",
    ),
    (
        cde_changed,
        {"Consolidated": ("False", "DataChanged"), "Compiled": STALE},
        "OutOfSync",
        "Healthy",
    ),
    (ui_changed, {"Consolidated": ("False", "DataChanged")}, "OutOfSync", "Healthy"),
    (image_changed, {"Deployed": ("False", "ServicesDiffer")}, "OutOfSync", "Healthy"),
    (image_missing, {"Served": ("False", "ImagePullFailed")}, "Synced", "Degraded"),
    (engine_silent, {"Served": ("False", "NotServing")}, "Synced", "Degraded"),
    (an_engine_of_another_kind, {"Served": ("Unknown", "EngineUnknown")}, "Synced", "Unknown"),
    (an_engine_that_restarted_in_vain, {"Served": ("False", "NotServed")}, "Synced", "Degraded"),
    (old_data_served, {"Served": ("False", "DatasetsDiffer")}, "Synced", "Degraded"),
    (more_served_than_its_files, {"Served": ("False", "DatasetsDiffer")}, "Synced", "Degraded"),
    (
        served_and_not_listed,
        {"Consolidated": ("False", "DataChanged"), "Compiled": STALE},
        "OutOfSync",
        "Healthy",
    ),
    (stopped, {}, "Synced", "Suspended"),
    (master_stopped, {}, "Synced", "Suspended"),
    (stopped_beside_old_data, {"Served": ("False", "DatasetsDiffer")}, "Synced", "Degraded"),
    (refused, {"Deployed": ("False", "DeployRefused")}, "OutOfSync", "Healthy"),
    (suspended, {}, "Synced", "Suspended"),
]


@pytest.mark.parametrize(
    ("happens", "expected", "sync", "health"), CASES, ids=[case[0].__name__ for case in CASES]
)
def test_what_is_wrong_is_one_condition_with_its_reason(
    fed: WithServices,
    happens: Callable[[WithServices], None],
    expected: dict[str, tuple[str, str]],
    sync: str,
    health: str,
) -> None:
    happens(fed)
    value = fed.status()
    assert wrong(value) == expected
    assert (value["ok"], value["sync"], value["health"]) == (False, sync, health)


def test_what_an_operator_stopped_is_named_and_is_no_fault(fed: WithServices) -> None:
    stopped(fed)
    value = fed.status()
    conditions = {each["type"]: each for each in value["conditions"]}
    assert (conditions["Served"]["status"], conditions["Served"]["reason"]) == ("True", "Stopped")
    assert HOSTS[0] in conditions["Served"]["message"]
    assert (conditions["Ready"]["status"], conditions["Ready"]["reason"]) == ("False", "Stopped")
    assert value["problems"] == []
    screen = str(render("status", convert(value, StatusResult), width=100))
    assert "! Served             Stopped" in screen
    assert "✖" not in screen.partition("Can researchers use it?")[0]


def test_a_drained_node_is_named_with_its_end_and_is_no_fault(fed: WithServices) -> None:
    stopped(fed)
    until = "2027-01-01T14:00:00+00:00"
    fed.services["words"][HOSTS[0]] |= {"word": "drained", "reason": "new memory", "until": until}
    value = fed.status()
    conditions = {each["type"]: each for each in value["conditions"]}
    assert (conditions["Served"]["status"], conditions["Served"]["reason"]) == ("True", "Drained")
    text = f"{HOSTS[0]}: drained by anna until 2027-01-01 14:00 UTC: new memory (since now)"
    assert conditions["Deployed"]["message"] == text
    assert (value["sync"], value["health"]) == ("Synced", "Suspended")
    assert value["problems"] == []
    screen = str(render("status", convert(value, StatusResult), width=100))
    assert "! Served             Drained" in screen
    assert "new memory" in described(value, HOSTS[0])
    fed.pusher.store.remember_drained({HOSTS[0]: Override("anna", until, "new memory")})
    lines = " ".join(described(fed.status(), HOSTS[0]).split())
    assert "! drained by anna since 2027-01-01 14:00 UTC: new memory; responds" in lines
    fed.services["words"]["fed1-ms"] = {"word": "stopped", "actor": "anna", "when": "now"}
    both = {each["type"]: each for each in fed.status()["conditions"]}["Served"]
    assert both["reason"] == "Stopped"
    assert both["message"] == f"an operator stopped fed1-ms; an operator drained {HOSTS[0]}"


# what Docker reports of its Swarm on the master node, and the reason of the condition
SWARMS = {
    "inactive": "NoSwarm",
    "locked": "SwarmLocked",
    "not a manager": "SwarmOfOthers",
    "error": "SwarmFailed",
    "starting": "SwarmStarting",
}


@pytest.mark.parametrize(("swarm_state", "reason"), SWARMS.items())
def test_a_swarm_that_is_not_managed_has_its_own_reason_and_advice(
    fed: WithServices, swarm_state: str, reason: str
) -> None:
    error = {"swarm_error": "" if swarm_state == "inactive" else "Docker's own words"}
    fed.services |= {"swarm": swarm_state, "cluster": "", "services": {}, **error}
    value = fed.status()
    unknown = "Unknown" if swarm_state == "starting" else "False"
    assert wrong(value) == {"Deployed": (unknown, reason), "Served": (unknown, reason)}
    (message,) = [c["message"] for c in value["conditions"] if c["type"] == "Deployed"]
    assert error["swarm_error"] in message
    hint = next(each["hint"] for each in value["conditions"] if each["type"] == "Deployed")
    assert ("mip deploy" in hint) is (swarm_state == "inactive"), "a deployment cures only that"
    screen = described(value, "fed1-ms")
    assert f"Deployed: {reason}" in screen
    assert "No problems" not in screen
    if swarm_state not in ("inactive", "starting"):
        (problem,) = value["problems"]
        assert (problem["rule"], problem["node"]) == (reason, "fed1-ms")


REFUSED = {"serving": False, "port_error": "port 80 of 10.0.0.2 refuses connections"}
SILENT = {"serving": None, "port_error": "port 80 of 10.0.0.2 gave no response within 3 s"}


@pytest.mark.parametrize(
    ("port", "status", "reason", "shown"),
    [
        (REFUSED, "False", "PortRefused", "not serving"),
        (SILENT, "Unknown", "PortSilent", "unknown"),
    ],
)
def test_a_port_that_does_not_answer_is_named(
    fed: WithServices, port: dict[str, Any], status: str, reason: str, shown: str
) -> None:
    fed.services["services"]["frontend"] = service("fed1-ui", "frontend", **port)
    value = fed.status()
    assert wrong(value) == {"Served": (status, reason)}
    (served,) = [each for each in value["conditions"] if each["type"] == "Served"]
    assert port["port_error"] in served["message"]
    assert value["services"]["frontend"]["error"] == port["port_error"]
    screen = str(render("status", convert(value, StatusResult), width=120))
    (line,) = [each for each in screen.splitlines() if " frontend " in each]
    assert f" {shown} " in line


def test_only_a_node_that_was_observed_is_without_problems(fed: WithServices) -> None:
    assert "No problems." in described(fed.status(), HOSTS[0])
    fed.down = {HOSTS[0]}
    value = fed.status()
    assert "No problems" not in described(value, HOSTS[0])
    assert "No problems." in described(value, HOSTS[1])
    disable(fed.pusher, "wk1", None, dry_run=False)
    assert "No problems" not in described(fed.status(), HOSTS[0])


def test_what_the_engine_of_a_disabled_node_serves_is_no_difference(fed: WithServices) -> None:
    disable(fed.pusher, "wk2", None, dry_run=False)
    consolidate(fed.pusher, Options())
    compile_federation(fed.pusher)
    value = fed.status()
    assert HOSTS[1] in str(fed.services["served"]["datasets"])
    assert value["pathologies"]["dementia"]["datasets"].keys() == {"edsd"}
    assert value["pathologies"]["dementia"]["served"] is True
    assert wrong(value) == {}


def test_a_master_that_is_disabled_or_has_no_docker_is_not_one_that_does_not_respond(
    fed: WithServices,
) -> None:
    fed.services = None
    fed.forged = {}
    value = fed.status()
    assert wrong(value)["Served"] == ("Unknown", "MasterFailed")
    disable(fed.pusher, "ms", None, dry_run=False)
    assert wrong(fed.status())["Served"] == ("Unknown", "MasterDisabled")


def test_a_deployment_that_failed_is_in_the_status_until_one_succeeds(fed: WithServices) -> None:
    node = fed.federation.by_id(HOSTS[0])

    def deployed(*failed: str) -> None:
        nodes = {
            each.id: DeployedNode(
                changed=False,
                failed=each.id in failed,
                changes={},
                error="no room left" if each.id in failed else UNSET,
                findings=[],
            )
            for each in fed.federation.nodes
        }
        with deploy_failures.recorded(fed.pusher, fed.federation.nodes, whole=True) as attempt:
            attempt.result = ServicesResult(
                federation="fed1", changed=False, nodes=nodes, services={}, problems=[]
            )

    deployed(HOSTS[0])
    value = fed.status()
    assert (value["ok"], wrong(value)) == (False, {"Deployed": ("False", "DeployFailed")})
    (problem,) = value["problems"]
    assert (problem["rule"], problem["node"], problem["about"]) == (
        "DeployFailed",
        HOSTS[0],
        "no room left",
    )
    assert "DeployFailed" in described(value, HOSTS[0])
    assert "DeployFailed" not in described(value, HOSTS[1])
    deployed()
    assert fed.status()["ok"] is True
    with (
        pytest.raises(Refused),
        deploy_failures.recorded(fed.pusher, [node], whole=False),
    ):
        raise Refused("port 80 is taken")
    assert wrong(fed.status()) == {"Deployed": ("False", "DeployFailed")}
    disable(fed.pusher, "wk1", None, dry_run=False)
    assert "Deployed" not in wrong(fed.status())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.parametrize("fault", ["full", "read-only"])
@pytest.mark.parametrize("down", [set(), {HOSTS[0]}])
def test_with_a_state_folder_that_cannot_be_written_the_rest_is_shown(
    fed: WithServices, fault: str, down: set[str]
) -> None:
    fed.status()
    fed.down = down  # there is something new to record
    before = wrong(fed.status())
    fed.pusher.store.suspend(
        Override("anna", "2026-01-01T00:00:00+00:00", "", "2026-01-02T00:00:00+00:00")
    )
    fed.down = set() if down else {HOSTS[0]}
    fed.status()
    fed.down = down
    with broken_disk(fed.pusher.state, fault):
        value = fed.status()
    assert wrong(value) == {"StateWritable": ("False", "StateNotWritable"), **before}
    condition = next(each for each in value["conditions"] if each["type"] == "StateWritable")
    assert str(fed.pusher.state) in condition["message"]
    ready = next(each for each in value["conditions"] if each["type"] == "Ready")
    assert ready["reason"] == "StateNotWritable", "the pusher comes before its nodes"
    assert {node for node, of in value["nodes"].items() if not of["up"]} == down
    assert set(value["services"]) == {"fed1-ms_exareme-master", *(f"{n}_exareme" for n in HOSTS)}
    assert value["pathologies"]["dementia"]["served"] is True
    assert "StateWritable" not in wrong(fed.status())


def test_the_pushers_own_state_is_part_of_the_status(fed: WithServices) -> None:
    problem = MasterProblem("JobCacheOff", "set job_cache: True", "job_cache is off")
    value = to_builtins(
        report.status(replace(fed.pusher, master_problems=(problem,), has_controller=True))
    )
    assert wrong(value) == {
        "MasterConfigured": ("False", "MasterSettings"),
        "ControllerRunning": ("False", "ControllerDown"),
    }
    assert value["health"] == "Degraded"
    message = next(c["message"] for c in value["conditions"] if c["type"] == "MasterConfigured")
    assert message == "job_cache is off. To do: set job_cache: True"
    fd = lock.hold(fed.pusher.state / CONTROLLER_LOCK)
    assert fd is not None
    value = to_builtins(report.status(replace(fed.pusher, has_controller=True)))
    lock.release(fd)
    assert (wrong(value), value["ok"]) == ({}, True)


def test_a_file_that_went_bad_is_told_though_the_generation_stays(fed: WithServices) -> None:
    bad = "dataset,age,mmse\n{},seventy,1\n"
    fed.write(HOSTS[0], "dementia", "edsd.csv", bad.format("edsd"))
    fed.write(HOSTS[1], "dementia", "new.csv", bad.format("new"))
    assert consolidate(fed.pusher, Options())["changed"] is False
    compile_federation(fed.pusher)
    value = fed.status()
    assert wrong(value) == {"DataValid": ("False", "DataProblems")}
    assert {problem["file"] for problem in value["problems"]} == {"edsd.csv", "new.csv"}
    fed.write(HOSTS[0], "dementia", "edsd.csv", rows("edsd"))
    fed.data(HOSTS[1], "dementia", "new.csv").unlink()
    consolidate(fed.pusher, Options())
    compile_federation(fed.pusher)
    value = fed.status()
    assert (wrong(value), value["problems"]) == ({}, [])


def test_a_file_that_is_uploaded_changes_nothing_and_is_a_note_where_that_takes_long(
    fed: WithServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, served = (fed.data(HOSTS[0], "dementia", name) for name in ("new.csv", "edsd.csv"))
    with new.open("w") as upload, served.open("a") as more:
        upload.write(rows("new"))
        upload.flush()
        more.write(rows("edsd").partition("\n")[2])
        more.flush()
        value = fed.status()
        assert (wrong(value), value["problems"]) == ({}, [])
        monkeypatch.setattr(open_files, "LONG", 0.0)
        value = fed.status()
        assert wrong(value) == {}
        assert [(each["rule"], each["severity"], each["file"]) for each in value["problems"]] == [
            ("FileOpen", "note", "edsd.csv"),
            ("FileOpen", "note", "new.csv"),
        ]
        before = fed.pusher.store.last()
        assert consolidate(fed.pusher, Options())["changed"] is False
        assert fed.pusher.store.last() == before
        done = compile_federation(fed.pusher)["nodes"][HOSTS[0]]["dementia"]
        assert done["status"] == "current"
    assert consolidate(fed.pusher, Options())["changed"] is True
    compile_federation(fed.pusher)
    assert fed.status()["problems"] == []


@pytest.mark.parametrize("rule", ["MountGone", "NoDataPath", "Unreadable", "DataDiskHangs"])
def test_why_nothing_is_known_of_a_nodes_data_is_the_reason(fed: WithServices, rule: str) -> None:
    data = {"status": rule, "about": "Stale file handle", "pathologies": {}}
    fed.forged = {HOSTS[0]: {"data": data, "databases": {}}}
    value = fed.status()
    assert wrong(value)["DataValid"] == ("False", rule)
    (problem,) = [each for each in value["problems"] if each["node"] == HOSTS[0]]
    assert (problem["rule"], problem["about"]) == (rule, "Stale file handle")


@pytest.mark.parametrize("left", ["its mount point", "nothing", "old files"])
def test_a_pathology_whose_own_disk_is_gone_remains_as_it_was(fed: WithServices, left: str) -> None:
    folder = fed.data(HOSTS[1], "tbi")
    folder.mkdir()
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde())
    with own_disk(folder):
        fed.write(HOSTS[1], "tbi", "more.csv", rows("more"))
        consolidate(fed.pusher, Options())
        compile_federation(fed.pusher)
        assert "Consolidated" not in wrong(fed.status())
        served = fed.pusher.store.last()
        assert served is not None
        # the state may be rewritten by what goes on, and still knows of the mount
        fed.write(HOSTS[1], "dementia", "new.csv", rows("new"))
        consolidate(fed.pusher, Options())
    if left == "nothing":
        folder.rmdir()
    elif left == "old files":
        fed.write(HOSTS[1], "tbi", "other.csv", rows("other"))
    before = sorted(path.name for path in folder.iterdir()) if folder.exists() else None
    fed.data(HOSTS[1], "dementia", "new.csv").unlink()
    consolidate(fed.pusher, Options())
    last = fed.pusher.store.last()
    assert last is not None
    assert last.pathologies == served.pathologies
    done = compile_federation(fed.pusher, force=True)["nodes"][HOSTS[1]]
    assert (done["tbi"]["status"], done["dementia"]["status"]) == ("failed", "compiled")
    after = sorted(path.name for path in folder.iterdir()) if folder.exists() else None
    assert after == before, "nothing is written in its place"
    value = fed.status()
    assert wrong(value)["DataValid"] == ("False", "MountGone")
    assert "Consolidated" not in wrong(value)
    (problem,) = [each for each in value["problems"] if each["rule"] == "MountGone"]
    assert (problem["node"], problem["pathology"]) == (HOSTS[1], "tbi")


def test_enable_takes_a_folder_in_the_place_of_a_pathologys_own_disk(fed: WithServices) -> None:
    folder = fed.data(HOSTS[1], "tbi")
    folder.mkdir()
    with own_disk(folder):
        fed.write(HOSTS[1], "tbi", "more.csv", rows("more"))
        consolidate(fed.pusher, Options())
    assert wrong(fed.status())["DataValid"] == ("False", "MountGone")
    enable(fed.pusher, "wk2", dry_run=False)
    assert "MountGone" not in str(fed.status()["problems"])


def test_a_worker_that_does_not_answer_is_not_one_of_one_and_has_its_contact(
    fed: WithServices,
) -> None:
    fed.down = {HOSTS[0]}
    fed.services["served"]["active"] = [HOSTS[1]]  # the Swarm still says 1/1
    value = fed.status()
    assert value["services"][f"{HOSTS[0]}_exareme"]["replicas"] == "0/1"
    assert value["services"][f"{HOSTS[1]}_exareme"]["replicas"] == "1/1"
    assert wrong(value) == {
        "WorkersReachable": ("False", "WorkerMissing"),
        "Consolidated": ("Unknown", "NoAnswer"),
        "Compiled": ("Unknown", "NoAnswer"),
        "Served": ("False", "NodeDown"),
    }
    assert {problem["contact"] for problem in value["problems"]} == {"it@h1.example"}


def test_one_whose_engine_is_reached_serves_although_its_minion_is_silent(
    fed: WithServices,
) -> None:
    fed.down = {HOSTS[0]}
    value = fed.status()
    assert value["services"][f"{HOSTS[0]}_exareme"]["replicas"] == "1/1"
    assert "Served" not in wrong(value)


def test_without_the_master_it_says_what_it_can(fed: WithServices) -> None:
    fed.down = {"fed1-ms"}
    value = fed.status()
    assert wrong(value)["Deployed"] == ("Unknown", "NoAnswer")
    assert wrong(value)["Served"] == ("Unknown", "NoAnswer")
    assert wrong(value)["WorkersReachable"] == ("False", "NodeMissing")
    assert value["services"] == {}
    assert value["nodes"][HOSTS[0]]["up"] is True


def test_an_answer_of_another_shape_is_not_believed(fed: WithServices) -> None:
    fed.services["services"] = {"x": {"replicas": "many"}}
    value = fed.status()
    assert wrong(value)["Served"] == ("Unknown", "MasterFailed")


@pytest.mark.parametrize(
    ("forged", "place"),
    [
        ("x", "all of it"),
        ({"data": "x"}, "data"),
        ({"data": {"status": "ok", "pathologies": {"dementia": {"cde": 1, "files": {}}}}}, "cde"),
        ({"databases": {"dementia": {"current": "yes", "reason": None}}}, "current"),
    ],
)
def test_an_invalid_answer_of_a_worker_is_its_problem_alone(
    fed: WithServices, forged: Any, place: str
) -> None:
    fed.forged = {HOSTS[0]: forged}
    value = fed.status()
    (problem,) = value["problems"]
    assert (problem["rule"], problem["node"]) == ("InvalidAnswer", HOSTS[0])
    assert f"Invalid response from {HOSTS[0]}" in problem["about"]
    assert place in problem["about"]
    assert value["nodes"][HOSTS[1]]["up"] is True


def test_since_is_remembered(fed: WithServices) -> None:
    first = fed.status()
    image_missing(fed)
    second = fed.status()

    def since(value: Mapping[str, Any], kind: str) -> str:
        return next(each["since"] for each in value["conditions"] if each["type"] == kind)

    assert since(second, "Deployed") == since(first, "Deployed")
    assert since(second, "Served") > since(first, "Served")


def test_a_federation_without_data_is_unknown_before_and_after_a_consolidation(
    tmp_path: Path,
) -> None:
    fed = WithServices(tmp_path)
    for _ in range(2):
        found = {each["type"]: each for each in fed.status()["conditions"]}
        for name in ("Consolidated", "Compiled"):
            assert (found[name]["status"], found[name]["reason"]) == ("Unknown", "NothingDeclared")
            assert "nothing declared yet" in found[name]["message"]
            assert "mip data consolidate" in found[name]["hint"]
        assert fed.status()["sync"] != "Synced"
        consolidate(fed.pusher, Options())


def portal(fed: WithServices, **more: Any) -> None:
    fed.services["services"] |= {
        "frontend": service("fed1-ui", "frontend", **more),
        "portalbackend": service("fed1-ui", "portalbackend"),
    }


def last_line(fed: WithServices) -> str:
    return text_of("status", fed.status()).splitlines()[-1]


def test_researchers_can_use_it_where_portal_backend_and_all_datasets_answer(
    fed: WithServices,
) -> None:
    portal(fed)
    found = fed.status()["usable"]
    assert found["answer"] == "yes"
    assert found["portal"]["address"] == f"https://{fed.pusher.federation.ui.address}/"
    assert [(each["dataset"], each["available"]) for each in found["datasets"]] == [
        ("edsd", True),
        ("ppmi", True),
    ]
    assert last_line(fed) == "✔ Researchers can use it: all 2 datasets are available."


def test_the_portal_s_address_is_the_one_of_the_pillar(fed: WithServices) -> None:
    env = {"PUBLIC_MIP_HOST": "mip.example.org", "PUBLIC_MIP_PROTOCOL": "http"}
    fed.declared["services"] = {"frontend": {"env": env}}
    assert fed.status()["usable"]["portal"]["address"] == "http://mip.example.org/"


@pytest.mark.parametrize("off", ["frontend", "portalbackend"])
def test_what_the_pillar_switches_off_is_listed_and_nobody_can_use_it(
    fed: WithServices, off: str
) -> None:
    """It is as declared, so it is ready: but no line tells that all is well."""
    portal(fed)
    del fed.services["services"][off]
    fed.declared["services"] = {off: False}
    value = fed.status()
    assert (value["ok"], value["services"][off]["switched_off"]) == (True, True)
    assert value["usable"]["answer"] == "no"
    ready = next(each for each in value["conditions"] if each["type"] == "Ready")
    assert f"researchers cannot use it: {off} is switched off in the pillar" in ready["message"]
    shown = text_of("status", value)
    assert any(off in line and "switched off in the pillar" in line for line in shown.splitlines())
    assert shown.splitlines()[-2].startswith("✖ Researchers cannot use it: ")


def test_a_portal_that_does_not_answer_is_named_with_the_reason(fed: WithServices) -> None:
    portal(fed, serving=False, port_error="port 80 of 10.0.0.2 refuses connections")
    found = fed.status()["usable"]
    assert (found["answer"], found["portal"]["answers"]) == ("no", False)
    assert "refuses connections" in found["portal"]["reason"]
    portal(fed, serving=None, port_error="port 80 of 10.0.0.2 gave no answer within 3 s")
    found = fed.status()["usable"]
    assert (found["answer"], found["portal"]["answers"]) == ("unknown", None)


def test_a_dataset_whose_node_is_away_is_not_available_and_why(fed: WithServices) -> None:
    portal(fed)
    fed.down = {HOSTS[1]}
    fed.services["served"]["datasets"] = {"dementia": {"edsd": [HOSTS[0]]}}
    fed.services["served"]["active"] = [HOSTS[0]]
    found = fed.status()["usable"]
    lacking = [each for each in found["datasets"] if not each["available"]]
    assert (found["answer"], [each["dataset"] for each in lacking]) == ("in part", ["ppmi"])
    assert "does not answer" in lacking[0]["reason"]
    assert last_line(fed) == "! Researchers can use it in part: 1 of 2 datasets is available."


def test_an_engine_that_answers_in_another_way_makes_it_unknown(fed: WithServices) -> None:
    portal(fed)
    fed.services["served"] = {
        "active": None,
        "datasets": None,
        "error": "a proxy's page",
        "unknown": True,
    }
    for each in HOSTS:
        fed.services["services"][f"{each}_exareme"]["serving"] = None
    found = fed.status()["usable"]
    assert found["answer"] == "unknown"
    assert {each["available"] for each in found["datasets"]} == {None}


def test_before_the_first_deployment_it_is_the_next_step(fed: WithServices) -> None:
    fed.services |= {"swarm": "inactive", "cluster": "", "services": {}, "served": SILENT}
    (step,) = fed.status()["todo"]
    assert "mip.deploy" in step
    assert "watchers" in step
    assert "-> Nothing has been deployed yet" in text_of("status", fed.status())
    fed.pusher.record("deployed")
    assert "todo" not in fed.status()


def test_after_a_refresh_that_failed_it_is_not_ready(fed: WithServices) -> None:
    portal(fed)
    assert fed.status()["ok"] is True
    outcomes.save(fed.pusher.state, Outcome("temporary", reason="NotCompiled", message="why"))
    value = fed.status()
    assert value["ok"] is False
    assert "why" in value["conditions"][0]["message"]


SILENT = {"active": None, "datasets": None, "error": "no Swarm", "unknown": False}


def test_a_node_s_versions_and_free_space_are_reported(fed: WithServices) -> None:
    fed.versions = {HOSTS[0]: "0.2.1"}
    fed.forged = {
        HOSTS[0]: {"salt": "3008.0rc1", "free": 5 << 30, "swarm": {"docker": "26.1.5+dfsg1"}}
    }
    nodes = fed.status()["nodes"]
    assert nodes[HOSTS[0]]["versions"] == {
        "mip": "0.2.1",
        "salt": "3008.0rc1",
        "docker": "26.1.5+dfsg1",
    }
    assert nodes[HOSTS[0]]["free"] == 5 << 30
    assert set(nodes[HOSTS[1]]["versions"].values()) == {"unknown"}  # of an earlier version
    assert "free" not in nodes[HOSTS[1]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3",
        "3008.2\n",
        "1.2<script>",
        "1.2 O'Hara",
        "1." + "2" * 10_000,
        "٣.٤",
        "v1.2",
        "\ud800",
    ],
)
def test_what_is_no_version_is_unknown(fed: WithServices, text: str) -> None:
    fed.forged = {HOSTS[0]: {"salt": text, "swarm": {"docker": text}}}
    assert set(fed.status()["nodes"][HOSTS[0]]["versions"].values()) == {"unknown"}


@pytest.mark.parametrize(
    "forged",
    [{"free": -1}, {"free": 1 << 80}, {"free": "1"}, {"salt": 1}, {"swarm": {"docker": []}}],
)
def test_an_answer_with_other_types_is_no_answer(fed: WithServices, forged: Any) -> None:
    fed.forged = {HOSTS[0]: forged}
    found = fed.status()
    assert "versions" not in found["nodes"][HOSTS[0]]
    assert (
        next(each for each in found["conditions"] if each["type"] == "WorkersReachable")["status"]
        == "False"
    )
