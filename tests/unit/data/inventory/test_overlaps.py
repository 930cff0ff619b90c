"""Files that share rows or visits: exactly as many as an independent count finds."""

from __future__ import annotations

import csv
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext_mip.data.inventory import collect as inventories
from saltext_mip.data.inventory import overlaps, row_hashes
from saltext_mip.data.inventory.check import check
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import state as state_files
from tests.support import cdes
from tests.support.soak import examples
from tests.unit.data.database.test_compiler import Folder

RULES = ("OverlappingFile", "VisitInOtherFile")
VISITS = cdes.variable("visitid", enumerations=["BL", "FL1", "FL2"])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, cdes.variable("x", "int"), cdes.variable("t"))


@pytest.fixture
def visits(tmp_path: Path) -> Folder:
    return Folder(
        tmp_path,
        cdes.variable("subjectid"),
        VISITS,
        cdes.variable("x", "int"),
        longitudinal=True,
    )


def collected(folder: Folder) -> list[Problem]:
    """As the inventory has them, which must be what the check finds."""
    [record] = inventories.collect(
        folder.path.parent, folder.state, federation="fed1", node="n"
    ).pathologies
    found = [p for file in record.files for p in file.problems if p.rule in RULES]
    checked = [of.problem for of in check(folder.path).all_findings if of.problem.rule in RULES]
    assert [of.at(node=None) for of in found] == checked
    return found


def table(name: str, rows: Sequence[str], header: str = "dataset,x,t") -> tuple[str, str]:
    return name, "\n".join([header, *rows, ""])


def numbered(*ranges: range, of: str = "edsd") -> list[str]:
    return [f"{of},{number},t{number}" for numbers in ranges for number in numbers]


# -- rows


@pytest.mark.parametrize("times", [2, 100, 2_000])
@pytest.mark.parametrize("part", [0.45, 0.55, 1])
def test_a_small_file_in_a_large_one_is_found_whatever_their_sizes(folder, times, part):
    small = 40
    folder.write(*table("large.csv", numbered(range(small * times))))
    inside = int(small * part)
    rows = numbered(range(5, 5 + inside), range(10**6, 10**6 + small - inside))
    folder.write(*table("small.csv", rows))
    found = [(of.file, of.rule) for of in collected(folder)]
    assert found == ([("small.csv", "OverlappingFile")] if part > 0.5 else [])


@pytest.mark.parametrize("shared", [49, 50, 51])
def test_half_of_the_rows_is_not_more_than_half(folder, shared):
    folder.write(*table("a.csv", numbered(range(100))))
    folder.write(*table("b.csv", numbered(range(100 - shared, 200 - shared))))
    found = collected(folder)
    assert [of.file for of in found] == (["b.csv"] if shared > 50 else [])
    if found:
        assert found[0].about == "more than half of its rows are also in 'a.csv'"


def test_a_file_that_holds_another_is_named_even_if_most_of_it_is_new(folder):
    folder.write(*table("a.csv", numbered(range(10))))
    folder.write(*table("b.csv", numbered(range(1_000))))
    [problem] = collected(folder)
    assert problem.file == "b.csv"
    assert problem.about == "more than half of the rows of 'a.csv' are also in it"


def test_rows_from_several_files_count_together(folder):
    folder.write(*table("a.csv", numbered(range(10))))
    folder.write(*table("b.csv", numbered(range(100, 140))))
    folder.write(*table("c.csv", numbered(range(200, 240))))
    rows = numbered(range(120, 140), range(200, 220), range(300, 330))
    folder.write(*table("d.csv", rows))
    [problem] = collected(folder)
    assert problem.file == "d.csv"
    assert problem.about.endswith("are also in 'b.csv' and others")


def test_the_same_file_is_named_whichever_was_written_last(folder):
    folder.write(*table("a.csv", numbered(range(20))))
    folder.write(*table("a - Copy.csv", numbered(range(25))))
    for name in ("a.csv", "a - Copy.csv", "a.csv"):
        at = folder.path / name
        at.write_bytes(at.read_bytes())
        assert [of.file for of in collected(folder)] == ["a - Copy.csv"]


@pytest.mark.parametrize(
    ("one", "other", "header"),
    [
        (numbered(range(30)), numbered(range(30), of="ppmi"), "dataset,x,t"),
        (numbered(range(30)), [f"t{n},{n},edsd" for n in range(30)], "dataset,x,t"),
        (numbered(range(3)), numbered(range(4)), "dataset,x,t"),
        # of rows that do not tell patients apart nothing follows
        ([f"edsd,{n % 20},M" for n in range(30)], [f"edsd,{n % 20},M" for n in range(40)], None),
    ],
    ids=["other datasets", "other values", "a few rows", "rows that repeat"],
)
def test_what_is_no_sign_of_equal_patients_is_none(folder, one, other, header):
    folder.write(*table("a.csv", one))
    folder.write(*table("b.csv", other, header or "dataset,x,t"))
    assert collected(folder) == []


