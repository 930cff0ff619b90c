"""``pathologies.json`` and the data structure: what is in them, and in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from saltext_mip import schemas
from saltext_mip.data.cde.model import edit, parse
from saltext_mip.data.consolidation import clashes
from saltext_mip.data.consolidation.pathologies_json import Entry, label, make, structure
from tests.support import cdes
from tests.unit.data.consolidation import plancases


def entry(name: str, datasets: dict[str, tuple[str, ...]], **root: Any) -> Entry:
    found = edit(parse(cdes.content(pathology=name, **root), pathology=name), tuple(datasets))
    return Entry(name, label(name, found), found, datasets)


def test_keys_are_in_the_portals_order() -> None:
    listed = json.loads(make([entry("dementia", {"edsd": ("wk-a",)})]))
    assert list(listed[0]) == ["code", "label", "metadataHierarchy", "datasets"]
    assert list(listed[0]["datasets"][0]) == ["code", "label"]


def test_the_hierarchy_is_the_edited_tree_with_its_dataset_variable() -> None:
    made = entry("dementia", {"edsd": ("wk-a",)})
    listed = json.loads(make([made]))
    assert listed[0]["metadataHierarchy"] == json.loads(made.cde.content)
    assert list(listed[0]["metadataHierarchy"]) == list(made.cde.tree)


def test_pathologies_are_sorted_by_code_points_of_the_folder() -> None:
    entries = [
        entry("é", {"a": ("wk-a",)}),
        entry("b", {"a": ("wk-a",)}, code="0"),
        entry("Z", {"a": ("wk-a",)}),
        entry("a-b", {"a": ("wk-a",)}),
        entry("a", {"a": ("wk-a",)}),
    ]
    assert [p["name"] for p in structure(plancases.federation(), entries)] == [
        "Z", "a", "a-b", "b", "é",
    ]  # fmt: skip
    assert [p["code"] for p in json.loads(make(entries))] == ["Z", "a", "a-b", "b", "é"]


def test_datasets_are_in_the_given_order_not_that_of_the_enumeration() -> None:
    found = parse(cdes.content(datasets=["edsd", "ppmi"]), pathology="dementia")
    made = Entry("dementia", "Dementia", found, {"ppmi": ("wk-a",), "edsd": ("wk-a",)})
    assert [d["code"] for d in json.loads(make([made]))[0]["datasets"]] == ["ppmi", "edsd"]


def test_escapes_are_repaired_in_it_also_where_the_cde_file_keeps_them() -> None:
    content = cdes.content(datasets=["edsd"], note=r"A\u03b2")
    found = edit(parse(content, pathology="dementia"), ["edsd"])
    assert found.content == content
    made = make([Entry("dementia", "Dementia", found, {"edsd": ("wk-a",)})])
    assert "Aβ".encode() in made


def test_it_is_written_as_cdes_are() -> None:
    text = make([entry("dementia", {"edsd": ("wk-a",)}, label="Démence")]).decode()
    assert text.startswith('[\n  {\n    "code": "dementia",\n    "label": "Démence",\n')
    assert text.endswith("\n]\n")


def test_without_pathologies_it_is_an_empty_list() -> None:
    assert make([]) == b"[]\n"
    assert structure(plancases.federation(), []) == []


def test_a_slash_stands_for_the_folders_name_as_python_capitalises_it() -> None:
    found = parse(cdes.content(label="/"), pathology="x")
    assert [label(name, found) for name in ("TBI", "dementia", "éa B", "1a")] == [
        "Tbi", "Dementia", "Éa b", "1a",
    ]  # fmt: skip


def test_an_empty_label_is_a_label() -> None:
    assert label("x", parse(cdes.content(label=""), pathology="x")) == ""


def test_nodes_bear_their_hostnames_in_the_pillars_order_and_nothing_is_twice() -> None:
    made = entry("dementia", {"b": ("wk-a", "wk-b"), "a": ("wk-b",)})
    assert structure(plancases.federation(), [made]) == [
        {
            "name": "dementia",
            "nodes": [
                {"name": "host-b", "datasets": [{"name": "b"}, {"name": "a"}]},
                {"name": "host-a", "datasets": [{"name": "b"}]},
            ],
        }
    ]


@given(cdes.trees())
def test_whatever_the_cde_the_list_is_of_its_schema(tree: Any) -> None:
    found = edit(parse(cdes.content(tree), pathology="p"), ["edsd", "ppmi"])
    made = make([Entry("p", label("p", found), found, {"ppmi": ("wk-a",), "edsd": ("wk-b",)})])
    listed = json.loads(made)
    assert schemas.first_error("pathologies", listed) is None
    assert schemas.first_error("cde", listed[0]["metadataHierarchy"]) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Case", "case"),
        ("caf\u00e9", "cafe\u0301"),
        ("ed\u200bsd", "edsd"),
        ("edsd", "edsd\ufeff"),
        ("ed\u00adsd", "edsd"),
    ],
)
def test_names_that_only_look_alike_are_a_problem(one: str, other: str) -> None:
    [folders] = clashes.alike_folders([one, "other", other])
    assert (folders.rule, folders.pathology, folders.count) == ("PathologiesAlike", one, 2)
    offered = {"p": {one: ("wk",), "other": ("wk",), other: ("wk",)}}
    assert [problem.rule for problem in clashes.ambiguous(offered)] == ["AmbiguousCode"]
    assert not list(clashes.alike_folders(["edsd", "edsd2", "ppmi"]))
