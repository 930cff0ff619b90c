"""Who must start again to see what changed; what is served against what should be."""

from __future__ import annotations

from typing import Any

import pytest

from saltext_mip.swarm.engine import Served, Sources, differences, restarts
from tests.unit.swarm.declared import federation

FED = federation()
CHUV, OTHER, MASTER = "fed1-wk-chuv", "fed1-wk-b", "fed1-ms"
BEFORE = Sources(
    {"dementia": "a", "tbi": "b"},
    {CHUV: {"dementia": ("edsd", "ppmi")}, OTHER: {"tbi": ("demo",)}},
)


def sources(cdes: dict[str, str] | None = None, **datasets: Any) -> Sources:
    names = {"chuv": CHUV, "other": OTHER}
    changed = {names[key]: value for key, value in datasets.items()}
    return Sources({**BEFORE.cdes, **(cdes or {})}, {**BEFORE.datasets, **changed})


TABLE = [
    ("rows alone", BEFORE, []),
    ("a CDE", sources({"tbi": "c"}), [("restart", "exareme-master", MASTER)]),
    (
        "a dataset more",
        sources(chuv={"dementia": ("edsd", "new", "ppmi")}),
        [("restart", "exareme", CHUV)],
    ),
    (
        "a dataset less, and the CDE that lists it",
        sources({"dementia": "c"}, chuv={"dementia": ("edsd",)}),
        [("restart", "exareme", CHUV), ("restart", "exareme-master", MASTER)],
    ),
    (
        "a pathology gone from a worker",
        sources(other={}),
        [("forget", "data/hospital-b/tbi", MASTER), ("restart", "exareme", OTHER)],
    ),
    (
        "a pathology without datasets yet",
        sources(chuv={"dementia": ("edsd", "ppmi"), "new": ()}),
        [("restart", "exareme", CHUV)],
    ),
]


@pytest.mark.parametrize(("what", "after", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_exactly_those_who_must_see_it_start_again(
    what: str, after: Sources, expected: list[tuple[str, str, str]]
) -> None:
    items = restarts(FED, BEFORE, after)
    assert [(item.action, item.thing, item.node) for item in items] == expected


def test_all_start_again_where_nobody_knows_what_they_have_seen() -> None:
    items = restarts(FED, None, BEFORE)
    assert [item.node for item in items] == [CHUV, OTHER, MASTER]
    assert {item.reason for item in items} == {"nobody knows what it has seen"}


def test_after_the_keystore_the_master_comes_first() -> None:
    assert [i.node for i in restarts(FED, BEFORE, BEFORE, keystore=True)] == [MASTER, CHUV, OTHER]


def test_reasons_say_what_changed() -> None:
    after = sources({"tbi": "c"}, chuv={"dementia": ("edsd", "new")})
    assert [item.reason for item in restarts(FED, BEFORE, after)] == [
        "its datasets changed (dementia: +new, -ppmi)",
        "CDEs changed: tbi",
    ]


def test_sources_are_remembered_as_json() -> None:
    assert Sources.from_value(BEFORE.value()) == BEFORE


def test_what_is_not_served_is_named() -> None:
    wanted = {"dementia": {"edsd": (CHUV, OTHER)}, "tbi": {"demo": (OTHER,)}}
    assert differences(wanted, Served((CHUV,), wanted)) == ()
    served = Served((CHUV,), {"dementia": {"edsd": (CHUV,), "old": (CHUV,)}})
    assert differences(wanted, served) == (
        f"dementia, dataset edsd: not served by {OTHER}",
        f"dementia, dataset old: still served by {CHUV}",
        f"tbi, dataset demo: not served by {OTHER}",
    )
    assert differences(wanted, Served(error="no word")) == ("the engine does not answer: no word",)
    assert Served.from_wire(served.wire()) == served