numbers = st.lists(st.integers(0, 12), min_size=1, max_size=14)


@given(st.lists(numbers, min_size=2, max_size=4))
@settings(max_examples=examples(40), deadline=None)
def test_the_share_of_rows_is_what_sets_count(files):
    with tempfile.TemporaryDirectory() as root:
        made = Folder(Path(root), cdes.variable("x", "int"), cdes.variable("t"))
        for at, rows in enumerate(files):
            made.write(*table(f"{at}.csv", [f"edsd,{n},t" for n in rows]))
        found = {of.file for of in collected(made)}
        # the files that are left of those with the same rows
        kept: dict[tuple[int, ...], int] = {}
        for at, rows in enumerate(files):
            kept.setdefault(tuple(sorted(rows)), at)
        telling = {
            at: set(files[at])
            for at in kept.values()
            if len(set(files[at])) >= max(5, 0.9 * len(files[at]))
        }
        involved = {
            at
            for at, rows in telling.items()
            if 2 * len(rows & set().union(*(of for other, of in telling.items() if other != at)))
            > len(rows)
        }
        assert bool(found) == bool(involved)
        for at in involved:
            partners = [of for of, rows in telling.items() if of != at and rows & telling[at]]
            assert found & {f"{max(at, of)}.csv" for of in partners}
        assert found <= {f"{at}.csv" for at in telling if at}


# -- visits


@pytest.mark.parametrize(
    ("other", "count", "lines"),
    [
        ("edsd,s1,BL,7\nedsd,s3,BL,1\n", 1, (2,)),
        ("edsd,s3,BL,1\nedsd,s2,FL1,\nedsd,s1,BL,9\n", 2, (3, 4)),
        # of another dataset too: it is the same hospital's subject
        ("ppmi,s1,BL,7\n", 1, (2,)),
        ("edsd,s1,BL,7\nedsd,s1,BL,8\n", 2, (2, 3)),
        ('edsd,"s1",BL,7\n\n,,,\nedsd,"s1","FL1",2\n', 1, (2,)),
    ],
    ids=["one", "two", "another dataset", "twice there too", "written otherwise"],
)
def test_a_visit_that_another_file_has_is_a_warning(visits, other, count, lines):
    header = "dataset,subjectid,visitid,x"
    visits.write("a.csv", f"{header}\nedsd,s1,BL,1\nedsd,s2,FL1,2\nedsd,,BL,1\n")
    visits.write("b.csv", f"{header}\n{other}")
    [problem] = collected(visits)
    assert (problem.rule, problem.severity, problem.file) == (
        "VisitInOtherFile",
        "warning",
        "b.csv",
    )
    assert (problem.count, problem.lines) == (count, lines)
    assert problem.about == "the same are in 'a.csv'"
    assert "s1" not in str(problem.wire())
    found = [of for of in check(visits.path).all_findings if of.problem.rule == problem.rule]
    assert found[0].examples[0][1] in ("s1, BL", "s2, FL1")
    report = (visits.path.parent / "mip-report-dementia.txt").read_text()
    assert f"line {lines[0]}: {found[0].examples[0][1]}" in report


@pytest.mark.parametrize(
    "other",
    [
        "dataset,subjectid,visitid\nedsd,s1,FL1\n",  # another visit
        "dataset,subjectid,visitid\nedsd,S1,BL\n",  # another subject
        "dataset,subjectid,visitid\nedsd,,BL\nedsd,s1,\n",  # no visits
        "dataset,subjectid,x\nedsd,s1,1\n",
        "dataset,subjectid,visitid,unknown\nedsd,s1,BL,1\n",  # refused: not in the database
    ],
)
def test_what_is_no_visit_of_another_file_is_none(visits, other):
    visits.write("a.csv", "dataset,subjectid,visitid\nedsd,s1,BL\nedsd,,BL\n")
    visits.write("b.csv", other)
    assert collected(visits) == []


def test_without_a_longitudinal_cde_there_are_no_visits(tmp_path):
    made = Folder(tmp_path, cdes.variable("subjectid"), VISITS)
    for name in ("a.csv", "b.csv"):
        made.write(name, f"dataset,subjectid,visitid\n{name[0]},s1,BL\n")
    assert collected(made) == []


def test_numbers_of_subjects_are_compared_as_numbers(tmp_path):
    made = Folder(tmp_path, cdes.variable("subjectid", "int"), VISITS, longitudinal=True)
    made.write("a.csv", "dataset,subjectid,visitid\nedsd,7,BL\nedsd,9,BL\n")
    made.write("b.csv", "dataset,subjectid,visitid\nedsd,007,BL\nedsd, 9.0 ,BL\nedsd,79,BL\n")
    [problem] = collected(made)
    assert (problem.count, problem.lines) == (2, (2, 3))


