"""What a node sends of its inventory, and what the pusher believes."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest

from saltext_mip.data.inventory.model import FileRecord, Inventory, PathologyRecord
from saltext_mip.errors import BadAnswer
from saltext_mip.problems import Problem

SHA = "0123456789abcdef" * 4
HEADER = ("dataset", "age")


def file(name: str = "some.csv", **more) -> FileRecord:
    facts = {
        "size": 100,
        "sha256": SHA,
        "rows": 30,
        "datasets": (("edsd", 20), ("ppmi", 10)),
        "header": HEADER,
    }
    return FileRecord(name, **{**facts, **more})


def placed(rule: str, file: str | None = None, **more) -> Problem:
    return Problem(rule, node="wk", pathology="dementia", file=file, **more)


INVENTORY = Inventory(
    "fed1",
    "wk",
    enrolled=True,
    pathologies=(
        PathologyRecord(
            "dementia",
            files=(
                file("a.csv"),
                file(
                    "b.csv",
                    sha256="",
                    rows=0,
                    header=(),
                    datasets=(),
                    problems=(placed("TooFewFields", "b.csv", line=3, lines=(3, 7), count=2),),
                ),
                file("c.csv", verified={SHA: (placed("UnknownColumn", "c.csv", column="x"),)}),
                file("d.csv", verified={SHA: ()}),
            ),
            cde=SHA,
            cde_problem=placed("CdeInvalid", about="line 1"),
            problems=(placed("UnsafeName", "odd\\x0a.csv"),),
        ),
        PathologyRecord("tbi", problems=(Problem("NoData", node="wk", pathology="tbi"),)),
    ),
    problems=(Problem("UnsafeName", node="wk", pathology="odd\\x0a"),),
)


def sent(inventory: Inventory = INVENTORY, min_count: int = 0):
    return json.loads(json.dumps(inventory.wire(min_count)))


def test_what_is_sent_is_what_arrives():
    assert Inventory.from_wire("wk", "fed1", sent()) == INVENTORY


def test_an_empty_node_arrives():
    for status in ("ok", "MountGone", "NoDataPath"):
        empty = Inventory("fed1", "wk", status=status)
        assert Inventory.from_wire("wk", "fed1", sent(empty)) == empty


def test_each_header_is_sent_once():
    many = PathologyRecord("p", tuple(file(f"{number:04}.csv") for number in range(1000)))
    value = sent(Inventory("fed1", "wk", pathologies=(many,)))
    assert value["headers"] == [list(HEADER)]
    arrived = Inventory.from_wire("wk", "fed1", value)
    assert arrived.pathologies[0].files[999].header == HEADER


def test_of_a_file_with_very_many_problems_the_first_are_told_and_the_rest_counted():
    found = tuple(placed("UnknownColumn", "a.csv", line=1, column=f"c{n}") for n in range(500))
    named = (*found, placed("NotANumber", "a.csv", column="c501"))
    record = PathologyRecord(
        "dementia", (file("a.csv", problems=named, verified={"0" * 64: found}),)
    )
    value = sent(Inventory("fed1", "wk", pathologies=(record,)))
    arrived = Inventory.from_wire("wk", "fed1", value).pathologies[0].files[0]
    for told in (arrived.problems, arrived.verified["0" * 64]):
        assert told[:50] == found[:50]
        assert told[50] == placed(
            "UnknownColumn", "a.csv", line=1, count=450, about="in 450 more columns"
        )
    assert arrived.problems[51].count == 1
    assert len(arrived.problems) == 52


@pytest.mark.parametrize(
    ("rows", "counts", "masked"),
    [
        (30, (20, 10), (30, (20, 10))),
        (9, (9,), ("<10", ("<10",))),
        (0, (), ("<10", ())),
        (25, (20, 5), (">20", (20, "<10"))),
        (12, (6, 6), (">0", ("<10", "<10"))),
    ],
)
def test_small_counts_leave_masked_and_none_can_be_worked_out(rows, counts, masked):
    names = ("a", "b")[: len(counts)]
    datasets = tuple(zip(names, counts, strict=True))
    record = PathologyRecord("p", (file(rows=rows, datasets=datasets),))
    value = sent(Inventory("fed1", "wk", pathologies=(record,)), min_count=10)
    arrived = Inventory.from_wire("wk", "fed1", value).pathologies[0].files[0]
    assert (arrived.rows, tuple(count for _, count in arrived.datasets)) == masked


def change(*path, to):
    def changed(value):
        below = value
        for key in path[:-1]:
            below = below[key]
        below[path[-1]] = to
        return value

    return changed


def drop(*path):
    def dropped(value):
        below = value
        for key in path[:-1]:
            below = below[key]
        del below[path[-1]]
        return value

    return dropped


FILE = ("pathologies", 0, "files", 0)
FILES = ("pathologies", 0, "files")


@pytest.mark.parametrize(
    "spoil",
    [
        *(pytest.param(lambda _, v=v: v, id=repr(v)) for v in (None, [], "x", 1, {})),
        change("federation", to="fed2"),
        change("node", to="other"),
        change("form", to=2),
        change("status", to="fine"),
        change("enrolled", to="yes"),
        change("more", to=1),
        *(drop(key) for key in INVENTORY.wire(0)),
        change("pathologies", to={}),
        *(
            change("pathologies", 0, "name", to=name)
            for name in (
                "",
                ".",
                "..",
                "../x",
                "/etc",
                "a\nb",
                "a\x1b[2J",
                ".x",
                "x" * 256,
                1,
                "\ud800",
            )
        ),
        *(
            change(*FILE, "name", to=name)
            for name in ("x", ".x.csv", "../x.csv", "x\n.csv", "x.csv\n", "x" * 252 + ".csv", None)
        ),
        change(*FILE, "name", to="b.csv"),
        change(*FILE, "name", to="z.csv"),
        change("pathologies", 1, "name", to="dementia"),
        change("pathologies", 1, "name", to="ataxia"),
        *(change(*FILE, "size", to=size) for size in (-1, 2**63, 1.5, "1", True, None)),
        *(change(*FILE, "rows", to=rows) for rows in (-1, "many", "<", "<010", 1.5, "<10\n", None)),
        *(
            change(*FILE, "sha256", to=digest)
            for digest in ("", "x" * 64, SHA.upper(), SHA + "\n", 1, None)
        ),
        *(
            change(*FILE, "datasets", to=datasets)
            for datasets in (
                [["a", 1], ["a", 2]],
                [["", 1]],
                [["a"]],
                [["a", 1, 2]],
                [["a\x1b", 1]],
                [["x" * 256, 1]],
                [[1, 1]],
                [["a", -1]],
                {"a": 1},
                [["a", 1]] * 1001,
            )
        ),
        *(change(*FILE, "header", to=header) for header in (1, -1, "0", None, [])),
        drop(*FILE, "header"),
        *(
            change("headers", to=headers)
            for headers in ([[]], [[1]], [["x" * 256]], [["a\nb"]], ["ab"], [["a"] * 32_768], {})
        ),
        *(
            change(*FILE, "problems", to=problems)
            for problems in (
                [{}],
                [{"rule": "Nonsense"}],
                [{"rule": "Empty", "line": -1}],
                [{"rule": "Empty", "more": 1}],
                [{"rule": "Empty", "lines": [1] * 101}],
                [{"rule": "Empty", "node": "other"}],
                [{"rule": "Empty", "about": "x" * 2001}],
                [{"rule": "Empty", "strict": True}],
                [{"rule": []}],
                [{"rule": "Empty", "line": True}],
                [{"rule": "Empty", "count": 1.5}],
                [{"rule": "Empty", "lines": "12"}],
                [{"rule": "Empty", "file": 1}],
                ["Empty"],
                "Empty",
            )
        ),
        change(*FILE, "verified", to={"x": []}),
        change(*FILE, "verified", to=[]),
        change("pathologies", 0, "cde", to="x"),
        change("pathologies", 0, "cde_problem", to={"rule": "x"}),
        change("problems", to=None),
        change("problems", to=[{"rule": "x"}]),
    ],
)
def test_what_is_not_of_the_shape_is_not_believed(spoil):
    value = spoil(copy.deepcopy(sent()))
    with pytest.raises(BadAnswer) as raised:
        Inventory.from_wire("wk", "fed1", value)
    assert raised.value.facts["node"] == "wk"
    assert str(raised.value).isprintable()


def test_a_number_written_with_a_point_is_a_number():
    value = change(*FILE, "header", to=0.0)(sent())
    arrived = Inventory.from_wire("wk", "fed1", change(*FILE, "size", to=100.0)(value))
    assert arrived == INVENTORY
    assert isinstance(arrived.pathologies[0].files[0].size, int)


def test_a_node_speaks_of_itself_alone():
    value = sent()
    value["problems"] = [{"rule": "UnsafeName", "pathology": "x"}]
    value["pathologies"][0]["files"][0]["problems"] = [{"rule": "NoRows", "file": "other.csv"}]
    arrived = Inventory.from_wire("wk", "fed1", value)
    assert arrived.problems[0].node == "wk"
    (problem,) = arrived.pathologies[0].files[0].problems
    assert (problem.node, problem.pathology, problem.file) == ("wk", "dementia", "a.csv")


@pytest.mark.parametrize(
    "record",
    [file(), PathologyRecord("dementia"), Inventory("fed1", "wk")],
    ids=lambda record: type(record).__name__,
)
def test_what_a_node_sent_is_changed_by_nobody(record: object) -> None:
    name = dataclasses.fields(record)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, "another")
