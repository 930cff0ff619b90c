"""The editor on any CDE: what holds whatever the tree, the datasets and the labels are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext_mip import schemas
from saltext_mip.data.cde.model import CdeInvalid, edit, parse, written
from tests.support import cdes

codes = st.lists(cdes.names, max_size=6)
labels = st.dictionaries(cdes.names, cdes.names, max_size=4)


def entries(tree: Any) -> list[Any]:
    """The entries of the ``dataset`` enumeration."""
    found = next(v for v in tree["variables"] if v["code"] == "dataset")
    return list(found.get("enumerations", []))


def ordered(value: Any) -> str:
    """A form that differs where values or the order of keys differ."""
    return json.dumps(value)


def refusal(content: bytes) -> str:
    """Why these bytes are no CDE; they are not, as nothing here has a variable ``dataset``."""
    with pytest.raises(CdeInvalid) as caught:
        parse(content, pathology="p")
    return str(caught.value)


def without_datasets(tree: Any) -> Any:
    own = [
        {key: v[key] for key in v if key != "enumerations"} if v["code"] == "dataset" else v
        for v in tree["variables"]
    ]
    return {**tree, "variables": own}


@given(cdes.trees(), codes, labels)
def test_an_edit_lists_exactly_the_wanted_once(
    tree: Any, wanted: list[str], named: dict[str, str]
) -> None:
    edited = edit(parse(cdes.content(tree), pathology="p"), wanted, named)
    listed = [code for code, _ in edited.datasets]
    assert sorted(listed) == sorted(set(wanted))


@given(cdes.trees(), codes, labels)
def test_those_that_stay_come_first_in_their_order_then_new_ones_in_theirs(
    tree: Any, wanted: list[str], named: dict[str, str]
) -> None:
    found = parse(cdes.content(tree), pathology="p")
    old = list(dict.fromkeys(code for code, _ in found.datasets))
    listed = [code for code, _ in edit(found, wanted, named).datasets]
    stay = [code for code in old if code in wanted]
    assert listed == stay + [code for code in dict.fromkeys(wanted) if code not in stay]


@given(cdes.trees(), codes, labels)
def test_labels_are_those_named_else_those_there_else_capitals(
    tree: Any, wanted: list[str], named: dict[str, str]
) -> None:
    found = parse(cdes.content(tree), pathology="p")
    there = dict(reversed(found.datasets))
    for code, label in edit(found, wanted, named).datasets:
        assert label == named.get(code, there.get(code, code.upper()))


@given(cdes.trees(), codes, labels)
def test_an_edit_is_idempotent(tree: Any, wanted: list[str], named: dict[str, str]) -> None:
    once = edit(parse(cdes.content(tree), pathology="p"), wanted, named)
    assert edit(once, wanted, named) is once
    again = parse(once.content, pathology="p")
    assert edit(again, wanted, named).content == once.content


@given(cdes.trees(), codes, labels)
def test_all_else_stays_in_value_and_order(
    tree: Any, wanted: list[str], named: dict[str, str]
) -> None:
    found = parse(cdes.content(tree), pathology="p")
    edited = json.loads(edit(found, wanted, named).content)
    assert ordered(without_datasets(edited)) == ordered(without_datasets(found.tree))
    before = {entry["code"]: entry for entry in reversed(entries(found.tree))}
    for entry in entries(edited):
        old = before.get(entry["code"], {"code": "", "label": ""})
        assert list(entry) == list(old)
        assert {**entry, "label": old["label"], "code": old["code"]} == old


@given(cdes.trees(), codes)
def test_the_edited_bytes_and_the_edited_values_agree(tree: Any, wanted: list[str]) -> None:
    edited = edit(parse(cdes.content(tree), pathology="p"), wanted)
    again = parse(edited.content, pathology="p")
    assert again.variables == edited.variables
    assert ordered(again.tree) == ordered(edited.tree)


@given(cdes.trees())
def test_a_cde_written_anew_is_the_same_value(tree: Any) -> None:
    found = parse(cdes.content(tree), pathology="p")
    assert ordered(json.loads(written(found).content)) == ordered(found.tree)


@given(cdes.trees())
def test_every_made_tree_is_of_the_schema(tree: Any) -> None:
    assert schemas.first_error("cde", tree) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words_never_by_a_crash(content: bytes) -> None:
    assert "p/CDEsMetadata.json" in refusal(content)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["code", "label", "variables", "groups", "sql_type", "isCategorical", "x"]
            ),
            below,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_json)
def test_any_values_are_refused_in_words_never_by_a_crash(value: Any) -> None:
    assert "p/CDEsMetadata.json" in refusal(json.dumps(value).encode())
