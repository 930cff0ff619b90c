"""What may not go by itself, as cases: files before and after, what is held, and what is kept."""

from __future__ import annotations

from typing import Any

import pytest

from saltext_mip.controller.shrink_guard import Key, Known, guarded, held_files
from saltext_mip.data.consolidation.manifest import ServedFile, with_held

Files = dict[str, str]  # "node/pathology/file" to its datasets, and its content after a #


def manifest(files: Files) -> Any:
    out: dict[str, dict[str, list[ServedFile]]] = {}
    for path, content in sorted(files.items()):
        node, pathology, name = path.split("/")
        codes = content.partition("#")[0].split()
        served = ServedFile(name, 1, content, 12, tuple((code, 12) for code in codes))
        out.setdefault(node, {}).setdefault(pathology, []).append(served)
    return {n: {p: tuple(served) for p, served in of.items()} for n, of in out.items()}


BEFORE: Files = {
    "wk1/dementia/edsd.csv": "edsd",
    "wk1/dementia/desd.csv": "desd",
    "wk1/dementia/adni.csv": "adni",
    "wk2/dementia/adni.csv": "adni",
    "wk2/dementia/ppmi.csv": "ppmi",
    "wk2/tbi/centre.csv": "centre",
}


def without(*gone: str, **_: Any) -> Files:
    return {path: codes for path, codes in BEFORE.items() if not set(codes.split()) & set(gone)}


def but(*paths: str) -> Files:
    return {path: codes for path, codes in BEFORE.items() if path not in paths}


def held(after: Files, before: Files = BEFORE, **how: Any) -> dict[str, str]:
    """What is held, as ``{"node/pathology/dataset": why}``."""
    how = {"disabled": (), "max_removed": 1, **how}
    changes = guarded(manifest(before), manifest(after), **how)
    return {"/".join(filter(None, change.key)): change.why for change in changes}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (without(), []),
        (without("edsd"), []),
        (but("wk2/dementia/adni.csv"), []),
        (without("edsd", "desd"), ["wk1/dementia/edsd", "wk1/dementia/desd"]),
        (without("centre"), ["wk2/tbi/centre"]),
        ({**without("edsd"), "wk3/dementia/new.csv": "new"}, []),
        (
            {path: codes for path, codes in BEFORE.items() if not path.startswith("wk2")},
            ["wk2/dementia/adni", "wk2/dementia/ppmi", "wk2/tbi/centre"],
        ),
        ({}, [path.removesuffix(".csv") for path in BEFORE]),
        ({**BEFORE, "wk3/epilepsy/a.csv": "a"}, []),
        # a file that lost a dataset, or was renamed
        ({**but("wk1/dementia/edsd.csv"), "wk1/dementia/other.csv": "edsd"}, []),
        ({**BEFORE, "wk2/tbi/centre.csv": "other"}, []),
    ],
)
def test_what_is_held(after: Files, expected: list[str]) -> None:
    assert sorted(held(after)) == sorted(expected)


def test_each_change_tells_why_it_is_held() -> None:
    after = but("wk2/dementia/adni.csv", "wk2/dementia/ppmi.csv", "wk2/tbi/centre.csv")
    many = "2 datasets; the limit is 1 (reactor: max_removed)"
    assert held(after) == {
        "wk2/dementia/adni": "the last dataset of wk2",
        "wk2/dementia/ppmi": f"the last dataset of wk2; {many}",
        "wk2/tbi/centre": f"the whole pathology 'tbi'; the last dataset of wk2; {many}",
    }


def test_what_goes_with_a_disabled_node_is_the_operators_decision() -> None:
    after = {path: codes for path, codes in BEFORE.items() if not path.startswith("wk2")}
    assert held(after, disabled={"wk2"}, max_removed=0) == {}
    del after["wk1/dementia/edsd.csv"]
    assert sorted(held(after, disabled={"wk2"}, max_removed=0)) == ["wk1/dementia/edsd"]


@pytest.mark.parametrize("allowed", [0, 1, 2, 3])
def test_as_many_as_the_pillar_allows_may_go(allowed: int) -> None:
    assert bool(held(without("edsd", "desd"), max_removed=allowed)) == (allowed < 2)


EDSD, DESD = Key("wk1", "dementia", "edsd"), Key("wk1", "dementia", "desd")


def test_what_was_held_stays_held_when_less_would_go() -> None:
    known = Known({EDSD: "2 datasets", DESD: "2 datasets"})
    assert held(without("edsd"), known=known) == {"wk1/dementia/edsd": "2 datasets"}
    assert held(BEFORE, known=known) == {}


