"""A file is taken whole or not at all, whether its form is looked at before or meanwhile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data.cde import model as cde
from saltext_mip.data.csvfile import reader
from saltext_mip.data.csvfile.reader import Stamp
from saltext_mip.data.database import compiler
from saltext_mip.data.database import sqlite as database
from saltext_mip.data.database.ingest import Ingest
from tests.support import cdes

ALWAYS, NEVER = 0, 1 << 40
GOOD = b"dataset,x,t\na,1,one\nb,2,two\n"
FILES = {
    "good": GOOD,
    "bom and crlf": b"\xef\xbb\xbfdataset,x,t\r\n\r\na,1,one\r\n",
    "quoted": b'"dataset","x","t"\n"a","1","a\n""b"""\n',
    "wrong values": GOOD + b"a,x,\n",
    "no dataset": b"x,t\n1,one\n",
    "an empty dataset": GOOD + b",1,\n",
    "unknown column": b"dataset,x,nobody\na,1,\n",
    "a column twice": b"dataset,x,x\na,1,1\n",
    "too few fields": GOOD + b"a,1\n" * 3 + GOOD[12:],
    "too many fields": GOOD + b"a,1,one,more\n" + GOOD[12:],
    "stray quote": GOOD + b'a,1,5"\n' + GOOD[12:],
    "unclosed quote": GOOD + b'a,1,"open\n' + GOOD[12:] * 100,
    "NUL": GOOD + b"a,1,\x00\n",
    "not UTF-8": GOOD + b"a,1,\xff\n",
    "not UTF-8 in the header": b"dataset,x,\xff\na,1,one\n",
    "header only": b"dataset,x,t\n",
    "empty": b"",
    "blank": b"\n\n\n",
}


class Database:
    def __init__(self, root: Path, **options: Any) -> None:
        self.path = root / "datasets.db"
        tree = cdes.tree(variables=[cdes.variable("x", "int"), cdes.variable("t")])
        self.cde = cde.parse(cdes.content(tree), pathology="dementia")
        compiler.rowless(self.cde, self.path)
        self.options = options

    def take(self, *paths: Path) -> list[Any]:
        with database.RowWriter(self.path, row_id="rowid") as filling:
            intake = Ingest(filling, 0, self.cde, subjectcode=False, strict=False, **self.options)
            return [intake.take(path) for path in paths]

    def rows(self) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute("SELECT rowid, * FROM DATA").fetchall()


@pytest.mark.parametrize("name", FILES)
def test_both_ways_come_to_the_same(tmp_path, name):
    (tmp_path / "a.csv").write_bytes(FILES[name])
    (tmp_path / "b.csv").write_bytes(GOOD)
    found = []
    for large in (ALWAYS, NEVER):
        (tmp_path / str(large)).mkdir()
        into = Database(tmp_path / str(large), large=large)
        found.append((into.take(tmp_path / "a.csv", tmp_path / "b.csv"), into.rows()))
    assert found[0] == found[1]
    taken, rows = found[0]
    [(one, _), (two, _)] = taken
    assert two.state == "compiled"
    assert len(rows) == one.rows + 2
    assert rows[-2:] == [(one.rows + 1, "a", 1, "one"), (one.rows + 2, "b", 2, "two")]


@pytest.mark.parametrize("large", [ALWAYS, NEVER])
def test_a_file_that_changes_meanwhile_is_not_taken(tmp_path, large):
    path = tmp_path / "a.csv"
    path.write_bytes(GOOD)

    def changing(of: Path) -> tuple[reader.Table, Stamp | None]:
        table, stamp = reader.read_stamped(of)
        assert stamp is not None
        return table, replace(stamp, mtime_ns=stamp.mtime_ns - 1)

    into = Database(tmp_path, large=large, read=changing)
    [(source, _)] = into.take(path)
    assert source.state == "out"
    assert [problem.rule for problem in source.problems] == ["FileChanging"]
    assert into.rows() == []


def test_a_file_is_read_when_the_clock_of_files_has_ticked(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(GOOD)
    slept: list[float] = []
    written = path.stat().st_mtime_ns
    into = Database(tmp_path, now=lambda: written + 5_000_000, sleep=slept.append)
    into.take(path)
    assert len(slept) == 1
    assert 0.01 < slept[0] < 3
