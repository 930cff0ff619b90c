"""Whatever nodes have and had: nothing is lost, nothing is invented, a second run does nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from saltext_mip.data.cde.model import edit, parse
from saltext_mip.data.consolidation.planner import CdeFound, Plan, Previous, plan
from saltext_mip.data.inventory.model import Inventory
from tests.unit.data.consolidation import plancases

WORKERS = ("wk-b", "wk-a")
PATHOLOGIES = ("dementia", "tbi")

codes = st.sampled_from(["a", "A", "b", "c,d", "e"])
rows = st.dictionaries(codes, st.sampled_from([1, 20, "<10"]), max_size=3)
good = rows
file = (
    good
    | st.sampled_from([["NotUtf8"], ["Unreadable", "FileChanging"]])
    | st.fixed_dictionaries(
        {"datasets": rows, "verified": st.sampled_from([["UnknownColumn"], ["OutOfBounds"], []])}
    )
    | st.fixed_dictionaries({"datasets": rows})
)
names = st.sampled_from(["1.csv", "10.csv", "2.csv"])
folder = st.dictionaries(names, file, max_size=3)
node = st.dictionaries(st.sampled_from(PATHOLOGIES), folder, max_size=2)
nodes = st.fixed_dictionaries(dict.fromkeys(WORKERS, node))
served = st.dictionaries(
    st.sampled_from(PATHOLOGIES),
    st.dictionaries(names, st.dictionaries(codes, st.just(20), min_size=1), min_size=1, max_size=3),
)
lasts = st.none() | st.fixed_dictionaries(
    {"files": st.fixed_dictionaries(dict.fromkeys(WORKERS, served))}
)
listed = st.dictionaries(codes, st.sampled_from(["One", "Two"]), max_size=3)
scenes = st.fixed_dictionaries(
    {
        "cdes": st.fixed_dictionaries(dict.fromkeys(PATHOLOGIES, listed)),
        "inventories": nodes,
        "previous": lasts,
        "absent": st.dictionaries(
            st.sampled_from(WORKERS), st.sampled_from(["WorkerMissing", "MountGone", "Disabled"])
        ),
        "options": st.fixed_dictionaries({"missing_worker": st.sampled_from(["skip", "keep"])}),
    }
)


def planned(asked: dict[str, Any]) -> Plan:
    return plan(plancases.federation(), **asked)


def carried_out(asked: dict[str, Any], made: Plan) -> dict[str, Any]:
    """What a plan is asked next, where the first was carried out and nothing else happened."""
    written = {(w.node, w.pathology): w.sha256 for w in made.writes}

    def after(inventory: Inventory) -> Inventory:
        records = tuple(
            replace(record, cde=written.get((inventory.node, record.name), record.cde))
            for record in inventory.pathologies
        )
        return replace(inventory, pathologies=records)

    contents = {
        name: CdeFound(made.blobs[written["ms", name]]) if ("ms", name) in written else found
        for name, found in asked["cdes"].items()
    }
    return {
        **asked,
        "inventories": {id_: after(inv) for id_, inv in asked["inventories"].items()},
        "cdes": contents,
        "ui_sha256": made.pathologies_json,
        "previous": Previous(
            number=2, files=made.files, pathologies=tuple(p.name for p in made.pathologies)
        ),
    }


@given(scenes)
def test_a_second_run_writes_nothing_and_changes_nothing(scene: dict[str, Any]) -> None:
    asked = plancases.inputs(scene)
    first = planned(asked)
    second = planned(carried_out(asked, first))
    assert second.writes == ()
    assert not second.changed
    assert second.pathologies_json == first.pathologies_json
    assert second.files == first.files
    assert second.workers == first.workers


@given(scenes)
def test_what_is_listed_is_what_is_served(scene: dict[str, Any]) -> None:
    made = planned(plancases.inputs(scene))
    by_files: dict[str, dict[str, set[str]]] = {}
    for id_, folders in made.files.items():
        for name, files in folders.items():
            for code in {code for each in files for code, _ in each.datasets}:
                by_files.setdefault(name, {}).setdefault(code, set()).add(id_)
    by_plan = {
        p.name: {code: set(owners) for code, owners in p.datasets.items()} for p in made.pathologies
    }
    assert by_plan == by_files
    for p in made.pathologies:
        cde = parse(made.blobs[p.cde], pathology=p.name)
        assert dict(cde.datasets) == p.labels
        assert edit(cde, tuple(p.datasets)) is cde


@given(scenes)
def test_no_file_that_is_still_there_is_lost(scene: dict[str, Any]) -> None:
    asked = plancases.inputs(scene)
    made = planned(asked)
    for id_, folders in asked["previous"].files.items() if asked["previous"] else ():
        away = asked["absent"].get(id_)
        if away == "Disabled" or (away and asked["missing_worker"] == "skip"):
            assert id_ not in made.files
            continue
        for name, files in folders.items():
            there = scene["inventories"][id_].get(name, {})
            for old in files:
                if not away and old.name not in there:
                    continue
                now = {f.name: f for f in made.files.get(id_, {}).get(name, ())}
                # good again: as it is now; bad, or its worker away: as it was. Unless the files
                # of the whole pathology have no rows any more
                if name in [p.name for p in made.pathologies]:
                    assert old.name in now
                    assert now[old.name] == old or not (now[old.name].kept or away)


@given(scenes)
def test_no_write_goes_to_a_node_that_is_not_there(scene: dict[str, Any]) -> None:
    asked = plancases.inputs(scene)
    made = planned(asked)
    assert not {w.node for w in made.writes} & set(asked["absent"])
    assert all(w.sha256 in made.blobs for w in made.writes)
    assert all(problem.node not in asked["absent"] or not problem.file for problem in made.problems)
