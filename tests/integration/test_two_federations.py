"""Two federations on one pusher: each has its nodes, its state, its lock and its word."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.test_consolidate import cde, csv
from tests.support.local import LocalFederation

WORKERS = 1
OTHERS = {"fed2": 1}


def consolidate(fed: LocalFederation, name: str) -> Any:
    return fed.run("mip.consolidate", f"federation={name}", check=True).json


def offered(fed: LocalFederation, name: str) -> list[str]:
    (entry,) = json.loads((fed.ui_path(name) / "config/pathologies.json").read_bytes())
    return [each["code"] for each in entry["datasets"]]


def test_what_one_has_and_is_told_does_not_concern_the_other(fed: LocalFederation) -> None:
    for name, code in (("fed1", "edsd"), ("fed2", "ppmi")):
        fed.write_data(f"{name}-ms", "dementia", "CDEsMetadata.json", cde("dementia", "age"))
        (worker,) = fed.workers(name)
        fed.write_data(worker, "dementia", f"{code}.csv", csv(code))
    first = consolidate(fed, "fed1")
    assert list(first["workers"]) == fed.workers("fed1")
    assert not (fed.ui_path("fed2") / "config/pathologies.json").exists()
    assert consolidate(fed, "fed2")["generation"] == first["generation"] == 1
    assert (offered(fed, "fed1"), offered(fed, "fed2")) == (["edsd"], ["ppmi"])

    ran = fed.run("mip.consolidate")
    assert ran.returncode == 1
    assert "fed1, fed2" in ran.json
    other = fed.run("mip.disable", "federation=fed1", f"node={fed.workers('fed2')[0]}")
    assert other.returncode == 1
    assert "has no node" in other.json

    assert fed.run("mip.disable", "federation=fed1", "node=wk1").returncode == 0
    assert consolidate(fed, "fed1")["workers"][fed.workers("fed1")[0]]["status"] == "disabled"
    again = consolidate(fed, "fed2")
    assert again["changed"] is False
    assert again["workers"][fed.workers("fed2")[0]]["status"] == "ok"
