"""What a compiled database holds, and when it is made again."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext_mip.data.cde import model as cde
from saltext_mip.data.database import compiler
from saltext_mip.data.database.compiler import Compiled
from tests.support import cdes
from tests.support.soak import examples
from tests.unit.data.csvfile.test_validator import cells, exactly

CDE, DATABASE = "CDEsMetadata.json", "datasets.db"


class Folder:
    """A pathology's folder of a node, and the node's state."""

    def __init__(self, root: Path, *variables: dict[str, Any], **tree: Any) -> None:
        self.path = root / "data" / "dementia"
        self.state = root / "state"
        self.path.mkdir(parents=True)
        self.cde(*variables, **tree)

    def cde(self, *variables: dict[str, Any], **tree: Any) -> None:
        made = cdes.tree(datasets=["a"], variables=variables, **tree)
        (self.path / CDE).write_bytes(cdes.content(made))

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8", newline="")

    def compile(self, **options: Any) -> Compiled:
        return compiler.compile(self.path, self.state, **options)

    def current(self, **options: Any) -> tuple[bool, str | None]:
        return compiler.current(self.path, self.state, **options)

    def select(self, query: str = "SELECT * FROM DATA") -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path / DATABASE)) as db:
            return db.execute(query).fetchall()

    def stat(self) -> tuple[int, int]:
        status = (self.path / DATABASE).stat()
        return status.st_ino, status.st_mtime_ns

    def rules(self, **options: Any) -> list[tuple[str, str | None]]:
        return [(problem.rule, problem.file) for problem in self.compile(**options).problems]


X = cdes.variable("x", "int")
T = cdes.variable("t")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path, X, T)
    made.write("a.csv", "dataset,x,t\na,1,one\n")
    made.write("b.csv", "t,dataset\ntwo,b\nthree,b\n")
    return made


def test_a_file_that_is_open_for_writing_is_compiled_when_it_is_closed(folder: Folder) -> None:
    folder.compile()
    with (folder.path / "a.csv").open("w") as upload, (folder.path / "c.csv").open("w") as new:
        for file in (upload, new):
            file.write("dataset,x,t\nhalf,2,")
            file.flush()
        assert folder.current() == (True, None)
        assert folder.compile().status == "current"
        assert folder.compile(force=True).files == {"a.csv": "kept", "b.csv": "compiled"}
        assert set(folder.select()) == set(ROWS)
        for file in (upload, new):
            file.write(f"{Path(file.name).stem}\n")
    assert folder.compile().changed
    datasets = [row[0] for row in folder.select("SELECT dataset FROM DATA ORDER BY dataset")]
    assert datasets == ["b", "b", "half", "half"]


ROWS = [("a", 1, "one"), ("b", None, "two"), ("b", None, "three")]


# -- what is in it


@pytest.mark.parametrize("pathology", ["dementia", "tbi"])
def test_real_data_compiles_to_what_existing_installations_have(shared, tmp_path, pathology):
    spec = importlib.util.spec_from_file_location("digest", shared / "golden" / "digest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path / pathology
    folder.mkdir()
    for path in (shared / "data" / pathology).iterdir():
        shutil.copyfile(path, folder / path.name)
    done = compiler.compile(folder, tmp_path / "state")
    assert done.status == "compiled"
    golden = json.loads((shared / "golden" / "all" / pathology / "datasets.json").read_text())
    assert json.loads(json.dumps(module.digest(folder / DATABASE))) == golden
    assert (done.rows, dict(done.datasets)) == (golden["rows"], golden["datasets"])


def test_rows_of_all_files_are_in_it_and_a_column_that_one_lacks_is_null(folder):
    done = folder.compile()
    assert done.status == "compiled"
    assert (done.rows, done.datasets) == (3, (("a", 1), ("b", 2)))
    assert done.files == {"a.csv": "compiled", "b.csv": "compiled"}
    assert folder.select() == ROWS


def test_an_empty_number_is_null_and_an_empty_text_is_empty(tmp_path):
    folder = Folder(tmp_path, X, T, cdes.variable("r", "real"))
    folder.write("a.csv", 'dataset,x,t,r\na,,,\na,"","",""\n')
    assert folder.compile().status == "compiled"
    assert folder.select() == [("a", None, "", None)] * 2


def test_metadata_has_the_variables_in_tree_order(tmp_path):
    inner = cdes.group("inner", [cdes.variable("deep", "REAL", min=0.5, max="1.5")])
    outer = cdes.group("outer", [cdes.variable("n", "Int", min="0", max=10, minValue=5)], [inner])
    last = cdes.group("last", [cdes.variable("g", enumerations=["m", "f"], label="L'été")])
    folder = Folder(tmp_path, T, groups=[outer, last])
    done = folder.compile()
    assert folder.select("SELECT * FROM METADATA") == [
        ("dataset", "Dataset", "text", 1, "a", None, None),
        ("t", "T", "text", 0, None, None, None),
        ("n", "N", "int", 0, None, 0, 10),
        ("deep", "Deep", "real", 0, None, None, None),
        ("g", "L'été", "text", 1, "m,f", None, None),
    ]
    info = folder.select("PRAGMA table_info(DATA)")
    columns = [(name, kind.lower()) for _, name, kind, *_ in info]
    assert columns == [
        ("dataset", "text"),
        ("t", "text"),
        ("n", "int"),
        ("deep", "real"),
        ("g", "text"),
    ]
    assert [(p.rule, p.column, p.count) for p in done.problems] == [("BoundsNotWhole", "deep", 2)]


@pytest.mark.parametrize(
    ("table", "column", "bad", "good"),
    [
        ("DATA", "dataset", b"x", None),
        ("DATA", "x", "text", None),
        ("DATA", "x", 1.5, 7),
        ("DATA", "r", "text", 7),
        ("DATA", "r", b"x", None),
        ("METADATA", "code", None, "code"),
        ("METADATA", "label", None, "label"),
        ("METADATA", "sql_type", None, "text"),
        ("METADATA", "isCategorical", None, 1),
        ("METADATA", "isCategorical", "yes", 0),
        ("METADATA", "enumerations", b"x", None),
        ("METADATA", "min", 0.5, None),
        ("METADATA", "max", "much", 1),
    ],
)
def test_the_database_itself_refuses_a_value_of_another_class(tmp_path, table, column, bad, good):
    folder = Folder(tmp_path, X, cdes.variable("r", "real"))
    folder.compile()
    row = {"code": "c", "label": "l", "sql_type": "int", "isCategorical": 0}
    row = {} if table == "DATA" else row
    with closing(sqlite3.connect(folder.path / DATABASE)) as db:
        for value, fits in ((bad, False), (good, True)):
            values = {**row, column: value}
            names, marks = ", ".join(values), ", ".join("?" * len(values))
            statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
            if fits:
                db.execute(statement, tuple(values.values()))
                continue
            with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
                db.execute(statement, tuple(values.values()))


NASTY = [
    "it's",
    'a "quote"',
    "a,b",
    "two\nlines",
    "two\r\nlines",
    "lone\rreturn",
    "'); DROP TABLE DATA; --",
    "{{ 7 * 7 }}",
    "$(id)",
    "x\ufeff",
    " blank ",
    "NULL",
    "\x7f\x01",
    "β😀",
]


def test_any_text_is_stored_as_it_is(tmp_path):
    folder = Folder(tmp_path, T)
    with (folder.path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["dataset", "t"])
        writer.writerows(["a", text] for text in NASTY)
    assert folder.compile().status == "compiled"
    assert folder.select("SELECT t FROM DATA") == [(text,) for text in NASTY]


@pytest.mark.parametrize(
    "name", ["select", "a b", 'say "x"', "it's", "[b]", "`c`", "ä", "rowid", "?1", "a;--"]
)
def test_any_name_can_be_a_column(tmp_path, name):
    folder = Folder(tmp_path, cdes.variable(name, "int"))
    with (folder.path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["dataset", name], ["a", "5"], ["a", "6"]])
    assert folder.compile().status == "compiled"
    assert folder.select() == [("a", 5), ("a", 6)]
    folder.write("b.csv", "dataset\nb\n")
    assert folder.compile().status == "compiled"
    assert folder.select() == [("a", 5), ("a", 6), ("b", None)]


def test_subjectcode_comes_first_where_it_is_asked_for_and_the_cde_lacks_it(tmp_path):
    folder = Folder(tmp_path, X)
    folder.write("a.csv", "subjectcode,dataset,x\ns1,a,1\n")
    assert ("SubjectcodeLeftOut", "a.csv") in folder.rules()
    assert folder.select() == [("a", 1)]
    assert folder.current(subjectcode=True)[0] is False
    assert folder.compile(subjectcode=True).status == "compiled"
    assert folder.select() == [("s1", "a", 1)]
    assert [code for (code,) in folder.select("SELECT code FROM METADATA")] == ["dataset", "x"]


def test_what_longitudinal_algorithms_read_comes_first_where_the_cde_lacks_it(tmp_path):
    folder = Folder(tmp_path)
    own = [cdes.variable(name) for name in ("subjectid", "visitid", "subjectvisitid")]
    folder.cde(*own, longitudinal=True)
    folder.write(
        "a.csv",
        "subjectid,visitid,subjectvisitid,subjectcode,subjectvisitdate,subjectage,dataset\n"
        "s1,v1,s1v1,c1,2001-02-03,67,a\n",
    )
    assert ("UnknownColumn", "a.csv") in folder.rules()
    assert folder.rules(subjectcode=True) == []
    columns = "subjectcode, subjectvisitid, subjectvisitdate, subjectage"
    assert folder.select(f"SELECT {columns} FROM DATA") == [("c1", "s1v1", "2001-02-03", 67.0)]
    described = folder.select("SELECT name, type FROM pragma_table_info('DATA')")
    assert [(name, kind.lower()) for name, kind in described][:3] == [
        ("subjectcode", "text"),
        ("subjectvisitdate", "text"),
        ("subjectage", "real"),
    ]
    codes = [code for (code,) in folder.select("SELECT code FROM METADATA")]
    assert "subjectage" not in codes
    folder.write("a.csv", "subjectid,visitid,subjectage,dataset\ns1,v1,old,a\n")
    assert ("NotANumber", "a.csv") in folder.rules(subjectcode=True)


def test_a_master_has_no_rows(folder):
    done = folder.compile(rows=False)
    assert (done.status, done.rows, done.files) == ("compiled", 0, {})
    assert folder.select() == []
    assert folder.current(rows=False) == (True, None)


@st.composite
def tables_(draw: st.DrawFn) -> tuple[list[list[str]], bytes]:
    """Rows of texts, and a CSV file that holds them."""
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    odd = "\x00" if quoting == csv.QUOTE_ALL else "\x00\r"  # which csv does not quote by itself
    text = st.text(st.characters(codec="utf-8", exclude_characters=odd), max_size=6)
    rows = draw(st.lists(st.tuples(text, text), max_size=12))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=quoting)
    writer.writerow(["t", "dataset", "u"])
    for one, other in rows:
        out.write(end * draw(st.integers(0, 2)))
        writer.writerow([one, "a", other])
    raw = out.getvalue().encode()
    return [["a", *row] for row in rows], draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + raw


@given(tables_())
@settings(max_examples=examples(60), deadline=None)
def test_what_is_compiled_reads_back_as_it_was_written(tmp_path_factory, table):
    rows, raw = table
    folder = Folder(tmp_path_factory.mktemp("folder"), T, cdes.variable("u"))
    (folder.path / "a.csv").write_bytes(raw)
    done = folder.compile()
    assert done.status == "compiled", done.problems
    assert [list(row) for row in folder.select()] == rows
    shutil.rmtree(folder.path.parent.parent)


@given(st.lists(cells, min_size=1, max_size=12))
@settings(max_examples=examples(40), deadline=None)
def test_each_cell_is_stored_as_the_rule_says_or_keeps_the_file_out(tmp_path_factory, texts):
    texts = [text for text in texts if "\x00" not in text]
    folder = Folder(tmp_path_factory.mktemp("folder"), X, cdes.variable("r", "real"))
    for kind, column in (("int", "x"), ("real", "r")):
        expected = [exactly(text, kind) for text in texts]
        wrong = [at for at, value in enumerate(expected) if isinstance(value, str)]
        _write(folder, column, texts)
        done = folder.compile(force=True)
        assert done.files == {"a.csv": "out" if wrong else "compiled"}
        found = [p for p in done.problems if p.rule != "NoRows"]
        assert sum(problem.count for problem in found) == len(wrong)
        good = [at for at in range(len(texts)) if at not in wrong]
        _write(folder, column, [texts[at] for at in good])
        assert folder.compile().files == {"a.csv": "compiled"}
        stored = folder.select(f"SELECT {column} FROM DATA ORDER BY rowid")
        assert [value for (value,) in stored] == [expected[at] for at in good]
        assert {type(value) for (value,) in stored} <= {
            {"int": int, "real": float}[kind],
            type(None),
        }
        (folder.path / "a.csv").unlink()
        folder.compile()
    shutil.rmtree(folder.path.parent.parent)


def _write(folder: Folder, column: str, texts: Sequence[str]) -> None:
    with (folder.path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["dataset", column])
        writer.writerows(["a", text] for text in texts)


@given(
    st.lists(
        st.from_regex(
            r"[+-]?([0-9]{1,9}\.?[0-9]{0,5}|\.[0-9]{1,5})(e[0-4])?|[0-9a-z.+-]{1,4}", fullmatch=True
        ),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=examples(40), deadline=None)
def test_sqlite_says_the_same_where_the_rules_agree(tmp_path_factory, texts):
    root = tmp_path_factory.mktemp("oracle")
    variables = [X, cdes.variable("r", "real")]
    of = cde.parse(cdes.content(cdes.tree(variables=variables)), pathology="dementia")
    compiler.rowless(of, root / DATABASE)
    with closing(sqlite3.connect(root / DATABASE)) as db:
        for text in texts:
            for kind, column in (("int", "x"), ("real", "r")):
                expected = exactly(text, kind)
                try:
                    db.execute("DELETE FROM DATA")
                    db.execute(f"INSERT INTO DATA ({column}) VALUES (?)", (text,))
                except sqlite3.IntegrityError:
                    assert isinstance(expected, str), text
                else:
                    [(stored,)] = db.execute(f"SELECT {column} FROM DATA")
                    assert stored == pytest.approx(expected, rel=1e-15), text
    shutil.rmtree(root)


# -- when it is made again


def test_nothing_changed_is_current_and_nothing_is_written(folder):
    folder.compile()
    before = folder.stat()
    states = {path: path.stat().st_mtime_ns for path in folder.state.rglob("*.json")}
    done = folder.compile()
    assert (done.status, done.changed, done.reason) == ("current", False, None)
    assert (done.rows, done.datasets) == (3, (("a", 1), ("b", 2)))
    assert folder.stat() == before
    assert {path: path.stat().st_mtime_ns for path in states} == states
    assert folder.current() == (True, None)


def test_what_did_not_change_is_not_read(folder):
    folder.compile()
    (folder.path / "b.csv").chmod(0)
    read = []

    def reading(path: Path) -> Any:
        read.append(path.name)
        return compiler.reader.read_stamped(path)

    folder.write("a.csv", "dataset,x,t\na,1,one\na,2,two\n")
    assert folder.compile(read=reading).status == "compiled"
    assert read == ["a.csv"]
    assert sorted(folder.select(), key=str) == sorted([*ROWS, ("a", 2, "two")], key=str)


def test_a_touched_file_is_the_same_file(folder):
    folder.compile()
    before = folder.stat()
    os.utime(folder.path / "a.csv", ns=(1, 1))
    os.utime(folder.path / CDE, ns=(1, 1))
    assert folder.current() == (True, None)
    assert folder.compile().status == "current"
    assert folder.stat() == before


def test_a_changed_file_of_the_same_size_and_time_but_another_inode_is_another(folder):
    folder.compile()
    path = folder.path / "a.csv"
    status = path.stat()
    path.unlink()
    folder.write("a.csv", "dataset,x,t\na,9,one\n")
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert folder.current() == (False, "'a.csv' changed") or path.stat().st_ino == status.st_ino


@pytest.mark.parametrize(
    ("change", "reason", "rows"),
    [
        (lambda f: f.write("a.csv", "dataset\nnew\n"), "'a.csv' changed", {"new": 1, "b": 2}),
        (lambda f: f.write("c.csv", "dataset\nc\n"), "'c.csv' is new", {"a": 1, "b": 2, "c": 1}),
        (lambda f: (f.path / "b.csv").unlink(), "'b.csv' was removed", {"a": 1}),
        (lambda f: f.cde(X, T, label="other"), "the CDE changed", {"a": 1, "b": 2}),
        (
            lambda f: f.cde(X, T, cdes.variable("more", "real")),
            "the CDE changed",
            {"a": 1, "b": 2},
        ),
        (lambda f: (f.path / DATABASE).unlink(), "the database does not exist", {"a": 1, "b": 2}),
        (
            lambda f: (f.path / DATABASE).write_bytes(b""),
            "the database is empty",
            {"a": 1, "b": 2},
        ),
        (
            lambda f: (f.path / DATABASE).write_bytes(b"SQLite format 3\x00" + bytes(5000)),
            "the database is not one that was compiled here",
            {"a": 1, "b": 2},
        ),
        (
            lambda f: (f.path / f"{DATABASE}-journal").write_bytes(b"half"),
            "another program writes the database, or was interrupted while writing",
            {"a": 1, "b": 2},
        ),
        (
            lambda f: f.select("DELETE FROM DATA RETURNING x") and None,
            None,
            {"a": 1, "b": 2},
        ),
        (
            lambda f: shutil.rmtree(f.state),
            "the database is not one that was compiled here",
            {"a": 1, "b": 2},
        ),
        (
            lambda f: next(f.state.rglob("*.json")).write_text('{"pathology": "dementia"}'),
            "the database is not one that was compiled here",
            {"a": 1, "b": 2},
        ),
    ],
)
def test_what_changed_makes_it_stale_and_compiling_makes_it_current(folder, change, reason, rows):
    folder.compile()
    change(folder)
    stale = folder.current()
    assert stale == (reason is None, reason)
    done = folder.compile()
    assert done.reason == reason
    assert done.status == ("compiled" if reason else "current")
    assert dict(folder.select("SELECT dataset, count(*) FROM DATA GROUP BY 1")) == rows
    assert dict(done.datasets) == rows
    assert folder.current() == (True, None)
    assert sorted(path.name for path in folder.path.iterdir() if ".csv" not in path.name) == [
        CDE,
        DATABASE,
    ]


def test_a_database_that_others_wrote_to_is_made_again(folder):
    folder.compile()
    with closing(sqlite3.connect(folder.path / DATABASE)) as db, db:
        db.execute("UPDATE DATA SET dataset = ' a'")
    assert folder.current() == (False, "the database is not one that was compiled here")
    assert folder.compile().status == "compiled"
    assert folder.select() == ROWS


def test_force_makes_it_again(folder):
    folder.compile()
    before = folder.stat()
    done = folder.compile(force=True)
    assert (done.status, done.changed) == ("compiled", True)
    assert folder.stat() != before
    assert folder.select() == ROWS


def test_many_changes_one_after_the_other_come_to_what_a_fresh_compile_makes(tmp_path):
    folder = Folder(tmp_path, X, T)
    for number in range(6):
        folder.write(f"{number}.csv", f"dataset,x,t\na,{number},first\n")
    folder.compile()
    for turn in range(30):
        name = f"{turn * 5 % 6}.csv"
        if turn % 7 == 3:
            (folder.path / name).unlink()
        else:
            rows = "".join(f"a,{turn},t{row}\n" for row in range(turn % 5))
            folder.write(name, "dataset,x,t\n" + rows)
        done = folder.compile()
        assert done.status == "compiled", done
    found = sorted(folder.select())
    assert folder.compile(force=True).status == "compiled"
    assert sorted(folder.select()) == found


def test_space_that_is_not_used_any_more_is_given_back(tmp_path):
    folder = Folder(tmp_path, X, T)
    for name in "abcd":
        folder.write(f"{name}.csv", "dataset,x,t\n" + f"{name},1,{'long ' * 20}\n" * 2000)
    folder.compile()
    whole = (folder.path / DATABASE).stat().st_size
    for name in "ab":
        folder.write(f"{name}.csv", f"dataset,x,t\n{name},1,short\n")
        folder.compile()
    folder.write("a.csv", "dataset,x,t\na,2,short\n")
    assert folder.compile().status == "compiled"
    assert (folder.path / DATABASE).stat().st_size < whole * 0.7
    counts = folder.select("SELECT dataset, count(*), max(x) FROM DATA GROUP BY 1")
    assert counts == [("a", 1, 2), ("b", 1, 1), ("c", 2000, 1), ("d", 2000, 1)]
    assert folder.current() == (True, None)


# -- what is bad


BAD = "dataset,x,t\na,canary,oops\n"


def test_a_bad_file_stays_out_and_the_others_compile(folder):
    folder.write("a.csv", BAD)
    done = folder.compile()
    assert (done.status, done.changed) == ("failed", True)
    assert done.files == {"a.csv": "out", "b.csv": "compiled"}
    [problem] = done.problems
    assert (problem.rule, problem.pathology, problem.file) == ("NotANumber", "dementia", "a.csv")
    assert (problem.line, problem.column) == (2, "x")
    assert "canary" not in repr(done.problems)
    assert done.findings[0].examples == ((2, "canary"),)
    assert folder.select() == ROWS[1:]


@pytest.mark.parametrize(
    "bad",
    [
        BAD,
        "dataset,x,nobody\na,1,\n",
        "dataset,x,t\na,1\n",
        "dataset,x,t\n,1,one\n",
        "nothing\n1\n",
        "",
        'dataset,x,t\na,1,"open\n',
    ],
)
def test_a_file_that_turned_bad_keeps_its_last_good_rows(folder, bad):
    folder.compile()
    folder.write("a.csv", bad)
    folder.write("b.csv", "dataset,x\nb,5\n")
    done = folder.compile()
    assert done.status == "failed"
    assert done.files == {"a.csv": "kept", "b.csv": "compiled"}
    assert sorted(folder.select(), key=str) == [("a", 1, "one"), ("b", 5, None)]
    assert "KeptAsItWas" in [problem.rule for problem in done.problems]
    again = folder.compile()
    assert (again.status, again.changed) == ("failed", False)
    assert set(again.problems) == set(done.problems)


def test_a_kept_file_stays_kept_through_another_cde_and_force(folder):
    folder.compile()
    folder.write("a.csv", BAD)
    folder.cde(cdes.variable("new", "real"), cdes.variable("x", "real"), T)
    assert folder.compile().files["a.csv"] == "kept"
    assert folder.select("SELECT dataset, new, x, t FROM DATA WHERE dataset = 'a'") == [
        ("a", None, 1.0, "one")
    ]
    assert folder.compile(force=True).files["a.csv"] == "kept"
    assert folder.select("SELECT count(*) FROM DATA") == [(3,)]


def test_a_kept_file_is_without_a_column_whose_type_changed_and_that_is_said(folder):
    folder.compile()
    folder.write("a.csv", BAD)
    folder.cde(X, cdes.variable("t", "int"))
    folder.write("b.csv", "dataset\nb\n")
    done = folder.compile()
    assert done.files["a.csv"] == "kept"
    assert folder.select("SELECT * FROM DATA WHERE dataset = 'a'") == [("a", 1, None)]
    said = [(p.file, p.column) for p in done.problems if p.rule == "KeptWithoutColumn"]
    assert said == [("a.csv", "t")]
    assert ("KeptWithoutColumn", "a.csv") in folder.rules()


@pytest.mark.parametrize("side", ["-journal", "-wal"])
def test_a_kept_file_stays_kept_where_the_database_was_put_back_or_written_to(folder, side):
    folder.compile()
    folder.write("a.csv", BAD)
    (folder.path / f"{DATABASE}{side}").write_bytes(b"half")
    assert folder.compile().files["a.csv"] == "kept"
    content = (folder.path / DATABASE).read_bytes()
    (folder.path / DATABASE).unlink()
    (folder.path / DATABASE).write_bytes(content)
    assert folder.current() == (False, "the database was restored from a copy")
    assert folder.compile().files["a.csv"] == "kept"
    assert sorted(folder.select(), key=str) == sorted(ROWS, key=str)
    assert not (folder.path / f"{DATABASE}{side}").exists()


def test_a_mended_file_is_in_again(folder):
    folder.compile()
    folder.write("a.csv", BAD)
    folder.compile()
    folder.write("a.csv", "dataset,x,t\na,1,one\n")
    done = folder.compile()
    assert (done.status, done.files["a.csv"]) == ("compiled", "compiled")
    assert sorted(folder.select(), key=str) == sorted(ROWS, key=str)


def test_a_bad_file_that_is_gone_takes_its_rows_along(folder):
    folder.compile()
    folder.write("a.csv", BAD)
    folder.compile()
    (folder.path / "a.csv").unlink()
    assert folder.compile().status == "compiled"
    assert folder.select() == ROWS[1:]


def test_a_bad_file_that_changes_to_another_bad_one_writes_no_database(folder):
    folder.compile()
    folder.write("a.csv", BAD)
    folder.compile()
    before = folder.stat()
    folder.write("a.csv", BAD + "a,worse,\n")
    done = folder.compile()
    assert (done.status, done.changed) == ("failed", False)
    assert folder.stat() == before
    assert [p.count for p in done.problems if p.rule == "NotANumber"] == [2]


def test_warnings_compile_and_strict_keeps_them_out(tmp_path):
    folder = Folder(tmp_path, cdes.variable("g", enumerations=["m"]))
    folder.write("a.csv", "dataset,g\na,x\n")
    assert folder.compile().status == "compiled"
    assert folder.select() == [("a", "x")]
    strict = folder.compile(strict=True)
    assert (strict.status, strict.changed) == ("failed", False)
    folder.write("b.csv", "dataset,g\nb,x\n")
    strict = folder.compile(strict=True)
    assert (strict.status, strict.files) == ("failed", {"a.csv": "compiled", "b.csv": "out"})
    assert folder.compile().files == {"a.csv": "compiled", "b.csv": "compiled"}
    assert folder.select() == [("a", "x"), ("b", "x")]


@pytest.mark.usefixtures("opened_by")
def test_a_link_that_leaves_the_folder_is_not_read(folder, tmp_path):
    (tmp_path / "secret.csv").write_text("dataset\nsecret\n")
    (folder.path / "c.csv").symlink_to(tmp_path / "secret.csv")
    done = folder.compile()
    assert ("UnsafeName", "c.csv") in [(p.rule, p.file) for p in done.problems]
    assert done.status == "failed"
    assert folder.select() == ROWS


# -- without a usable CDE


@pytest.mark.parametrize("broken", [None, b"{", b'{"code": "x"}'])
def test_without_a_usable_cde_a_new_folder_gets_a_database_that_engines_can_open(folder, broken):
    (folder.path / CDE).unlink()
    if broken is not None:
        (folder.path / CDE).write_bytes(broken)
    done = folder.compile()
    assert (done.status, done.changed) == ("failed", True)
    assert [p.rule for p in done.problems] == ["CdeMissing" if broken is None else "CdeInvalid"]
    assert folder.select() == []
    assert folder.select("SELECT code FROM METADATA") == [("dataset",)]
    before = folder.stat()
    again = folder.compile()
    assert (again.status, again.changed, again.problems) == ("failed", False, done.problems)
    assert folder.stat() == before


def test_a_cde_that_is_lost_leaves_the_good_database(folder):
    folder.compile()
    before = folder.stat()
    (folder.path / CDE).unlink()
    done = folder.compile()
    assert (done.status, done.changed, done.rows) == ("failed", False, 3)
    assert folder.stat() == before


def test_a_cde_that_is_lost_leaves_anothers_database_that_serves(folder):
    with closing(sqlite3.connect(folder.path / DATABASE)) as db, db:
        db.execute("CREATE TABLE METADATA(code, label, sql_type, isCategorical)")
        db.execute("CREATE TABLE DATA(dataset)")
        db.execute("INSERT INTO DATA VALUES ('old')")
    (folder.path / CDE).unlink()
    assert folder.compile().changed is False
    assert folder.select() == [("old",)]


@pytest.mark.parametrize("broken", [b"", b"not a database", b"SQLite format 3\x00" + bytes(9000)])
def test_a_broken_database_gives_way_to_one_without_rows(folder, broken):
    (folder.path / CDE).unlink()
    (folder.path / DATABASE).write_bytes(broken)
    assert folder.compile().changed is True
    assert folder.select() == []


def test_a_folder_in_which_every_file_is_bad_gets_the_metadata_of_its_cde(tmp_path):
    folder = Folder(tmp_path, X)
    folder.write("a.csv", BAD)
    assert folder.compile().status == "failed"
    assert folder.select("SELECT code FROM METADATA") == [("dataset",), ("x",)]
    assert folder.select() == []


def test_a_cde_of_more_variables_than_a_table_can_have_is_a_problem(tmp_path):
    folder = Folder(tmp_path)
    (folder.path / CDE).write_bytes(cdes.content(cdes.many(2500)))
    done = folder.compile()
    assert [p.rule for p in done.problems] == ["CdeInvalid"]
    assert "2000" in (done.problems[0].about or "")
    of = cde.parse((folder.path / CDE).read_bytes(), pathology="dementia")
    compiler.rowless(of, tmp_path / DATABASE)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert db.execute("SELECT count(*) FROM METADATA").fetchone() == (2502,)
        assert db.execute("SELECT dataset FROM DATA").fetchall() == []


@pytest.mark.usefixtures("opened_by")
def test_a_database_that_is_a_link_out_of_the_folder_is_not_written(folder, tmp_path):
    outside = tmp_path / "outside.db"
    outside.write_bytes(b"theirs")
    (folder.path / DATABASE).symlink_to(outside)
    done = folder.compile()
    assert [p.rule for p in done.problems] == ["DatabaseUnwritten"]
    assert outside.read_bytes() == b"theirs"


def test_a_folder_that_cannot_be_read_is_a_failure_and_changes_nothing(tmp_path):
    done = compiler.compile(tmp_path / "nowhere", tmp_path / "state")
    assert done.status == "failed"
    assert [p.rule for p in done.problems] == ["Unreadable"]


def test_a_cde_of_two_thousand_columns_compiles(tmp_path):
    folder = Folder(tmp_path)
    tree = cdes.many(1998)
    (folder.path / CDE).write_bytes(cdes.content(tree))
    folder.write("a.csv", "dataset,variable_1997\na,\n")
    assert folder.compile().status == "compiled"
    assert folder.select("SELECT dataset, variable_1997 FROM DATA") == [("a", "")]


# -- others at the same time


def test_two_at_once_do_not_disturb_each_other(folder):
    done: list[Compiled] = []
    threads = [threading.Thread(target=lambda: done.append(folder.compile())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(of.status for of in done) == ["compiled", "current", "current", "current"]
    assert folder.select() == ROWS
    assert {path.name for path in folder.path.iterdir()} == {"a.csv", "b.csv", CDE, DATABASE}


def test_a_reader_that_has_the_old_database_open_goes_on_reading_it(folder):
    folder.compile()
    with closing(sqlite3.connect(folder.path / DATABASE)) as db:
        rows = db.execute("SELECT * FROM DATA")
        first = rows.fetchone()
        folder.write("a.csv", "dataset\nnew\n")
        folder.compile()
        assert [first, *rows.fetchall()] == ROWS
        assert db.execute("SELECT count(*) FROM DATA").fetchone() == (3,)
    assert ("new", None, None) in folder.select()


def test_what_a_killed_compile_left_is_cleared_away(folder):
    folder.compile()
    left = folder.path / f".{DATABASE}.mip-0123456789abcdef"
    left.write_bytes(b"half")
    folder.write("c.csv", "dataset\nc\n")
    folder.compile()
    assert not left.exists()


def test_the_new_database_has_owner_and_mode_of_the_old_one(folder):
    folder.compile()
    (folder.path / DATABASE).chmod(0o640)
    folder.write("c.csv", "dataset\nc\n")
    folder.compile()
    assert (folder.path / DATABASE).stat().st_mode & 0o777 == 0o640
