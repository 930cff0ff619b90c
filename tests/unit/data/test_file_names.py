"""Names of files and folders that are no data, or not any more: each is named, with advice."""

from __future__ import annotations

import pytest

from saltext_mip.data import data_path
from saltext_mip.data.file_names import looks_like_copy, why_ignored

IGNORED = {
    "X.CSV": "rename it to 'X.csv'",
    "edsd.Csv": "rename it to 'edsd.csv'",
    "x.csv.txt": "rename it to 'x.csv'",
    "x.csv.gz": "unpack it",
    "x.zip": "unpack it",
    "x.tsv": "export it as CSV",
    "x.xlsx": "export it as CSV",
    "X.XLS": "export it as CSV",
    "x.csv.filepart": "wait until it is copied",
    "x.csv.crdownload": "wait until it is copied",
}
COPIES = {
    "~edsd.csv": "a temporary file",
    "~$edsd.csv": "a temporary file",
    "edsd (conflicted copy 2026-03-12).csv": "a conflict copy",
    "edsd.sync-conflict-20260312.csv": "a conflict copy",
    "edsd - Copy.csv": "a copy",
    "edsd - Copy (2).csv": "a copy",
    "edsd - Kopie.csv": "a copy",
    "Copy of edsd.csv": "a copy",
    "edsd (1).csv": "a second download",
    "edsd.bak.csv": "a backup copy",
    "edsd_old.csv": "a backup copy",
}
SYSTEM = ["lost+found", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "#recycle"]


@pytest.mark.parametrize("name", IGNORED)
def test_a_file_that_is_not_read_is_named_with_what_to_do(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    [problem] = data_path.csv_files(tmp_path).problems
    assert (problem.rule, problem.severity, problem.file) == ("IgnoredFile", "warning", name)
    assert IGNORED[name] in problem.about


@pytest.mark.parametrize(
    "name", ["CDEsMetadata.json", "datasets.db", "datasets.db-journal", ".x.CSV", "README.md"]
)
def test_a_file_that_holds_no_data_is_not_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert data_path.csv_files(tmp_path) == data_path.Listing()
    assert why_ignored(name) is None


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_named_as_what_it_looks_like_and_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"dataset\na\n")
    listing = data_path.csv_files(tmp_path)
    assert listing.names == (name,)
    [problem] = listing.problems
    assert (problem.rule, problem.severity, problem.file) == ("CopyName", "note", name)
    assert problem.about.startswith(COPIES[name])


@pytest.mark.parametrize("name", ["edsd.csv", "a.2026-03-12.csv", "old.csv", "copy.csv", "a~b.csv"])
def test_a_name_like_any_other_is_no_copy(name):
    assert looks_like_copy(name) is None


@pytest.mark.parametrize("name", SYSTEM)
def test_a_folder_of_the_system_is_no_pathology(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / "dementia").mkdir()
    listing = data_path.pathologies(tmp_path)
    assert listing.names == ("dementia",)
    [problem] = listing.problems
    assert (problem.rule, problem.severity, problem.about) == ("SystemFolder", "note", name)
    assert data_path.system_folders(tmp_path) == (name,)
