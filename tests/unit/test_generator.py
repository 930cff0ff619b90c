"""The synthetic data is what it says: the same for a seed, with its oddities, readable."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.support import generator


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def datasets(content: bytes) -> set[str]:
    header, *below = rows(content)
    return {row[header.index("dataset")] for row in below if row}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_seed_gives_the_same_data_again(number: int) -> None:
    assert generator.hospital(number, seed=7) == generator.hospital(number, seed=7)
    assert generator.hospital(number, seed=7) != generator.hospital(number, seed=8)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_all_but_the_bad_file_is_rectangular(number: int) -> None:
    for files in generator.hospital(number, rows=50).values():
        for content in files.values():
            header, *below = rows(content)
            assert {len(row) for row in below if row} == {len(header)}
            assert len([row for row in below if row]) == 50


def test_the_bad_file_is_ragged() -> None:
    bad = generator.hospital(2, bad=True)["dementia"][generator.BAD_FILE]
    header, *below = rows(bad)
    assert [len(row) for row in below if len(row) != len(header)] == [len(header) - 1]


def test_a_dataset_spans_files_and_a_file_holds_two_datasets() -> None:
    first, second = generator.hospital(1)["dementia"].values()
    assert datasets(first) == datasets(second) == {"alpha"}
    assert datasets(generator.hospital(2)["dementia"]["studies.csv"]) == {"beta", "gamma"}


def test_a_large_file_has_the_size_and_rows_it_says(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    count = generator.large(path, 2_000_000, columns=20)
    assert path.stat().st_size >= 2_000_000
    assert len(path.read_text().splitlines()) == count + 1


def test_cdes_hold_every_column_but_subjectcode() -> None:
    for number in (1, 2):
        for pathology, files in generator.hospital(number).items():
            known = {one["code"] for one in generator.leaves(generator.CDES[pathology])}
            for content in files.values():
                assert set(rows(content)[0]) - {"subjectcode"} <= known
    assert json.loads(generator.cde("tbi"))["code"] == "root"
