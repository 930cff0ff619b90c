"""The stand-in engine answers as exareme 24.5.1 does, faults included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.federation.scratch import write_database
from tests.support.engine import databases
from tests.support.engine.clock import Clock
from tests.support.engine.queries import Failed, Queries

EVERYBODY = {"fed1-ms": "10.0.0.2", "fed1-wk-h1": "10.0.0.3", "fed1-wk-h2": "10.0.0.4"}


class Master:
    """A master's queries, on real databases; ``keys`` and ``active`` are edited by tests."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.active = dict(EVERYBODY)
        self.keys = {"master/fed1-ms": "10.0.0.2"}
        for node, address in EVERYBODY.items():
            self.keys[f"active_workers/{node}"] = address
        self.keys["data/fed1-wk-h1/dementia"] = '["a b", "edsd"]'
        self.keys["data/fed1-wk-h2/dementia"] = '["ppmi"]'
        self.queries = Queries(
            "fed1-ms", data, lambda: self.keys, lambda: self.active, lambda _: {"dementia": []}
        )

    def variables(self, pathology: str, datasets: str) -> tuple[int, str]:
        asked = [
            {"name": "pathology", "value": pathology},
            {"name": "dataset", "value": datasets},
        ]
        code, value = self.queries.list_variables(json.dumps(asked).encode())
        return code, text(value)


def text(value: Any) -> str:
    return str(value["result"][0]["data"])


@pytest.fixture
def master(tmp_path: Path) -> Master:
    write_database(tmp_path / "dementia/datasets.db", [], ["edsd", "ppmi"])
    return Master(tmp_path)


def test_a_health_check_is_one_string_with_the_master_in_it(master: Master) -> None:
    answer = (200, {"active_nodes": "fed1-ms, fed1-wk-h1, fed1-wk-h2"})
    assert master.queries.health_check(b"") == answer


def test_a_body_that_is_an_object_is_an_error(master: Master) -> None:
    with pytest.raises(Failed, match="BEGIN_OBJECT"):
        master.queries.health_check(b"{}")


def test_variables_are_listed_for_what_active_workers_announced(master: Master) -> None:
    assert master.variables("dementia", "edsd,ppmi") == (200, "['dataset']")
    assert master.variables("dementia", "new") == (400, "Dataset(s) new does not exist")
    assert master.variables("tbi", "edsd") == (400, "Pathology tbi is not available")
    del master.active["fed1-wk-h2"]
    assert master.variables("dementia", "ppmi")[1] == (
        "The following datasets ppmi are currently unavailable. Please try again later."
    )


def test_an_active_worker_that_did_not_announce_yet_serves_nothing(master: Master) -> None:
    del master.keys["active_workers/fed1-wk-h2"]
    assert "currently unavailable" in master.variables("dementia", "ppmi")[1]


def test_characters_are_dropped_from_codes(master: Master) -> None:
    assert master.variables("dementia", "a b") == (400, "Dataset(s) ab does not exist")
    assert databases.kept("caffè q'uote") == "caffquote"
    assert databases.kept('a.b_c~*+><=&|(){}:"[]-') == 'a.b_c~*+><=&|(){}:"[]-'


def test_a_new_pathology_is_an_error_until_the_master_starts_again(master: Master) -> None:
    master.variables("dementia", "edsd")
    write_database(master.data / "tbi/datasets.db", [], ["one"])
    master.keys["data/fed1-wk-h1/tbi"] = '["one"]'
    with pytest.raises(Failed):
        master.variables("tbi", "one")
    assert Master(master.data).queries is not master.queries


def test_all_queries_fail_once_the_keystore_forgot_the_master(master: Master) -> None:
    master.keys.clear()
    for query in (master.queries.health_check, master.queries.list_variables):
        with pytest.raises(Failed, match="keystore"):
            query(b"[]")


def test_a_folder_without_a_database_takes_columns_away_until_it_is_gone(master: Master) -> None:
    (master.data / ".hidden").mkdir()
    asked = [
        {"name": "pathology", "value": "dementia"},
        {"name": "dataset", "value": "edsd"},
        {"name": "y", "value": "dataset"},
    ]
    body = json.dumps(asked).encode()
    with pytest.raises(Failed, match=r"\.hidden"):
        master.queries.descriptive_stats(body)
    assert master.queries.health_check(b"")[0] == 200
    (master.data / ".hidden").rmdir()
    assert master.queries.descriptive_stats(body)[0] == 200


def test_list_dataset_leaves_a_database_where_none_was(master: Master) -> None:
    (master.data / "new").mkdir()
    with pytest.raises(Exception, match="no such table"):
        master.queries.list_dataset(b"")
    assert (master.data / "new/datasets.db").stat().st_size == 0


def test_a_worker_announces_odd_folders_empty(tmp_path: Path) -> None:
    for name in ("dementia", "a b", "caffè"):
        write_database(tmp_path / name / "datasets.db", ["edsd"], ["edsd"])
    (tmp_path / "none").mkdir()
    found = databases.announced(tmp_path)
    assert found == {"a b": [], "caffè": [], "dementia": ["edsd"], "none": []}


def test_its_clock_is_faster_by_a_factor() -> None:
    slept: list[float] = []
    Clock(20, slept.append).wait(50)
    assert slept == [2.5]
