"""A refresh of nodes that are folders: what it does, holds, remembers; services as they answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest

from saltext_mip.controller import outcome as outcomes
from saltext_mip.controller.requests import OWED, PROMPT, REFRESH, Requests
from saltext_mip.errors import DataError, MipError, NodesFailed, Refused
from saltext_mip.node import watch_data
from saltext_mip.plans import PlanItem
from saltext_mip.pusher import control
from saltext_mip.pusher.refresh import RefreshRequest, StillStalled
from saltext_mip.pusher.services import client, lifecycle, wait
from saltext_mip.pusher.services.client import ServiceOverride, ServicesView
from saltext_mip.pusher.services.rollout import NO_SERVICES
from saltext_mip.pusher.survey import Options
from saltext_mip.results import Override
from saltext_mip.swarm.engines.interface import Datasets, Served, differences
from saltext_mip.swarm.rollout import RestartItem
from tests.support import cdes, commands, views
from tests.support.cdes import variable
from tests.support.commands import approve, consolidate, plan_refresh, refresh, request_refresh
from tests.support.folders import Folders
from tests.support.returns import text_of
from tests.unit.pusher.conftest import cde, rows

SERVICES = ("fed1-ms_exareme-master", "fed1-wk-h1_exareme")
GONE = {
    "action": "create",
    "thing": SERVICES[1],
    "node": "fed1-wk-h1",
    "reason": "it does not exist",
}


class Engines:
    """Engines that serve what the last generation had when they started."""

    def __init__(self, fed: Folders) -> None:
        self.fed = fed
        self.swarm = True
        self.deaf: set[str] = set()
        self.words: dict[str, ServiceOverride] = {}
        self.gone: list[PlanItem] = []
        self.refused: str | None = None
        self.mends = 0
        self.unknown = False
        self.due: list[RestartItem] = []
        self.unreadable: set[str] = set()
        self.served: dict[str, dict[str, tuple[str, ...]]] = {}
        self.restarts: list[list[tuple[str, str, str]]] = []

    def observe_services(self, pusher: Any, swarm_ids: Any = None) -> ServicesView:
        up = views.service()
        return ServicesView(
            self.swarm,
            "c" if self.swarm else "",
            dict.fromkeys(SERVICES, up) if self.swarm else {},
            Served(error="a proxy's page", unknown=True)
            if self.unknown
            else Served((), self.served),
            {},
            self.words,
            tuple(self.gone),
            self.refused,
            due=tuple(self.due),
        )

    def restore_missing(self, pusher: Any, *, dry: bool = False) -> tuple[PlanItem, ...]:
        if dry:
            return tuple(self.gone)
        self.mends += 1
        done, self.gone = tuple(self.gone), []
        return done

    def restart_components(
        self, pusher: Any, items: Sequence[RestartItem], within: float = 0.0
    ) -> lifecycle.Rollout:
        if not items:
            return lifecycle.Rollout()
        self.due = [item for item in self.due if item not in items]
        self.restarts.append([(item.action, item.thing, item.node) for item in items])
        again = {item.node for item in items} - self.deaf
        last = pusher.store.last()
        for name, codes in last.pathologies.items():
            for code, nodes in codes.items():
                have = set(self.served.get(name, {}).get(code, ()))
                now = {
                    n for n in nodes if (n in again and code not in self.unreadable) or n in have
                }
                self.served.setdefault(name, {})[code] = tuple(sorted(now))
        for name in list(self.served):
            codes = last.pathologies.get(name, {})
            self.served[name] = {c: n for c, n in self.served[name].items() if c in codes and n}
            if not self.served[name]:
                del self.served[name]
        return lifecycle.Rollout(tuple(items))

    def wait_served(
        self, pusher: Any, wanted: Datasets, timeout: float, again: Any, **_: Any
    ) -> tuple[tuple[str, ...], Served]:
        served = self.observe_services(pusher).served
        return differences(wanted, served), served


@pytest.fixture
def engines(fed: Folders, monkeypatch: pytest.MonkeyPatch) -> Engines:
    made = Engines(fed)
    monkeypatch.setattr(client, "observe_services", made.observe_services)
    monkeypatch.setattr(client, "restore_missing", made.restore_missing)
    monkeypatch.setattr(lifecycle, "restart_components", made.restart_components)
    monkeypatch.setattr(wait, "wait_served", made.wait_served)
    return made


def automatic(fed: Folders, run: str = "controller 1") -> dict[str, Any]:
    return refresh(fed.pusher, RefreshRequest(run=run, asked=False))


def settled(fed: Folders) -> None:
    """Let what was written be old."""
    fed.declared["reactor"] = {"settle": 0, "max_removed": 1, "missing_worker": "keep"}


def owed(fed: Folders) -> bool:
    return OWED in Requests(fed.pusher.state).there()


def last(fed: Folders) -> outcomes.Outcome:
    found = outcomes.load(fed.pusher.state)
    assert found is not None
    return found


def events(fed: Folders) -> list[str]:
    return [event for event, _ in fed.events]


def test_the_first_refresh_does_everything(fed: Folders, engines: Engines) -> None:
    result = refresh(fed.pusher)
    assert (result["changed"], result["served"], result["generation"]) == (True, True, 1)
    assert {item["node"] for item in result["restarted"]} == {"fed1-ms", "fed1-wk-h1", "fed1-wk-h2"}
    assert result["compile"]["fed1-wk-h1"]["dementia"]["status"] == "compiled"
    assert events(fed) == ["consolidated", "compiled", "refreshed"]
    assert "retcode" not in result
    assert not owed(fed)


def test_again_it_does_nothing(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    before, told = fed.files(), len(fed.events)
    result = refresh(fed.pusher)
    assert (result["changed"], result["restarted"], result["served"]) == (False, [], True)
    assert (fed.files(), len(fed.events)) == (before, told)


def test_a_look_that_finds_what_the_last_one_left_is_no_news(
    fed: Folders, engines: Engines
) -> None:
    settled(fed)
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    fed.write("fed1-wk-h1", "tbi", "centre.csv", rows("centre"))
    seen = []
    for _ in range(3):
        automatic(fed)
        seen.append(last(fed).news)
    fed.write("fed1-wk-h1", "tbi", "centre.csv", rows("centre", 50))
    automatic(fed)
    assert [*seen, last(fed).news] == [True, False, False, True]


def test_rows_alone_restart_nothing(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", rows("edsd", 40))
    result = refresh(fed.pusher)
    assert (result["changed"], result["restarted"]) == (True, [])
    assert len(engines.restarts) == 1


def test_a_dataset_restarts_its_worker_alone(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.write("fed1-wk-h2", "dementia", "new.csv", rows("new"))
    refresh(fed.pusher)
    assert engines.restarts[1] == [("restart", "exareme", "fed1-wk-h2")]


def test_a_cde_restarts_the_master_and_then_the_workers(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    fed.write("fed1-wk-h2", "tbi", "centre.csv", rows("centre"))
    refresh(fed.pusher)
    assert engines.restarts[1] == [
        ("restart", "exareme-master", "fed1-ms"),
        ("restart", "exareme", "fed1-wk-h2"),
        ("restart", "exareme", "fed1-wk-h1"),
    ]


def test_a_pathology_that_went_takes_its_key_along(fed: Folders, engines: Engines) -> None:
    fed.declared["reactor"] = {"max_removed": 5}
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    tbi = fed.write("fed1-wk-h1", "tbi", "centre.csv", rows("centre"))
    refresh(fed.pusher)
    tbi.unlink()
    assert refresh(fed.pusher)["retcode"] == 1
    approve(fed.pusher)
    assert engines.restarts[1][0] == ("forget", "data/fed1-wk-h1/tbi", "fed1-ms")


def test_a_crash_between_commit_and_restart_is_gone_on_with(
    fed: Folders, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh(fed.pusher)
    fed.write("fed1-wk-h2", "dementia", "new.csv", rows("new"))

    def died(*args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "restart_components", died)
        with pytest.raises(KeyboardInterrupt):
            refresh(fed.pusher)
    assert owed(fed)
    result = refresh(fed.pusher)
    assert (len(result["restarted"]), result["served"], owed(fed)) == (1, True, False)


def test_what_is_not_served_after_its_restart_is_stalled_and_not_restarted_again(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    fed.write("fed1-wk-h2", "dementia", "new.csv", rows("new"))
    engines.deaf = {"fed1-wk-h2"}
    for _ in range(3):
        result = refresh(fed.pusher)
        assert (result["served"], result["retcode"]) == (False, 1)
        assert result["differences"] == ["dementia, dataset new: not served by fed1-wk-h2"]
        assert (last(fed).kind, last(fed).reason, owed(fed)) == ("temporary", "NotServed", True)
        found = {each["type"]: each for each in result["conditions"]}
        assert found["Stalled"]["reason"] == "NotServed"
        assert "Reconciling" not in found
    assert len(engines.restarts) == 2
    engines.served["dementia"]["new"] = ("fed1-wk-h2",)  # by itself, later
    result = refresh(fed.pusher)
    assert (result["served"], result["conditions"]) == (True, [])


def test_answers_of_another_kind_restart_nothing_and_prove_nothing(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    engines.unknown = True
    fed.write("fed1-wk-h2", "dementia", "new.csv", rows("new"))
    for _ in range(3):
        result = refresh(fed.pusher)
        assert (result["served"], result["retcode"], result["restarted"]) == (None, 1, [])
        assert any("a proxy's page" in note for note in result["notes"])
        assert (last(fed).kind, last(fed).reason) == ("temporary", "ServedUnknown")
    assert len(engines.restarts) == 1
    engines.unknown = False
    assert refresh(fed.pusher)["served"] is True
    assert engines.restarts[1] == [("restart", "exareme", "fed1-wk-h2")]


def test_engines_that_lost_their_master_follow_it(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    engines.due = [
        RestartItem("restart", "exareme", "the master restarted", "fed1-wk-h1", "master:m")
    ]
    plan = [item for item in plan_refresh(fed.pusher)["plan"] if item["action"] != "nothing"]
    assert [(item["action"], item["node"]) for item in plan] == [("restart", "fed1-wk-h1")]
    result = refresh(fed.pusher)
    assert [item["node"] for item in result["restarted"]] == ["fed1-wk-h1"]
    assert refresh(fed.pusher)["restarted"] == []


def test_what_an_operator_stopped_is_not_waited_for(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    engines.words = {"fed1-wk-h2": ServiceOverride("stopped", "anna", "")}
    engines.served["dementia"] = {"edsd": ("fed1-wk-h1",)}
    fed.write("fed1-wk-h2", "dementia", "new.csv", rows("new"))
    assert refresh(fed.pusher)["served"] is True
    assert not any("fed1-wk-h2" in node for items in engines.restarts[1:] for _, _, node in items)


def test_what_is_listed_and_not_served_is_named_and_fails(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.down = {"fed1-wk-h2"}
    result = refresh(fed.pusher)  # its engine still serves
    assert (result["unavailable"], result["served"], "retcode" in result) == ([], True, False)
    engines.served["dementia"].pop("ppmi")
    result = refresh(fed.pusher)
    (lacking,) = result["unavailable"]
    assert (lacking["pathology"], lacking["dataset"]) == ("dementia", "ppmi")
    assert (lacking["node"], result["retcode"]) == ("fed1-wk-h2", 1)
    assert "it does not answer" in lacking["reason"]
    assert last(fed).kind == "done"  # a retry would change nothing


def test_what_an_operator_stopped_is_named_and_does_not_fail(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    engines.words = {"fed1-wk-h2": ServiceOverride("stopped", "anna", "")}
    engines.served["dementia"].pop("ppmi")
    result = refresh(fed.pusher)
    assert [each["reason"] for each in result["unavailable"]] == ["its services are stopped"]
    assert "retcode" not in result


def test_without_services_it_says_so(fed: Folders, engines: Engines) -> None:
    engines.swarm = False
    result = refresh(fed.pusher)
    assert (result["served"], result["restarted"], result["changed"]) == (None, [], True)
    assert NO_SERVICES in result["notes"]


def test_a_master_without_docker_has_no_services_until_it_had(
    fed: Folders, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*args: Any) -> Any:
        raise NodesFailed("no Docker", nodes="fed1-ms")

    with monkeypatch.context() as patch:
        patch.setattr(client, "observe_services", none)
        assert refresh(fed.pusher)["served"] is None
    refresh(fed.pusher)
    monkeypatch.setattr(client, "observe_services", none)
    with pytest.raises(NodesFailed):
        refresh(fed.pusher)
    assert last(fed).kind == "temporary"


def test_what_is_gone_comes_back_and_is_told(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    engines.gone = [PlanItem(**GONE)]
    would = plan_refresh(fed.pusher)["plan"]
    assert GONE in would
    result = automatic(fed)
    assert (result["changed"], result["restarted"], result["served"]) == (True, [GONE], True)
    assert automatic(fed)["changed"] is False
    assert engines.mends == 1


def test_what_is_gone_comes_back_though_the_data_are_held(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    engines.gone = [PlanItem(**GONE)]
    result = automatic(fed)
    assert (last(fed).kind, result["restarted"], engines.gone) == ("held", [GONE], [])


def test_what_is_gone_comes_back_though_the_data_are_stalled(
    fed: Folders, engines: Engines
) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-ms", "dementia", "CDEsMetadata.json").unlink()
    for _ in range(2):
        engines.gone = [PlanItem(**GONE)]
        with pytest.raises(MipError):
            automatic(fed)
        assert (last(fed).kind, engines.gone) == ("permanent", [])


def test_where_all_is_gone_that_never_served_nothing_was_deployed(
    fed: Folders, engines: Engines
) -> None:
    every = [{**GONE, "thing": name} for name in SERVICES]
    engines.gone = [PlanItem(**each) for each in every]
    result = refresh(fed.pusher)
    assert (result["served"], engines.mends) == (None, 0)
    assert NO_SERVICES in result["notes"]
    engines.gone = []
    refresh(fed.pusher)
    engines.gone = [PlanItem(**each) for each in every]
    assert refresh(fed.pusher)["restarted"] == every


def test_beside_what_is_not_ours_nothing_is_brought_back(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    engines.gone, engines.refused = [PlanItem(**GONE)], "service x uses a name of the federation"
    result = refresh(fed.pusher)
    assert (engines.mends, result["notes"]) == (0, ["service x uses a name of the federation"])


# -- the guard


def test_a_removal_is_held_and_nothing_is_removed(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    before = fed.files()
    result = refresh(fed.pusher)
    (held,) = result["held"]
    assert (held["node"], held["pathology"], held["dataset"]) == ("fed1-wk-h2", "dementia", "ppmi")
    assert (held["why"], held["files"]) == ("the last dataset of fed1-wk-h2", ["ppmi.csv"])
    assert (result["retcode"], result["generation"], result["changed"]) == (1, 1, False)
    assert fed.files() == before
    assert [each["type"] for each in result["conditions"]] == ["Held"]
    assert [problem["rule"] for problem in result["problems"]] == ["NoData", "ChangeHeld"]
    assert events(fed)[-1] == "held"


def codes(fed: Folders, pathology: str = "dementia") -> dict[str, tuple[str, ...]]:
    last = fed.pusher.store.last()
    assert last is not None
    return dict(last.pathologies.get(pathology, {}))


def compiled(fed: Folders, node: str, pathology: str = "dementia") -> dict[str, int]:
    """The rows of each dataset in the node's database."""
    path = fed.data(node, pathology, "datasets.db")
    with closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT dataset, count(*) FROM DATA GROUP BY dataset").fetchall())


