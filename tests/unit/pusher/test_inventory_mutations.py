"""Whatever a node makes of its inventory, it is that node's problem, and the others are served."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from saltext_mip.data.inventory.model import Inventory
from saltext_mip.errors import BadAnswer, MipError
from saltext_mip.pusher.consolidate import Options
from saltext_mip.text import shown
from tests.support import commands
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
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in inner if isinstance(value, dict | list) else ():
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


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    for each in inner if isinstance(value, dict | list) else ():
        yield from texts(each)


def test_any_change_of_an_inventory_is_that_nodes_problem_and_stops_nobody(fed: Folders) -> None:
    fed.write(LIAR, "dementia", "bad.csv", "dataset,age,mmse\nppmi,old,1\n")
    commands.consolidate(fed.pusher, Options())
    answer = inventory(fed)
    seen, read = set(), 0
    for changed in mutations(answer):
        key = json.dumps(changed, sort_keys=True)
        if key in seen:
            continue
        seen.add(key)
        try:
            Inventory.from_wire(LIAR, "fed1", changed["inventory"])
        except (BadAnswer, KeyError, TypeError):
            if read and len(seen) % 20:  # all are refused in the same way: each twentieth whole
                continue
        read += 1
        fed.forged[LIAR] = changed
        result = commands.consolidate(fed.pusher, Options(missing_worker="keep", dry_run=True))
        served = result["pathologies"]["dementia"]["datasets"]
        assert "fed1-wk-h1" in served["edsd"], changed
        assert result["workers"]["fed1-wk-h1"]["status"] == "ok"
        for text in texts(result):
            assert text == shown(text)
    assert len(seen) > 1000
    assert read > 100


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
