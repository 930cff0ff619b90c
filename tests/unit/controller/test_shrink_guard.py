"""What may not go by itself, as cases: before, after, what would go and why that is too much."""

from __future__ import annotations

from typing import Any

import pytest

from saltext_mip.controller.shrink_guard import Shrink, shrink

Given = dict[str, dict[str, str]]


def offered(given: Given) -> Any:
    return {
        name: {code: tuple(of.split()) for code, of in below.items()}
        for name, below in given.items()
    }


BEFORE: Given = {
    "dementia": {"edsd": "wk1", "ppmi": "wk2", "adni": "wk1 wk2", "desd": "wk1"},
    "tbi": {"centre": "wk2"},
}


def without(*gone: str, **moved: str) -> Given:
    left = {
        name: {code: moved.get(code, of) for code, of in below.items() if code not in gone}
        for name, below in BEFORE.items()
    }
    return {name: below for name, below in left.items() if below}


@pytest.mark.parametrize(
    ("after", "goes"),
    [
        (without(), None),
        (without("edsd"), None),
        (without(adni="wk1"), None),
        (without(edsd="wk2"), None),
        (without("edsd", "desd"), ("dementia: edsd", "dementia: desd")),
        (without("centre"), ("tbi: centre",)),
        (
            {"dementia": {"edsd": "wk1", "adni": "wk1", "desd": "wk1"}, "tbi": {"new": "wk1"}},
            ("dementia: ppmi", "tbi: centre"),
        ),
        (without(ppmi="wk1", adni="wk1", centre="wk1"), ()),
        (
            {},
            ("dementia: edsd", "dementia: ppmi", "dementia: adni", "dementia: desd", "tbi: centre"),
        ),
        ({**without(), "epilepsy": {"a": "wk3"}}, None),
    ],
)
def test_what_goes(after: Given, goes: tuple[str, ...] | None) -> None:
    found = shrink(offered(BEFORE), offered(after), disabled=(), max_removed=1)
    assert (found.goes if found else None) == goes


def test_it_says_why() -> None:
    found = shrink(
        offered(BEFORE), offered(without("centre", "ppmi", adni="wk1")), disabled=(), max_removed=1
    )
    assert found == Shrink(
        ("dementia: ppmi", "tbi: centre"),
        (
            "the whole pathology 'tbi'",
            "the last dataset of wk2",
            "2 datasets, where 1 may go (reactor: max_removed)",
        ),
    )


def test_what_goes_with_a_disabled_node_is_the_operators_word() -> None:
    after = offered(without("ppmi", "centre", adni="wk1"))
    assert shrink(offered(BEFORE), after, disabled={"wk2"}, max_removed=0) is None
    more = offered(without("ppmi", "centre", "edsd", adni="wk1"))
    found = shrink(offered(BEFORE), more, disabled={"wk2"}, max_removed=0)
    assert found is not None
    assert found.goes == ("dementia: edsd",)


@pytest.mark.parametrize("allowed", [0, 1, 2, 3])
def test_as_many_as_the_pillar_allows_may_go(allowed: int) -> None:
    after = offered(without("edsd", "desd"))
    assert (shrink(offered(BEFORE), after, disabled=(), max_removed=allowed) is None) == (
        allowed >= 2
    )


def test_a_file_that_counts_patients_twice_holds_too() -> None:
    whole = offered(BEFORE)
    held = shrink(whole, whole, disabled=(), max_removed=1, repeated=["wk1: dementia/copy.csv"])
    assert held == Shrink((), ("patients counted twice: wk1: dementia/copy.csv",))
