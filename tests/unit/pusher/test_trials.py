"""Who edits the CDE learns no value by dry runs, and each node stops them for itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from saltext_mip.data.inventory import trials
from saltext_mip.data.inventory.trials import MOST, Trials
from saltext_mip.pusher.consolidate import Options
from tests.support.commands import consolidate
from tests.support.folders import Folders
from tests.unit.pusher.conftest import cde

H1 = "fed1-wk-h1"


def bounded(least: int | None = None, most: int | None = None) -> str:
    tree = json.loads(cde())
    age = next(each for each in tree["variables"] if each["code"] == "age")
    bounds = {"minValue": least, "maxValue": most}
    age |= {key: bound for key, bound in bounds.items() if bound is not None}
    return json.dumps(tree, indent=2) + "\n"


def edited(fed: Folders, content: str, **options: Any) -> dict[str, Any]:
    fed.write("fed1-ms", "dementia", "CDEsMetadata.json", content)
    return consolidate(fed.pusher, Options(**options))


def ages(fed: Folders, *values: int) -> None:
    lines = "".join(f"edsd,{age},28.5\n" for age in values)
    fed.write(H1, "dementia", "edsd.csv", "dataset,age,mmse\n" + lines)


def of_node(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in result["problems"] if each["node"] == H1]


def test_bisection_in_dry_runs_finds_no_cell(fed: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "MOST", 10**6)
    seen = {}
    for oldest in (71, 97):
        ages(fed, *range(30, 60), oldest)
        edited(fed, bounded(0, 120))
        low, high = 60, 120
        told = []
        while low < high:  # as if a warning came when the oldest is beyond the bound
            bound = (low + high) // 2
            result = edited(fed, bounded(0, bound), dry_run=True)
            told.append(json.dumps(of_node(result)))
            low, high = (bound + 1, high) if "OutOfBounds" in told[-1] else (low, bound)
        seen[oldest] = told
        assert "OutOfBounds" in (fed.data(H1) / "mip-report-dementia.txt").read_text()
    assert seen[71] == seen[97]


def test_a_committed_bound_tells_no_line_and_no_count_of_a_few(fed: Folders) -> None:
    ages(fed, *range(30, 60), 97)
    edited(fed, bounded(0, 120))
    edited(fed, bounded(0, 90))
    (found,) = of_node(consolidate(fed.pusher, Options()))
    assert (found["rule"], found["column"], found["count"]) == ("OutOfBounds", "age", "<10")
    assert (found["line"], found["lines"]) == (None, [])


def test_too_many_cdes_are_the_problem_of_the_node_that_refuses(fed: Folders) -> None:
    edited(fed, bounded(0, 120))
    before = fed.data(H1, "dementia", "CDEsMetadata.json").read_bytes()
    own = Trials(fed.root / H1 / "state")
    for number in range(own.left("dementia")):
        assert not [
            each
            for each in edited(fed, bounded(0, 200 + number), dry_run=True)["problems"]
            if each["rule"] == "TooManyTrials"
        ]
    other = Trials(fed.root / "fed1-wk-h2" / "state")
    other.allow("dementia")
    # also without a dry run: it goes on as it was there, and the other worker follows
    result = edited(fed, bounded(0, 500))
    found = {each["rule"]: each for each in of_node(result)}
    assert found.keys() == {"TooManyTrials", "KeptAsItWas"}
    assert "salt-call --local mip.allow" in found["TooManyTrials"]["hint"]
    assert found["TooManyTrials"]["contact"] == "it@h1.example"
    assert result["pathologies"]["dementia"]["datasets"]["edsd"] == [H1]
    assert fed.data(H1, "dementia", "CDEsMetadata.json").read_bytes() == before
    h2 = fed.data("fed1-wk-h2", "dementia", "CDEsMetadata.json").read_bytes()
    assert json.loads(h2)["variables"][1]["maxValue"] == 500
    # the hospital allows it
    own.allow("dementia")
    assert not of_node(consolidate(fed.pusher, Options()))
    assert fed.data(H1, "dementia", "CDEsMetadata.json").read_bytes() == h2


def test_who_edits_labels_and_adds_datasets_is_never_refused(fed: Folders) -> None:
    edited(fed, bounded(0, 120))
    for number in range(MOST + 5):
        tree = json.loads(bounded(0, 120))
        tree["label"] = tree["variables"][1]["label"] = f"Label {number}"
        lines = f"ward{number},50\n" * 12
        fed.write(H1, "dementia", f"{number}.csv", f"dataset,age\n{lines}")
        result = edited(fed, json.dumps(tree))
        assert f"ward{number}" in result["pathologies"]["dementia"]["datasets"]
        assert not of_node(result)
    assert len(Trials(fed.root / H1 / "state").history()) == 1


def test_guessed_codes_in_the_cde_do_not_bring_out_patients_ids(fed: Folders) -> None:
    """A node takes the codes of its own CDE for datasets: it gets none that nobody listed."""
    persons = [f"p{number}" for number in range(1000, 1012)]
    for worker in (H1, "fed1-wk-h2"):
        for file in fed.data(worker, "dementia").glob("*.csv"):
            file.unlink()
    lines = "".join(f"{person},70\n" for person in persons)
    fed.write(H1, "dementia", "visits.csv", f"dataset,age\n{lines}")
    guesses = [f"p{number}" for number in range(1000, 1500)]
    for content in (cde(), cde(*guesses), cde(*guesses)):
        result = edited(fed, content)
        assert "ManySmallDatasets" in {each["rule"] for each in of_node(result)}
        assert not any(person in json.dumps(result) for person in persons)
    own = fed.data(H1, "dementia", "CDEsMetadata.json").read_text()
    assert not any(person in own for person in persons)
