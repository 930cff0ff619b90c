"""Whatever a column is called and whatever is edited: DATA holds the files' rows, no other.

What is expected comes from Python's ``csv``, what is there from its ``sqlite3``.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from saltext_mip.data.database import compare, compiler
from tests.support import cdes
from tests.support.soak import examples
from tests.unit.data.database.independent import Row, csv_rows, csv_text, database_rows
from tests.unit.data.database.test_compiler import DATABASE, Folder

ODD = ["rowid", "OID", "_rowid_", "*", "^a$", "^.*$", "$", "^", "a.b", "[x]", 'q"q', "q'q", "?1"]
ODD += [":a", "@a", "$a", "a;b", "a--b", "select", "index", "data", "literal", "len", " a ", "%s"]
ODD += [
    "{x}",
    "\\",
    "\\1",
    "é",
    "e\u0301",
    "\u200b",
    "\ufeffx",
    "hash",
    "row",
    "__value__",
    "",
    "1",
]
ODD += ["NULL", "typeof(x)", "`", "a,b", "None", "column_0", "_duplicated_0", "x_duplicated_0"]
names = st.one_of(
    st.sampled_from([name for name in ODD if name]),
    st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=6),
    st.from_regex(r"\^[ -~]{0,4}\$", fullmatch=True),
).filter(lambda name: name.strip() and name.lower() != "dataset")
VALUES = {
    "int": st.one_of(st.none(), st.integers(-3, 9), st.integers(-(2**63), 2**63 - 1)),
    "real": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=32)),
    "text": st.one_of(st.sampled_from(["", "*", "1", "^a$", "x,y", 'q"', "it's"]), cdes.names),
}
# a compile syncs: shrinking takes minutes, and what fails is small
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
quiet = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, str]:
    """Columns in the CDE's order and their types."""
    found = draw(st.lists(names, min_size=1, max_size=6, unique_by=_as_sqlite))
    return {"dataset": "text"} | {name: draw(st.sampled_from(list(VALUES))) for name in found}


def _as_sqlite(name: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in name)


@st.composite
def files(draw: st.DrawFn, columns: dict[str, str], of: str) -> str:
    """A sound file of some of the columns in some order; ``of`` is in its datasets' codes."""
    others = draw(st.permutations([name for name in columns if name != "dataset"]))
    header = ["dataset", *others[: draw(st.integers(0, len(others)))]]
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from([f"a{of}", f"b{of}", f"c,d{of}"]),
                *(VALUES[columns[n]] for n in header[1:]),
            ),
            max_size=5,
        )
    )
    return csv_text(header, rows)


def folder_of(root: Path, columns: dict[str, str], **label: Any) -> Folder:
    return Folder(root, *variables(columns, **label))