def test_what_an_operator_decided_does_not_count() -> None:
    known = Known({EDSD: "why"}, decided=[EDSD])
    assert sorted(held(without("edsd", "desd"), known=known)) == ["wk1/dementia/edsd"]


def test_of_a_node_that_is_away_what_was_held_stays_held() -> None:
    known = Known({EDSD: "why"}, away=["wk1"])
    assert held(BEFORE, known=known) == {"wk1/dementia/edsd": "why"}


def test_a_file_that_is_listed_as_it_was_is_not_back() -> None:
    before, name = manifest(BEFORE), {"wk1": {"dementia": ["edsd.csv"]}}
    after = with_held(manifest(without("edsd")), before, name)
    how: Any = {"disabled": (), "max_removed": 1, "known": Known({EDSD: "why"})}
    assert [change.key for change in guarded(before, after, **how)] == [EDSD]


COPY = Key("wk1", "dementia", "", "copy.csv")


def test_a_file_that_counts_patients_twice_is_held() -> None:
    after = {**BEFORE, "wk1/dementia/copy.csv": "edsd"}
    why = "patients counted twice: wk1: dementia/copy.csv"
    assert held(after, repeated=[COPY]) == {"wk1/dementia/copy.csv": why}
    assert held(after, before=after, repeated=[COPY]) == {}
    assert held(BEFORE, repeated=[COPY]) == {}


def change(after: Files, before: Files = BEFORE) -> Any:
    (found,) = guarded(manifest(before), manifest(after), disabled=(), max_removed=0)
    return found


def test_the_same_change_has_the_same_id_and_another_one_another() -> None:
    first = change(without("edsd"))
    assert first.id == change({**without("edsd"), "wk3/dementia/new.csv": "new"}).id
    other = {**BEFORE, "wk1/dementia/edsd.csv": "edsd#2"}
    assert first.id != change(without("edsd"), other).id


def kept(after: Files, before: Files = BEFORE, **how: Any) -> dict[str, str]:
    """All files as they are served while what must be is held."""
    how = {"disabled": (), "max_removed": 0, **how}
    was, is_ = manifest(before), manifest(after)
    files = with_held(is_, was, held_files(was, is_, guarded(was, is_, **how)))
    return {
        f"{node}/{pathology}/{file.name}": file.sha256
        for node, of in files.items()
        for pathology, served in of.items()
        for file in served
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # gone, while others come and change
        (
            {"wk1/d/a.csv": "a", "wk1/d/b.csv": "b#1", "wk2/d/c.csv": "c"},
            {"wk1/d/b.csv": "b#2", "wk2/d/c.csv": "c", "wk2/d/new.csv": "new"},
            {"wk1/d/a.csv": "a", "wk1/d/b.csv": "b#2", "wk2/d/c.csv": "c", "wk2/d/new.csv": "new"},
        ),
        # a file lost one of its datasets: it remains as a whole
        ({"wk1/d/all.csv": "a b"}, {"wk1/d/all.csv": "a"}, {"wk1/d/all.csv": "a b"}),
        # rows of a dataset that stays moved to another file: nobody is counted twice
        ({"wk1/d/x.csv": "a b"}, {"wk1/d/y.csv": "a"}, {"wk1/d/x.csv": "a b"}),
        (
            {"wk1/d/x.csv": "a b", "wk1/d/z.csv": "c", "wk1/d/u.csv": "u"},
            {"wk1/d/z.csv": "c a", "wk1/d/new.csv": "c", "wk1/d/u.csv": "u#2"},
            {"wk1/d/x.csv": "a b", "wk1/d/z.csv": "c", "wk1/d/u.csv": "u#2"},
        ),
        # the last dataset of a node moved to another node, which did not have it
        (
            {"wk1/d/a.csv": "a", "wk2/d/b.csv": "b"},
            {"wk1/d/a.csv": "a", "wk1/d/b.csv": "b"},
            {"wk1/d/a.csv": "a", "wk2/d/b.csv": "b"},
        ),
    ],
)
def test_what_is_kept(before: Files, after: Files, expected: Files) -> None:
    assert kept(after, before) == expected


def test_a_file_that_counts_patients_twice_waits_alone() -> None:
    after = {**BEFORE, "wk1/dementia/copy.csv": "edsd", "wk1/dementia/new.csv": "edsd"}
    expected = {path: codes for path, codes in after.items() if "copy" not in path}
    assert kept(after, repeated=[COPY]) == expected
