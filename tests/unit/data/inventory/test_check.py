"""The data manager's check, and that the report and it find the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import to_builtins

from saltext_mip.console.screens.render import render
from saltext_mip.data.inventory import report
from saltext_mip.data.inventory.check import check
from saltext_mip.data.inventory.collect import collect
from saltext_mip.node import queries
from saltext_mip.problems import Finding, Problem
from tests.support import cdes

CDE = cdes.content(
    datasets=["edsd"],
    variables=[
        cdes.variable("age", "int", minValue=0, maxValue=120),
        cdes.variable("gender", enumerations=[{"code": "M", "label": "Male"}]),
    ],
)
FILES = {
    "good.csv": "dataset,age,gender\nedsd,61,M\nedsd,62,\n",
    "warned.csv": "dataset,age,gender\nedsd,61,Male\nedsd,150,M\n",
    "refused.csv": "dataset,age,sex\nedsd,seventy,M\n",
    "ragged.csv": "dataset,age,gender\nedsd,seventy,M\nedsd,1\nedsd,2,Male\n",
    "semicolons.csv": "dataset;age\nedsd;61\n",
    "alike.csv": "dataset,age\nEDSD,61\n",
    "missing.csv": "dataset,age\nNA,61\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data" / "dementia"
    made.mkdir(parents=True)
    (made / "CDEsMetadata.json").write_bytes(CDE)
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


def test_the_report_and_the_check_say_the_same_of_each_file(tmp_path, folder):
    collect(folder.parent, tmp_path / "state", federation="fed", node="node")
    text = (folder.parent / report.name_of("dementia")).read_text()
    checked = check(folder)
    good = {file.name: (file.rows, file.datasets) for file in checked.files if not file.refused}
    assert text == report.render("dementia", checked.all_findings, good)
    for name in FILES:
        assert f"\n{name}\n" in text
    assert "good: 2 rows, dataset edsd (2)" in text
    # of a file that is refused for its form the values are checked too
    assert "line 2: seventy" in text.split("\nragged.csv\n")[1].split("\nrefused.csv\n")[0]


def test_one_file_whose_name_keeps_it_from_being_read_is_a_warning(folder):
    """Else it would be accepted here, and never be read where it is copied to."""
    (folder / "good.csv.txt").write_text(FILES["good.csv"])
    text = str(render("check", queries.check(folder / "good.csv.txt", None, values=True)))
    assert "accepted, with warnings: 2 rows, dataset edsd (2)" in text
    assert "rename it to 'good.csv'" in " ".join(text.split())


def test_a_code_of_which_no_line_is_known_has_none(folder):
    (folder / "total.csv").write_text("dataset,age\nedsd,61\nedsd,62\nTotal,100\n")
    text = str(render("check", queries.check(folder / "total.csv", None, values=True)))
    assert "column dataset\n    value: Total\n" in text


def test_one_file_is_checked_where_it_is(tmp_path, folder):
    file = tmp_path / "export.csv"
    file.write_text(FILES["warned.csv"])
    checked = check(file, folder / "CDEsMetadata.json")
    assert [each.name for each in checked.files] == ["export.csv"]
    assert {each.problem.rule for each in checked.all_findings} == {"NotEnumerated", "OutOfBounds"}
    assert [each.problem.rule for each in check(file).findings] == ["NotChecked"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "It is empty."),
        (lambda folder: (folder / "a.xlsx").write_text("x"), "It has: a.xlsx."),
        (lambda folder: (folder / "A.CSV").write_text("x"), "It has: A.CSV."),
        (
            lambda folder: (
                (folder / "tbi").mkdir(),
                (folder / "tbi" / "a.csv").write_text("dataset\nx\n"),
            ),
            "CSV files are in its folder 'tbi': check that.",
        ),
    ],
)
def test_nothing_to_check_is_a_problem_that_names_what_is_there(tmp_path, make, words):
    make(tmp_path)
    found = queries.check(tmp_path, None, values=True)
    (nothing,) = [each for each in found.files[""] if each.rule == "NothingToCheck"]
    assert words in nothing.advice
    assert found.refused == [""]


@pytest.mark.parametrize(
    ("code", "rule"),
    [("EDSD", "DatasetAlike"), ("edsd ", "DatasetAlike"), ("еdsd", "DatasetAlike")]
    + [(code, "DatasetMissing") for code in ("-", "NA", "Unknown")],
)
def test_a_code_that_is_probably_not_meant_is_a_warning(folder, code, rule):
    for name in FILES:
        (folder / name).unlink()
    (folder / "a.csv").write_text(f"dataset,age\n{code},61\n")
    (file,) = check(folder).files
    assert [each.problem.rule for each in file.findings] == [rule]
    assert not file.refused


def test_the_screen_shows_each_file_and_a_summary(folder):
    text = str(render("check", queries.check(folder, None, values=True)))
    assert "good.csv\n  good: 2 rows, dataset edsd (2)" in text
    assert "-> 'Male' is the label of code 'M': write 'M'." in text
    assert text.endswith("7 files checked, 4 accepted, 3 refused; 10 problems.")


def test_what_is_sent_has_neither_values_nor_counts(folder):
    sent = str(to_builtins(queries.check(folder, None, values=False)))
    assert "Male" not in sent
    assert "seventy" not in sent
    assert "rows'" not in sent


def test_a_report_of_very_many_files_and_columns_stays_readable(tmp_path):
    names = [f"v{nth}" for nth in range(500)]
    findings = [
        Finding(
            Problem("NotANumber", file=f"f{file:03}.csv", column=name, lines=(2, 3), count=2),
            advice=f"write the number of {name}",
            examples=((2, "x"), (3, "y")),
        )
        for file in range(200)
        for name in names
    ]
    text = report.render("dementia", findings)
    assert len(text.splitlines()) < 2000
    assert all(f"\nf{file:03}.csv\n" in text for file in range(200))
    first = text.split("\nf000.csv\n")[1].split("\nf001.csv\n")[0]
    assert [name for name in names if f"write the number of {name}" in first] == names[:5]
    assert "the same [NotANumber] in 495 columns: v5, v6, " in first
    last = text.split("\nf199.csv\n")[1]
    assert "NotANumber] in 500 columns: v0, v1, " in last
    assert "Check this file alone" in last


def test_crossed_bounds_are_one_problem_of_the_cde_and_none_of_a_file(tmp_path):
    folder = tmp_path / "dementia"
    folder.mkdir()
    bounds = {"minValue": 120, "maxValue": 0}
    (folder / "CDEsMetadata.json").write_bytes(
        cdes.content(variables=[cdes.variable("age", "int", **bounds)])
    )
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(f"dataset,age\n{name[0]},61\n{name[0]},-5\n")
    found = [each.problem for each in check(folder).all_findings]
    assert [(each.rule, each.file) for each in found if each.severity != "note"] == [
        ("CdeBoundsCrossed", "CDEsMetadata.json")
    ]


def test_letters_of_another_alphabet_are_shown(tmp_path):
    folder = tmp_path / "dementia"
    folder.mkdir()
    (folder / "CDEsMetadata.json").write_bytes(CDE)
    (folder / "a.csv").write_text("dataset,\u0430ge,gender\nedsd,61,\u041c\n")
    text = str(render("check", queries.check(folder, None, values=True)))
    assert r"Rename the column '\u0430ge' to 'age' (Latin letters)." in text
    assert r"'\u041c' is another writing of code 'M': write 'M'." in text