def variables(columns: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    return [
        cdes.variable(name, kind, **more) for name, kind in columns.items() if name != "dataset"
    ]


def rows_of(folder: Folder, columns: dict[str, str]) -> Counter[Row]:
    found: Counter[Row] = Counter()
    for path in folder.path.glob("*.csv"):
        found += csv_rows(path, columns)
    return found


@given(st.data(), layouts())
@example(None, {"dataset": "text", "*": "text", "^a$": "int", "ab": "real", "a": "int"})
@example(None, {"dataset": "text", "rowid": "int", "OID": "text", "_rowid_": "real"})
@settings(max_examples=examples(40), deadline=None, phases=QUICK, suppress_health_check=quiet)
def test_a_column_may_have_any_name(data, columns):
    with tempfile.TemporaryDirectory() as root:
        folder = folder_of(Path(root), columns)
        for turn in range(3):
            names_ = data.draw(st.sets(st.sampled_from("xyz"))) if data else {"x", "y"}
            for name in sorted(names_):
                if data:
                    text = data.draw(files(columns, f"{turn}{name}"))
                else:
                    text = csv_text(columns, [[name, *([turn] * (len(columns) - 1))]])
                folder.write(f"{name}.csv", text)
            done = folder.compile()
            assert [problem for problem in done.problems if problem.hard] == []
            assert database_rows(folder.path / DATABASE) == rows_of(folder, columns)
            assert compare.verify(folder.path, folder.state) == ()


class Edits(RuleBasedStateMachine):
    """Files of a folder come, change, break, heal, go; the CDE changes; each time it is compiled.

    ``served`` is the model: of each file the rows that it had when it was last good.
    """

    def __init__(self) -> None:
        super().__init__()
        self._root = tempfile.TemporaryDirectory()
        self.served: dict[str, Counter[Row]] = {}
        self.turn = 0

    @initialize(columns=layouts())
    def begin(self, columns: dict[str, str]) -> None:
        self.columns = columns
        self.folder = folder_of(Path(self._root.name), columns)

    @rule(name=st.sampled_from("abcde"), data=st.data())
    def write(self, name: str, data: st.DataObject) -> None:
        path = self.folder.path / f"{name}.csv"
        self.turn += 1  # no two files have the same rows
        self.folder.write(path.name, data.draw(files(self.columns, str(self.turn))))
        self.served[name] = csv_rows(path, self.columns)
        self.compile()

    @rule(name=st.sampled_from("abcde"), bad=st.sampled_from(["", "x\n1\n", 'dataset\n"a\n']))
    def break_(self, name: str, bad: str) -> None:
        self.folder.write(f"{name}.csv", bad)
        self.compile()

    @precondition(lambda self: len(self.served) > 1)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        one, other = data.draw(st.permutations(sorted(self.served)))[:2]
        path = self.folder.path / f"{one}.csv"
        good = csv_rows_or_none(path, self.columns)
        path.replace(self.folder.path / f"{other}.csv")
        del self.served[one]
        if good is not None:
            self.served[other] = good
        self.compile()

    @precondition(lambda self: self.served)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.served)))
        (self.folder.path / f"{name}.csv").unlink()
        del self.served[name]
        self.compile()

    @rule()
    def relabel(self) -> None:
        self.turn += 1
        self.folder.cde(*variables(self.columns, label=f"Label {self.turn}"))
        self.compile()

    @rule(force=st.booleans())
    def compile(self, *, force: bool = False) -> None:
        self.folder.compile(force=force)

    @invariant()
    def every_file_has_its_rows(self) -> None:
        if not hasattr(self, "folder"):
            return
        self.compile()
        found = database_rows(self.folder.path / DATABASE)
        assert found == sum(self.served.values(), Counter())
        assert all(f.problem.rule not in DIFFER for f in self.verified())
        assert self.folder.current() == (True, None)

    def verified(self) -> tuple[Any, ...]:
        return compare.verify(self.folder.path, self.folder.state)

    def teardown(self) -> None:
        """What a compile from nothing has, and the rows that bad files had when they were good."""
        if hasattr(self, "folder"):
            database = self.folder.path / DATABASE
            incremental = database_rows(database)
            database.unlink()
            compiler.compile(self.folder.path, Path(self._root.name) / "fresh", force=True)
            kept: Counter[Row] = Counter()
            for name, rows in self.served.items():
                path = self.folder.path / f"{name}.csv"
                kept += rows if csv_rows_or_none(path, self.columns) is None else Counter()
            assert incremental == database_rows(database) + kept
        self._root.cleanup()


DIFFER = {"RowsMissing", "RowsForeign", "CellsDiffer", "TablesDiffer"}


def csv_rows_or_none(path: Path, columns: dict[str, str]) -> Counter[Row] | None:
    """``None`` of a file that was broken."""
    if path.read_text(encoding="utf-8") in ("", "x\n1\n", 'dataset\n"a\n'):
        return None
    return csv_rows(path, columns)


def test_edits_compiled_one_by_one_equal_a_compile_from_nothing():
    run_state_machine_as_test(
        Edits,
        settings=settings(
            max_examples=examples(12),
            stateful_step_count=12,
            deadline=None,
            phases=QUICK,
            suppress_health_check=quiet,
        ),
    )
