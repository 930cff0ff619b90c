"""Whatever a node makes of its inventory, it is that node's problem, and the others are served."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from saltext_mip.console.screens.render import render
from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import MipError
from saltext_mip.pusher.consolidate import consolidate
from saltext_mip.pusher.survey import Options
from saltext_mip.text import shown
from tests.support.folders import Folders

LIAR = "fed1-wk-h2"
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 7, 1.5, 2**63, 10**300),
    *("", ".", "..", "a/b", "../../etc", "x\x1b[2J\n", "\x9b31m", "\u202egnp", "{{ 7 * 7 }}"),
    *("$(reboot)", "`id`", "fed1-wk-h1", "edsd", "<10", "MountGone", "a" * 5000, "\ud800"),
    *([], {}, [[]], [None], {"a": 1}, {"": []}, [["edsd", 1]] * 3),
)


def mutations(value: Any) -> Iterator[Any]:
    """The value with one place replaced, removed, repeated, or with one that nobody knows."""
    for place in _places(value):
        for odd in ODD:
            yield _changed(value, place, lambda _, odd=odd: odd)
        yield _without(value, place)
        there = _at(value, place)
        if isinstance(there, list) and there:
            yield _changed(value, place, lambda old: [*old, old[0]])
        if isinstance(there, dict):
            yield _changed(value, place, lambda old: {**old, "unknown": 1})


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(below, (*place, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _changed(value: Any, place: tuple[Any, ...], change: Any) -> Any:
    made = copy.deepcopy(value)
    parent = _at(made, place[:-1])
    parent[place[-1]] = change(parent[place[-1]])
    return made


def _without(value: Any, place: tuple[Any, ...]) -> Any:
    made = copy.deepcopy(value)
    del _at(made, place[:-1])[place[-1]]
    return made


def inventory(fed: Folders) -> Any:
    """What the node answers by itself."""
    head = (fed.federation.name, fed.federation.digest)
    return fed.ask("federation_node.inventory", [LIAR], head).values[LIAR]


def is_refused(answer: Any) -> bool:
    try:
        Inventory.from_wire(LIAR, "fed1", answer["inventory"])
    except (MipError, KeyError, TypeError):
        return True
    return False


def test_any_change_of_an_inventory_is_that_nodes_problem_and_stops_nobody(fed: Folders) -> None:
    fed.write(LIAR, "dementia", "bad.csv", "dataset,age,mmse\nppmi,old,1\n")
    consolidate(fed.pusher, Options())
    answer = inventory(fed)
    whole = {json.dumps(changed, sort_keys=True): changed for changed in mutations(answer)}
    assert len(whole) > 1000
    refused = 0
    for changed in whole.values():
        # what is refused is refused in one place: each tenth of it goes all the way
        refused += is_refused(changed)
        if is_refused(changed) and refused % 10:
            continue
        fed.forged[LIAR] = changed
        result = consolidate(fed.pusher, Options(missing_worker="keep", dry_run=True))
        assert "fed1-wk-h1" in result.pathologies["dementia"].datasets["edsd"], changed
        assert result.workers["fed1-wk-h1"].status == "ok"
        for line in str(render("consolidate", result)).split("\n"):
            assert line == shown(line)
    assert refused > 300


def test_a_change_that_is_no_inventory_names_the_node_and_the_place(fed: Folders) -> None:
    refusals = []
    for changed in mutations(inventory(fed)["inventory"]):
        try:
            Inventory.from_wire(LIAR, "fed1", changed)
        except MipError as exc:
            refusals.append(str(exc))
    assert len(refusals) > 300
    for text in refusals:
        assert text.startswith(f"Invalid response from {LIAR}: ")
        assert text == shown(text)
        assert len(text) < 1000
