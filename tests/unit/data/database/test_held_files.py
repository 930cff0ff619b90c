"""Held files: rows that remain in a database whatever becomes of their file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data.database import compare, compiler, held_files
from saltext_mip.data.database.held_files import HeldFiles
from tests.unit.pusher.conftest import cde, rows

KEEP = HeldFiles(frozenset({"a.csv"}), frozenset({"new.csv"}))


class Folder:
    """A pathology's folder, and what is compiled of it."""

    def __init__(self, root: Path) -> None:
        self.path, self.state = root / "dementia", root / "state"
        self.path.mkdir()
        self.cde("a", "b", "new")

    def cde(self, *codes: str, **more: Any) -> None:
        (self.path / "CDEsMetadata.json").write_text(cde(*codes, **more))

    def write(self, name: str, content: str) -> None:
        (self.path / name).write_text(content)

    def compile(self, held: HeldFiles, **how: Any) -> compiler.Compiled:
        return compiler.compile(self.path, self.state, held=held, **how)

    def current(self, held: HeldFiles) -> bool:
        return compiler.current(self.path, self.state, held=held)[0]

    @property
    def rows(self) -> dict[str, int]:
        with closing(sqlite3.connect(self.path / "datasets.db")) as db:
            query = "SELECT dataset, count(*) FROM DATA GROUP BY dataset"
            return dict(db.execute(query).fetchall())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.write("a.csv", rows("a", 12))
    made.write("b.csv", rows("b", 30))
    made.compile(held_files.NOT_HELD)
    return made


@pytest.mark.parametrize("content", [None, rows("b", 15), rows("a", 20), "nonsense\n"])
def test_what_is_held_keeps_its_rows(folder: Folder, content: str | None) -> None:
    if content is None:
        (folder.path / "a.csv").unlink()
    else:
        folder.write("a.csv", content)
    folder.write("new.csv", rows("new"))
    assert folder.current(KEEP)
    assert folder.compile(KEEP).status == "current"
    folder.write("b.csv", rows("b", 31))
    assert not folder.current(KEEP)
    done = folder.compile(KEEP)
    assert (done.status, done.files) == ("compiled", {"a.csv": "kept", "b.csv": "compiled"})
    assert folder.rows == {"a": 12, "b": 31}
    assert compare.verify(folder.path, folder.state, held=KEEP) == ()


@pytest.mark.parametrize("how", [{"force": True}, {"subjectcode": True}, {"strict": True}])
def test_they_survive_a_database_that_is_rebuilt(folder: Folder, how: dict[str, bool]) -> None:
    (folder.path / "a.csv").unlink()
    folder.compile(KEEP, **how)
    assert folder.rows == {"a": 12, "b": 30}


def test_they_survive_a_new_cde(folder: Folder) -> None:
    (folder.path / "a.csv").unlink()
    folder.cde("a", "b", version="2")
    folder.compile(KEEP)
    assert folder.rows == {"a": 12, "b": 30}


def test_when_nothing_is_held_any_more_the_folder_counts(folder: Folder) -> None:
    (folder.path / "a.csv").unlink()
    folder.write("new.csv", rows("new"))
    folder.write("b.csv", rows("b", 31))
    folder.compile(KEEP)
    assert not folder.current(held_files.NOT_HELD)
    folder.compile(held_files.NOT_HELD)
    assert folder.rows == {"new": 12, "b": 31}


def test_the_list_is_remembered_until_it_is_empty(tmp_path: Path) -> None:
    value = {"dementia": {"kept": ["a.csv"], "left_out": ["new.csv"]}}
    assert held_files.load(tmp_path) == {}
    assert held_files.save(tmp_path, value)
    assert not held_files.save(tmp_path, value)
    assert held_files.load(tmp_path) == {"dementia": KEEP}
    assert held_files.save(tmp_path, {})
    assert (held_files.load(tmp_path), held_files.save(tmp_path, {})) == ({}, False)