def test_everything_else_goes_on(fed: Folders, engines: Engines) -> None:
    settled(fed)
    fed.write("fed1-wk-h2", "dementia", "second.csv", rows("second"))
    refresh(fed.pusher)
    for name in ("ppmi", "second"):
        fed.data("fed1-wk-h2", "dementia", f"{name}.csv").unlink()
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", rows("edsd", 20))
    fed.write("fed1-wk-h2", "dementia", "other.csv", rows("other"))
    result = automatic(fed)
    assert [(held["node"], held["dataset"]) for held in result["held"]] == [
        ("fed1-wk-h2", "ppmi"),
        ("fed1-wk-h2", "second"),
    ]
    assert (result["changed"], result["generation"], result["served"]) == (True, 2, True)
    assert codes(fed).keys() == {"edsd", "ppmi", "second", "new", "other"}
    assert compiled(fed, "fed1-wk-h1") == {"edsd": 20, "new": 12}
    assert compiled(fed, "fed1-wk-h2") == {"ppmi": 12, "second": 12, "other": 12}


def test_what_is_held_is_stable(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    automatic(fed)
    before, told, restarts = fed.files(), len(fed.events), len(engines.restarts)
    kept = fed.pusher.store.holds.load()
    log = len(fed.pusher.store.event_log.events())
    for _ in range(3):
        result = automatic(fed)
        assert (result["changed"], result["generation"]) == (False, 1)
        assert last(fed).news is False
    assert (fed.files(), len(fed.events), len(engines.restarts)) == (before, told, restarts)
    assert len(fed.pusher.store.event_log.events()) == log
    assert fed.pusher.store.holds.load() == kept
    plan = commands.compile_federation(fed.pusher, dry_run=True)["plan"]
    assert {item["action"] for item in plan} == {"nothing"}


def test_nothing_that_compiles_drops_what_is_held(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    automatic(fed)
    commands.compile_federation(fed.pusher, force=True)
    assert compiled(fed, "fed1-wk-h2") == {"ppmi": 12}
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", cde("edsd", "ppmi", version="2"))
    refresh(fed.pusher)
    assert compiled(fed, "fed1-wk-h2") == {"ppmi": 12}


def test_a_node_that_is_down_stays_held(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    first = automatic(fed)["held"]
    fed.down = {"fed1-wk-h2"}
    assert [each["id"] for each in automatic(fed)["held"]] == [first[0]["id"]]
    assert approve(fed.pusher)["retcode"] == 1
    assert "ppmi" in codes(fed)
    fed.down = set()
    result = automatic(fed)
    assert (result["held"], "ppmi" in codes(fed)) == ([], False)


def test_a_node_that_cannot_be_told_does_not_compile(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()

    def fails(step: str, node: str) -> None:
        if step == "hold_files":
            raise NodesFailed("the disk is full", nodes=node)

    fed.before = fails
    result = automatic(fed)
    assert (result["retcode"], last(fed).kind, last(fed).reason) == (1, "temporary", "NotCompiled")
    assert compiled(fed, "fed1-wk-h2") == {"ppmi": 12}
    fed.before = lambda step, node: None
    assert len(automatic(fed)["held"]) == 1
    assert compiled(fed, "fed1-wk-h2") == {"ppmi": 12}


@pytest.mark.parametrize("step", ["hold_files", "compile_databases", "stage", "commit"])
def test_a_crash_at_any_step_loses_no_hold(fed: Folders, engines: Engines, step: str) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))

    def dies(now: str, node: str) -> None:
        if now == step:
            raise KeyboardInterrupt

    fed.before = dies
    with pytest.raises(KeyboardInterrupt):
        automatic(fed)
    fed.before = lambda now, node: None
    result = automatic(fed)
    assert [held["dataset"] for held in result["held"]] == ["ppmi"]
    assert codes(fed).keys() == {"edsd", "ppmi", "new"}
    assert compiled(fed, "fed1-wk-h2") == {"ppmi": 12}
    held = [each for each in fed.pusher.store.event_log.events() if each.what == "held"]
    assert len(held) == 1


def test_a_folder_that_is_gone_is_held_and_not_waited_for(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    folder = fed.data("fed1-wk-h2", "dementia")
    folder.rename(fed.root / "elsewhere")
    engines.served["dementia"].pop("ppmi")  # its engine restarted
    result = automatic(fed)
    (held,) = result["held"]
    assert (held["available"], result["served"], last(fed).kind) == (False, True, "held")
    assert not folder.exists()
    (fed.root / "elsewhere").rename(folder)
    engines.served["dementia"]["ppmi"] = ("fed1-wk-h2",)
    assert automatic(fed)["held"] == []


def test_a_file_that_repeats_many_rows_is_held_until_approved(
    fed: Folders, engines: Engines
) -> None:
    patients = [f"edsd,{age},{age}.5" for age in range(30, 90)]
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", "\n".join(["dataset,age,mmse", *patients, ""]))
    refresh(fed.pusher)
    more = [*patients[:40], "edsd,100,1.5", "edsd,101,2.5"]
    fed.write("fed1-wk-h1", "dementia", "new.csv", "\n".join(["dataset,age,mmse", *more, ""]))
    fed.write("fed1-wk-h2", "dementia", "new.csv", rows("new"))
    for _ in range(2):  # the second has the problem in the last generation
        result = refresh(fed.pusher)
        (held,) = result["held"]
        assert held["why"] == "patients counted twice: fed1-wk-h1: dementia/new.csv"
        assert (held["dataset"], held["files"]) == ("", ["new.csv"])
        assert compiled(fed, "fed1-wk-h1") == {"edsd": 60}
    assert "new" in codes(fed)
    plan = commands.compile_federation(fed.pusher, dry_run=True)["plan"]
    assert {item["action"] for item in plan} == {"nothing"}
    assert commands.approve(fed.pusher, dataset="new.csv")["changed"] is True
    assert compiled(fed, "fed1-wk-h1") == {"edsd": 102}
    assert refresh(fed.pusher)["held"] == []


def test_a_visit_that_is_in_two_files_is_held_until_approved(
    fed: Folders, engines: Engines
) -> None:
    visits = [variable("subjectid"), variable("visitid", enumerations=["BL", "FL1"])]
    visits += [variable("age", "int"), variable("mmse", "real")]
    content = cdes.content(variables=visits, longitudinal=True)
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", content)
    header = "dataset,subjectid,visitid"
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", f"{header}\nedsd,s1,BL\nedsd,s2,BL\n")
    refresh(fed.pusher)
    fed.write("fed1-wk-h1", "dementia", "new.csv", f"{header}\nedsd,s1,FL1\nedsd,s2,BL\n")
    (held,) = refresh(fed.pusher)["held"]
    assert held["why"] == "patients counted twice: fed1-wk-h1: dementia/new.csv"
    assert approve(fed.pusher)["refresh"]["changed"] is True
    fed.write(
        "fed1-wk-h1", "dementia", "edsd.csv", f"{header}\nedsd,s1,BL\nedsd,s2,BL\nedsd,s3,BL\n"
    )
    assert refresh(fed.pusher)["held"] == []  # the same file is named again


def test_what_an_operator_approves_goes_and_nothing_else(fed: Folders, engines: Engines) -> None:
    fed.write("fed1-wk-h1", "dementia", "adni.csv", rows("adni"))
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    refresh(fed.pusher)
    for name in ("adni", "edsd"):  # after it was shown
        fed.data("fed1-wk-h1", "dementia", f"{name}.csv").unlink()
    result = approve(fed.pusher)
    assert [held["dataset"] for held in result["held"]] == ["adni", "edsd"]
    assert (result["retcode"], codes(fed).keys()) == (1, {"adni", "edsd"})
    assert compiled(fed, "fed1-wk-h2") == {}
    result = approve(fed.pusher, dataset="adni")
    assert [held["dataset"] for held in result["held"]] == ["edsd"]
    fed.write("fed1-wk-h2", "dementia", "ppmi.csv", rows("ppmi"))
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    held = refresh(fed.pusher)["held"]  # the same content once more: another removal
    assert {each["dataset"]: "decided" in each for each in held} == {"edsd": False, "ppmi": False}


def log(fed: Folders) -> list[tuple[str, str, str]]:
    """The events of holds: what, about, message."""
    kinds = ("held", "approved", "rejected", "released")
    found = fed.pusher.store.event_log.events()
    return [(each.what, each.about, each.message) for each in found if each.what in kinds]


def test_the_events_tell_when_it_began_and_ended_and_who_decided(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    path = fed.data("fed1-wk-h2", "dementia", "ppmi.csv")
    content = path.read_bytes()
    path.unlink()
    refresh(fed.pusher)
    path.write_bytes(content)
    refresh(fed.pusher)
    path.unlink()
    refresh(fed.pusher)
    commands.reject(fed.pusher, reason="it comes back")
    approve(fed.pusher, node="wk2")
    began = ("held", "fed1-wk-h2", "dementia: ppmi: the last dataset of fed1-wk-h2")
    assert log(fed) == [
        began,
        ("released", "fed1-wk-h2", "dementia: ppmi: the data are back"),
        began,
        ("rejected", "fed1-wk-h2", "dementia: ppmi (it comes back)"),
        ("approved", "fed1-wk-h2", "dementia: ppmi"),
        ("released", "fed1-wk-h2", "dementia: ppmi: done, as approved by operator"),
    ]


def test_what_is_rejected_is_kept_until_the_data_are_back(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    path = fed.data("fed1-wk-h2", "dementia", "ppmi.csv")
    content = path.read_bytes()
    path.unlink()
    refresh(fed.pusher)
    result = commands.reject(fed.pusher, dataset="dementia/ppmi", reason="a mistake")
    assert [each["reason"] for each in result["conditions"]] == ["ChangeRejected"]
    for _ in range(2):
        result = refresh(fed.pusher)
        assert ("retcode" in result, last(fed).kind) == (False, "done")
        assert result["held"][0]["decided"]["decision"] == "rejected"
        assert "ppmi" in codes(fed)
    with pytest.raises(Refused, match="All held changes were rejected"):
        approve(fed.pusher)
    path.write_bytes(content)
    result = refresh(fed.pusher)
    assert (result["held"], result["conditions"], result["changed"]) == ([], [], False)
    path.unlink()
    assert "decided" not in refresh(fed.pusher)["held"][0]


def test_a_dry_run_decides_nothing(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    refresh(fed.pusher)
    for decide in (approve, commands.reject):
        (item,) = decide(fed.pusher, node="h2", dry_run=True)["plan"]
        assert (item["thing"], item["node"]) == ("dementia: ppmi", "fed1-wk-h2")
    assert fed.pusher.store.holds.decisions() == {}
    assert "ppmi" in codes(fed)


@pytest.mark.parametrize("name", [{"dataset": "edsd"}, {"node": "wk1"}, {"dataset": "h1"}])
def test_what_is_not_held_cannot_be_decided(
    fed: Folders, engines: Engines, name: dict[str, str]
) -> None:
    with pytest.raises(Refused, match="No change is held"):
        approve(fed.pusher, **name)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    refresh(fed.pusher)
    for decide in (approve, commands.reject):
        with pytest.raises(Refused, match="Held: dementia: ppmi"):
            decide(fed.pusher, **name)


def test_a_disabled_node_takes_its_held_data_along(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    refresh(fed.pusher)
    commands.disable(fed.pusher, "wk2", "it moves", dry_run=False)
    result = refresh(fed.pusher)
    assert (result["held"], codes(fed).keys()) == ([], {"edsd"})
    assert log(fed)[-1] == ("released", "fed1-wk-h2", "dementia: ppmi: the node is disabled")


def test_an_approval_without_waiting_is_left_to_the_controller(
    fed: Folders, engines: Engines
) -> None:
    settled(fed)
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    refresh(fed.pusher)
    result = approve(fed.pusher, wait=False)
    assert result["decided"][0]["decided"]["decision"] == "approved"
    assert REFRESH in Requests(fed.pusher.state).there()
    assert "ppmi" in codes(fed)
    automatic(fed)
    assert "ppmi" not in codes(fed)


def test_a_persons_consolidate_is_not_held(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    assert consolidate(fed.pusher, Options())["pathologies"]["dementia"]["removed"] == ["ppmi"]


def test_a_disk_that_is_gone_takes_nothing_away(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    data = fed.data("fed1-wk-h2")
    data.rename(data.with_name("away"))
    data.mkdir()
    result = automatic(fed)
    assert (result["changed"], result["held"]) == (False, [])
    assert [problem["rule"] for problem in result["problems"]] == ["MountGone"]


def test_what_a_disabled_node_had_goes_without_a_second_word(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    fed.pusher.store.disable("fed1-wk-h2", Override("anna", "2026-03-12"))
    result = refresh(fed.pusher)
    assert result["consolidate"]["pathologies"]["dementia"]["removed"] == ["ppmi"]


# -- failures


def test_a_worker_that_is_silent_goes_on_as_it_was(fed: Folders, engines: Engines) -> None:
    refresh(fed.pusher)
    fed.down = {"fed1-wk-h2"}
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    result = refresh(fed.pusher)
    assert (result["changed"], result["served"]) == (True, True)
    assert [problem["rule"] for problem in result["problems"]] == ["WorkerMissing"]
    assert "ppmi" in [each["code"] for each in fed.offered[0]["datasets"]]


def test_a_worker_that_goes_before_it_has_compiled_is_waited_for(
    fed: Folders, engines: Engines
) -> None:
    original = fed.ask

    def ask(function: str, targets: Sequence[str], *args: Any, **keywords: Any) -> Any:
        if function.endswith("compile_databases"):
            fed.down = {"fed1-wk-h2"}
        return original(function, targets, *args, **keywords)

    fed.ask = ask  # type: ignore[method-assign]
    result = refresh(fed.pusher)
    assert (result["retcode"], last(fed).kind, engines.restarts) == (1, "temporary", [])
    fed.ask = original  # type: ignore[method-assign]
    fed.down = set()
    assert refresh(fed.pusher)["served"] is True


def test_what_only_a_change_can_mend_is_not_tried_twice(fed: Folders, engines: Engines) -> None:
    settled(fed)
    refresh(fed.pusher)
    good = fed.data("fed1-ms", "dementia", "CDEsMetadata.json").read_bytes()
    fed.data("fed1-ms", "dementia", "CDEsMetadata.json").unlink()
    with pytest.raises(DataError):
        automatic(fed)
    assert (last(fed).kind, owed(fed)) == ("permanent", False)
    since, told = last(fed).since, len(fed.events)
    with pytest.raises(StillStalled):
        automatic(fed)
    assert (last(fed).since, last(fed).reason, len(fed.events)) == (since, "CdeGone", told)
    assert [each.type for each in control.conditions(fed.pusher)] == ["Stalled"]
    with pytest.raises(DataError):
        refresh(fed.pusher)
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", good)
    assert automatic(fed)["conditions"] == []


def test_an_error_of_a_node_may_pass(fed: Folders, engines: Engines) -> None:
    settled(fed)
    fed.broken = {"fed1-ms": "the disk is full"}
    with pytest.raises(MipError):
        automatic(fed)
    assert (last(fed).kind, owed(fed)) == ("temporary", True)
    assert control.conditions(fed.pusher)[0].reason == "Retrying"
    assert events(fed) == ["failed"]
    with pytest.raises(MipError):
        automatic(fed)
    assert events(fed) == ["failed"]
    fed.broken = {}
    assert automatic(fed)["changed"] is True


# -- news


def test_the_beacon_is_quiet_once_the_pusher_acts_on_it(fed: Folders, engines: Engines) -> None:
    def news(node: str) -> bool:
        state = fed.root / node / "state"
        return watch_data.scan(fed.data(node), state).mark != watch_data._acknowledged(state)

    nodes = ("fed1-ms", "fed1-wk-h1", "fed1-wk-h2")
    consolidate(fed.pusher, Options())
    assert all(news(node) for node in nodes)
    refresh(fed.pusher)
    assert not any(news(node) for node in nodes)
    fed.write("fed1-wk-h1", "dementia", "new.csv", rows("new"))
    plan_refresh(fed.pusher)
    consolidate(fed.pusher, Options())
    assert [news(node) for node in nodes] == [False, True, False]
    refresh(fed.pusher)
    assert not any(news(node) for node in nodes)


def test_files_that_are_being_copied_wait_and_hold_nobody_up(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    fed.declared["reactor"] = {"settle": 3600}
    fed.write("fed1-wk-h2", "dementia", "half.csv", rows("half"))
    result = automatic(fed)
    assert result["changed"] is False
    assert [problem["rule"] for problem in result["problems"]] == ["Settling"]
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", cde("edsd", "ppmi", "x"))
    with pytest.raises(MipError):
        automatic(fed)
    assert last(fed).kind == "temporary"
    assert refresh(fed.pusher)["changed"] is True


# -- words


def test_a_wish_that_does_not_wait_leaves_a_request(fed: Folders) -> None:
    assert request_refresh(fed.pusher)["requested"] is True
    assert Requests(fed.pusher.state).there() == {REFRESH}


def test_a_dry_run_says_what_would_be_done_and_does_nothing(fed: Folders, engines: Engines) -> None:
    before = fed.files()
    plan: list[Mapping[str, Any]] = plan_refresh(fed.pusher)["plan"]
    assert {item["action"] for item in plan} >= {"write", "compile", "restart"}
    assert fed.files() == before
    refresh(fed.pusher)
    fed.data("fed1-wk-h2", "dementia", "ppmi.csv").unlink()
    assert plan_refresh(fed.pusher)["plan"][-1]["action"] == "hold"


def test_a_suspension_says_who_why_and_until_when(fed: Folders) -> None:
    told = commands.suspend(fed.pusher, "the disks are moved", "2h")["conditions"]
    assert told[0]["reason"] == "SuspendedByPerson"
    assert "operator until 2026-03-12 05:00 UTC" in told[0]["message"]
    assert commands.resume(fed.pusher)["conditions"] == []
    assert Requests(fed.pusher.state).there() == {PROMPT}
    assert commands.resume(fed.pusher)["changed"] is False


def test_a_database_that_cannot_be_built_is_a_failure_and_its_dataset_not_available(
    fed: Folders, engines: Engines
) -> None:
    """What an engine has not read yet causes no restart either, until it is built."""
    fed.declared["reactor"] = {"max_removed": 5}
    fed.write("fed1-ms", "tbi", "CDEsMetadata.json", cde(code="tbi"))
    fed.write("fed1-wk-h1", "tbi", "centre.csv", rows("centre"))
    database = fed.data("fed1-wk-h1", "tbi", "datasets.db")
    database.mkdir()
    engines.unreadable = {"centre"}
    result = refresh(fed.pusher)
    assert (result["served"], result["retcode"]) == (True, 1)
    (lacking,) = result["unavailable"]
    assert (lacking["pathology"], lacking["dataset"]) == ("tbi", "centre")
    assert lacking["reason"].startswith("its database could not be built: ")
    assert (last(fed).kind, last(fed).reason) == ("temporary", "NotCompiled")
    assert last(fed).message == "not compiled: tbi on fed1-wk-h1"
    engines.restarts.clear()
    assert refresh(fed.pusher)["retcode"] == 1
    assert engines.restarts == []
    database.rmdir()
    engines.unreadable = set()
    done = refresh(fed.pusher)
    assert ("retcode" in done, done["unavailable"], done["served"]) == (False, [], True)
    assert engines.restarts == [[("restart", "exareme", "fed1-wk-h1")]]
    assert {each["dataset"] for each in done["datasets"] if each["available"]} == {
        "edsd",
        "ppmi",
        "centre",
    }


def test_what_an_engine_has_read_stays_served_where_a_new_database_cannot_be_built(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    database = fed.data("fed1-wk-h1", "dementia", "datasets.db")
    database.unlink()
    database.mkdir()
    engines.restarts.clear()
    result = refresh(fed.pusher)
    assert (result["retcode"], result["served"], result["unavailable"]) == (1, True, [])
    assert (last(fed).reason, engines.restarts) == ("NotCompiled", [])


def test_a_refused_file_fails_no_refresh_and_no_screen_calls_it_a_failure(
    fed: Folders, engines: Engines
) -> None:
    refresh(fed.pusher)
    fed.write("fed1-wk-h1", "dementia", "edsd.csv", "dataset,age\nedsd,old\n")
    result = refresh(fed.pusher)
    assert ("retcode" in result, result["served"], last(fed).kind) == (False, True, "done")
    shown = text_of("refresh", result)
    assert "1 database without all files: 1 file in the previous version." in shown
    assert "previous version in use since" in shown
    assert "fail" not in shown
    last_line = "Generation 1 is served: all 2 datasets are available."
    assert shown.splitlines()[-1].endswith(last_line)