@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(["", "s1", "s2", "s3"]), st.sampled_from(["", "BL", "FL1"])),
            max_size=6,
        ),
        min_size=2,
        max_size=4,
    ),
    st.sampled_from([1, 3, 1 << 20]),
)
@settings(max_examples=examples(40), deadline=None)
def test_visits_of_others_are_what_sets_find(files, at_once):
    with tempfile.TemporaryDirectory() as root:
        made = Folder(Path(root), cdes.variable("subjectid"), VISITS, longitudinal=True)
        seen: set[tuple[str, str]] = set()
        expected = {}
        for at, rows in enumerate(files):
            with (made.path / f"{at}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["dataset", "subjectid", "visitid"])
                writer.writerows([[f"d{at}", *row] for row in rows])
            again = [line for line, row in enumerate(rows, 2) if all(row) and row in seen]
            if again:
                expected[f"{at}.csv"] = (len(again), tuple(again))
            seen |= {row for row in rows if all(row)}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(row_hashes.in_passes, "__kwdefaults__", {"at_once": at_once})
            found = {of.file: (of.count, of.lines) for of in collected(made)}
        assert found == expected


# -- what is compared again


def test_what_did_not_change_is_neither_compared_nor_read_again(visits, monkeypatch):
    header = "dataset,subjectid,visitid"
    for name in "abc":
        rows = "".join(f"{name},s{number},BL\n" for number in range(3))
        visits.write(f"{name}.csv", f"{header}\n{rows}")
        os.utime(visits.path / f"{name}.csv", ns=(10**18, 10**18))

    def found() -> list[str | None]:
        [record] = inventories.collect(
            visits.path.parent, visits.state, federation="fed1", node="n"
        ).pathologies
        return [p.file for file in record.files for p in file.problems if p.rule in RULES]

    assert found() == ["b.csv", "c.csv"]
    read: list[str] = []
    hashed = overlaps.Overlaps._visit_hashes
    monkeypatch.setattr(
        overlaps.Overlaps,
        "_visit_hashes",
        lambda self, file, cde: (read.append(file.name), hashed(self, file, cde))[1],
    )
    compared = Counter[str]()
    again = overlaps._visits_again
    monkeypatch.setattr(
        overlaps, "_visits_again", lambda paths: (compared.update(["again"]), again(paths))[1]
    )
    assert found() == ["b.csv", "c.csv"]
    assert (read, compared) == ([], {})
    visits.write("c.csv", f"{header}\nc,s9,BL\n")
    assert found() == ["b.csv"]
    assert (read, compared) == (["c.csv"], {"again": 1})
    kept = list((visits.state / state_files.ROW_HASHES).rglob("*"))
    assert len([path for path in kept if path.is_file()]) == 3
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600, 0o700}


def test_hashes_that_are_not_as_they_were_written_are_made_again(visits):
    for name in "ab":
        visits.write(f"{name}.csv", f"dataset,subjectid,visitid\n{name},s1,BL\n{name},s2,BL\n")
    expected = collected(visits)
    assert [of.count for of in expected] == [2]
    for spoil in (lambda of: of[:-8], lambda of: b"", lambda of: bytes(len(of))):
        (visits.state / state_files.INVENTORY_CACHE).unlink()  # so that they are compared again
        for path in (visits.state / state_files.ROW_HASHES).rglob("*"):
            if path.is_file():
                path.write_bytes(spoil(path.read_bytes()))
        assert collected(visits) == expected


def test_hashes_of_a_pathology_that_is_gone_are_removed(visits):
    for name in "ab":
        visits.write(f"{name}.csv", f"dataset,subjectid,visitid\n{name},s1,BL\n")
    collected(visits)
    folder = visits.state / state_files.ROW_HASHES
    assert [path for path in folder.rglob("*") if path.is_file()]
    visits.path.rename(visits.path.with_name("tbi"))
    inventories.collect(visits.path.parent, visits.state, federation="fed1", node="n")
    assert len(list(folder.iterdir())) == 1


def test_a_file_that_changes_meanwhile_is_compared_the_next_time(visits, monkeypatch):
    for name in "ab":
        visits.write(f"{name}.csv", f"dataset,subjectid,visitid\n{name},s1,BL\n")

    def gone(*_: object) -> None:
        raise FileNotFoundError

    with monkeypatch.context() as patch:
        patch.setattr(overlaps, "row_hashes", gone)
        patch.setattr(overlaps.Overlaps, "_visit_hashes", gone)
        assert collected(visits) == []
    assert [of.file for of in collected(visits)] == ["b.csv"]


def test_a_finding_of_visits_has_no_value_in_its_problem():
    problem = Problem("VisitInOtherFile", about="the same are in 'a.csv'", lines=(2,), line=2)
    finding = Finding(problem, ((2, "s1, BL"),))
    assert "s1" not in str(finding.problem.wire())
